// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test program: picks the tests, runs each in a process of its own under libcheck, judges what
 * it left behind, and prints TAP.
 *
 *   ioasid-tests --kernel 6.12 --profile vtd-sm --features "iommu edu" [--only AREA[/NAME]]
 *
 * Several names are separated by spaces. With --list it only names them. The features alone decide
 * what is skipped; the profile's name counts as one of them.
 */
#include <getopt.h>
#include <sys/stat.h>

#include "call.h"
#include "mock.h"
#include "oracle.h"
#include "ordinary.h"
#include "sysfs.h"
#include "test.h"

#define DEFAULT_TIMEOUT 60
#define BRIEFER 4 /* times: other VMs do it to the full */
#define SLOWER 8 /* times, at least, is a kernel with sanitizers */
#define PATIENT 4 /* times: what cannot be done less often takes longer there */

extern const struct ioasid_test *const __start_ioasid_tests[];
extern const struct ioasid_test *const __stop_ioasid_tests[];

static struct {
	const char *kernel;
	const char *profile;
	const char *features;
	const char *only;
	bool list;
} option = { .kernel = "", .profile = "", .features = "" };

/* The devices that tests take, and who had them when we started. */
static struct {
	const char *name;
	char driver[64];
} device[] = {
	{ EDU, "" },	      { EDU_PAIR_0, "" },   { EDU_PAIR_1, "" },
	{ NVME, "" },	      { E1000E, "" },	    { MOCK_NAME(0), "" },
	{ MOCK_NAME(1), "" }, { MOCK_NAME(2), "" }, { MOCK_NAME(3), "" },
};

static unsigned long taint;
static unsigned int nr_run, nr_failed;

static bool has_word(const char *text, const char *word, size_t length)
{
	const char *at = text;

	while ((at = strstr(at, word))) {
		if ((at == text || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
			return true;
		at += length;
	}
	return false;
}

static bool word_met(const char *word)
{
	bool wanted = *word != '!';

	word += !wanted;
	return wanted ==
	       (has_word(option.features, word, strlen(word)) || !strcmp(word, option.profile));
}

unsigned int rounds(unsigned int n)
{
	unsigned int fewer = (word_met("slow") ? SLOWER : 1) * (word_met("brief") ? BRIEFER : 1);

	return (n + fewer - 1) / fewer;
}

/* Adds to @missing the words of @needs that are not met. */
static void add_missing(const char *needs, char *missing, size_t size)
{
	char words[200], *word, *save;

	if (!needs)
		return;
	snprintf(words, sizeof(words), "%s", needs);
	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (!word_met(word) && !has_word(missing, word, strlen(word)))
			snprintf(missing + strlen(missing), size - strlen(missing), "%s%s",
				 *missing ? " " : "", word);
}

static const struct test_row *row_of(const struct ioasid_test *test, int row)
{
	return test->rows ? (const void *)((const char *)test->rows + row * test->row_size) : NULL;
}

/* What separates the names given to --only is not in one. */
#define SEPARATORS ", "

/* A row's name is for people: its words are joined to be one word of a command. */
static void name_row(const struct ioasid_test *test, const char *row, char *name, size_t size)
{
	size_t at = snprintf(name, size, "%s/%s%s", test->area, test->name, row ? "[" : "");

	while (row && *row && at + 2 < size) {
		size_t separators = strspn(row, SEPARATORS);

		name[at++] = separators ? '-' : *row;
		row += separators ? separators : 1;
	}
	if (row)
		snprintf(name + at, size - at, "]");
}

static bool selected(const struct ioasid_test *test, const char *name)
{
	char list[1000], *one, *save;

	if (!option.only)
		return true;
	snprintf(list, sizeof(list), "%s", option.only);
	for (one = strtok_r(list, SEPARATORS, &save); one;
	     one = strtok_r(NULL, SEPARATORS, &save)) {
		size_t length = strlen(one);

		if (!strcmp(one, test->area) || !strcmp(one, name))
			return true;
		/* A test's name stands for all of its rows. */
		if (!strncmp(one, name, length) && name[length] == '[')
			return true;
	}
	return false;
}

static void print_comment(const char *text)
{
	char copy[4096], *line, *save;

	snprintf(copy, sizeof(copy), "%s", text);
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("# %s\n", line);
}

static void __attribute__((noreturn)) fail_in_check(const char *file, int line, const char *message)
{
	_ck_assert_failed(file, line, "Failed", "%s", message);
}

static double seconds_for(const struct ioasid_test *test)
{
	unsigned int seconds = test->timeout ? test->timeout : DEFAULT_TIMEOUT;

	return word_met("slow") ? PATIENT * seconds : seconds;
}

/* Runs one test; true if it passed, otherwise @why says what happened. */
static bool run_check(const struct ioasid_test *test, int row, char *why, size_t size)
{
	TCase *tcase = tcase_create(test->check->name);
	Suite *suite = suite_create(test->area);
	SRunner *runner = srunner_create(suite);
	TestResult **results;
	bool passed;

	tcase_set_timeout(tcase, seconds_for(test));
	tcase_add_loop_test(tcase, test->check, row, row + 1);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, getenv("CK_FORK") ? CK_FORK_GETENV : CK_FORK);
	*test_finished = false;
	srunner_run_all(runner, CK_SILENT);
	passed = srunner_ntests_run(runner) == 1 && !srunner_ntests_failed(runner);
	if (passed && !*test_finished) {
		snprintf(why, size, "%s:%d: exited before its end", test->check->file,
			 test->check->line);
		srunner_free(runner);
		return false;
	}
	results = srunner_results(runner);
	if (!passed && srunner_ntests_run(runner) == 1)
		snprintf(why, size, "%s:%d: %s%s", tr_lfile(results[0]), tr_lno(results[0]),
			 tr_rtype(results[0]) == CK_ERROR ? "after this point: " : "",
			 tr_msg(results[0]));
	else if (!passed)
		snprintf(why, size, "libcheck did not run it");
	free(results);
	srunner_free(runner);
	return passed;
}

/* Who owns the group, asked through the stub's node; waits for processes that are still ending. */
static int owner_of(const char *name)
{
	struct ioasid_device_owner owner;
	char path[100];
	int tries, fd, rc = 0;

	snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", name);
	for (tries = 0; tries < 20; tries++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		owner = (struct ioasid_device_owner){ .size = sizeof(owner) };
		rc = call_dev_owner(fd, &owner);
		close(fd);
		if (rc || owner.out_owner != IOASID_OWNER_CONTEXT)
			return rc ? rc : (int)owner.out_owner;
		usleep(100000);
	}
	return IOASID_OWNER_CONTEXT;
}

static void judge_devices(char *why, size_t size)
{
	unsigned int i;
	int owner;

	for (i = 0; i < ARRAY_SIZE(device); i++) {
		if (!pci_driven_by(device[i].name, stub_driver(device[i].name)))
			continue;
		owner = owner_of(device[i].name);
		if (owner != IOASID_OWNER_CONTEXT && owner >= 0)
			continue;
		snprintf(why + strlen(why), size - strlen(why), "\nafter the test: %s %s",
			 device[i].name, owner < 0 ? "has no owner table" : "is still owned");
	}
}

static void put_devices_back(char *why, size_t size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(device); i++)
		if (pci_present(device[i].name) && !pci_driven_by(device[i].name, device[i].driver))
			pci_give_back(device[i].name, "");
	for (i = 0; i < ARRAY_SIZE(device); i++) {
		if (!pci_present(device[i].name) || pci_driven_by(device[i].name, device[i].driver))
			continue;
		pci_give_back(device[i].name, device[i].driver);
		if (!pci_driven_by(device[i].name, device[i].driver))
			snprintf(why + strlen(why), size - strlen(why),
				 "\nafter the test: %s does not go back to its driver '%s'",
				 device[i].name, device[i].driver);
	}
	if (pci_driven_by(NVME, "nvme") && !ordinary_disk_settles(NVME))
		snprintf(why + strlen(why), size - strlen(why),
			 "\nafter the test: the disk does not come up");
}

/* What must hold whatever the test did. Appends to @why; true if nothing is wrong. */
static bool judge(char *why, size_t size)
{
	size_t before = strlen(why);
	unsigned long taint_now;
	int64_t pins;

	judge_devices(why, size);
	put_devices_back(why, size);
	mock_judge(why, size);
	pins = pins_settled(0);
	if (pins)
		snprintf(why + strlen(why), size - strlen(why),
			 "\nafter the test: %lld pages are still pinned", (long long)pins);
	taint_now = kernel_taint();
	if (taint_now != taint)
		snprintf(why + strlen(why), size - strlen(why),
			 "\nafter the test: kernel taint went from %#lx to %#lx", taint, taint_now);
	taint = taint_now;
	return strlen(why) == before;
}

static void run_row(const struct ioasid_test *test, int row)
{
	const struct test_row *variant = row_of(test, row);
	char name[200], missing[200] = "", why[4096] = "";
	bool passed;

	name_row(test, variant ? variant->name : NULL, name, sizeof(name));
	if (!selected(test, name))
		return;
	if (option.list) {
		printf("%s\n", name);
		return;
	}
	add_missing(test->needs, missing, sizeof(missing));
	add_missing(variant ? variant->needs : NULL, missing, sizeof(missing));
	nr_run++;
	if (*missing) {
		printf("ok %u - %s # SKIP needs %s\n", nr_run, name, missing);
		return;
	}
	passed = run_check(test, row, why, sizeof(why));
	passed = judge(why, sizeof(why)) && passed;
	printf("%s %u - %s\n", passed ? "ok" : "not ok", nr_run, name);
	if (!passed) {
		nr_failed++;
		print_comment(why);
	}
	fflush(stdout);
}

static void parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "kernel", required_argument, NULL, 'k' },
		{ "profile", required_argument, NULL, 'p' },
		{ "features", required_argument, NULL, 'f' },
		{ "only", required_argument, NULL, 'o' },
		{ "modules-dir", required_argument, NULL, 'm' },
		{ "list", no_argument, NULL, 'l' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (c) {
		case 'k':
			option.kernel = optarg;
			break;
		case 'p':
			option.profile = optarg;
			break;
		case 'f':
			option.features = optarg;
			break;
		case 'o':
			option.only = optarg;
			break;
		case 'm':
			break;
		case 'l':
			option.list = true;
			break;
		default:
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: what is '%s'?\n", argv[0], argv[optind]);
		exit(2);
	}
}

static void remember_start(void)
{
	unsigned int i;

	/* libcheck keeps its messages in a temporary file. */
	mkdir("/tmp", 01777);
	test_finished = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_require(test_finished != MAP_FAILED, "no memory");
	taint = kernel_taint();
	for (i = 0; i < ARRAY_SIZE(device); i++)
		snprintf(device[i].driver, sizeof(device[i].driver), "%s",
			 pci_driver(device[i].name));
}

static int in_source_order(const void *left, const void *right)
{
	const struct ioasid_test *const *a = left, *const *b = right;
	int files = strcmp((*a)->check->file, (*b)->check->file);

	return files ? files : (*a)->check->line - (*b)->check->line;
}

/* The linker has them in no order of its own. */
static const struct ioasid_test **all_tests(size_t *nr)
{
	const struct ioasid_test **tests;

	/* cppcheck-suppress comparePointers ; the linker puts both around one array */
	*nr = __stop_ioasid_tests - __start_ioasid_tests;
	/* Pointers are what is sorted. NOLINTBEGIN(bugprone-sizeof-expression) */
	tests = malloc(*nr * sizeof(*tests));
	test_require(tests, "no memory");
	memcpy(tests, __start_ioasid_tests, *nr * sizeof(*tests));
	qsort(tests, *nr, sizeof(*tests), in_source_order);
	/* NOLINTEND(bugprone-sizeof-expression) */
	return tests;
}

int main(int argc, char **argv)
{
	const struct ioasid_test **tests;
	size_t nr, i;
	int row;

	if (argc > 1 && !strcmp(argv[1], "--helper"))
		return test_helper(argc - 2, argv + 2);
	parse_options(argc, argv);
	if (!option.list) {
		remember_start();
		test_fail_hook = fail_in_check;
	}
	tests = all_tests(&nr);
	for (i = 0; i < nr; i++)
		for (row = 0; row < (tests[i]->rows ? tests[i]->nr_rows : 1); row++)
			run_row(tests[i], row);
	if (option.list)
		return 0;
	if (!nr_run) {
		printf("Bail out! no test is called %s\n", option.only ? option.only : "anything");
		return 1;
	}
	printf("1..%u\n", nr_run);
	return nr_failed ? 1 : 0;
}
