// SPDX-License-Identifier: GPL-2.0-only
/* The windows of an address space: cutting stretches out, asking what is left. */
#include "harness.h"
#include "iova_map.h"

#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* On the heap and no larger than told: the address sanitizer sees a write past the capacity. */
static struct iova_windows windows;

static void windows_make(unsigned int capacity)
{
	windows.capacity = capacity;
	windows.range = calloc(capacity, sizeof(*windows.range));
	iova_windows_reset(&windows);
}

static void windows_set(unsigned int nr, const struct iova_range *range)
{
	windows_make(nr + 1);
	if (nr)
		memcpy(windows.range, range, nr * sizeof(*range));
	windows.nr = nr;
}

static void windows_expect(unsigned int nr, const struct iova_range *range)
{
	unsigned int i;

	ck_assert_uint_eq(windows.nr, nr);
	for (i = 0; i < nr; i++) {
		ck_assert_uint_eq(windows.range[i].start, range[i].start);
		ck_assert_uint_eq(windows.range[i].last, range[i].last);
	}
	free(windows.range);
}

/* One row: the windows before, what is taken out, the windows after. */
static void windows_exclude_row(unsigned int nr, const struct iova_range *before, u64 start,
				u64 last, unsigned int nr_after, const struct iova_range *after)
{
	windows_set(nr, before);
	iova_windows_exclude(&windows, start, last);
	windows_expect(nr_after, after);
}

#define ROW(...) ((const struct iova_range[]){ __VA_ARGS__ })
#define exclude_leaves(before, start, last, after) \
	windows_exclude_row(COUNT(before), before, start, last, COUNT(after), after)
#define exclude_leaves_nothing(before, start, last) \
	windows_exclude_row(COUNT(before), before, start, last, 0, NULL)

START_TEST(windows_reset_to_everything)
{
	windows_make(1);
	windows_expect(1, ROW({ 0, U64_MAX }));
}
END_TEST

START_TEST(windows_reset_forgets)
{
	windows_make(3);
	iova_windows_exclude(&windows, 0, 5);
	iova_windows_exclude(&windows, 10, 20);
	iova_windows_reset(&windows);
	windows_expect(1, ROW({ 0, U64_MAX }));
}
END_TEST

START_TEST(windows_exclude_splits)
{
	exclude_leaves(ROW({ 0, U64_MAX }), 10, 19, ROW({ 0, 9 }, { 20, U64_MAX }));
	exclude_leaves(ROW({ 0, U64_MAX }), 10, 10, ROW({ 0, 9 }, { 11, U64_MAX }));
	exclude_leaves(ROW({ 0, U64_MAX }), 1, U64_MAX - 1, ROW({ 0, 0 }, { U64_MAX, U64_MAX }));
	exclude_leaves(ROW({ 5, 9 }), 6, 8, ROW({ 5, 5 }, { 9, 9 }));
}
END_TEST

START_TEST(windows_exclude_splits_and_keeps_the_others)
{
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 24, 25,
		       ROW({ 0, 9 }, { 20, 23 }, { 26, 29 }, { 40, 49 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 4, 5,
		       ROW({ 0, 3 }, { 6, 9 }, { 20, 29 }, { 40, 49 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 44, 45,
		       ROW({ 0, 9 }, { 20, 29 }, { 40, 43 }, { 46, 49 }));
}
END_TEST

START_TEST(windows_exclude_trims_the_bottom)
{
	exclude_leaves(ROW({ 0, U64_MAX }), 0, 0, ROW({ 1, U64_MAX }));
	exclude_leaves(ROW({ 0, U64_MAX }), 0, U64_MAX - 1, ROW({ U64_MAX, U64_MAX }));
	exclude_leaves(ROW({ 10, 19 }), 10, 14, ROW({ 15, 19 }));
	exclude_leaves(ROW({ 10, 19 }), 5, 10, ROW({ 11, 19 }));
	exclude_leaves(ROW({ 10, 19 }), 0, 18, ROW({ 19, 19 }));
}
END_TEST

START_TEST(windows_exclude_trims_the_top)
{
	exclude_leaves(ROW({ 0, U64_MAX }), U64_MAX, U64_MAX, ROW({ 0, U64_MAX - 1 }));
	exclude_leaves(ROW({ 0, U64_MAX }), 1, U64_MAX, ROW({ 0, 0 }));
	exclude_leaves(ROW({ 10, 19 }), 15, 19, ROW({ 10, 14 }));
	exclude_leaves(ROW({ 10, 19 }), 19, 25, ROW({ 10, 18 }));
	exclude_leaves(ROW({ 10, 19 }), 11, U64_MAX, ROW({ 10, 10 }));
}
END_TEST

START_TEST(windows_exclude_removes)
{
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 20, 29, ROW({ 0, 9 }, { 40, 49 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 0, 9, ROW({ 20, 29 }, { 40, 49 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 40, 49, ROW({ 0, 9 }, { 20, 29 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 20 }, { 40, 49 }), 20, 20, ROW({ 0, 9 }, { 40, 49 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 10, 39, ROW({ 0, 9 }, { 40, 49 }));
}
END_TEST

START_TEST(windows_exclude_removes_everything)
{
	exclude_leaves_nothing(ROW({ 0, U64_MAX }), 0, U64_MAX);
	exclude_leaves_nothing(ROW({ 7, 7 }), 7, 7);
	exclude_leaves_nothing(ROW({ 7, 7 }, { 9, 9 }, { U64_MAX, U64_MAX }), 0, U64_MAX);
	windows_exclude_row(0, NULL, 0, U64_MAX, 0, NULL);
}
END_TEST

START_TEST(windows_exclude_spans_several)
{
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }, { 60, 69 }), 5, 65,
		       ROW({ 0, 4 }, { 66, 69 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }, { 60, 69 }), 20, 49,
		       ROW({ 0, 9 }, { 60, 69 }));
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }, { 40, 49 }), 9, 40, ROW({ 0, 8 }, { 41, 49 }));
}
END_TEST

START_TEST(windows_exclude_leaves_what_it_only_touches)
{
	exclude_leaves(ROW({ 0, 9 }, { 20, 29 }), 10, 19, ROW({ 0, 9 }, { 20, 29 }));
	exclude_leaves(ROW({ 10, 19 }), 0, 9, ROW({ 10, 19 }));
	exclude_leaves(ROW({ 10, 19 }), 20, U64_MAX, ROW({ 10, 19 }));
	exclude_leaves(ROW({ 10, 19 }), U64_MAX, U64_MAX, ROW({ 10, 19 }));
	exclude_leaves(ROW({ 10, 19 }), 0, 0, ROW({ 10, 19 }));
}
END_TEST

START_TEST(windows_exclude_twice_changes_once)
{
	windows_make(3);
	iova_windows_exclude(&windows, 100, 199);
	iova_windows_exclude(&windows, 100, 199);
	windows_expect(2, ROW({ 0, 99 }, { 200, U64_MAX }));
}
END_TEST

START_TEST(windows_contain_to_the_edges)
{
	windows_set(2, ROW({ 10, 19 }, { 30, 39 }));
	ck_assert(iova_windows_contain(&windows, 10, 19));
	ck_assert(iova_windows_contain(&windows, 30, 30));
	ck_assert(iova_windows_contain(&windows, 39, 39));
	ck_assert(!iova_windows_contain(&windows, 9, 10));
	ck_assert(!iova_windows_contain(&windows, 19, 20));
	ck_assert(!iova_windows_contain(&windows, 10, 39));
	ck_assert(!iova_windows_contain(&windows, 19, 30));
	ck_assert(!iova_windows_contain(&windows, 20, 29));
	ck_assert(!iova_windows_contain(&windows, 0, U64_MAX));
	free(windows.range);
}
END_TEST

START_TEST(windows_contain_the_whole_space)
{
	windows_make(1);
	ck_assert(iova_windows_contain(&windows, 0, U64_MAX));
	ck_assert(iova_windows_contain(&windows, 0, 0));
	ck_assert(iova_windows_contain(&windows, U64_MAX, U64_MAX));
	windows.nr = 0;
	ck_assert(!iova_windows_contain(&windows, 0, 0));
	free(windows.range);
}
END_TEST

static void nearest_expect(u64 start, u64 length, u64 first, u64 last)
{
	struct iova_range nearest = { 1, 0 };

	ck_assert(iova_windows_nearest(&windows, start, length, &nearest));
	ck_assert_uint_eq(nearest.start, first);
	ck_assert_uint_eq(nearest.last, last);
}

static void nearest_expect_none(u64 start, u64 length)
{
	struct iova_range nearest;

	ck_assert(!iova_windows_nearest(&windows, start, length, &nearest));
}

START_TEST(windows_nearest_by_distance)
{
	windows_set(3, ROW({ 10, 19 }, { 30, 39 }, { 60, 69 }));
	nearest_expect(0, 1, 10, 19);
	nearest_expect(15, 1, 10, 19);
	nearest_expect(19, 1, 10, 19);
	nearest_expect(24, 1, 10, 19);
	nearest_expect(25, 1, 30, 39);
	nearest_expect(30, 1, 30, 39);
	nearest_expect(50, 1, 60, 69);
	nearest_expect(U64_MAX, 1, 60, 69);
	free(windows.range);
}
END_TEST

START_TEST(windows_nearest_prefers_the_lower_of_two)
{
	windows_set(3, ROW({ 10, 20 }, { 30, 39 }, { 50, 59 }));
	nearest_expect(25, 1, 10, 20);
	nearest_expect(25, 10, 10, 20);
	free(windows.range);
	windows_set(3, ROW({ 10, 20 }, { 25, 25 }, { 30, 39 }));
	nearest_expect(25, 2, 10, 20);
	nearest_expect(25, 1, 25, 25);
	free(windows.range);
	windows_set(2, ROW({ 10, 20 }, { 22, 29 }));
	nearest_expect(21, 1, 10, 20);
	nearest_expect(22, 1, 22, 29);
	free(windows.range);
}
END_TEST

START_TEST(windows_nearest_skips_the_short)
{
	windows_set(3, ROW({ 10, 19 }, { 30, 38 }, { 60, 70 }));
	nearest_expect(33, 9, 30, 38);
	nearest_expect(33, 10, 10, 19);
	nearest_expect(33, 11, 60, 70);
	nearest_expect_none(33, 12);
	nearest_expect_none(33, U64_MAX);
	windows.nr = 0;
	nearest_expect_none(33, 1);
	free(windows.range);
}
END_TEST

START_TEST(windows_nearest_at_the_extremes)
{
	windows_set(1, ROW({ U64_MAX, U64_MAX }));
	nearest_expect(0, 1, U64_MAX, U64_MAX);
	nearest_expect_none(0, 2);
	free(windows.range);
	windows_set(1, ROW({ 0, 0 }));
	nearest_expect(U64_MAX, 1, 0, 0);
	free(windows.range);
	windows_set(1, ROW({ 0, U64_MAX }));
	nearest_expect(U64_MAX, U64_MAX, 0, U64_MAX);
	free(windows.range);
	windows_set(1, ROW({ 1, U64_MAX }));
	nearest_expect(0, U64_MAX, 1, U64_MAX);
	free(windows.range);
	windows_set(1, ROW({ 1, U64_MAX - 1 }));
	nearest_expect_none(0, U64_MAX);
	free(windows.range);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iova_windows");

	unit_add(suite, windows_reset_to_everything);
	unit_add(suite, windows_reset_forgets);
	unit_add(suite, windows_exclude_splits);
	unit_add(suite, windows_exclude_splits_and_keeps_the_others);
	unit_add(suite, windows_exclude_trims_the_bottom);
	unit_add(suite, windows_exclude_trims_the_top);
	unit_add(suite, windows_exclude_removes);
	unit_add(suite, windows_exclude_removes_everything);
	unit_add(suite, windows_exclude_spans_several);
	unit_add(suite, windows_exclude_leaves_what_it_only_touches);
	unit_add(suite, windows_exclude_twice_changes_once);
	unit_add(suite, windows_contain_to_the_edges);
	unit_add(suite, windows_contain_the_whole_space);
	unit_add(suite, windows_nearest_by_distance);
	unit_add(suite, windows_nearest_prefers_the_lower_of_two);
	unit_add(suite, windows_nearest_skips_the_short);
	unit_add(suite, windows_nearest_at_the_extremes);
	return unit_run(suite);
}
