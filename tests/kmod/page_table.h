/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page table: leaves of 4 KiB, 2 MiB and 1 GiB, each at a multiple of its size.
 *
 * It is an xarray of leaves by the number of their first page, so that tens of thousands of
 * tables with one page each stay cheap. A leaf that was taken out while a device could have it in
 * its TLB stays as a marker until the range is invalidated; that is how the reuse of an IOVA
 * before its invalidation is noticed.
 *
 * Lookups need no lock. Changes of ranges that overlap must not run at the same time, and are not
 * made in interrupts or with interrupts off.
 */
#ifndef MOCK_PAGE_TABLE_H
#define MOCK_PAGE_TABLE_H

#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/xarray.h>

#define PAGE_TABLE_SIZES (SZ_4K | SZ_2M | SZ_1G)
#define PAGE_TABLE_BITS 48
#define PAGE_TABLE_LAST ((1ULL << PAGE_TABLE_BITS) - 1)

struct page_table {
	struct xarray leaves;
};

/**
 * struct translation - where an IOVA leads
 * @pfn: page
 * @read: may be read
 * @write: may be written
 */
struct translation {
	unsigned long pfn;
	bool read;
	bool write;
};

void page_table_init(struct page_table *table);

/* How many leaves are left, markers not counted. */
unsigned long page_table_destroy(struct page_table *table);

/* @nr leaves of @size each; @mapped is the number of bytes, also after an error. */
int page_table_map(struct page_table *table, u64 iova, u64 paddr, size_t size, size_t nr, int prot,
		   gfp_t gfp, size_t *mapped);

/*
 * Whole leaves from @iova on, up to @size bytes: how many bytes were unmapped. @keep_markers: a
 * device could have them in its TLB.
 */
u64 page_table_unmap(struct page_table *table, u64 iova, u64 size, bool keep_markers);

/* The range was invalidated: markers go. */
void page_table_invalidated(struct page_table *table, u64 first, u64 last);

bool page_table_walk(const struct page_table *table, u64 iova, struct translation *to);

#endif
