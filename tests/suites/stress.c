// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls: against a model that knows which pages are mapped, and from two threads at once.
 * IOASIDFD_SEED=N in the environment repeats a run.
 */
#include <pthread.h>
#include <time.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "sysfs.h"
#include "test.h"

#define BASE 0x10000000ull
#define PAGES 256

static uint64_t seed, state;

static void seed_random(void)
{
	const char *given = getenv("IOASIDFD_SEED");
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)t.tv_nsec ^ getpid();
	state = seed * 2 + 1;
}

static uint32_t random_from(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 20;
}

static unsigned int below(unsigned int n)
{
	return random_from(&state) % n;
}

#define check_that(condition)                                                           \
	do {                                                                            \
		if (!(condition))                                                       \
			test_fail("seed %#llx: " #condition, (unsigned long long)seed); \
	} while (0)

/* Number of the mapping that each page belongs to, 0 for none; and what is known of each. */
struct model {
	int page[PAGES];
	int next;
	int mappings;
	int pages;
};

static int ctx;
static uint32_t id;
static char *memory;

static bool free_from_to(const struct model *m, unsigned int from, unsigned int to)
{
	while (from < to)
		if (m->page[from++])
			return false;
	return true;
}

static void random_map(struct model *m)
{
	unsigned int from = below(PAGES), to = from + 1 + below(12);
	struct ioasid_map map = {
		.size = sizeof(map),
		.ioasid = id,
		.flags = RW | FIXED,
		.user_va = va(memory),
		.iova = BASE + from * PAGE,
	};
	unsigned int i;
	int rc;

	if (to > PAGES)
		to = PAGES;
	map.length = (to - from) * PAGE;
	rc = call_map(ctx, &map);
	if (!free_from_to(m, from, to)) {
		check_that(rc == -EEXIST);
		i = (map.out_range.start - BASE) / PAGE;
		check_that(i < PAGES && m->page[i]);
		check_that(i == 0 || m->page[i - 1] != m->page[i]);
		/* It is the first in the way. */
		check_that(i <= from || free_from_to(m, from, i));
		return;
	}
	check_that(rc == 0);
	m->next++;
	m->mappings++;
	m->pages += to - from;
	for (i = from; i < to; i++)
		m->page[i] = m->next;
}

/* Does a border of the range cut a mapping? */
static bool cuts(const struct model *m, unsigned int border)
{
	return border > 0 && border < PAGES && m->page[border] &&
	       m->page[border - 1] == m->page[border];
}

static void random_unmap(struct model *m)
{
	unsigned int from = below(PAGES), to = from + 1 + below(40), i;
	struct ioasid_unmap unmap = {
		.size = sizeof(unmap),
		.ioasid = id,
		.iova = BASE + from * PAGE,
	};
	unsigned int pages = 0;
	int rc;

	if (to > PAGES)
		to = PAGES;
	unmap.length = (to - from) * PAGE;
	rc = call_unmap(ctx, &unmap);
	if (cuts(m, from) || cuts(m, to)) {
		check_that(rc == -EINVAL);
		return;
	}
	if (free_from_to(m, from, to)) {
		check_that(rc == -ENOENT);
		return;
	}
	check_that(rc == 0);
	for (i = from; i < to; i++) {
		if (!m->page[i])
			continue;
		pages++;
		m->mappings -= i + 1 == PAGES || m->page[i + 1] != m->page[i];
		m->page[i] = 0;
	}
	m->pages -= pages;
	check_that(unmap.out_unmapped_bytes == pages * PAGE);
}

static void random_query(const struct model *m)
{
	unsigned int at = below(PAGES), first = at, last = at;
	struct ioasid_query query = {
		.size = sizeof(query),
		.ioasid = id,
		.iova = BASE + at * PAGE + below(PAGE),
	};
	int rc = call_query(ctx, &query);

	check_that(rc == (m->page[at] ? 0 : -ENOENT));
	if (rc)
		return;
	while (first > 0 && m->page[first - 1] == m->page[at])
		first--;
	while (last + 1 < PAGES && m->page[last + 1] == m->page[at])
		last++;
	check_that(query.out_range.start == BASE + first * PAGE);
	check_that(query.out_range.last == BASE + (last + 1) * PAGE - 1);
}

static void random_calls(int count)
{
	static struct model m;
	struct ioasid_info info;
	int i;

	memory = mem_new(16 * PAGE);
	for (i = 0; i < count; i++) {
		switch (below(5)) {
		case 0:
		case 1:
			random_map(&m);
			break;
		case 2:
			random_unmap(&m);
			break;
		default:
			random_query(&m);
		}
		if (i % 64)
			continue;
		info = ok_info(ctx);
		check_that(info.out_mappings == (uint64_t)m.mappings);
		check_that(info.out_mapped_bytes == m.pages * PAGE);
		check_that(vm_pinned(getpid()) == m.pages * (int64_t)PAGE);
	}
	check_that(pins_now() == m.pages);
}

IOASID_TEST(stress, model, .timeout = 120)
{
	seed_random();
	ctx = context_open();
	id = ioasid_new(ctx);
	random_calls(rounds(20000));
}

/* The same with page tables behind it. */
IOASID_TEST(stress, model_with_device, .needs = NEEDS_BIND, .timeout = 180)
{
	struct edu edu;

	seed_random();
	ctx = context_open();
	id = ioasid_new(ctx);
	edu_open(&edu, EDU);
	edu_bind(&edu, ctx);
	ok_allow(edu.fd, .ioasid = id);
	random_calls(rounds(10000));
}

#define ROUNDS 4000

static volatile uint32_t shared_id;
static volatile int unexpected;
static pthread_barrier_t barrier;

/* Threads cannot fail a test: they leave the first errno that must not be. */
static void note(int rc, int allowed_1, int allowed_2, int allowed_3)
{
	if (rc && rc != -allowed_1 && rc != -allowed_2 && rc != -allowed_3)
		unexpected = rc;
}

static void *racing_mapper(void *argument)
{
	uint64_t s = seed + (uintptr_t)argument * 7919 + 1;
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < (int)rounds(ROUNDS); i++) {
		uint64_t iova = BASE + random_from(&s) % 16 * PAGE;

		switch (random_from(&s) % 4) {
		case 0:
		case 1:
			note(t_map(ctx, .ioasid = shared_id, .flags = RW | FIXED,
				   .user_va = va(memory), .length = 4 * PAGE, .iova = iova),
			     EEXIST, ENOENT, ENOENT);
			break;
		case 2:
			note(t_unmap(ctx, .ioasid = shared_id, .iova = iova, .length = 4 * PAGE),
			     EINVAL, ENOENT, ENOENT);
			break;
		default:
			note(t_unmap(ctx, .ioasid = shared_id, .flags = IOASID_UNMAP_ALL), ENOENT,
			     ENOENT, ENOENT);
		}
	}
	return NULL;
}

static void *racing_freer(void *argument __attribute__((unused)))
{
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < (int)rounds(ROUNDS / 4); i++) {
		struct ioasid_alloc alloc = { .size = sizeof(alloc) };
		uint32_t old = shared_id;

		note(call_alloc(ctx, &alloc), 0, 0, 0);
		shared_id = alloc.out_ioasid;
		note(t_free(ctx, .ioasid = old), 0, 0, 0);
	}
	return NULL;
}

static void race(void *(*first)(void *), void *(*second)(void *))
{
	pthread_t thread[2];

	seed_random();
	memory = mem_new(4 * PAGE);
	ctx = context_open();
	shared_id = ioasid_new(ctx);
	pthread_barrier_init(&barrier, NULL, 2);
	ck_assert(!pthread_create(&thread[0], NULL, first, (void *)1));
	ck_assert(!pthread_create(&thread[1], NULL, second, (void *)2));
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	if (unexpected)
		test_fail("seed %#llx: a thread got %s", (unsigned long long)seed,
			  call_errname(-unexpected));
	ck_assert_int_eq(vm_pinned(getpid()), ok_info(ctx).out_mapped_bytes);
	ok_unmap(ctx, .ioasid = shared_id, .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(pins_settled(0), 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
}

IOASID_TEST(stress, two_mappers, .timeout = 120)
{
	race(racing_mapper, racing_mapper);
}

IOASID_TEST(stress, mapper_and_freer, .timeout = 120)
{
	race(racing_mapper, racing_freer);
}

static volatile bool done;
static int device_file;

static void *racing_device(void *argument __attribute__((unused)))
{
	while (!done) {
		uint32_t allowed = shared_id;
		int rc = t_allow(device_file, .ioasid = allowed);

		note(rc, ENOENT, 0, 0);
		if (!rc)
			note(t_disallow(device_file, .ioasid = allowed), 0, 0, 0);
	}
	return NULL;
}

static void race_with_device(void *(*other)(void *))
{
	pthread_t thread;

	device_file = stub_open(EDU);
	seed_random();
	memory = mem_new(4 * PAGE);
	ctx = context_open();
	shared_id = ioasid_new(ctx);
	ok_bind(device_file, .context_fd = ctx);
	pthread_barrier_init(&barrier, NULL, 1);
	ck_assert(!pthread_create(&thread, NULL, racing_device, NULL));
	other((void *)1);
	done = true;
	pthread_join(thread, NULL);
	if (unexpected)
		test_fail("seed %#llx: a thread got %s", (unsigned long long)seed,
			  call_errname(-unexpected));
	ok_unbind(device_file);
	ok_unmap(ctx, .ioasid = shared_id, .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* Attaching and detaching while the page table is filled and emptied. */
IOASID_TEST(stress, mapper_and_device, .needs = NEEDS_BIND, .timeout = 240)
{
	race_with_device(racing_mapper);
}

/* Attaching what is being freed. */
IOASID_TEST(stress, freer_and_device, .needs = NEEDS_BIND, .timeout = 240)
{
	race_with_device(racing_freer);
}
