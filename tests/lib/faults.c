// SPDX-License-Identifier: GPL-2.0-only
/* The test build of the modules: see faults.h. */
#include <sys/syscall.h>

#include "faults.h"
#include "module.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define FAULTS "ioasidfd_faults"
#define CONSUMER "ioasidfd_consumer"
#define PARAMETERS "/sys/module/" FAULTS "/parameters/"

/* Whoever forgets to let go is let go. */
#define LONGEST_HOLD_MS 20000

static void command(const char *parameter, const char *value)
{
	char path[100];
	int rc;

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	rc = file_write(path, value);
	test_require(!rc, "%s: %s", path, strerror(-rc));
}

static const char *question(const char *parameter)
{
	static char answer[4][200];
	static unsigned int turn;
	char path[100], *to = answer[turn++ % 4];
	int rc;

	snprintf(path, sizeof(path), PARAMETERS "%s", parameter);
	rc = file_read(path, to, sizeof(answer[0]));
	test_require(!rc, "%s: %s", path, strerror(-rc));
	return to;
}

static unsigned int number(const char *parameter)
{
	return strtoul(question(parameter), NULL, 10);
}

int faults_insert(const char *name)
{
	const char *given = strcmp(name, CORE) ? NULL : getenv("IOASID_MODULE_ARGS");
	char path[100];
	int fd, rc;

	snprintf(path, sizeof(path), "/lib/ioasidfd/faults/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	test_require(fd >= 0, "%s: %m", path);
	rc = syscall(SYS_finit_module, fd, given ? given : "", 0) ? -errno : 0;
	close(fd);
	return rc;
}

/* What was left open is still being closed. */
static void unload(const char *name)
{
	int tries, rc = 0;

	for (tries = 0; tries < 200 && module_loaded(name); tries++) {
		rc = module_delete(name);
		if (rc)
			usleep(20000);
	}
	test_require(!module_loaded(name), "unloading %s: %s", name, strerror(-rc));
}

static void unload_all(void)
{
	unload(CONSUMER);
	unload(STUB);
	unload(CORE);
	unload(FAULTS);
}

static void load_all(void)
{
	static const char *const names[] = { FAULTS, CORE, STUB };
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		rc = faults_insert(names[i]);
		test_require(!rc, "loading %s: %s", names[i], strerror(-rc));
	}
}

static bool run_one(void (*body)(const void *arg), const void *arg)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		body(arg);
		fflush(NULL);
		child_done();
	}
	test_require(waitpid(pid, &status, 0) == pid, "waitpid: %m");
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

void faults_run(void (*body)(const void *arg), const void *table, unsigned int nr, size_t size)
{
	unsigned int i, passed = 0;

	unload_all();
	load_all();
	for (i = 0; i < nr; i++)
		passed += run_one(body, (const char *)table + i * size);
	unload_all();
	modules_restore();
	test_require(module_loaded(CORE) && module_loaded(STUB), "the modules do not load again");
	test_require(passed == nr, "%u of %u failed", nr - passed, nr);
}

void faults_arm(unsigned int nth, bool all)
{
	char text[20];

	snprintf(text, sizeof(text), "%u", nth);
	command("all", all ? "1" : "0");
	command("nth", text);
}

unsigned int faults_disarm(void)
{
	command("nth", "0");
	return number("failed");
}

unsigned int faults_seen(void)
{
	return number("seen");
}

const char *faults_last(void)
{
	return question("last");
}

unsigned int faults_live(void)
{
	return number("live");
}

unsigned int faults_live_settled(unsigned int wanted)
{
	unsigned int now = faults_live();
	int tries;

	for (tries = 0; now > wanted && tries < 200; tries++) {
		usleep(10000);
		now = faults_live();
	}
	return now;
}

const char *faults_one(void)
{
	return question("one");
}

void faults_hold(const char *point)
{
	char text[100];

	snprintf(text, sizeof(text), "%s %d", point, LONGEST_HOLD_MS);
	command("hold", text);
}

bool faults_is_held(void)
{
	return number("held");
}

void faults_let_go(void)
{
	command("hold", "-");
}

void faults_count_wrong(void)
{
	command("wrong", "0");
}

unsigned int faults_end_wrong(void)
{
	unsigned int wrong = number("wrong");

	command("wrong", "no");
	return wrong;
}

void faults_unpin(uint64_t physical)
{
	char text[40];

	snprintf(text, sizeof(text), "%llu 1", (unsigned long long)(physical / PAGE));
	command("unpin", text);
}
