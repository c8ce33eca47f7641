/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test includes: registration of tests, failing with a place and a reason, and the words
 * that a test can need.
 *
 * A test runs in a process of its own. It may leave devices bound to the stub driver and files
 * open: the runner puts the devices back, and fails the test if pages stay pinned, a group stays
 * owned or the kernel is tainted.
 */
#ifndef IOASID_TEST_H
#define IOASID_TEST_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ioasidfd.h>

#define KiB 1024ull
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define PAGE 4096ull

#define RW (IOASID_MAP_READ | IOASID_MAP_WRITE)
#define FIXED IOASID_MAP_FIXED_IOVA

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Devices that every profile has. EDU_PAIR_* are two functions of one device and share a group. */
#define EDU "0000:00:05.0"
#define EDU_PAIR_0 "0000:00:06.0"
#define EDU_PAIR_1 "0000:00:06.1"
#define NVME "0000:00:07.0"
#define E1000E "0000:00:09.0"

/* Where DEVICE_BIND can succeed. */
#define NEEDS_BIND "iommu edu !no-msi-isolation"
#define NEEDS_GROUP "iommu edu group !no-msi-isolation"

/* Every table of rows starts each row with this. */
struct test_row {
	const char *name;
	const char *needs;
};

/**
 * struct ioasid_test - a registered test
 * @area: the suite
 * @name: name within the suite
 * @needs: words that must all be among the features; a word that starts with '!' must not be
 * @timeout: seconds, 0 for the default
 * @rows: table of variants, or NULL; each row starts with a &struct test_row
 * @row_size: bytes of a row
 * @nr_rows: how many rows
 * @check: what libcheck knows
 */
struct ioasid_test {
	const char *area;
	const char *name;
	const char *needs;
	unsigned int timeout;
	const void *rows;
	size_t row_size;
	int nr_rows;
	const TTest *check;
};

#define TEST_ROWS(table) \
	.rows = (table), .row_size = sizeof((table)[0]), .nr_rows = ARRAY_SIZE(table)

/* IOASID_TEST(area, name, .needs = "...", .timeout = 60) { body; row is the index into .rows } */
#define IOASID_TEST(area_, name_, ...)                                                         \
	static void test_##area_##_##name_(int row);                                           \
	static void run_##area_##_##name_(int row)                                             \
	{                                                                                      \
		test_##area_##_##name_(row);                                                   \
		*test_finished = true;                                                         \
	}                                                                                      \
	static const TTest check_##area_##_##name_ = {                                         \
		#area_ "/" #name_,                                                             \
		run_##area_##_##name_,                                                         \
		__FILE__,                                                                      \
		__LINE__,                                                                      \
	};                                                                                     \
	static const struct ioasid_test reg_##area_##_##name_ = {                              \
		.area = #area_, .name = #name_, .check = &check_##area_##_##name_, __VA_ARGS__ \
	};                                                                                     \
	static const struct ioasid_test *const ptr_##area_##_##name_                           \
		__attribute__((used, section("ioasid_tests"))) = &reg_##area_##_##name_;       \
	static void test_##area_##_##name_(int row __attribute__((unused)))

/*
 * How often to do what finds more the more often it is done: @n times, or far less often where the
 * features have "slow" or "brief". For the test program only.
 */
unsigned int rounds(unsigned int n);

/* Ends the test (in a test program) or the process (in any other) with a reason. */
void __attribute__((noreturn, format(printf, 3, 4)))
test_fail_at(const char *file, int line, const char *format, ...);

#define test_fail(...) test_fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* For library code: says what failed and errno. */
#define test_require(condition, ...)            \
	do {                                    \
		if (!(condition))               \
			test_fail(__VA_ARGS__); \
	} while (0)

/* In memory that is shared with the runner: a test that exits before its end has not passed. */
extern bool *test_finished;

/* Set by the runner: failures go through libcheck. */
extern void (*test_fail_hook)(const char *file, int line, const char *message);

/* What the test program does in a process that was exec'ed as "ioasid-tests --helper ..." */
int test_helper(int argc, char **argv);

#endif
