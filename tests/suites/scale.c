// SPDX-License-Identifier: GPL-2.0-only
/* As many mappings as a busy user may have: none is lost, and none is left. */
#include <pthread.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
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
