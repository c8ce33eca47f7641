// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many mappings, address spaces and attachments as a busy user may have: none is lost, and none
 * is left.
 */
#include <pthread.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "mock.h"
#include "oracle.h"
#include "test.h"

#define AT 0x1000000ull
#define MILLION (1u << 20)
#define PER_BATCH 8192
/* The same few pages over and over: each page can be pinned some hundred thousand times only. */
#define PAGES 64

static int ctx;
static char *memory;

/* All numbers below @nr, in an order that has nothing to do with theirs. */
static unsigned int shuffled(unsigned int i, unsigned int nr)
{
	return i * 514229ull % nr;
}

static uint64_t iova_of(unsigned int i, unsigned int nr)
{
	return AT + shuffled(i, nr) * PAGE;
}

static uint64_t page_of(uint64_t iova)
{
	return va(memory) + (iova - AT) / PAGE % PAGES * PAGE;
}

static void batches(uint32_t id, uint32_t op, unsigned int nr)
{
	struct ioasid_batch_entry *entry = calloc(PER_BATCH, sizeof(*entry));
	unsigned int i, done;

	for (done = 0; done < nr; done += PER_BATCH) {
		for (i = 0; i < PER_BATCH; i++) {
			uint64_t iova = iova_of(done + i, nr);

			entry[i] = (struct ioasid_batch_entry){
				.op = op,
				.ioasid = id,
				.flags = op == IOASID_BATCH_MAP ? RW | FIXED : 0,
				.start = op == IOASID_BATCH_MAP ? page_of(iova) : 0,
				.length = PAGE,
				.iova = iova,
			};
		}
		ok_batch(ctx, .entries = va(entry), .num_entries = PER_BATCH,
			 .entry_size = sizeof(*entry));
	}
	free(entry);
}

static void expect_listed(uint32_t id, unsigned int nr)
{
	uint64_t from = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct ioasid_query q =
			ok_query(ctx, .ioasid = id, .flags = IOASID_QUERY_NEXT, .iova = from);

		if (q.out_range.start != AT + i * PAGE || q.out_user_va != page_of(AT + i * PAGE))
			test_fail("mapping %u is at %#llx, from %#llx", i, q.out_range.start,
				  q.out_user_va);
		from = q.out_range.last + 1;
	}
	err_query(ENOENT, ctx, .ioasid = id, .flags = IOASID_QUERY_NEXT, .iova = from);
}

static void expect_mapped(uint64_t pages)
{
	struct ioasid_info info = ok_info(ctx);

	ck_assert_uint_eq(info.out_mappings, pages);
	ck_assert_uint_eq(info.out_mapped_bytes, pages * PAGE);
	ck_assert_int_eq(vm_pinned(getpid()), pages * PAGE);
	ck_assert_int_eq(pins_settled(pages), pages);
}

/* Where nothing else takes long. */
IOASID_TEST(scale, million, .needs = "none", .timeout = 200)
{
	uint32_t id;

	ctx = context_open();
	id = ioasid_new(ctx);
	memory = mem_new(PAGES * PAGE);
	batches(id, IOASID_BATCH_MAP, MILLION);
	expect_mapped(MILLION);
	expect_listed(id, MILLION);
	ck_assert_uint_eq(ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL).out_unmapped_bytes,
			  MILLION * PAGE);
	expect_mapped(0);
}

#define MANY (128 * 1024)

/* A device comes to them, and they go one by one in no order. */
IOASID_TEST(scale, many_for_a_device, .needs = NEEDS_BIND, .timeout = 200)
{
	const uint64_t last = AT + (MANY - 1) * PAGE;
	struct edu edu;
	uint32_t id;

	ctx = context_open();
	id = ioasid_new(ctx);
	memory = mem_new(PAGES * PAGE);
	edu_open(&edu, EDU);
	edu_bind(&edu, ctx);
	batches(id, IOASID_BATCH_MAP, MANY);
	ok_allow(edu.fd, .ioasid = id);
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory), .length = PAGE,
	       .iova = last + PAGE);
	edu.scratch = (unsigned char *)memory;
	mem_fill(memory, EDU_BYTES, 7);
	edu_load(&edu, last + PAGE, EDU_BYTES);
	edu_store(&edu, last, EDU_BYTES);
	ck_assert(mem_has(memory + (PAGES - 1) * PAGE, EDU_BYTES, 7));
	edu_store(&edu, AT + MANY / 2 * PAGE + PAGE, EDU_BYTES);
	ck_assert(mem_has(memory + PAGE, EDU_BYTES, 7));
	batches(id, IOASID_BATCH_UNMAP, MANY);
	memset(memory, 0, PAGE);
	edu_store(&edu, AT, EDU_BYTES);
	ck_assert(mem_is(memory, PAGE, 0));
	expect_mapped(1);
}

static void *fill_and_empty(void *unused)
{
	uint32_t id = ioasid_new(ctx);
	int i;

	for (i = 0; i < 2; i++) {
		batches(id, IOASID_BATCH_MAP, 32 * 1024);
		expect_listed(id, 32 * 1024);
		batches(id, IOASID_BATCH_UNMAP, 32 * 1024);
		ck_assert_str_eq(ioasid_listing(ctx, id), "");
	}
	return unused;
}

/* Two at a time, in IOASIDs of their own. */
IOASID_TEST(scale, two_threads, .timeout = 200)
{
	pthread_t thread[2];
	unsigned int i;

	ctx = context_open();
	memory = mem_new(PAGES * PAGE);
	for (i = 0; i < 2; i++)
		ck_assert(!pthread_create(&thread[i], NULL, fill_and_empty, NULL));
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	expect_mapped(0);
}

/* Memory of the kernel that is in small objects, in bytes. */
static uint64_t slab_bytes(void)
{
	unsigned long long kib = 0;
	char line[200];
	FILE *f = fopen("/proc/meminfo", "re");

	test_require(f, "/proc/meminfo: %m");
	while (fgets(line, sizeof(line), f) && sscanf(line, "Slab: %llu kB", &kib) != 1)
		;
	fclose(f);
	test_require(kib, "/proc/meminfo has no Slab");
	return kib * KiB;
}

#define IOASIDS ((1u << 20) - 1)
#define IDLE_BYTES 256 /* of an IOASID that holds nothing, without the index */
#define INDEX_BYTES 16
#define CGROUP_BYTES 8 /* what a kernel adds to each object once there are memory cgroups */

/* All that one context can have. */
IOASID_TEST(scale, ioasids, .needs = "none", .timeout = 300)
{
	uint64_t before = slab_bytes(), used;
	uint32_t i, first, last = 0;

	ctx = context_open();
	first = ioasid_new(ctx);
	for (i = 1; i < IOASIDS; i++)
		last = ioasid_new(ctx);
	ck_assert_uint_eq(last - first, IOASIDS - 1);
	err_alloc(ENOSPC, ctx);
	used = slab_bytes() - before;
	ck_assert_msg(used / IOASIDS <= IDLE_BYTES + INDEX_BYTES + CGROUP_BYTES,
		      "%llu bytes for an IOASID", (unsigned long long)(used / IOASIDS));
	ck_assert_uint_eq(ok_info(ctx).out_ioasids, IOASIDS);
	ok_free(ctx, .ioasid = first + IOASIDS / 2);
	ck_assert_uint_eq(ioasid_new(ctx), first + IOASIDS / 2);
	err_alloc(ENOSPC, ctx);
}

#define ROUNDS 1500

/* Attaching, replacing and detaching, with a device of its own. */
static void *attach_and_detach(void *arg)
{
	const struct mock *mock = arg;
	const uint32_t a = ioasid_new(ctx), b = ioasid_new(ctx);
	uint32_t pasid;
	int i;

	for (i = 0; i < (int)rounds(ROUNDS); i++) {
		pasid = ok_allow(mock->fd, .ioasid = a, .flags = IOASID_ALLOW_PASID).out_pasid;
		ok_replace(mock->fd, .from_ioasid = a, .ioasid = b, .pasid = pasid,
			   .flags = IOASID_REPLACE_PASID);
		ok_disallow(mock->fd, .ioasid = b, .pasid = pasid, .flags = IOASID_DISALLOW_PASID);
	}
	return arg;
}

IOASID_TEST(scale, attachments, .needs = "mock pasid", .timeout = 200)
{
	struct mock mock[3];
	pthread_t thread[ARRAY_SIZE(mock)];
	uint64_t start = mock_now();
	unsigned int i;

	ctx = context_open();
	for (i = 0; i < ARRAY_SIZE(mock); i++) {
		mock_open(&mock[i], i);
		ok_bind(mock[i].fd, .context_fd = ctx);
	}
	for (i = 0; i < ARRAY_SIZE(mock); i++)
		ck_assert(!pthread_create(&thread[i], NULL, attach_and_detach, &mock[i]));
	for (i = 0; i < ARRAY_SIZE(mock); i++)
		pthread_join(thread[i], NULL);
	printf("# %llu attachments, as many replaced and detached, in %llu ms\n",
	       ARRAY_SIZE(mock) * rounds(ROUNDS) * 1ull,
	       (unsigned long long)(mock_now() - start) / 1000000);
	ck_assert_uint_eq(mock_stats().live_pasids, 0);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
}
