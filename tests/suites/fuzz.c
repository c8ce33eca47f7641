// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of the fuzzer (tests/fuzz): those that once were too much for the kernel, and those that
 * reach most of the modules. Neither the kernel nor the mock has anything against any of them.
 */
#include "../fuzz/machine.h"
#include "../fuzz/run.h"
#include "test.h"

#define MOST 400

static void replay(const char *folder)
{
	static struct program program[MOST];
	static char name[MOST][64];
	struct run_progress *progress =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int nr = run_load(folder, program, name, MOST), i;
	const char *why;

	test_require(progress != MAP_FAILED, "no memory");
	machine_init();
	for (i = 0; i < nr; i++) {
		run_program(&program[i], progress, &why);
		machine_restore();
		if (!why)
			why = machine_verdict(i % 16 == 15 || i + 1 == nr);
		if (why)
			test_fail("%s/%s: %s", folder, name[i], why);
	}
}

/* Where the fuzzer runs: elsewhere the same programs would meet other devices. */
static const struct test_row machines[] = {
	{ "mock", "mock" },
	{ "vtd-sm", "vtd-sm" },
};

IOASID_TEST(fuzz, crashers, .timeout = 120, TEST_ROWS(machines))
{
	replay("/lib/fuzz/crashers");
}

IOASID_TEST(fuzz, corpus, .timeout = 300, TEST_ROWS(machines))
{
	replay("/lib/fuzz/corpus");
}
