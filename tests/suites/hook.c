// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is seen of the driver core's questions about DMA, and counted: a bind that nobody saw, what
 * was granted and taken back, answers that are about something else than ownership. The numbers are
 * those of /proc/ioasidfd; what was asked and answered is known from elsewhere.
 */
#include "call.h"
#include "event.h"
#include "mock.h"
#include "module.h"
#include "owners.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define KPROBES "/sys/kernel/debug/kprobes/enabled"
#define ANSWER "ioasidfd_answer"
#define PARAMETERS "/sys/module/" ANSWER "/parameters/"

/* More than what can be noted as granted at a time. */
#define TIMES 16
#define ASKED "8"
#define ALL_ASKED (TIMES * 8)

static void command(const char *parameter, const char *value)
{
	char path[100];

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	ck_assert_int_eq(file_write(path, value), 0);
}

static void insert_answer(const char *device)
{
	ck_assert_int_eq(module_insert(ANSWER, ""), 0);
	command("device", device);
}

/* In a process of its own, so that whatever comes of it the module can be unloaded. */
static void with_answers(void (*body)(void))
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		body();
		child_done();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	modules_restore();
	ck_assert_int_eq(module_delete(ANSWER), 0);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x", status);
}

/* No probe is hit while the kernel has all of them off, as it does to each for an instant. */
IOASID_TEST(hook, bind_not_seen, .needs = "mock")
{
	struct owners before, after;
	int rc;

	pci_give_back(MOCK_NAME(0), "");
	before = *owners_read();
	ck_assert(before.hook);
	ck_assert_int_eq(file_write(KPROBES, "0"), 0);
	rc = pci_bind(MOCK_NAME(0), PLATFORM_STUB_DRIVER);
	ck_assert_int_eq(file_write(KPROBES, "1"), 0);
	ck_assert_int_eq(rc, 0);
	after = *owners_read();
	ck_assert_uint_eq(after.requests, before.requests);
	ck_assert_uint_eq(after.missed, before.missed + 1);

	pci_unbind(MOCK_NAME(0));
	ck_assert_int_eq(pci_bind(MOCK_NAME(0), PLATFORM_STUB_DRIVER), 0);
	ck_assert_uint_eq(owners_read()->requests, before.requests + 1);
	ck_assert_uint_eq(owners_read()->missed, before.missed + 1);
}

/* Asking for the owner waits until all that was seen is dealt with. */
static void taken_back(void)
{
	struct owners before, after;
	int dev, i;

	insert_answer(MOCK_NAME(0));
	dev = stub_open(MOCK_NAME(0));
	pci_give_back(MOCK_NAME(1), "");
	before = *owners_read();
	for (i = 0; i < TIMES; i++) {
		command("ask", ASKED);
		ok_dev_owner(dev);
	}
	close(dev);
	ck_assert_int_eq(pci_bind(MOCK_NAME(1), PLATFORM_STUB_DRIVER), 0);
	after = *owners_read();
	ck_assert_uint_eq(after.requests, before.requests + ALL_ASKED + 1);
	ck_assert_uint_eq(after.cleanups, before.cleanups + ALL_ASKED);
	ck_assert_uint_eq(after.missed, before.missed);
}

IOASID_TEST(hook, granted_and_taken_back, .needs = "mock")
{
	with_answers(taken_back);
}

static void told(const char *answer, int error)
{
	command("answer", answer);
	ck_assert_int_eq(pci_bind(MOCK_NAME(2), PLATFORM_STUB_DRIVER), -error);
	command("answer", "0");
}

static void other_answers(void)
{
	struct owners before;
	int ctx, dev;

	insert_answer(MOCK_NAME(2));
	/* So that the hook comes after it. */
	modules_reload("");
	ctx = context_open_nonblock();
	dev = stub_open(MOCK_NAME(3));
	ok_bind(dev, .context_fd = ctx);
	pci_give_back(MOCK_NAME(2), "");
	before = *owners_read();
	told("-5", EIO);
	ck_assert_uint_eq(owner_agreed(dev).out_num_refused, 0);
	ck_assert_uint_eq(owners_read()->requests, before.requests + 1);
	ck_assert_uint_eq(owners_read()->refusals, before.refusals);
	event_expect_none(ctx);
	/* The same, with the answer that is about an owner. */
	told("-16", EBUSY);
	ck_assert_uint_eq(owner_agreed(dev).out_num_refused, 1);
	ck_assert_uint_eq(owners_read()->refusals, before.refusals + 1);
	event_expect(ctx, IOASID_EVENT_REFUSED, MOCK_NAME(2), PLATFORM_STUB_DRIVER);
	event_expect_none(ctx);
}

IOASID_TEST(hook, answers_about_something_else, .needs = "mock")
{
	with_answers(other_answers);
}
