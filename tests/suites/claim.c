// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claims that fail although nobody has the group: the reason given must be the true one. The IOMMU
 * is the mock (tests/kmod), whose driver can be told to fail.
 */
#include <sys/ioctl.h>

#include "../kmod/mock.h"
#include "call.h"
#include "event.h"
#include "module.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define DEVICE "ioasid-mock.0"
#define PLATFORM "/sys/bus/platform/"
#define UNSAFE_INTERRUPTS "/sys/module/" CORE "/parameters/allow_unsafe_interrupts"

/**
 * struct failure - how the IOMMU's driver fails to block the device's DMA
 * @row: name
 * @error: what it says
 * @expected: what BIND says
 */
struct failure {
	struct test_row row;
	int error;
	int expected;
};

static const struct failure failures[] = {
	{ { "EBUSY", "" }, EBUSY, EBUSY },
	{ { "EINVAL", "" }, EINVAL, EOPNOTSUPP },
	{ { "ENOMEM", "" }, ENOMEM, ENOMEM },
};

static void order(int control, int error)
{
	struct mock_inject inject = { .call = MOCK_CALL_ATTACH, .nth = !!error, .error = error };

	ck_assert(!ioctl(control, MOCK_INJECT, &inject));
}

static int open_mock(const char *name)
{
	int fd, tries;

	for (tries = 0; tries < 200; tries++, usleep(10000)) {
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	test_fail("%s: %m", name);
}

static int take_device(void)
{
	ck_assert(!file_write(PLATFORM "devices/" DEVICE "/driver_override",
			      "ioasidfd_stub_platform"));
	ck_assert(!file_write(PLATFORM "drivers_probe", DEVICE));
	return open_mock("/dev/ioasid-dev/" DEVICE);
}

static void give_device_back(void)
{
	int control = open_mock("/dev/ioasid-mock/control");

	order(control, 0);
	ck_assert(!ioctl(control, MOCK_SET_OPTIONS, 0));
	close(control);
	file_write(PLATFORM "devices/" DEVICE "/driver/unbind", DEVICE);
	file_write(PLATFORM "devices/" DEVICE "/driver_override", "\n");
}

static void claim_fails(const struct failure *failure)
{
	int control = open_mock("/dev/ioasid-mock/control");
	int ctx = context_open_nonblock(), dev = take_device();
	struct ioasid_device_bind bind;

	ck_assert(!ioctl(control, MOCK_SET_OPTIONS, MOCK_OPTION_BLOCK_FAILS));
	order(control, failure->error);
	bind = err_bind(failure->expected, dev, .flags = IOASID_BIND_WATCH, .context_fd = ctx);
	ck_assert_uint_eq(bind.out_refusal, IOASID_REFUSAL_NONE);
	ck_assert_uint_eq(ok_dev_owner(dev).out_owner, IOASID_OWNER_NONE);
	order(control, 0);
	ok_bind(dev, .context_fd = ctx);
	ok_unbind(dev);
	/* There was nothing to wait for. */
	event_expect_none(ctx);
}

IOASID_TEST(claim, nobody_owns_it, TEST_ROWS(failures), .needs = "mock")
{
	int status;
	pid_t pid;

	ck_assert(!file_write(UNSAFE_INTERRUPTS, "1"));
	pid = child_fork();
	if (!pid) {
		claim_fails(&failures[row]);
		child_done();
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	give_device_back();
	ck_assert(!file_write(UNSAFE_INTERRUPTS, "0"));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "wait status %#x", status);
}
