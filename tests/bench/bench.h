/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the benchmark share. Runs in the guest of `make bench`, where one nanosecond of
 * guest time is one instruction: costs are counts of instructions, the same on every machine.
 */
#ifndef IOASID_BENCH_H
#define IOASID_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096ul
#define HUGE (2ul << 20)
#define MIB (1ul << 20)

#define DEVICE "0000:00:05.0"

/**
 * struct backend - one way to map memory for the device
 * @name: column of the table
 * @open: take the device; the address space is empty and attached afterwards
 * @close: give it back
 * @empty: the cheapest ioctl on the same file
 * @map: make memory visible at an IOVA
 * @unmap: take it away; nothing reaches it afterwards
 * @map_any: the same at an IOVA that the kernel chooses; may be NULL
 * @defer: from now on unmap() may be completed later; may be NULL
 * @sync: complete what was put off; may be NULL
 * @map_batch: @nr pages in one call, each its own mapping; may be NULL
 * @unmap_batch: the reverse; may be NULL
 * @max_mappings: limit, 0 if memory is the limit
 *
 * All return 0 or -errno; -EOPNOTSUPP says that it has no such thing.
 */
struct backend {
	const char *name;
	int (*open)(void);
	void (*close)(void);
	int (*empty)(void);
	int (*map)(void *va, uint64_t iova, uint64_t length);
	int (*unmap)(uint64_t iova, uint64_t length);
	int (*map_any)(void *va, uint64_t length, uint64_t *iova);
	int (*defer)(void);
	int (*sync)(void);
	int (*map_batch)(void *va, uint64_t iova, unsigned int nr);
	int (*unmap_batch)(uint64_t iova, unsigned int nr);
	unsigned long max_mappings;
};

extern const struct backend backend_type1;
extern const struct backend backend_floor;
extern const struct backend backend_ioasidfd;

/* Load the modules and let them have these devices; the reverse. */
void stub_load(const char *const *devices, unsigned int nr);
void stub_unload(const char *const *devices, unsigned int nr);

/* ---- report.c: time, statistics, results, markers ---- */

static inline uint64_t now(void)
{
	return __builtin_ia32_rdtsc();
}

/**
 * struct series - repeated measurements of one thing
 * @nr: how many
 * @value: instructions
 */
#define SERIES_MAX 256
struct series {
	unsigned int nr;
	uint64_t value[SERIES_MAX];
};

void series_add(struct series *series, uint64_t value);

/* Prints a line of results: "cost WORKLOAD BACKEND MIN MEDIAN", divided by @per. */
void report(const struct backend *backend, const char *workload, const struct series *series,
	    double per);
void report_value(const char *kind, const struct backend *backend, const char *workload,
		  double value);
void report_missing(const struct backend *backend, const char *workload);

/* Everything that follows is counted for this workload, by the emulator; "" ends it. */
void count_begin(const struct backend *backend, const char *workload, unsigned int operations);
void count_end(void);

/* The emulator's tracer, if there is one, records what is between the two. */
void trace_begin(void);
void trace_end(void);

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);

/* 0, or ends the program. */
#define must(call)                                            \
	do {                                                  \
		int must_rc = (call);                         \
		if (must_rc)                                  \
			die("%s: error %d", #call, -must_rc); \
	} while (0)

/* ---- memory.c ---- */

void memory_init(void);

/* Small pages whose physical order has nothing to do with their virtual one. */
void *memory_scattered(size_t bytes);
/* Transparent huge pages, all of them. */
void *memory_thp(size_t bytes);
/* hugetlbfs; NULL if there are none. */
void *memory_hugetlb(size_t bytes);
void memory_free(void *memory, size_t bytes);

/* Kernel memory that is not given back on demand: bytes of slabs, and of page tables of IOMMUs. */
struct kernel_memory {
	uint64_t slab;
	uint64_t free;
	uint64_t iommu_tables;
};
void memory_kernel(struct kernel_memory *memory);

/* ---- workloads.c ---- */

void run_workloads(const struct backend *backend);
void run_counts(const struct backend *backend);
void run_trace(const struct backend *backend, char *workloads);
void run_memory(const struct backend *backend);

/* ---- scaling.c ---- */

void run_scaling(void);

#endif
