// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU that does not unmap what it is told to. The modules say so, and the pages, which a
 * device may still reach, stay pinned and charged for ever, whatever else is given up: nobody else
 * is given them. Only what is stuck stays.
 *
 * The modules are the test build (lib/faults.h), where a warning can be counted. In the end the
 * test itself unpins what they never will.
 */
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "call.h"
#include "faults.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "physical.h"
#include "test.h"

#define AT 0x10000000ull
#define ELSEWHERE 0x20000000ull
#define PAGES 20

/* Whose limit is not missed afterwards. */
#define NOBODY 4242

#define KMEMLEAK "/sys/kernel/debug/kmemleak"

/**
 * struct scene - a device and two address spaces, the first of which it is allowed
 * @ctx: the context
 * @id: the first
 * @other: the second
 * @mock: the device
 * @memory: PAGES pages
 * @healthy: a page of its own, mapped in the first at ELSEWHERE
 */
struct scene {
	int ctx;
	uint32_t id;
	uint32_t other;
	struct mock mock;
	char *memory;
	char *healthy;
};

/**
 * struct way - how pages get stuck
 * @name: for people
 * @act: do it; afterwards nothing of @memory is mapped by an address space
 * @reached: of @memory, pages the device may still reach at AT
 */
struct way {
	const char *name;
	void (*act)(struct scene *scene);
	unsigned int reached;
};

static int map_memory(struct scene *scene, uint32_t id, uint64_t iova, unsigned int pages)
{
	return t_map(scene->ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(scene->memory),
		     .length = pages * PAGE, .iova = iova);
}

static void refuse_unmaps(void)
{
	mock_inject((struct mock_inject){
		.call = MOCK_CALL_UNMAP, .nth = 1, .count = 1000, .error = EIO });
}

static void refuse_none(void)
{
	mock_inject((struct mock_inject){ .call = MOCK_CALL_UNMAP });
	mock_inject((struct mock_inject){ .call = MOCK_CALL_MAP });
}

static void unmap_one(struct scene *scene)
{
	ck_assert_int_eq(map_memory(scene, scene->id, AT, 1), 0);
	refuse_unmaps();
	ok_unmap(scene->ctx, .ioasid = scene->id, .iova = AT, .length = PAGE);
}

static void unmap_many(struct scene *scene)
{
	ck_assert_int_eq(map_memory(scene, scene->id, AT, PAGES), 0);
	refuse_unmaps();
	ok_unmap(scene->ctx, .ioasid = scene->id, .iova = AT, .length = PAGES * PAGE);
}

/* A chunk that fails near its end, and cannot be taken back. */
static void map_chunk(struct scene *scene)
{
	mock_fail(MOCK_CALL_MAP, PAGES / 2, EIO);
	refuse_unmaps();
	ck_assert_int_eq(map_memory(scene, scene->id, AT, PAGES), -EIO);
}

/* The same of a copy: it is the source's pages that are stuck, and they are when it goes. */
static void copy_chunk(struct scene *scene)
{
	ck_assert_int_eq(map_memory(scene, scene->other, AT, PAGES), 0);
	mock_fail(MOCK_CALL_MAP, PAGES / 2, EIO);
	refuse_unmaps();
	err_copy(EIO, scene->ctx, .ioasid = scene->id, .from_ioasid = scene->other,
		 .flags = RW | FIXED, .from_iova = AT, .length = PAGES * PAGE, .iova = AT);
	ok_unmap(scene->ctx, .ioasid = scene->other, .flags = IOASID_UNMAP_ALL);
}

static void free_all(struct scene *scene)
{
	ck_assert_int_eq(map_memory(scene, scene->id, AT, PAGES), 0);
	/* What is at ELSEWHERE goes at the same time, and is not refused. */
	ok_unmap(scene->ctx, .ioasid = scene->id, .iova = ELSEWHERE, .length = PAGE);
	refuse_unmaps();
	ok_free(scene->ctx, .ioasid = scene->id);
}

static const struct way ways[] = {
	{ "an unmap of a page", unmap_one, 1 },
	{ "an unmap", unmap_many, PAGES },
	{ "a map that fails", map_chunk, PAGES / 2 - 1 },
	{ "a copy that fails", copy_chunk, PAGES / 2 - 1 },
	{ "a free", free_all, PAGES },
};

static void set(struct scene *scene)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	ck_assert(!setrlimit(RLIMIT_MEMLOCK, &none));
	scene->memory = mem_scattered(PAGES);
	scene->healthy = mem_new(PAGE);
	scene->ctx = context_open();
	scene->id = ioasid_new(scene->ctx);
	scene->other = ioasid_new(scene->ctx);
	mock_open(&scene->mock, MOCK_0);
	ok_bind(scene->mock.fd, .context_fd = scene->ctx);
	ok_allow(scene->mock.fd, .ioasid = scene->id);
	ok_map(scene->ctx, .ioasid = scene->id, .flags = RW | FIXED, .user_va = va(scene->healthy),
	       .length = PAGE, .iova = ELSEWHERE);
}

/* Is what the device still reaches the memory that it was given? It could be somebody else's. */
static void reaches_its_own(struct scene *scene, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++)
		ck_assert_msg(mock_writes(&scene->mock, AT + i * PAGE, scene->memory + i * PAGE),
			      "page %u", i);
}

static void forgive_mock(void)
{
	int control = open("/dev/ioasid-mock/control", O_RDWR | O_CLOEXEC);

	ck_assert(!ioctl(control, MOCK_CLEAR, MOCK_CLEAR_VIOLATIONS));
	close(control);
}

static void stick(const void *arg)
{
	const struct way *way = arg;
	unsigned int pages = way->act == unmap_one ? 1 : PAGES, i;
	struct scene scene;

	/* Who is charged is who it really is. */
	ck_assert(!setreuid(NOBODY, 0));
	set(&scene);
	ck_assert_int_eq(pins_now(), 1);
	faults_count_wrong();
	way->act(&scene);
	refuse_none();
	reaches_its_own(&scene, way->reached);
	close(scene.ctx);
	mock_close(&scene.mock);
	ck_assert_msg(faults_end_wrong(), "%s: nobody says anything", way->name);
	ck_assert_msg(pins_settled(pages) == pages, "%s: %lld pages are pinned instead of %u",
		      way->name, (long long)pins_now(), pages);
	ck_assert_msg(vm_pinned(getpid()) == (int64_t)(pages * PAGE), "%s: charged: %lld",
		      way->name, (long long)vm_pinned(getpid()));
	forgive_mock();
	for (i = 0; i < pages; i++)
		faults_unpin(physical_of(scene.memory + i * PAGE));
	ck_assert_int_eq(pins_now(), 0);
}

IOASID_TEST(stuck, stays_pinned_and_charged, .needs = "mock", .timeout = 300)
{
	/* It would be right. */
	if (!access(KMEMLEAK, F_OK))
		return;
	faults_run(stick, ways, ARRAY_SIZE(ways), sizeof(ways[0]));
}
