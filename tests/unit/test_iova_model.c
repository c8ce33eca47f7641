// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on a map and its windows, each answer compared with a naive model: sorted
 * arrays, searched from end to end in arithmetic of 128 bits, with exclusive ends, so that it
 * shares neither structure nor overflow with the code under test.
 */
#include "harness.h"
#include "iova_flaw.h"

#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 100000
/* Begin anew so often, so that maps of all sizes are met. */
#define STEPS_OF_A_MAP 2000
#define NODES 200
#define WINDOWS 12
#define DENSE 512

__extension__ typedef unsigned __int128 u128;

#define SPACE ((u128)1 << 64)

struct stretch {
	u128 start;
	u128 end;
};

/**
 * struct model - a map and what should be in it
 * @name: of the test
 * @random: state of the random numbers
 * @step: operations done
 * @base: where the dense universe begins
 * @dense: addresses are drawn from DENSE of them, or else from everywhere with a taste for edges
 * @map: under test
 * @windows: under test
 * @range: room for @windows
 * @pool: all nodes
 * @spare: the NODES - @nr_used that are not in the map
 * @used: the nodes in the map, ascending
 * @nr_used: how many
 * @removed: where the node was that was removed last
 * @window: what @windows should be
 * @nr_window: how many
 * @first_search: step of the map's life before which nobody looks for free addresses
 */
struct model {
	const char *name;
	u64 random;
	int step;
	u64 base;
	bool dense;
	struct iova_map map;
	struct iova_windows windows;
	struct iova_range range[WINDOWS];
	struct iova_node pool[NODES];
	struct iova_node *spare[NODES];
	struct iova_node *used[NODES];
	int nr_used;
	struct iova_range removed;
	struct stretch window[WINDOWS];
	int nr_window;
	int first_search;
};

#define require(model, condition, ...)                                                 \
	do {                                                                           \
		if (!(condition)) {                                                    \
			char require_text[200];                                        \
			snprintf(require_text, sizeof(require_text), __VA_ARGS__);     \
			ck_abort_msg("%s: %s (IOASIDFD_SEED=%llu, step %d)", __func__, \
				     require_text, unit_seed(), (model)->step);        \
		}                                                                      \
	} while (0)

/* Random numbers and addresses. */

static u64 draw(struct model *model)
{
	u64 z = model->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static u64 draw_below(struct model *model, u64 limit)
{
	return draw(model) % limit;
}

static u64 draw_edge(struct model *model)
{
	u64 any = draw(model);

	switch (draw_below(model, 6)) {
	case 0:
		return 0;
	case 1:
		return U64_MAX;
	case 2:
		return model->nr_used ? model->used[any % model->nr_used]->start : 0;
	case 3:
		return model->nr_used ? model->used[any % model->nr_used]->last : 0;
	case 4:
		return model->nr_window ? model->window[any % model->nr_window].start : 0;
	default:
		return 1ULL << any % 64;
	}
}

static u64 draw_address(struct model *model)
{
	if (model->dense)
		return model->base + draw_below(model, DENSE);
	if (!draw_below(model, 3))
		return draw(model);
	/* Wraps on purpose: the neighbours of 0 are at both ends. */
	return draw_edge(model) + draw_below(model, 5) - 2;
}

static u64 draw_length(struct model *model)
{
	u64 kind = draw_below(model, 8);

	if (model->dense)
		return 1 + draw_below(model, kind ? 12 : DENSE);
	if (kind == 0)
		return U64_MAX - draw_below(model, 3);
	if (kind == 1)
		return 1 + draw_below(model, U64_MAX);
	return 1 + draw_below(model, 1ULL << draw_below(model, 62));
}

static struct iova_range draw_range(struct model *model)
{
	struct iova_range range = { .start = draw_address(model) };
	u64 most = model->dense ? model->base + DENSE - 1 - range.start : U64_MAX - range.start;
	u64 rest = draw_length(model) - 1;

	range.last = range.start + (rest < most ? rest : most);
	return range;
}

static struct iova_request draw_request(struct model *model)
{
	struct iova_request request = {
		.length = draw_length(model),
		.align = 1ULL << draw_below(model, model->dense ? 7 : 64),
		.phase = draw_below(model, 4) ? draw(model) : U64_MAX,
		.floor = draw_below(model, 3) ? draw_address(model) : 0,
	};

	request.phase &= draw_below(model, 3) ? request.align - 1 : 0;
	return request;
}

/* The model's own answers. */

static bool overlaps(const struct iova_node *node, u128 start, u128 end)
{
	return node->start < end && start < (u128)node->last + 1;
}

static struct iova_node *model_first(struct model *model, int from, u128 start, u128 end)
{
	int i;

	for (i = from; i < model->nr_used; i++)
		if (overlaps(model->used[i], start, end))
			return model->used[i];
	return NULL;
}

static bool model_contain(struct model *model, u128 start, u128 end)
{
	int i;

	for (i = 0; i < model->nr_window; i++)
		if (model->window[i].start <= start && end <= model->window[i].end)
			return true;
	return false;
}

/* The lowest well aligned start from @from on is the best so far, if it fits and is lower. */
static void model_try(struct model *model, const struct iova_request *request, u128 from,
		      u128 *best)
{
	u128 behind = (from + request->align - request->phase) % request->align;
	u128 start = behind ? from + request->align - behind : from;
	u128 end = start + request->length;

	if (start < request->floor || start >= *best || end > SPACE)
		return;
	if (!model_contain(model, start, end) || model_first(model, 0, start, end))
		return;
	*best = start;
}

/*
 * SPACE if there is none. Else it is the first well aligned start after the floor, a window's start
 * or a node: were it lower still, something would have to be in the way.
 */
static u128 model_find(struct model *model, const struct iova_request *request)
{
	u128 best = SPACE;
	int i;

	model_try(model, request, request->floor, &best);
	for (i = 0; i < model->nr_window; i++)
		model_try(model, request, model->window[i].start, &best);
	for (i = 0; i < model->nr_used; i++)
		model_try(model, request, (u128)model->used[i]->last + 1, &best);
	return best;
}

static void model_keep(struct stretch *kept, int *nr, u128 start, u128 end)
{
	if (start < end)
		kept[(*nr)++] = (struct stretch){ start, end };
}

static void model_exclude(struct model *model, u128 start, u128 end)
{
	struct stretch kept[WINDOWS + 1];
	int i, nr = 0;

	for (i = 0; i < model->nr_window; i++) {
		struct stretch *window = &model->window[i];

		model_keep(kept, &nr, window->start, window->end < start ? window->end : start);
		model_keep(kept, &nr, window->start > end ? window->start : end, window->end);
	}
	/* cppcheck-suppress uninitvar ; the first @nr are set */
	memcpy(model->window, kept, nr * sizeof(*kept));
	model->nr_window = nr;
}

static u128 model_distance(const struct stretch *window, u128 address)
{
	if (address < window->start)
		return window->start - address;
	return address < window->end ? 0 : address - (window->end - 1);
}

static const struct stretch *model_nearest(struct model *model, u64 start, u64 length)
{
	const struct stretch *window, *best = NULL;

	for (window = model->window; window < model->window + model->nr_window; window++) {
		if (window->end - window->start < length)
			continue;
		if (!best || model_distance(window, start) < model_distance(best, start))
			best = window;
	}
	return best;
}

/* Comparisons of everything, after every step. */

static void compare_nodes(struct model *model)
{
	const char *flaw = iova_map_flaw(&model->map);
	struct iova_node *node = iova_map_first(&model->map, 0, U64_MAX);
	int i;

	require(model, !flaw, "%s", flaw);
	require(model, iova_map_empty(&model->map) == !model->nr_used, "is it empty?");
	for (i = 0; i < model->nr_used; i++) {
		require(model, node == model->used[i], "node %d is another", i);
		node = iova_map_next(node, U64_MAX);
	}
	require(model, !node, "more nodes than %d", model->nr_used);
}

static void compare_windows(struct model *model)
{
	int i;

	require(model, (int)model->windows.nr == model->nr_window, "%u windows, not %d",
		model->windows.nr, model->nr_window);
	for (i = 0; i < model->nr_window; i++) {
		require(model,
			model->range[i].start == model->window[i].start &&
				model->range[i].last == model->window[i].end - 1,
			"window %d", i);
	}
}

/* Operations. */

static void step_exclude(struct model *model, u64 start, u64 last)
{
	iova_windows_exclude(&model->windows, start, last);
	model_exclude(model, start, (u128)last + 1);
}

static void step_reset_windows(struct model *model)
{
	iova_windows_reset(&model->windows);
	model->window[0] = (struct stretch){ 0, SPACE };
	model->nr_window = 1;
	if (!model->dense || !draw_below(model, 4))
		return;
	if (model->base)
		step_exclude(model, 0, model->base - 1);
	if (model->base + (DENSE - 1) != U64_MAX)
		step_exclude(model, model->base + DENSE, U64_MAX);
}

static void step_windows(struct model *model)
{
	struct iova_range range = draw_range(model);

	if (model->nr_window == WINDOWS || !draw_below(model, 10))
		step_reset_windows(model);
	else
		step_exclude(model, range.start, range.last);
}

static void step_insert(struct model *model)
{
	/* A node that comes back to its place still holds what was true there. */
	struct iova_range range = draw_below(model, 8) ? draw_range(model) : model->removed;
	struct iova_node *overlap = model_first(model, 0, range.start, (u128)range.last + 1);
	struct iova_node *node, *got;
	int i;

	if (model->nr_used == NODES)
		return;
	node = model->spare[NODES - model->nr_used - 1];
	if (draw_below(model, 2))
		memset(node, draw(model), sizeof(*node));
	node->start = range.start;
	node->last = range.last;
	got = iova_map_insert(&model->map, node);
	require(model, got == overlap, "[%#llx, %#llx]: %s", range.start, range.last,
		got ? "refused, or for another node" : "taken");
	if (overlap)
		return;
	for (i = model->nr_used++; i && model->used[i - 1]->start > node->start; i--)
		model->used[i] = model->used[i - 1];
	model->used[i] = node;
}

static void step_remove(struct model *model)
{
	struct iova_node *node;
	int i;

	if (!model->nr_used)
		return;
	i = draw_below(model, model->nr_used);
	node = model->used[i];
	model->removed = (struct iova_range){ node->start, node->last };
	iova_map_remove(&model->map, node);
	for (model->nr_used--; i < model->nr_used; i++)
		model->used[i] = model->used[i + 1];
	model->spare[NODES - model->nr_used - 1] = node;
}

static void step_overlap(struct model *model)
{
	struct iova_range range = draw_range(model);
	u128 end = (u128)range.last + 1;
	struct iova_node *node = iova_map_first(&model->map, range.start, range.last);
	int i;

	require(model, node == model_first(model, 0, range.start, end), "first in [%#llx, %#llx]",
		range.start, range.last);
	for (i = 0; i < model->nr_used && node; i++) {
		if (model->used[i] != node)
			continue;
		node = iova_map_next(node, range.last);
		require(model, node == model_first(model, i + 1, range.start, end),
			"next in [%#llx, %#llx]", range.start, range.last);
	}
}

static void step_find(struct model *model)
{
	struct iova_request request = draw_request(model);
	u128 expected = model_find(model, &request);
	u64 start = 0;
	bool got = iova_map_find_free(&model->map, &model->windows, &request, &start);

	require(model, got == (expected != SPACE) && (!got || start == expected),
		"length %#llx align %#llx phase %#llx floor %#llx: %s %#llx, not %#llx",
		request.length, request.align, request.phase, request.floor,
		got ? "found" : "nothing", start, (u64)expected);
}

static void step_ask_windows(struct model *model)
{
	struct iova_range range = draw_range(model);
	u64 length = draw_length(model);
	const struct stretch *expected = model_nearest(model, range.start, length);
	struct iova_range nearest;
	bool got;

	require(model,
		iova_windows_contain(&model->windows, range.start, range.last) ==
			model_contain(model, range.start, (u128)range.last + 1),
		"contain [%#llx, %#llx]", range.start, range.last);
	got = iova_windows_nearest(&model->windows, range.start, length, &nearest);
	require(model, got == !!expected, "nearest to %#llx of %#llx: is there one?", range.start,
		length);
	if (got)
		require(model,
			nearest.start == expected->start && nearest.last == expected->end - 1,
			"nearest to %#llx of %#llx: not that one", range.start, length);
}

static void begin(struct model *model)
{
	int i;

	iova_map_init(&model->map);
	model->first_search = draw_below(model, STEPS_OF_A_MAP);
	model->nr_used = 0;
	for (i = 0; i < NODES; i++)
		model->spare[i] = &model->pool[i];
	model->windows.capacity = WINDOWS;
	model->windows.range = model->range;
	step_reset_windows(model);
}

/* Of ten changes of the map so many are insertions: maps grow, hold and shrink. */
static bool want_insert(struct model *model)
{
	static const u64 insertions[] = { 9, 5, 3, 7 };

	return draw_below(model, 10) < insertions[model->step / (STEPS_OF_A_MAP / 4) % 4];
}

static void step(struct model *model)
{
	switch (draw_below(model, 8)) {
	case 0:
	case 1:
	case 2:
		if (want_insert(model))
			step_insert(model);
		else
			step_remove(model);
		break;
	case 3:
		step_overlap(model);
		break;
	case 4:
		step_windows(model);
		break;
	case 5:
		step_ask_windows(model);
		break;
	default:
		/* Before the first search a map keeps no gaps: let each live for a while so. */
		if (model->step % STEPS_OF_A_MAP >= model->first_search)
			step_find(model);
	}
}

static void run(u64 base, bool dense)
{
	struct model *model = calloc(1, sizeof(*model));

	model->base = base;
	model->dense = dense;
	model->random = unit_seed() ^ base;
	shim_rbtree_seed(model->random);
	for (; model->step < STEPS; model->step++) {
		if (model->step % STEPS_OF_A_MAP == 0)
			begin(model);
		step(model);
		compare_nodes(model);
		compare_windows(model);
	}
	free(model);
}

START_TEST(model_dense_at_zero)
{
	run(0, true);
}
END_TEST

START_TEST(model_dense_in_the_middle)
{
	run(0x7fffffffffffff83, true);
}
END_TEST

START_TEST(model_dense_at_the_top)
{
	run(U64_MAX - (DENSE - 1), true);
}
END_TEST

START_TEST(model_everywhere)
{
	run(1, false);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iova_model");

	unit_seed();
	unit_add(suite, model_dense_at_zero);
	unit_add(suite, model_dense_in_the_middle);
	unit_add(suite, model_dense_at_the_top);
	unit_add(suite, model_everywhere);
	return unit_run(suite);
}
