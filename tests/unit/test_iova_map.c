// SPDX-License-Identifier: GPL-2.0-only
/* The map, case by case: overlap, gaps, the search for free room, its cost in a large map. */
#include "harness.h"
#include "iova_flaw.h"

#include <linux/limits.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

#define TOP (1ULL << 63)
#define MILLION 1000000
/* A search that looks at every node would take hours for so many. */
#define MANY 20000

static struct iova_map map;
static struct iova_node pool[16];
static unsigned int pool_used;
static struct iova_range window[8];
static struct iova_windows windows = { .capacity = 8, .range = window };

static void begin(void)
{
	memset(pool, 0xa5, sizeof(pool));
	pool_used = 0;
	iova_map_init(&map);
	iova_windows_reset(&windows);
}

static void expect_sound(void)
{
	const char *flaw = iova_map_flaw(&map);

	ck_assert_msg(!flaw, "%s", flaw);
}

static struct iova_node *put(u64 start, u64 last)
{
	struct iova_node *node = &pool[pool_used++];

	node->start = start;
	node->last = last;
	ck_assert_ptr_null(iova_map_insert(&map, node));
	expect_sound();
	return node;
}

static void take(struct iova_node *node)
{
	iova_map_remove(&map, node);
	expect_sound();
}

static void refuse(u64 start, u64 last, const struct iova_node *overlap)
{
	struct iova_node node = { .start = start, .last = last };
	struct iova_node before[16];

	memcpy(before, pool, sizeof(pool));
	ck_assert_ptr_eq(iova_map_insert(&map, &node), overlap);
	ck_assert_mem_eq(before, pool, sizeof(pool));
	expect_sound();
}

static bool find(u64 length, u64 align, u64 phase, u64 floor, u64 *start)
{
	struct iova_request request = {
		.length = length,
		.align = align,
		.phase = phase,
		.floor = floor,
	};

	return iova_map_find_free(&map, &windows, &request, start);
}

#define found(length, align, phase, floor, expected)                                             \
	do {                                                                                     \
		u64 found_start = 0;                                                             \
		ck_assert_msg(find(length, align, phase, floor, &found_start), "found nothing"); \
		ck_assert_uint_eq(found_start, expected);                                        \
	} while (0)

#define not_found(length, align, phase, floor)                                                 \
	do {                                                                                   \
		u64 found_start = 0;                                                           \
		ck_assert_msg(!find(length, align, phase, floor, &found_start), "found %#llx", \
			      found_start);                                                    \
	} while (0)

START_TEST(map_empty_has_no_node)
{
	struct iova_node *node;

	begin();
	ck_assert(iova_map_empty(&map));
	ck_assert_ptr_null(iova_map_first(&map, 0, U64_MAX));
	node = put(0, U64_MAX);
	ck_assert(!iova_map_empty(&map));
	take(node);
	ck_assert(iova_map_empty(&map));
	ck_assert_ptr_null(iova_map_first(&map, 0, U64_MAX));
}
END_TEST

START_TEST(map_first_is_the_lowest_that_overlaps)
{
	struct iova_node *low, *middle, *high;

	begin();
	middle = put(30, 39);
	high = put(50, 59);
	low = put(10, 19);
	ck_assert_ptr_eq(iova_map_first(&map, 0, U64_MAX), low);
	ck_assert_ptr_eq(iova_map_first(&map, 0, 10), low);
	ck_assert_ptr_eq(iova_map_first(&map, 19, 30), low);
	ck_assert_ptr_eq(iova_map_first(&map, 20, 30), middle);
	ck_assert_ptr_eq(iova_map_first(&map, 35, 36), middle);
	ck_assert_ptr_eq(iova_map_first(&map, 40, U64_MAX), high);
	ck_assert_ptr_eq(iova_map_first(&map, 59, 59), high);
}
END_TEST

START_TEST(map_first_finds_nothing_in_a_gap)
{
	begin();
	put(30, 39);
	put(50, 59);
	ck_assert_ptr_null(iova_map_first(&map, 0, 0));
	ck_assert_ptr_null(iova_map_first(&map, 0, 29));
	ck_assert_ptr_null(iova_map_first(&map, 40, 49));
	ck_assert_ptr_null(iova_map_first(&map, 60, U64_MAX));
	ck_assert_ptr_null(iova_map_first(&map, U64_MAX, U64_MAX));
}
END_TEST

START_TEST(map_first_at_the_extremes)
{
	struct iova_node *zero, *max;

	begin();
	zero = put(0, 0);
	max = put(U64_MAX, U64_MAX);
	ck_assert_ptr_eq(iova_map_first(&map, 0, 0), zero);
	ck_assert_ptr_eq(iova_map_first(&map, 1, U64_MAX), max);
	ck_assert_ptr_eq(iova_map_first(&map, U64_MAX, U64_MAX), max);
	ck_assert_ptr_null(iova_map_first(&map, 1, U64_MAX - 1));
}
END_TEST

START_TEST(map_next_stops_at_last)
{
	struct iova_node *low, *middle, *high;

	begin();
	low = put(10, 19);
	middle = put(20, 29);
	high = put(U64_MAX, U64_MAX);
	ck_assert_ptr_eq(iova_map_next(low, U64_MAX), middle);
	ck_assert_ptr_eq(iova_map_next(low, 20), middle);
	ck_assert_ptr_null(iova_map_next(low, 19));
	ck_assert_ptr_null(iova_map_next(low, 10));
	ck_assert_ptr_eq(iova_map_next(middle, U64_MAX), high);
	ck_assert_ptr_null(iova_map_next(middle, U64_MAX - 1));
	ck_assert_ptr_null(iova_map_next(high, U64_MAX));
}
END_TEST

START_TEST(map_insert_refuses_overlap)
{
	struct iova_node *low, *high;

	begin();
	low = put(10, 19);
	high = put(30, 39);
	refuse(10, 19, low);
	refuse(0, 10, low);
	refuse(19, 19, low);
	refuse(12, 13, low);
	refuse(19, 30, low);
	refuse(0, U64_MAX, low);
	refuse(20, 30, high);
	refuse(39, U64_MAX, high);
	put(20, 29);
	put(0, 9);
	put(40, U64_MAX);
}
END_TEST

START_TEST(map_insert_refuses_overlap_at_the_extremes)
{
	struct iova_node *zero, *max, *all;

	begin();
	zero = put(0, 0);
	max = put(U64_MAX, U64_MAX);
	refuse(0, U64_MAX, zero);
	refuse(1, U64_MAX, max);
	refuse(0, 0, zero);
	refuse(U64_MAX, U64_MAX, max);
	take(zero);
	take(max);
	all = put(0, U64_MAX);
	refuse(0, 0, all);
	refuse(U64_MAX, U64_MAX, all);
	refuse(TOP, TOP, all);
}
END_TEST

START_TEST(map_gap_is_what_lies_below)
{
	struct iova_node *low, *middle, *high;

	begin();
	map.tracks_gaps = true;
	high = put(100, 199);
	ck_assert_uint_eq(high->gap, 100);
	low = put(0, 9);
	ck_assert_uint_eq(low->gap, 0);
	ck_assert_uint_eq(high->gap, 90);
	middle = put(50, 59);
	ck_assert_uint_eq(middle->gap, 40);
	ck_assert_uint_eq(high->gap, 40);
	take(low);
	ck_assert_uint_eq(middle->gap, 50);
	take(middle);
	ck_assert_uint_eq(high->gap, 100);
	middle = put(99, 99);
	ck_assert_uint_eq(middle->gap, 99);
	ck_assert_uint_eq(high->gap, 0);
}
END_TEST

START_TEST(map_gap_at_the_extremes)
{
	struct iova_node *zero, *max;

	begin();
	map.tracks_gaps = true;
	max = put(U64_MAX, U64_MAX);
	ck_assert_uint_eq(max->gap, U64_MAX);
	ck_assert_uint_eq(max->subtree_gap, U64_MAX);
	zero = put(0, 0);
	ck_assert_uint_eq(zero->gap, 0);
	ck_assert_uint_eq(max->gap, U64_MAX - 1);
	take(max);
	take(zero);
	zero = put(0, U64_MAX - 1);
	max = put(U64_MAX, U64_MAX);
	ck_assert_uint_eq(max->gap, 0);
	take(zero);
	ck_assert_uint_eq(max->gap, U64_MAX);
}
END_TEST

START_TEST(map_node_can_come_back)
{
	struct iova_node *node, *other;

	begin();
	node = put(10, 19);
	other = put(30, 39);
	take(node);
	node->start = 50;
	node->last = 59;
	ck_assert_ptr_null(iova_map_insert(&map, node));
	expect_sound();
	ck_assert_ptr_eq(iova_map_next(other, U64_MAX), node);
}
END_TEST

START_TEST(find_in_an_empty_map)
{
	begin();
	found(1, 1, 0, 0, 0);
	found(U64_MAX, 1, 0, 0, 0);
	found(U64_MAX, 1, 0, 1, 1);
	not_found(U64_MAX, 1, 0, 2);
	found(1, 1, 0, U64_MAX, U64_MAX);
	not_found(2, 1, 0, U64_MAX);
	found(TOP, TOP, 0, 0, 0);
	found(TOP, TOP, 0, 1, TOP);
	not_found(TOP, TOP, 0, TOP + 1);
	not_found(TOP + 1, TOP, 0, 1);
}
END_TEST

START_TEST(find_in_a_full_map)
{
	begin();
	put(0, U64_MAX);
	not_found(1, 1, 0, 0);
	not_found(1, 1, 0, U64_MAX);
	not_found(U64_MAX, 1, 0, 0);
}
END_TEST

START_TEST(find_the_lowest_gap)
{
	begin();
	put(10, 19);
	put(40, 49);
	put(60, 69);
	found(1, 1, 0, 0, 0);
	found(10, 1, 0, 0, 0);
	found(11, 1, 0, 0, 20);
	found(20, 1, 0, 0, 20);
	found(21, 1, 0, 0, 70);
	put(0, 9);
	found(1, 1, 0, 0, 20);
	found(10, 1, 0, 30, 30);
	found(10, 1, 0, 31, 50);
	found(11, 1, 0, 31, 70);
}
END_TEST

START_TEST(find_above_all_nodes)
{
	begin();
	put(0, U64_MAX - 10);
	found(1, 1, 0, 0, U64_MAX - 9);
	found(10, 1, 0, 0, U64_MAX - 9);
	not_found(11, 1, 0, 0);
	found(1, 1, 0, U64_MAX, U64_MAX);
	not_found(2, 1, 0, U64_MAX);
	put(U64_MAX - 9, U64_MAX - 1);
	found(1, 1, 0, 0, U64_MAX);
	not_found(2, 1, 0, 0);
	put(U64_MAX, U64_MAX);
	not_found(1, 1, 0, 0);
}
END_TEST

START_TEST(find_below_a_node_at_the_top)
{
	struct iova_node *max;

	begin();
	max = put(U64_MAX, U64_MAX);
	found(U64_MAX, 1, 0, 0, 0);
	not_found(U64_MAX, 1, 0, 1);
	not_found(U64_MAX, 2, 1, 0);
	found(1, 1, 0, U64_MAX - 1, U64_MAX - 1);
	not_found(1, 1, 0, U64_MAX);
	put(0, 0);
	found(U64_MAX - 1, 1, 0, 0, 1);
	not_found(U64_MAX, 1, 0, 0);
	take(max);
	found(U64_MAX, 1, 0, 0, 1);
}
END_TEST

START_TEST(find_respects_the_floor)
{
	begin();
	put(10, 19);
	put(30, 39);
	found(5, 1, 0, 3, 3);
	found(5, 1, 0, 5, 5);
	found(5, 1, 0, 6, 20);
	found(5, 1, 0, 10, 20);
	found(5, 1, 0, 15, 20);
	found(5, 1, 0, 19, 20);
	found(5, 1, 0, 25, 25);
	found(5, 1, 0, 26, 40);
	found(5, 1, 0, 35, 40);
	found(5, 1, 0, 1000, 1000);
	found(5, 1, 0, U64_MAX - 4, U64_MAX - 4);
	not_found(5, 1, 0, U64_MAX - 3);
}
END_TEST

START_TEST(find_respects_align_and_phase)
{
	begin();
	found(1, 16, 5, 0, 5);
	found(1, 16, 5, 5, 5);
	found(1, 16, 5, 6, 21);
	found(1, 16, 0, 1, 16);
	found(1, 16, 15, 16, 31);
	put(0, 20);
	put(30, 69);
	found(1, 8, 0, 0, 24);
	found(6, 8, 0, 0, 24);
	found(7, 8, 0, 0, 72);
	found(7, 8, 7, 0, 23);
	found(8, 8, 7, 0, 71);
	found(9, 8, 5, 0, 21);
	found(10, 8, 5, 0, 77);
	found(1, 64, 0, 0, 128);
	found(1, 64, 30, 0, 94);
}
END_TEST

START_TEST(find_with_align_and_phase_near_the_top)
{
	begin();
	not_found(1, 4096, 0, U64_MAX - 4094);
	found(1, 4096, 0, U64_MAX - 4095, U64_MAX - 4095);
	found(4096, 4096, 0, U64_MAX - 8191, U64_MAX - 8191);
	found(4096, 4096, 0, U64_MAX - 8190, U64_MAX - 4095);
	not_found(4097, 4096, 0, U64_MAX - 8190);
	found(1, 4096, 4095, U64_MAX - 4094, U64_MAX);
	not_found(2, 4096, 4095, U64_MAX - 4094);
	found(1, TOP, TOP - 1, TOP, U64_MAX);
	found(1, TOP, TOP - 1, U64_MAX, U64_MAX);
	found(1, TOP, TOP - 2, U64_MAX - 1, U64_MAX - 1);
	not_found(1, TOP, TOP - 2, U64_MAX);
	not_found(1, TOP, 0, TOP + 1);
	put(0, U64_MAX - 4095);
	not_found(1, 4096, 0, 0);
	found(4095, 4096, 1, 0, U64_MAX - 4094);
	not_found(4096, 4096, 1, 0);
}
END_TEST

START_TEST(find_walks_past_badly_aligned_gaps)
{
	u64 at;

	begin();
	for (at = 0; at < 10; at++)
		put(at * 32, at * 32 + 7 + at);
	not_found(32, 1, 0, U64_MAX - 30);
	found(16, 32, 8, 0, 8);
	found(16, 32, 9, 0, 9);
	found(15, 32, 15, 32, 47);
	found(17, 32, 15, 0, 15);
	found(18, 32, 15, 0, 9 * 32 + 47);
	found(24, 32, 8, 1, 8);
	found(24, 32, 8, 9, 10 * 32 + 8);
}
END_TEST

START_TEST(find_stays_in_the_windows)
{
	begin();
	windows.nr = 2;
	window[0] = (struct iova_range){ 10, 19 };
	window[1] = (struct iova_range){ 30, 49 };
	found(1, 1, 0, 0, 10);
	found(10, 1, 0, 0, 10);
	found(11, 1, 0, 0, 30);
	found(20, 1, 0, 0, 30);
	not_found(21, 1, 0, 0);
	found(5, 1, 0, 15, 15);
	found(5, 1, 0, 16, 30);
	found(5, 1, 0, 45, 45);
	not_found(5, 1, 0, 46);
	not_found(1, 1, 0, 50);
	found(4, 16, 0, 0, 16);
	found(5, 16, 0, 0, 32);
	windows.nr = 0;
	not_found(1, 1, 0, 0);
}
END_TEST

START_TEST(find_where_windows_and_gaps_cross)
{
	begin();
	windows.nr = 3;
	window[0] = (struct iova_range){ 10, 29 };
	window[1] = (struct iova_range){ 40, 59 };
	window[2] = (struct iova_range){ 80, U64_MAX - 1 };
	put(15, 44);
	put(55, 70);
	put(U64_MAX, U64_MAX);
	found(5, 1, 0, 0, 10);
	found(6, 1, 0, 0, 45);
	found(10, 1, 0, 0, 45);
	found(11, 1, 0, 0, 80);
	found(U64_MAX - 80, 1, 0, 0, 80);
	not_found(U64_MAX - 79, 1, 0, 0);
	put(11, 13);
	found(1, 1, 0, 11, 14);
	found(2, 1, 0, 0, 45);
	put(100, 199);
	found(20, 1, 0, 0, 80);
	found(21, 1, 0, 0, 200);
}
END_TEST

START_TEST(find_in_windows_at_the_extremes)
{
	begin();
	windows.nr = 2;
	window[0] = (struct iova_range){ 0, 0 };
	window[1] = (struct iova_range){ U64_MAX, U64_MAX };
	found(1, 1, 0, 0, 0);
	found(1, 1, 0, 1, U64_MAX);
	not_found(2, 1, 0, 0);
	put(0, 0);
	found(1, 1, 0, 0, U64_MAX);
	put(U64_MAX, U64_MAX);
	not_found(1, 1, 0, 0);
}
END_TEST

/* A million nodes of 8 addresses, one every @stride from @base on. */
static struct iova_node *make_million(u64 base, u64 stride)
{
	struct iova_node *nodes = calloc(MILLION, sizeof(*nodes));
	int refused = 0;
	u64 i;

	begin();
	for (i = 0; i < MILLION; i++) {
		nodes[i].start = base + i * stride;
		nodes[i].last = nodes[i].start + 7;
		refused += !!iova_map_insert(&map, &nodes[i]);
	}
	ck_assert_int_eq(refused, 0);
	expect_sound();
	return nodes;
}

/* One assertion for all, since libcheck writes a file for each. */
static void found_quickly(u64 length, u64 align, u64 floor, u64 expected)
{
	int i, wrong = 0;
	u64 start;

	for (i = 0; i < MANY; i++)
		wrong += !find(length, align, 0, floor, &start) || start != expected;
	ck_assert_int_eq(wrong, 0);
}

static void not_found_quickly(u64 length, u64 align, u64 floor)
{
	int i, wrong = 0;
	u64 start;

	for (i = 0; i < MANY; i++)
		wrong += find(length, align, 0, floor, &start);
	ck_assert_int_eq(wrong, 0);
}

START_TEST(find_is_quick_without_holes)
{
	struct iova_node *nodes = make_million(0, 8);

	found_quickly(1, 1, 0, MILLION * 8);
	found_quickly(1, 1, MILLION * 4, MILLION * 8);
	window[0].last = MILLION * 8 - 1;
	not_found_quickly(1, 1, 0);
	not_found_quickly(1, 1, MILLION * 8 - 1);
	free(nodes);
}
END_TEST

START_TEST(find_is_quick_past_short_holes)
{
	struct iova_node *nodes = make_million(0, 16);

	found_quickly(9, 1, 0, MILLION * 16 - 8);
	iova_map_remove(&map, &nodes[MILLION - 2]);
	found_quickly(9, 1, 0, (MILLION - 3) * 16 + 8);
	found_quickly(9, 1, MILLION * 8, (MILLION - 3) * 16 + 8);
	free(nodes);
}
END_TEST

START_TEST(find_is_quick_beside_long_holes)
{
	const u64 base = 1 << 20, highest = base + (MILLION - 1) * 4096ULL;
	struct iova_node *nodes = make_million(base, 4096);

	window[0] = (struct iova_range){ 100, 200 };
	not_found_quickly(102, 1, 0);
	not_found_quickly(1, 4096, 0);
	found_quickly(9, 1, 192, 192);
	window[0] = (struct iova_range){ highest, U64_MAX };
	found_quickly(1000, 1, 0, highest + 8);
	window[0] = (struct iova_range){ 0, U64_MAX };
	found_quickly(1000, 1, highest, highest + 8);
	free(nodes);
}
END_TEST

/* However many nodes a call looks at, nobody has to wait until it has seen them all. */
START_TEST(find_lets_others_run)
{
	struct iova_node *nodes = calloc(MANY, sizeof(*nodes));
	u64 offers, i;

	begin();
	for (i = 0; i < MANY; i++) {
		nodes[i].start = 64 * i + 33;
		nodes[i].last = 64 * i + 63;
		ck_assert_ptr_null(iova_map_insert(&map, &nodes[i]));
	}
	offers = shim_offers;
	found(1, 1, 0, 0, 0);
	ck_assert_uint_ge(shim_offers - offers, 2 * MANY);
	offers = shim_offers;
	found(33, 64, 1, 0, MANY * 64 + 1);
	ck_assert_uint_ge(shim_offers - offers, MANY - 1);
	free(nodes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iova_map");

	unit_add(suite, map_empty_has_no_node);
	unit_add(suite, map_first_is_the_lowest_that_overlaps);
	unit_add(suite, map_first_finds_nothing_in_a_gap);
	unit_add(suite, map_first_at_the_extremes);
	unit_add(suite, map_next_stops_at_last);
	unit_add(suite, map_insert_refuses_overlap);
	unit_add(suite, map_insert_refuses_overlap_at_the_extremes);
	unit_add(suite, map_gap_is_what_lies_below);
	unit_add(suite, map_gap_at_the_extremes);
	unit_add(suite, map_node_can_come_back);
	unit_add(suite, find_in_an_empty_map);
	unit_add(suite, find_in_a_full_map);
	unit_add(suite, find_the_lowest_gap);
	unit_add(suite, find_above_all_nodes);
	unit_add(suite, find_below_a_node_at_the_top);
	unit_add(suite, find_respects_the_floor);
	unit_add(suite, find_respects_align_and_phase);
	unit_add(suite, find_with_align_and_phase_near_the_top);
	unit_add(suite, find_walks_past_badly_aligned_gaps);
	unit_add(suite, find_stays_in_the_windows);
	unit_add(suite, find_where_windows_and_gaps_cross);
	unit_add(suite, find_in_windows_at_the_extremes);
	unit_add(suite, find_is_quick_without_holes);
	unit_add(suite, find_is_quick_past_short_holes);
	unit_add(suite, find_is_quick_beside_long_holes);
	unit_add(suite, find_lets_others_run);
	return unit_run(suite);
}
