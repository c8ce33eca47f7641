// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page table, see page_table.h.
 */
#include <linux/iommu.h>
#include <linux/sched.h>

#include "journal.h"
#include "page_table.h"

/*
 * A leaf as the value in the xarray: pfn, size as the number of 9 bit levels above 4K, and these.
 */
#define LEAF_READ BIT(0)
#define LEAF_WRITE BIT(1)
#define LEAF_UNMAPPED BIT(2)
#define LEAF_LEVEL_SHIFT 3
#define LEAF_LEVEL_MASK 3
#define LEAF_PFN_SHIFT 5
#define NUM_LEVELS 3

/* Of markers. */
#define UNMAPPED XA_MARK_0

static void *leaf_make(u64 pfn, unsigned int level, int prot)
{
	unsigned long leaf = pfn << LEAF_PFN_SHIFT | level << LEAF_LEVEL_SHIFT;

	if (prot & IOMMU_READ)
		leaf |= LEAF_READ;
	if (prot & IOMMU_WRITE)
		leaf |= LEAF_WRITE;
	return xa_mk_value(leaf);
}

static unsigned int leaf_level(const void *leaf)
{
	return xa_to_value(leaf) >> LEAF_LEVEL_SHIFT & LEAF_LEVEL_MASK;
}

static unsigned long leaf_pages(const void *leaf)
{
	return 1UL << (9 * leaf_level(leaf));
}

static bool leaf_is_mapped(const void *leaf)
{
	return leaf && !(xa_to_value(leaf) & LEAF_UNMAPPED);
}

/* The leaf that covers a page, and its first page. A mapped one is preferred to a marker. */
static void *find_leaf(const struct page_table *table, unsigned long page, unsigned long *first)
{
	void *leaf, *marker = NULL;
	unsigned int level;

	for (level = 0; level < NUM_LEVELS; level++) {
		unsigned long start = page & ~((1UL << (9 * level)) - 1);

		leaf = xa_load((struct xarray *)&table->leaves, start);
		if (!leaf || leaf_level(leaf) != level)
			continue;
		if (leaf_is_mapped(leaf)) {
			*first = start;
			return leaf;
		}
		if (!marker) {
			*first = start;
			marker = leaf;
		}
	}
	return marker;
}

void page_table_init(struct page_table *table)
{
	xa_init_flags(&table->leaves, XA_FLAGS_LOCK_BH);
}

unsigned long page_table_destroy(struct page_table *table)
{
	unsigned long page, nr = 0;
	void *leaf;

	xa_for_each(&table->leaves, page, leaf) {
		if (leaf_is_mapped(leaf))
			nr++;
		else
			uncount(unmapped_unsynced);
	}
	count_by(live_leaves, -(long)nr);
	xa_destroy(&table->leaves);
	return nr;
}

/* What is in the way is reported. Markers inside the range make room. */
static int make_room(struct page_table *table, unsigned long first, unsigned long last)
{
	unsigned long page, start;
	void *leaf = find_leaf(table, first, &start);

	if (leaf_is_mapped(leaf))
		goto overlap;
	if (leaf && start < first)
		report_violation("IOVA %#llx mapped before its invalidation",
				 (u64)first << PAGE_SHIFT);
	xa_for_each_range(&table->leaves, page, leaf, first, last) {
		if (leaf_is_mapped(leaf))
			goto overlap;
		report_violation("IOVA %#llx mapped before its invalidation",
				 (u64)page << PAGE_SHIFT);
		xa_erase_bh(&table->leaves, page);
		uncount(unmapped_unsynced);
	}
	return 0;

overlap:
	report_violation("map of %#llx..%#llx over something mapped", (u64)first << PAGE_SHIFT,
			 ((u64)last << PAGE_SHIFT) + PAGE_SIZE - 1);
	return -EEXIST;
}

static int check_map(u64 iova, u64 paddr, size_t size, size_t nr, int prot, unsigned int *level)
{
	*level = ilog2(size / SZ_4K) / 9;
	if (!nr || !is_power_of_2(size) || !(size & PAGE_TABLE_SIZES)) {
		report_violation("map of %zu leaves of %#zx bytes", nr, size);
		return -EINVAL;
	}
	if (!IS_ALIGNED(iova | paddr, size)) {
		report_violation("map of a leaf of %#zx bytes from %#llx to %#llx", size, iova,
				 paddr);
		return -EINVAL;
	}
	if (iova > PAGE_TABLE_LAST || (PAGE_TABLE_LAST - iova) / size < nr - 1) {
		report_violation("map of %zu * %#zx bytes at %#llx, outside of the aperture", nr,
				 size, iova);
		return -ERANGE;
	}
	if (!(prot & (IOMMU_READ | IOMMU_WRITE))) {
		report_violation("map at %#llx neither to read nor to write", iova);
		return -EINVAL;
	}
	return 0;
}

int page_table_map(struct page_table *table, u64 iova, u64 paddr, size_t size, size_t nr, int prot,
		   gfp_t gfp, size_t *mapped)
{
	unsigned long first = iova >> PAGE_SHIFT, pages = size >> PAGE_SHIFT;
	unsigned int level;
	size_t i;
	int rc;

	rc = check_map(iova, paddr, size, nr, prot, &level);
	if (!rc)
		rc = make_room(table, first, first + nr * pages - 1);
	for (i = 0; i < nr && !rc; i++) {
		void *leaf = leaf_make((paddr >> PAGE_SHIFT) + i * pages, level, prot);

		rc = xa_insert_bh(&table->leaves, first + i * pages, leaf, gfp);
		if (rc)
			break;
		*mapped += size;
		count(live_leaves);
		if (gfpflags_allow_blocking(gfp) && i % 1024 == 1023)
			cond_resched();
	}
	if (rc == -EBUSY)
		report_violation("two maps of %#llx at the same time", iova + i * size);
	return rc;
}

static void remove_leaf(struct page_table *table, unsigned long page, void *leaf, bool keep_marker)
{
	xa_lock_bh(&table->leaves);
	if (keep_marker) {
		__xa_store(&table->leaves, page, xa_mk_value(xa_to_value(leaf) | LEAF_UNMAPPED),
			   GFP_ATOMIC);
		__xa_set_mark(&table->leaves, page, UNMAPPED);
		count(unmapped_unsynced);
	} else {
		__xa_erase(&table->leaves, page);
	}
	xa_unlock_bh(&table->leaves);
	uncount(live_leaves);
}

u64 page_table_unmap(struct page_table *table, u64 iova, u64 size, bool keep_markers)
{
	unsigned long page, start, end = (iova + size) >> PAGE_SHIFT;
	void *leaf;

	for (page = iova >> PAGE_SHIFT; page < end; page += leaf_pages(leaf)) {
		leaf = find_leaf(table, page, &start);
		if (!leaf_is_mapped(leaf)) {
			report_violation("unmap of %#llx, where nothing is mapped",
					 (u64)page << PAGE_SHIFT);
			break;
		}
		if (start != page || page + leaf_pages(leaf) > end) {
			report_violation("unmap of %#llx + %#llx would cut a leaf at %#llx", iova,
					 size, (u64)start << PAGE_SHIFT);
			break;
		}
		remove_leaf(table, page, leaf, keep_markers);
	}
	return ((u64)page << PAGE_SHIFT) - iova;
}

void page_table_invalidated(struct page_table *table, u64 first, u64 last)
{
	unsigned long page, end = last >> PAGE_SHIFT;
	void *leaf;

	xa_for_each_marked(&table->leaves, page, leaf, UNMAPPED) {
		if (page > end)
			break;
		if (page < first >> PAGE_SHIFT || page + leaf_pages(leaf) - 1 > end)
			continue;
		/* Another invalidation may run at the same time. */
		if (xa_cmpxchg_bh(&table->leaves, page, leaf, NULL, GFP_ATOMIC) == leaf)
			uncount(unmapped_unsynced);
	}
}

bool page_table_walk(const struct page_table *table, u64 iova, struct translation *to)
{
	unsigned long page = iova >> PAGE_SHIFT, start;
	const void *leaf;

	if (iova > PAGE_TABLE_LAST)
		return false;
	leaf = find_leaf(table, page, &start);
	if (!leaf_is_mapped(leaf))
		return false;
	to->pfn = (xa_to_value(leaf) >> LEAF_PFN_SHIFT) + (page - start);
	to->read = xa_to_value(leaf) & LEAF_READ;
	to->write = xa_to_value(leaf) & LEAF_WRITE;
	return true;
}
