// SPDX-License-Identifier: GPL-2.0-only
/*
 * No device reaches a page after it was given back, however invalidation is done: at once, put off,
 * shared by many calls, or left to whoever comes next.
 *
 * The mock's IOMMU keeps a translation that was used until it is invalidated, its devices try all
 * the time, and an access to a page that is not pinned any more is a violation, after which the
 * runner fails the test. So tests here give memory back as soon as it may be, and go on.
 */
#include <pthread.h>

#include "call.h"
#include "chance.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x10000000ull
#define NR_MAPPINGS 4
#define NR_PAGES (2 * NR_MAPPINGS)
#define LENGTH (2 * PAGE) /* of a mapping */
#define TRIES 200
#define ENOUGH 3 /* tries in which the device was seen to reach what is pending */

/* The timer of deferred invalidation counts ticks of 4 ms: two whole ones and a part of a third. */
#define TIMER_LEAST_NS 7000000ull

static char *pages_new(unsigned int nr)
{
	char *pages = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	ck_assert(pages != MAP_FAILED);
	return pages;
}

/**
 * struct scene - an address space that two devices use
 * @rig: with the first device, which uses it with its RID
 * @other: the second one
 * @tagged: it uses it under a PASID
 * @first: nodes of the devices, which stay open when the devices are closed
 * @second: likewise; its DMA is tagged as @other's
 * @pages: what is mapped, by mappings of two pages with a gap after each
 * @next: two pages for those who map again
 * @reused: @next is at the first IOVA now
 */
struct scene {
	struct mock_rig rig;
	struct mock other;
	bool tagged;
	struct mock first;
	struct mock second;
	char *pages;
	char *next;
	bool reused;
};

static uint64_t iova_of(unsigned int mapping)
{
	return AT + mapping * 2 * LENGTH;
}

static uint64_t iova_of_page(unsigned int page)
{
	return iova_of(page / 2) + page % 2 * PAGE;
}

/* Every translation is in the TLB of every device that has the address space. */
static void scene_touch(struct scene *scene, bool with_other)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++) {
		char *page = scene->pages + i * PAGE;

		ck_assert(mock_writes(&scene->first, iova_of_page(i), page));
		if (with_other)
			ck_assert(mock_writes(&scene->second, iova_of_page(i), page));
	}
}

static void allow_other(struct scene *scene)
{
	struct ioasid_device_allow allow;

	allow = ok_allow(scene->other.fd, .flags = scene->tagged ? IOASID_ALLOW_PASID : 0,
			 .ioasid = scene->rig.ioasid);
	if (scene->tagged)
		scene->second.pasid = allow.out_pasid;
}

static void disallow_other(struct scene *scene)
{
	ok_disallow(scene->other.fd, .flags = scene->tagged ? IOASID_DISALLOW_PASID : 0,
		    .ioasid = scene->rig.ioasid, .pasid = scene->tagged ? scene->second.pasid : 0);
}

static void replace_other(struct scene *scene)
{
	ok_replace(scene->other.fd, .flags = scene->tagged ? IOASID_REPLACE_PASID : 0,
		   .from_ioasid = scene->rig.ioasid, .ioasid = ioasid_new(scene->rig.ctx),
		   .pasid = scene->tagged ? scene->second.pasid : 0);
}

static void scene_open(struct scene *scene, uint32_t alloc_flags, bool with_other, bool tagged)
{
	unsigned int i;

	memset(scene, 0, sizeof(*scene));
	scene->tagged = tagged;
	mock_rig_open(&scene->rig, MOCK_0, alloc_flags);
	mock_open(&scene->other, MOCK_1);
	mock_open_node(&scene->first, MOCK_0);
	mock_open_node(&scene->second, MOCK_1);
	ok_bind(scene->other.fd, .context_fd = scene->rig.ctx);
	if (with_other)
		allow_other(scene);
	scene->pages = pages_new(NR_PAGES);
	scene->next = pages_new(2);
	for (i = 0; i < NR_MAPPINGS; i++)
		mock_map(&scene->rig, iova_of(i), scene->pages + i * LENGTH, LENGTH);
	scene_touch(scene, with_other);
}

static void scene_close(struct scene *scene)
{
	mock_close(&scene->rig.mock);
	mock_close(&scene->other);
	mock_close(&scene->first);
	mock_close(&scene->second);
	close(scene->rig.ctx);
	munmap(scene->next, LENGTH);
}

/* Everything is unmapped; the pages go while the devices still try. */
static void expect_out_of_reach(struct scene *scene)
{
	char byte = 0x11;
	unsigned int i;

	memset(scene->pages, 0x5a, NR_PAGES * PAGE);
	memset(scene->next, 0, LENGTH);
	for (i = 0; i < NR_PAGES; i++) {
		bool next = scene->reused && i < 2;

		ck_assert_int_eq(mock_store(&scene->first, iova_of_page(i), &byte, 1), next);
		ck_assert(!(scene->first.dma.out_seen & MOCK_DMA_SEEN_STALE));
		mock_store(&scene->second, iova_of_page(i), &byte, 1);
		ck_assert(!(scene->second.dma.out_seen & MOCK_DMA_SEEN_STALE));
	}
	ck_assert(mem_is(scene->pages, NR_PAGES * PAGE, 0x5a));
	ck_assert_int_eq(scene->next[0], scene->reused ? byte : 0);
	munmap(scene->pages, NR_PAGES * PAGE);
	mock_store(&scene->first, iova_of(1), &byte, 1);
	mock_store(&scene->second, iova_of(1), &byte, 1);
}

static void unmap_range(struct scene *scene)
{
	mock_unmap(&scene->rig, AT, iova_of(NR_MAPPINGS) - AT);
}

static void unmap_each(struct scene *scene)
{
	unsigned int i;

	for (i = 0; i < NR_MAPPINGS; i++)
		mock_unmap(&scene->rig, iova_of(i), LENGTH);
}

static void unmap_backwards(struct scene *scene)
{
	unsigned int i;

	for (i = NR_MAPPINGS; i > 0; i--)
		mock_unmap(&scene->rig, iova_of(i - 1), LENGTH);
}

static void unmap_all(struct scene *scene)
{
	ok_unmap(scene->rig.ctx, .ioasid = scene->rig.ioasid, .flags = IOASID_UNMAP_ALL);
}

static struct ioasid_batch_entry entry_unmap(const struct scene *scene, unsigned int i)
{
	return (struct ioasid_batch_entry){
		.op = IOASID_BATCH_UNMAP,
		.ioasid = scene->rig.ioasid,
		.length = LENGTH,
		.iova = iova_of(i),
	};
}

static struct ioasid_batch_entry entry_map(const struct scene *scene)
{
	return (struct ioasid_batch_entry){
		.op = IOASID_BATCH_MAP,
		.flags = RW | FIXED,
		.ioasid = scene->rig.ioasid,
		.start = va(scene->next),
		.length = LENGTH,
		.iova = iova_of(0),
	};
}

static void run_batch(const struct scene *scene, struct ioasid_batch_entry *entry, unsigned int nr,
		      int error)
{
	struct ioasid_batch batch = {
		.size = sizeof(batch),
		.entries = va(entry),
		.num_entries = nr,
		.entry_size = sizeof(*entry),
	};

	ck_assert_int_eq(call_batch(scene->rig.ctx, &batch), -error);
}

static void unmap_batch(struct scene *scene)
{
	struct ioasid_batch_entry entry[NR_MAPPINGS];
	unsigned int i;

	for (i = 0; i < NR_MAPPINGS; i++)
		entry[i] = entry_unmap(scene, i);
	run_batch(scene, entry, NR_MAPPINGS, 0);
}

/* The last entry fails: what was unmapped before is out of reach nevertheless. */
static void unmap_failing_batch(struct scene *scene)
{
	struct ioasid_batch_entry entry[NR_MAPPINGS + 1];
	unsigned int i;

	for (i = 0; i < NR_MAPPINGS; i++)
		entry[i] = entry_unmap(scene, i);
	entry[NR_MAPPINGS] = entry_unmap(scene, 0);
	run_batch(scene, entry, NR_MAPPINGS + 1, ENOENT);
}

/* In the same batch the IOVA is used again. */
static void remap_batch(struct scene *scene)
{
	struct ioasid_batch_entry entry[NR_MAPPINGS + 1];
	unsigned int i;

	for (i = 0; i < NR_MAPPINGS; i++)
		entry[i] = entry_unmap(scene, i);
	entry[NR_MAPPINGS] = entry_map(scene);
	run_batch(scene, entry, NR_MAPPINGS + 1, 0);
	scene->reused = true;
}

static void remap(struct scene *scene)
{
	mock_map(&scene->rig, iova_of(0), scene->next, LENGTH);
	scene->reused = true;
}

static void unmap_and_remap(struct scene *scene)
{
	unmap_range(scene);
	remap(scene);
}

static void hand_free(struct scene *scene)
{
	ok_free(scene->rig.ctx, .ioasid = scene->rig.ioasid);
}

static void hand_close_context(struct scene *scene)
{
	close(scene->rig.ctx);
	scene->rig.ctx = context_open();
}

/* The memory is unpinned after that, so that it may go. */
static void then_unmap(struct scene *scene)
{
	ok_unmap(scene->rig.ctx, .ioasid = scene->rig.ioasid, .flags = IOASID_UNMAP_ALL);
	ok_sync(scene->rig.ctx, .ioasid = scene->rig.ioasid);
}

static void hand_disallow(struct scene *scene)
{
	ok_disallow(scene->rig.mock.fd, .ioasid = scene->rig.ioasid);
}

static void disallow_both(struct scene *scene)
{
	disallow_other(scene);
	hand_disallow(scene);
	then_unmap(scene);
}

static void hand_replace(struct scene *scene)
{
	ok_replace(scene->rig.mock.fd, .from_ioasid = scene->rig.ioasid,
		   .ioasid = ioasid_new(scene->rig.ctx));
}

static void replace_both(struct scene *scene)
{
	replace_other(scene);
	hand_replace(scene);
	then_unmap(scene);
}

static void hand_unbind(struct scene *scene)
{
	ok_unbind(scene->rig.mock.fd);
}

static void hand_close_device(struct scene *scene)
{
	close(scene->rig.mock.fd);
	scene->rig.mock.fd = -1;
}

static void close_both(struct scene *scene)
{
	close(scene->other.fd);
	scene->other.fd = -1;
	hand_close_device(scene);
	then_unmap(scene);
}

/* The device that comes in its place has no owner. */
static void replace_device(struct mock *mock)
{
	const struct mock_add_device add = { .sibling = MOCK_NO_DEVICE, .pasid_bits = 16 };
	unsigned int number = mock->number;

	mock_remove(number);
	mock_close(mock);
	ck_assert_uint_eq(mock_add(add), number);
	mock_open_node(mock, number);
}

static void remove_both(struct scene *scene)
{
	replace_device(&scene->first);
	replace_device(&scene->second);
	then_unmap(scene);
}

static const struct {
	struct test_row row;
	void (*take)(struct scene *scene);
} strict[] = {
	{ { "unmap", "" }, unmap_range },
	{ { "unmap one by one", "" }, unmap_each },
	{ { "unmap backwards", "" }, unmap_backwards },
	{ { "unmap all", "" }, unmap_all },
	{ { "batch", "" }, unmap_batch },
	{ { "batch that fails", "" }, unmap_failing_batch },
	{ { "batch that maps again", "" }, remap_batch },
	{ { "map again", "" }, unmap_and_remap },
	{ { "free", "" }, hand_free },
	{ { "close of the context", "" }, hand_close_context },
	{ { "disallow", "" }, disallow_both },
	{ { "replace", "" }, replace_both },
	{ { "close of the devices", "" }, close_both },
	{ { "removal", "" }, remove_both },
};

static void run_strict(int row, bool tagged)
{
	struct scene scene;

	scene_open(&scene, 0, true, tagged);
	strict[row].take(&scene);
	ck_assert_uint_eq(mock_stats().unmapped_unsynced, 0);
	expect_out_of_reach(&scene);
	scene_close(&scene);
}

/* Without deferred invalidation it is over when the call returns. */
IOASID_TEST(tlb, strict, .needs = "mock", TEST_ROWS(strict))
{
	run_strict(row, false);
}

IOASID_TEST(tlb, strict_pasid, .needs = "mock pasid", TEST_ROWS(strict))
{
	run_strict(row, true);
}

static void hand_sync(struct scene *scene)
{
	ok_sync(scene->rig.ctx, .ioasid = scene->rig.ioasid);
}

static void hand_wait(struct scene *scene)
{
	int ms;

	for (ms = 0; fdinfo_pending(scene->rig.ctx, scene->rig.ioasid); ms++) {
		ck_assert_int_lt(ms, 10000);
		usleep(1000);
	}
}

static void hand_copy(struct scene *scene)
{
	mock_map(&scene->rig, AT / 2, scene->next, LENGTH);
	ok_copy(scene->rig.ctx, .ioasid = scene->rig.ioasid, .flags = RW | FIXED,
		.from_ioasid = scene->rig.ioasid, .from_iova = AT / 2, .length = LENGTH,
		.iova = iova_of(0));
	scene->reused = true;
}

/* Only the second half of what it maps is pending. */
static void hand_overlap(struct scene *scene)
{
	char *two = pages_new(2);

	ok_map(scene->rig.ctx, .ioasid = scene->rig.ioasid, .flags = RW | FIXED, .user_va = va(two),
	       .length = 2 * PAGE, .iova = iova_of(1) - PAGE);
	ok_unmap(scene->rig.ctx, .ioasid = scene->rig.ioasid, .iova = iova_of(1) - PAGE,
		 .length = 2 * PAGE);
	hand_sync(scene);
	munmap(two, 2 * PAGE);
}

static void map_many(struct scene *scene, unsigned int nr)
{
	struct ioasid_batch_entry *entry = calloc(nr, sizeof(*entry));
	unsigned int i;

	for (i = 0; i < nr; i++) {
		entry[i] = entry_map(scene);
		entry[i].length = PAGE;
		entry[i].iova = 4 * AT + i * PAGE;
	}
	run_batch(scene, entry, nr, 0);
	free(entry);
}

static void hand_unbind_other(struct scene *scene)
{
	ok_unbind(scene->other.fd);
}

static void hand_remove_other(struct scene *scene)
{
	replace_device(&scene->second);
}

static const struct {
	struct test_row row;
	void (*hand)(struct scene *scene);
	bool with_other;
} deferred[] = {
	{ { "sync", "" }, hand_sync, true },
	{ { "timer", "" }, hand_wait, true },
	{ { "map again", "" }, remap, true },
	{ { "copy to the same IOVA", "" }, hand_copy, true },
	{ { "map over a part", "" }, hand_overlap, true },
	{ { "free", "" }, hand_free, true },
	{ { "close of the context", "" }, hand_close_context, true },
	{ { "allow for another", "" }, allow_other, false },
	{ { "disallow for another", "" }, disallow_other, true },
	{ { "disallow", "" }, hand_disallow, false },
	{ { "replace", "" }, hand_replace, false },
	{ { "replace of another", "" }, replace_other, true },
	{ { "unbind", "" }, hand_unbind, false },
	{ { "unbind of another", "" }, hand_unbind_other, true },
	{ { "close of the device", "" }, hand_close_device, false },
	{ { "removal of another", "" }, hand_remove_other, true },
};

/* Does the device still reach what was unmapped? Then only because of its TLB. */
static bool still_reaches(struct mock *mock)
{
	char byte = 0x22;

	if (!mock_store(mock, iova_of(1), &byte, 1))
		return false;
	ck_assert(mock->dma.out_seen & MOCK_DMA_SEEN_STALE);
	return true;
}

static void run_deferred(int row, bool tagged)
{
	static void (*const ways[])(struct scene *) = { unmap_range, unmap_each, unmap_backwards };
	struct scene scene;
	int try, reached = 0;

	for (try = 0; try < TRIES && reached < ENOUGH; try++) {
		scene_open(&scene, IOASID_ALLOC_DEFERRED_FLUSH, deferred[row].with_other, tagged);
		ways[try % ARRAY_SIZE(ways)](&scene);
		reached += still_reaches(&scene.first);
		deferred[row].hand(&scene);
		expect_out_of_reach(&scene);
		scene_close(&scene);
	}
	ck_assert_int_eq(reached, ENOUGH);
}

/*
 * With it, the device goes on until one of these, and not after it. The timer may have come first,
 * so it is tried again until it has not.
 */
IOASID_TEST(tlb, deferred, .needs = "mock", TEST_ROWS(deferred))
{
	run_deferred(row, false);
}

IOASID_TEST(tlb, deferred_pasid, .needs = "mock pasid", TEST_ROWS(deferred))
{
	run_deferred(row, true);
}

/* More than may be pending is invalidated before the call returns. */
IOASID_TEST(tlb, too_many, .needs = "mock")
{
	struct scene scene;

	scene_open(&scene, IOASID_ALLOC_DEFERRED_FLUSH, true, false);
	map_many(&scene, 4096);
	unmap_all(&scene);
	ck_assert_uint_eq(mock_stats().unmapped_unsynced, 0);
	expect_out_of_reach(&scene);
	scene_close(&scene);
}

/* Whoever has something pending is killed. */
IOASID_TEST(tlb, killed, .needs = "mock")
{
	struct gate ready;
	struct mock mock;
	char *page, byte = 0x33;
	pid_t pid;
	int i;

	gate_init(&ready);
	mock_open_node(&mock, MOCK_0);
	for (i = 0; i < 10; i++) {
		page = pages_new(1);
		pid = child_fork();
		if (!pid) {
			struct mock_rig rig;

			mock_rig_open(&rig, MOCK_0, IOASID_ALLOC_DEFERRED_FLUSH);
			mock_map(&rig, AT, page, PAGE);
			ck_assert(mock_writes(&rig.mock, AT, page));
			mock_map(&rig, 2 * AT, page, PAGE);
			ck_assert(mock_writes(&rig.mock, 2 * AT, page));
			gate_open(&ready);
			mock_unmap(&rig, AT, PAGE);
			for (;;)
				pause();
		}
		gate_wait(&ready);
		usleep(chance(3000));
		kill(pid, SIGKILL);
		child_join_killed(pid);
		memset(page, 0x5a, PAGE);
		ck_assert(!mock_store(&mock, AT, &byte, 1));
		ck_assert(!mock_store(&mock, 2 * AT, &byte, 1));
		ck_assert(mem_is(page, PAGE, 0x5a));
		munmap(page, PAGE);
	}
}

/* So few IOVAs that the search for free ones soon starts over. */
IOASID_TEST(tlb, roll_over, .needs = "mock")
{
	const struct mock_add_device add = {
		.sibling = MOCK_NO_DEVICE,
		.region_type = MOCK_REGION_RESERVED,
		.region_start = 64 * PAGE,
		.region_length = (1ull << 48) - 64 * PAGE,
	};
	uint64_t iova, before = 0;
	struct mock_rig rig;
	unsigned int i, rounds = 0;
	char *page, byte = 0x44;

	mock_rig_open(&rig, mock_add(add), IOASID_ALLOC_DEFERRED_FLUSH);
	for (i = 0; i < 500; i++) {
		page = pages_new(1);
		iova = ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW, .user_va = va(page),
			      .length = PAGE)
			       .out_iova;
		rounds += iova < before;
		before = iova;
		ck_assert(mock_writes(&rig.mock, iova, page));
		mock_unmap(&rig, iova, PAGE);
		mock_store(&rig.mock, iova, &byte, 1);
		munmap(page, PAGE);
	}
	ck_assert_uint_gt(rounds, 1);
}

/* What a map that failed had mapped so far, the device has seen already. */
static const struct {
	struct test_row row;
	uint32_t alloc_flags;
	unsigned int pages;
	bool copy;
} aborted[] = {
	{ { "short map", "" }, 0, 30, false },
	{ { "long map", "" }, 0, 3000, false },
	{ { "long map, deferred", "" }, IOASID_ALLOC_DEFERRED_FLUSH, 3000, false },
	{ { "copy", "" }, 0, 3000, true },
};

IOASID_TEST(tlb, aborted, .needs = "mock", TEST_ROWS(aborted))
{
	unsigned int nr = aborted[row].pages, calls;
	char *pages = mem_scattered(nr);
	struct mock_job_status status;
	struct mock_rig rig;
	uint32_t job;

	mock_rig_open(&rig, MOCK_0, aborted[row].alloc_flags);
	calls = mock_stats().map;
	mock_map(&rig, 2 * AT, pages, nr * PAGE);
	calls = mock_stats().map - calls;
	ck_assert_uint_gt(calls, nr * 3 / 4);
	if (!aborted[row].copy) {
		mock_unmap(&rig, 2 * AT, nr * PAGE);
		ok_sync(rig.ctx, .ioasid = rig.ioasid);
	}
	job = mock_start(&rig.mock, AT, 200);
	/* Of a long map several parts are done by then. */
	mock_inject((struct mock_inject){
		.call = MOCK_CALL_MAP, .nth = calls - 2, .error = ENOMEM, .delay_ms = 50 });
	if (aborted[row].copy)
		err_copy(ENOMEM, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
			 .from_ioasid = rig.ioasid, .from_iova = 2 * AT, .length = nr * PAGE,
			 .iova = AT);
	else
		err_map(ENOMEM, rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED,
			.user_va = va(pages), .length = nr * PAGE, .iova = AT);
	ck_assert_uint_eq(mock_stats().unmapped_unsynced, 0);
	memset(pages, 0x5a, PAGE);
	mock_wait_faults(&rig.mock, job, 3);
	ck_assert(mem_is(pages, PAGE, 0x5a));
	munmap(pages, nr * PAGE);
	mock_wait_faults(&rig.mock, job, 3);
	status = mock_stop(&rig.mock, job);
	/* Otherwise it has not seen a thing. */
	ck_assert_uint_gt(status.out_runs, 0);
}

/*
 * How many invalidations it takes.
 */
#define MANY 1000

static const struct {
	struct test_row row;
	uint32_t alloc_flags;
	void (*unmap)(struct scene *scene);
	unsigned int flushes;
} counted[] = {
	{ { "strict, one by one", "" }, 0, unmap_each, NR_MAPPINGS },
	{ { "strict, in one call", "" }, 0, unmap_range, 1 },
	{ { "strict, all", "" }, 0, unmap_all, 1 },
	{ { "strict, batch", "" }, 0, unmap_batch, 1 },
	{ { "free", "" }, 0, hand_free, 1 },
	{ { "deferred, in one call", "" }, IOASID_ALLOC_DEFERRED_FLUSH, unmap_range, 1 },
	{ { "deferred, all", "" }, IOASID_ALLOC_DEFERRED_FLUSH, unmap_all, 1 },
	{ { "deferred, batch of them", "" }, IOASID_ALLOC_DEFERRED_FLUSH, unmap_batch, 1 },
};

/* Exactly so many, for two devices as for one; none for mapping, and none for nothing. */
IOASID_TEST(tlb, count, .needs = "mock", TEST_ROWS(counted))
{
	struct scene scene;

	mock_journal_start();
	scene_open(&scene, counted[row].alloc_flags, true, false);
	map_many(&scene, MANY);
	ok_sync(scene.rig.ctx, .ioasid = scene.rig.ioasid);
	ck_assert_uint_eq(mock_count_flushes(mock_journal()), 0);
	mock_journal_start();
	counted[row].unmap(&scene);
	t_sync(scene.rig.ctx, .ioasid = scene.rig.ioasid);
	t_sync(scene.rig.ctx, .ioasid = scene.rig.ioasid);
	ck_assert_uint_eq(mock_count_flushes(mock_journal()), counted[row].flushes);
	munmap(scene.pages, NR_PAGES * PAGE);
	scene_close(&scene);
}

static void unmap_many_batch(struct scene *scene)
{
	struct ioasid_batch_entry *entry = calloc(MANY, sizeof(*entry));
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		entry[i] = entry_unmap(scene, 0);
		entry[i].length = PAGE;
		entry[i].iova = 4 * AT + i * PAGE;
	}
	run_batch(scene, entry, MANY, 0);
	free(entry);
}

/* A thousand in a batch take one invalidation. */
IOASID_TEST(tlb, count_batch, .needs = "mock")
{
	struct scene scene;

	scene_open(&scene, 0, true, false);
	map_many(&scene, MANY);
	mock_journal_start();
	unmap_many_batch(&scene);
	ck_assert_uint_eq(mock_count(mock_journal(), MOCK_CALL_UNMAP), MANY);
	ck_assert_uint_eq(mock_count_flushes(mock_journal()), 1);
	ck_assert_uint_eq(mock_stats().unmapped_unsynced, 0);
}

/* A thousand unmaps one after the other: the timer's invalidations, as far apart as it says. */
IOASID_TEST(tlb, count_deferred, .needs = "mock")
{
	const struct mock_journal *journal;
	uint64_t before = 0, time;
	struct scene scene;
	int i;

	scene_open(&scene, IOASID_ALLOC_DEFERRED_FLUSH, true, false);
	map_many(&scene, MANY);
	mock_journal_start();
	for (i = 0; i < MANY; i++)
		mock_unmap(&scene.rig, 4 * AT + i * PAGE, PAGE);
	journal = mock_journal();
	ck_assert_uint_eq(mock_count(journal, MOCK_CALL_UNMAP), MANY);
	for (i = mock_find(journal, MOCK_CALL_SYNC, 0); i >= 0;
	     i = mock_find(journal, MOCK_CALL_SYNC, i + 1)) {
		time = journal->event[i].time_ns;
		ck_assert_msg(!before || time - before > TIMER_LEAST_NS, "%llu ns apart",
			      (unsigned long long)(time - before));
		before = time;
	}
	ck_assert_uint_eq(mock_count(journal, MOCK_CALL_FLUSH_ALL), 0);
	mock_journal_start();
	ok_sync(scene.rig.ctx, .ioasid = scene.rig.ioasid);
	ok_sync(scene.rig.ctx, .ioasid = scene.rig.ioasid);
	ck_assert_uint_le(mock_count_flushes(mock_journal()), 1);
	ck_assert_uint_eq(mock_stats().unmapped_unsynced, 0);
}

/*
 * Two devices that never stop, two threads that map and unmap under them, one that takes a device
 * away and gives it back, and a process that uses what is free. Each thread has places of its own,
 * and a device that writes to each.
 */
#define PLACES 4
#define THREADS 2
#define ROUNDS 500

/**
 * struct mapper - a thread that maps and unmaps
 * @rig: shared
 * @mock: the device that writes to its places; files of its own
 * @number: of the thread
 * @deferred: the kind of address space
 * @page: what is mapped where, or NULL
 * @job: of the device
 */
struct mapper {
	const struct mock_rig *rig;
	struct mock mock;
	unsigned int number;
	bool deferred;
	volatile uint64_t *page[PLACES];
	uint32_t job[PLACES];
};

static uint64_t place(const struct mapper *mapper, unsigned int i)
{
	return AT + (mapper->number * PLACES + i) * PAGE;
}

static void mapper_map(struct mapper *mapper, unsigned int i)
{
	mapper->page[i] = (uint64_t *)pages_new(1);
	mock_map(mapper->rig, place(mapper, i), (void *)mapper->page[i], PAGE);
	if (!chance(4))
		mock_wait_runs(&mapper->mock, mapper->job[i], 1);
}

/* Once it is out of reach nothing changes; then the page goes. Deferred, it may go before. */
static void mapper_unmap(struct mapper *mapper, unsigned int i)
{
	volatile uint64_t *page = mapper->page[i];
	bool sync = chance(2);
	uint64_t value;

	mock_unmap(mapper->rig, place(mapper, i), PAGE);
	if (mapper->deferred && sync)
		ok_sync(mapper->rig->ctx, .ioasid = mapper->rig->ioasid);
	if (!mapper->deferred || sync) {
		value = *page;
		usleep(chance(500));
		ck_assert_uint_eq(*page, value);
	}
	munmap((void *)page, PAGE);
	mapper->page[i] = NULL;
}

static void *mapper_run(void *argument)
{
	struct mapper *mapper = argument;
	unsigned int i, round;

	for (round = 0; round < rounds(ROUNDS); round++) {
		i = chance(PLACES);
		if (mapper->page[i])
			mapper_unmap(mapper, i);
		else
			mapper_map(mapper, i);
	}
	for (i = 0; i < PLACES; i++)
		if (mapper->page[i])
			mapper_unmap(mapper, i);
	return NULL;
}

static void mapper_start(struct mapper *mapper, const struct mock_rig *rig, unsigned int number,
			 bool deferred)
{
	unsigned int i;

	*mapper = (struct mapper){ .rig = rig, .number = number, .deferred = deferred };
	mock_open_node(&mapper->mock, number ? MOCK_1 : MOCK_0);
	for (i = 0; i < PLACES; i++)
		mapper->job[i] = mock_start(&mapper->mock, place(mapper, i), 300);
}

static volatile bool stop;

/* Both devices come and go; the mappers do not notice. */
static void *switcher_run(void *argument)
{
	struct mock_rig *rig = argument;

	while (!stop) {
		usleep(3000 + chance(10000));
		ok_disallow(rig->mock.fd, .ioasid = rig->ioasid);
		ok_allow(rig->mock.fd, .ioasid = rig->ioasid);
	}
	return NULL;
}

static uint64_t free_memory(void)
{
	unsigned long long kib = 0;
	char line[200];
	FILE *f = fopen("/proc/meminfo", "re");

	test_require(f, "/proc/meminfo: %m");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	fclose(f);
	return kib * KiB;
}

/* Takes nearly everything, looks whether it stays its own, and lets it go; for ever. */
static void __attribute__((noreturn)) use_memory(void)
{
	uint64_t keep = 128 * MiB, length, i;
	uint64_t *memory;

	for (;;) {
		length = free_memory();
		length = length > keep + MiB ? length - keep : MiB;
		memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);
		ck_assert(memory != MAP_FAILED);
		for (i = 0; i < length / 8; i += 64)
			memory[i] = ~i;
		for (i = 0; i < length / 8; i += 64)
			ck_assert_uint_eq(memory[i], ~i);
		munmap(memory, length);
	}
}

static const struct {
	struct test_row row;
	uint32_t alloc_flags;
	bool pressure;
} storms[] = {
	{ { "strict", "" }, 0, false },
	{ { "deferred", "" }, IOASID_ALLOC_DEFERRED_FLUSH, false },
	{ { "strict, under memory pressure", "" }, 0, true },
	{ { "deferred, under memory pressure", "" }, IOASID_ALLOC_DEFERRED_FLUSH, true },
};

IOASID_TEST(tlb, storm, .needs = "mock", TEST_ROWS(storms), .timeout = 240)
{
	pthread_t thread[THREADS], switcher;
	struct mapper mapper[THREADS];
	struct mock_rig rig;
	struct mock other;
	pid_t pid = 0;
	int i;

	mock_set_options(MOCK_OPTION_SLOW);
	mock_rig_open(&rig, MOCK_0, storms[row].alloc_flags);
	mock_open(&other, MOCK_1);
	ok_bind(other.fd, .context_fd = rig.ctx);
	ok_allow(other.fd, .ioasid = rig.ioasid);
	if (storms[row].pressure) {
		pid = child_fork();
		if (!pid)
			use_memory();
	}
	for (i = 0; i < THREADS; i++)
		mapper_start(&mapper[i], &rig, i, storms[row].alloc_flags);
	for (i = 0; i < THREADS; i++)
		ck_assert(!pthread_create(&thread[i], NULL, mapper_run, &mapper[i]));
	ck_assert(!pthread_create(&switcher, NULL, switcher_run, &rig));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	stop = true;
	pthread_join(switcher, NULL);
	if (pid) {
		kill(pid, SIGKILL);
		child_join_killed(pid);
	}
	ok_sync(rig.ctx, .ioasid = rig.ioasid);
	ck_assert_uint_eq(mock_stats().unmapped_unsynced, 0);
	ck_assert_uint_eq(mock_stats().live_leaves, 0);
}
