// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of every kind that the workloads map, and what the kernel uses itself, see bench.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

/* A generator of its own: the order must be the same in every run. */
static uint32_t next_random(void)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static void *map_anonymous(size_t bytes, int flags)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

/* Pages are handed out in the order of their first use. */
void *memory_scattered(size_t bytes)
{
	size_t i, j, n = bytes / PAGE;
	volatile char *p = map_anonymous(bytes, 0);
	uint32_t *order = malloc(n * sizeof(*order));

	if (!p || !order || madvise((void *)p, bytes, MADV_NOHUGEPAGE))
		die("no memory");
	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		uint32_t swap = order[i];

		j = next_random() % (i + 1);
		order[i] = order[j];
		order[j] = swap;
	}
	for (i = 0; i < n; i++)
		p[order[i] * PAGE] = 1;
	free(order);
	return (void *)p;
}

static uint64_t field(const char *path, const char *name)
{
	size_t length = strlen(name);
	unsigned long long kib = 0;
	char line[200];
	FILE *f = fopen(path, "r");

	if (!f)
		die("no %s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, length) && line[length] == ':')
			sscanf(line + length + 1, "%llu", &kib);
	fclose(f);
	return kib << 10;
}

void *memory_thp(size_t bytes)
{
	uint64_t before = field("/proc/meminfo", "AnonHugePages"), have;
	char *p = map_anonymous(bytes + HUGE, 0);
	size_t i;

	if (!p)
		die("no memory");
	/* memory_free() leaves the part before and after it: address space only. */
	p = (char *)(((uintptr_t)p + HUGE - 1) / HUGE * HUGE);
	madvise(p, bytes, MADV_HUGEPAGE);
	for (i = 0; i < bytes; i += PAGE)
		p[i] = 1;
	have = field("/proc/meminfo", "AnonHugePages") - before;
	if (have < bytes)
		die("only %llu of %zu bytes are huge pages", (unsigned long long)have, bytes);
	return p;
}

void *memory_hugetlb(size_t bytes)
{
	char *p = map_anonymous(bytes, MAP_HUGETLB);

	if (p)
		memset(p, 1, bytes);
	return p;
}

void memory_free(void *memory, size_t bytes)
{
	munmap(memory, bytes);
}

static void drop_caches(void)
{
	FILE *f = fopen("/proc/sys/vm/drop_caches", "w");

	if (!f)
		return;
	fputs("3", f);
	fclose(f);
}

/* SecPageTables counts the page tables of IOMMUs too, on kernels that have it. */
void memory_kernel(struct kernel_memory *memory)
{
	drop_caches();
	memory->slab = field("/proc/meminfo", "SUnreclaim");
	memory->free = field("/proc/meminfo", "MemFree");
	memory->iommu_tables = field("/proc/meminfo", "SecPageTables");
}
