// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is measured, the same code for every backend, see bench.h.
 *
 * Every call is measured on its own, from rdtsc to rdtsc; nothing is subtracted. Interrupts fall
 * into some of the measurements: the minimum and the median do not see them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* Clear of the interrupt window below 4 GiB. */
#define BASE (4ul << 30)
#define REPEATS 200
#define FEW_REPEATS 7
#define WARM_UP 8
#define BATCH 64

static void name2(char *out, const char *verb, const char *what)
{
	snprintf(out, 64, "%s-%s", verb, what);
}

static void measure_empty(const struct backend *backend)
{
	struct series series = {};
	unsigned int i;
	uint64_t t;

	for (i = 0; i < REPEATS + WARM_UP; i++) {
		t = now();
		must(backend->empty());
		t = now() - t;
		if (i >= WARM_UP)
			series_add(&series, t);
	}
	report(backend, "empty", &series, 1);
}

/* map and unmap of one piece of memory, again and again. */
static void measure_pair(const struct backend *backend, const char *what, void *memory,
			 size_t bytes, unsigned int repeats)
{
	struct series map = {}, unmap = {};
	char name[64];
	unsigned int i;
	uint64_t t;

	for (i = 0; i < repeats + WARM_UP; i++) {
		t = now();
		must(backend->map(memory, BASE, bytes));
		t = now() - t;
		if (i >= WARM_UP || repeats < WARM_UP)
			series_add(&map, t);
		t = now();
		must(backend->unmap(BASE, bytes));
		t = now() - t;
		if (i >= WARM_UP || repeats < WARM_UP)
			series_add(&unmap, t);
		if (repeats < WARM_UP && i + 1 >= repeats)
			break;
	}
	name2(name, "map", what);
	report(backend, name, &map, 1);
	name2(name, "unmap", what);
	report(backend, name, &unmap, 1);
}

static void measure_any(const struct backend *backend, void *memory)
{
	struct series map = {};
	uint64_t t, iova;
	unsigned int i;

	if (!backend->map_any) {
		report_missing(backend, "map-4k-any");
		return;
	}
	for (i = 0; i < REPEATS + WARM_UP; i++) {
		t = now();
		must(backend->map_any(memory, PAGE, &iova));
		t = now() - t;
		if (i >= WARM_UP)
			series_add(&map, t);
		must(backend->unmap(iova, PAGE));
	}
	report(backend, "map-4k-any", &map, 1);
}

/*
 * The flush that comes once in a while is part of the price: the mean is what counts. A round is
 * over before a timer flushes, which another task would do, at the cost of whatever it interrupts.
 */
static void measure_deferred(const struct backend *backend, void *memory)
{
	struct series unmap = {};
	unsigned int i, j, round = 3500;
	uint64_t t, sum;

	if (!backend->defer || backend->defer() == -EOPNOTSUPP) {
		report_missing(backend, "unmap-4k-deferred");
		return;
	}
	for (j = 0; j < 5; j++) {
		for (i = 0; i < round; i++)
			must(backend->map(memory, BASE + i * PAGE, PAGE));
		sum = 0;
		for (i = 0; i < round; i++) {
			t = now();
			must(backend->unmap(BASE + i * PAGE, PAGE));
			sum += now() - t;
		}
		t = now();
		must(backend->sync());
		series_add(&unmap, sum + now() - t);
	}
	report(backend, "unmap-4k-deferred", &unmap, round);
}

static void measure_batch(const struct backend *backend, void *memory)
{
	struct series map = {}, unmap = {};
	unsigned int i;
	uint64_t t;
	int rc;

	rc = backend->map_batch ? backend->map_batch(memory, BASE, BATCH) : -EOPNOTSUPP;
	if (rc == -EOPNOTSUPP) {
		report_missing(backend, "map-batch-64");
		report_missing(backend, "unmap-batch-64");
		return;
	}
	must(rc);
	must(backend->unmap_batch(BASE, BATCH));
	for (i = 0; i < REPEATS + WARM_UP; i++) {
		t = now();
		must(backend->map_batch(memory, BASE, BATCH));
		t = now() - t;
		if (i >= WARM_UP)
			series_add(&map, t);
		t = now();
		must(backend->unmap_batch(BASE, BATCH));
		t = now() - t;
		if (i >= WARM_UP)
			series_add(&unmap, t);
	}
	report(backend, "map-batch-64", &map, BATCH);
	report(backend, "unmap-batch-64", &unmap, BATCH);
}

static uint32_t pick(uint32_t below)
{
	static uint32_t state = 88172645u;

	state = state * 1664525u + 1013904223u;
	return ((uint64_t)state * below) >> 32;
}

/* So many mappings of one page each, from BASE on, of a few pages again and again. */
#define POOL 256
static void grow(const struct backend *backend, char *pool, unsigned long from, unsigned long to)
{
	unsigned long i;

	for (i = from; i < to; i++)
		must(backend->map(pool + i % POOL * PAGE, BASE + i * PAGE, PAGE));
}

static void shrink(const struct backend *backend, unsigned long count)
{
	unsigned long i;

	for (i = 0; i < count; i++)
		must(backend->unmap(BASE + i * PAGE, PAGE));
}

static void measure_churn_at(const struct backend *backend, char *pool, unsigned long present)
{
	struct series series = {};
	unsigned long where;
	unsigned int i;
	char name[64];
	uint64_t t;

	if (!present)
		must(backend->map(pool, BASE, PAGE));
	for (i = 0; i < REPEATS + WARM_UP; i++) {
		where = present ? pick(present) : 0;
		t = now();
		must(backend->unmap(BASE + where * PAGE, PAGE));
		must(backend->map(pool + where % POOL * PAGE, BASE + where * PAGE, PAGE));
		t = now() - t;
		if (i >= WARM_UP)
			series_add(&series, t);
	}
	if (!present)
		must(backend->unmap(BASE, PAGE));
	snprintf(name, sizeof(name), "churn-%lu", present);
	report(backend, name, &series, 1);
}

static const unsigned long churn_sizes[] = {
	0, 16, 256, 4096, 16384, 65535, 262144, 1048576,
};

static void measure_churn(const struct backend *backend, char *pool)
{
	unsigned long present = 0;
	unsigned int i;
	char name[64];

	for (i = 0; i < sizeof(churn_sizes) / sizeof(*churn_sizes); i++) {
		if (backend->max_mappings && churn_sizes[i] > backend->max_mappings) {
			snprintf(name, sizeof(name), "churn-%lu", churn_sizes[i]);
			report_missing(backend, name);
			continue;
		}
		grow(backend, pool, present, churn_sizes[i]);
		present = churn_sizes[i];
		measure_churn_at(backend, pool, present);
	}
	/* One call takes all, where the backend can. */
	if (backend->unmap(BASE, present * PAGE))
		shrink(backend, present);
}

static void measure_big(const struct backend *backend)
{
	void *memory = memory_thp(256 * MIB);

	measure_pair(backend, "2m", memory, HUGE, REPEATS);
	measure_pair(backend, "256m-thp", memory, 256 * MIB, FEW_REPEATS);
	memory_free(memory, 256 * MIB);

	memory = memory_hugetlb(256 * MIB);
	if (memory) {
		measure_pair(backend, "256m-hugetlb", memory, 256 * MIB, FEW_REPEATS);
		memory_free(memory, 256 * MIB);
	} else {
		report_missing(backend, "map-256m-hugetlb");
		report_missing(backend, "unmap-256m-hugetlb");
	}

	memory = memory_scattered(64 * MIB);
	measure_pair(backend, "64m-scattered", memory, 64 * MIB, FEW_REPEATS);
	memory_free(memory, 64 * MIB);
}

void run_workloads(const struct backend *backend)
{
	char *pool = memory_scattered(POOL * PAGE);

	must(backend->open());
	measure_empty(backend);
	measure_pair(backend, "4k", pool, PAGE, REPEATS);
	measure_batch(backend, pool);
	measure_big(backend);
	measure_churn(backend, pool);
	/* These change how the address space works, for all that comes after them. */
	measure_any(backend, pool);
	measure_deferred(backend, pool);
	backend->close();
	memory_free(pool, POOL * PAGE);
}

/* ---- invalidations, which the emulator counts ---- */

static void count_unmaps(const struct backend *backend, const char *workload, void *memory,
			 size_t bytes, unsigned int times)
{
	unsigned int i;

	for (i = 0; i < times; i++)
		must(backend->map((char *)memory, BASE + i * bytes, bytes));
	count_begin(backend, workload, times);
	for (i = 0; i < times; i++)
		must(backend->unmap(BASE + i * bytes, bytes));
	count_end();
}

static void count_deferred(const struct backend *backend, void *memory)
{
	if (!backend->defer || backend->defer() == -EOPNOTSUPP)
		return;
	count_unmaps(backend, "unmap-4k-deferred", memory, PAGE, 4096);
	must(backend->sync());
}

static void count_batch(const struct backend *backend, void *memory)
{
	if (!backend->map_batch || backend->map_batch(memory, BASE, BATCH) == -EOPNOTSUPP)
		return;
	count_begin(backend, "unmap-batch-64", 1);
	must(backend->unmap_batch(BASE, BATCH));
	count_end();
}

/* One call that takes many mappings away. */
static void count_range(const struct backend *backend, char *pool)
{
	grow(backend, pool, 0, 1024);
	count_begin(backend, "unmap-range-1024", 1);
	if (backend->unmap(BASE, 1024 * PAGE))
		shrink(backend, 1024);
	count_end();
}

void run_counts(const struct backend *backend)
{
	char *pool = memory_scattered(POOL * PAGE);
	void *huge = memory_thp(256 * MIB);
	void *scattered = memory_scattered(64 * MIB);

	must(backend->open());
	/* Page tables are there from now on: making them is no part of it. */
	must(backend->map(scattered, BASE, 64 * MIB));
	must(backend->unmap(BASE, 64 * MIB));
	must(backend->map(pool, BASE, PAGE));
	count_begin(backend, "map-4k", 64);
	grow(backend, pool, 1, 65);
	count_end();
	must(backend->unmap(BASE, PAGE));
	if (backend->unmap(BASE + PAGE, 64 * PAGE))
		die("a range of mappings cannot be unmapped");
	count_unmaps(backend, "unmap-4k", pool, PAGE, 64);
	count_batch(backend, pool);
	count_range(backend, pool);
	count_unmaps(backend, "unmap-256m-thp", huge, 256 * MIB, 1);
	count_unmaps(backend, "unmap-64m-scattered", scattered, 64 * MIB, 1);
	/* This changes how the address space works, for all that comes after it. */
	count_deferred(backend, pool);
	backend->close();
	memory_free(pool, POOL * PAGE);
	memory_free(huge, 256 * MIB);
	memory_free(scattered, 64 * MIB);
}

/* ---- kernel memory ---- */

#define MANY 1048576ul

static void measure_memory(const struct backend *backend, const char *what, unsigned long count,
			   const struct kernel_memory *before)
{
	struct kernel_memory after;
	char name[64];

	memory_kernel(&after);
	snprintf(name, sizeof(name), "slab-per-%s", what);
	report_value("memory", backend, name, ((double)after.slab - before->slab) / count);
	snprintf(name, sizeof(name), "total-per-%s", what);
	report_value("memory", backend, name, ((double)before->free - after.free) / count);
	snprintf(name, sizeof(name), "iommu-tables-per-%s", what);
	report_value("memory", backend, name,
		     ((double)after.iommu_tables - before->iommu_tables) / count);
}

/* What a mapping of one page costs, and what a page costs in a mapping of scattered ones. */
void run_memory(const struct backend *backend)
{
	unsigned long many = backend->max_mappings ? backend->max_mappings : MANY;
	char *memory = memory_scattered(256 * MIB);
	struct kernel_memory before;

	must(backend->open());
	/* The page tables that this needs stay until the address space goes: no part of it. */
	must(backend->map(memory, BASE, 256 * MIB));
	must(backend->unmap(BASE, 256 * MIB));
	memory_kernel(&before);
	must(backend->map(memory, BASE, 256 * MIB));
	measure_memory(backend, "scattered-page", 65536, &before);
	must(backend->unmap(BASE, 256 * MIB));

	memory_kernel(&before);
	grow(backend, memory, 0, many);
	measure_memory(backend, "mapping", many, &before);
	if (backend->unmap(BASE, many * PAGE))
		shrink(backend, many);
	backend->close();
	memory_free(memory, 256 * MIB);
}

/* ---- one call, for the tracer ---- */

static void *trace_memory(const char *what, size_t *bytes)
{
	if (!strcmp(what, "256m-thp")) {
		*bytes = 256 * MIB;
		return memory_thp(*bytes);
	}
	if (!strcmp(what, "8m-thp")) {
		*bytes = 8 * MIB;
		return memory_thp(*bytes);
	}
	if (!strcmp(what, "4m-scattered")) {
		*bytes = 4 * MIB;
		return memory_scattered(*bytes);
	}
	if (!strcmp(what, "64m-scattered")) {
		*bytes = 64 * MIB;
		return memory_scattered(*bytes);
	}
	*bytes = PAGE;
	return memory_scattered(*bytes);
}

/* @workload: map-WHAT or unmap-WHAT. */
static void trace_one(const struct backend *backend, const char *workload)
{
	bool map = !strncmp(workload, "map-", 4);
	size_t bytes;
	void *memory = trace_memory(strchr(workload, '-') + 1, &bytes);
	unsigned int i, rounds = bytes > PAGE ? 2 : 20;

	for (i = 0; i < rounds; i++) {
		must(backend->map(memory, BASE, bytes));
		must(backend->unmap(BASE, bytes));
	}
	if (!map)
		must(backend->map(memory, BASE, bytes));
	trace_begin();
	must(map ? backend->map(memory, BASE, bytes) : backend->unmap(BASE, bytes));
	trace_end();
	if (map)
		must(backend->unmap(BASE, bytes));
	memory_free(memory, bytes);
}

/* One unmap and map again among @present others. */
static void trace_churn(const struct backend *backend, unsigned long present)
{
	char *pool = memory_scattered(POOL * PAGE);
	unsigned int i;

	grow(backend, pool, 0, present);
	for (i = 0; i < 50; i++) {
		unsigned long where = pick(present);

		if (i == 49)
			trace_begin();
		must(backend->unmap(BASE + where * PAGE, PAGE));
		must(backend->map(pool + where % POOL * PAGE, BASE + where * PAGE, PAGE));
		if (i == 49)
			trace_end();
	}
	must(backend->unmap(BASE, present * PAGE));
	memory_free(pool, POOL * PAGE);
}

static void trace_batch(const struct backend *backend, bool map)
{
	char *pool = memory_scattered(POOL * PAGE);
	unsigned int i;

	for (i = 0; i < 10; i++) {
		if (map && i == 9)
			trace_begin();
		must(backend->map_batch(pool, BASE, BATCH));
		if (map && i == 9)
			trace_end();
		if (!map && i == 9)
			trace_begin();
		must(backend->unmap_batch(BASE, BATCH));
		if (!map && i == 9)
			trace_end();
	}
	memory_free(pool, POOL * PAGE);
}

/* @workloads: separated by commas. */
void run_trace(const struct backend *backend, char *workloads)
{
	char *workload;

	must(backend->open());
	/* Addresses mean something only while the modules are where they are. */
	if (getenv("BENCH_SYMBOLS"))
		must(system("sed 's/^/sym /' /proc/kallsyms"));
	for (workload = strtok(workloads, ","); workload; workload = strtok(NULL, ",")) {
		if (!strncmp(workload, "churn-", 6))
			trace_churn(backend, strtoul(workload + 6, NULL, 0));
		else if (strstr(workload, "map-batch"))
			trace_batch(backend, *workload == 'm');
		else
			trace_one(backend, workload);
	}
	backend->close();
}
