/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tables of an Intel IOMMU in scalable mode let a device reach, read as the hardware reads
 * them: from the register that holds the root table on, in guest memory, through the emulator's
 * monitor. Written from the formats in Intel's VT-d specification. Asks nothing of the kernel.
 *
 * The device is taken to send PASIDs: the bit of its context entry that admits them does not count.
 * What was read is remembered until vtd_look_again(), which comes first and after every step whose
 * effect is of interest. Caches of the IOMMU are not seen.
 */
#ifndef IOASID_TEST_VTD_WALK_H
#define IOASID_TEST_VTD_WALK_H

#include <stdbool.h>
#include <stdint.h>

/* In place of a PASID: DMA without one. */
#define VTD_RID UINT32_MAX
#define VTD_NO_PASID UINT32_MAX

enum vtd_translation {
	VTD_FIRST_STAGE = 1,
	VTD_SECOND_STAGE = 2,
	VTD_NESTED = 3,
	VTD_PASS_THROUGH = 4,
};

/**
 * struct vtd_entry - what a PASID table says of one PASID
 * @present: without it the rest is 0, and DMA is blocked
 * @translation: one of &enum vtd_translation
 * @domain: the number that tags what the IOMMU caches
 * @levels: of the page table
 * @table: physical address of its root
 */
struct vtd_entry {
	bool present;
	unsigned int translation;
	unsigned int domain;
	unsigned int levels;
	uint64_t table;
};

/**
 * struct vtd_page - a leaf of a page table
 * @iova: where it is
 * @size: bytes; 0 if there is none
 * @physical: where it leads
 * @read: it and all tables above it let devices read
 * @write: the same for writing
 */
struct vtd_page {
	uint64_t iova;
	uint64_t size;
	uint64_t physical;
	bool read;
	bool write;
};

void vtd_look_again(void);

/* @device as PCI names it, with a PASID or VTD_RID. */
struct vtd_entry vtd_find(const char *device, uint32_t pasid);

/* The lowest PASID that is present, from @from on, or VTD_NO_PASID. */
uint32_t vtd_next_pasid(const char *device, uint32_t from);

/* The leaf that holds @iova. */
struct vtd_page vtd_translate(const struct vtd_entry *entry, uint64_t iova);

/* The first leaf that holds @from or anything above it. */
struct vtd_page vtd_next_page(const struct vtd_entry *entry, uint64_t from);

#endif
