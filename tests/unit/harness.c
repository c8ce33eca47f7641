// SPDX-License-Identifier: GPL-2.0-only
/* Owns what the unit tests print: "ok - unit/NAME" or "not ok - unit/NAME" and what went wrong. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define UNIT_TIMEOUT_S 15

/* T=unit/NAME asks for one test. */
static bool unit_is_wanted(const char *name)
{
	const char *only = getenv("T");

	return !only || strncmp(only, "unit/", 5) || !strcmp(only + 5, name);
}

void unit_add_named(Suite *suite, const char *name, const TTest *test)
{
	/* A result knows the name of its test case, not of its test. */
	TCase *tcase;

	if (!unit_is_wanted(name))
		return;
	tcase = tcase_create(name);
	tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
	_tcase_add_test(tcase, test, 0, 0, 0, 1);
	suite_add_tcase(suite, tcase);
}

static void unit_print_diagnostic(TestResult *result)
{
	const char *text = tr_msg(result);

	printf("# %s:%d: ", tr_lfile(result), tr_lno(result));
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n')
			printf("# ");
	}
	putchar('\n');
}

static bool unit_print(TestResult *result)
{
	bool passed = tr_rtype(result) == CK_PASS;

	printf("%s - unit/%s\n", passed ? "ok" : "not ok", tr_tcname(result));
	if (!passed)
		unit_print_diagnostic(result);
	return passed;
}

int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	TestResult **results;
	int i, failed = 0;

	/* The tests run in forked children that would print our buffer again. */
	fflush(stdout);
	srunner_run_all(runner, CK_SILENT);
	results = srunner_results(runner);
	for (i = 0; i < srunner_ntests_run(runner); i++)
		failed += !unit_print(results[i]);
	free(results);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

u64 unit_seed(void)
{
	static bool known;
	static u64 seed;
	const char *wanted = getenv("IOASIDFD_SEED");

	if (known)
		return seed;
	known = true;
	seed = wanted ? strtoull(wanted, NULL, 0) : (u64)time(NULL) << 16 ^ (u64)getpid();
	printf("# seed %llu\n", seed);
	return seed;
}
