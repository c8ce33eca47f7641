/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mock IOMMU and its devices (tests/kmod), where the features have "mock": platform devices
 * that do DMA of any kind at once, or without end, through the RID or through a PASID; an IOMMU
 * that caches translations until it is told to forget, and that can be told to fail.
 *
 * DMA to memory that is not pinned counts as a violation, and so does everything that the contract
 * between the kernel and an IOMMU driver forbids. The runner fails a test after which there is any,
 * or after which the IOMMU still holds anything.
 */
#ifndef IOASID_TEST_MOCK_H
#define IOASID_TEST_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../kmod/mock.h"

/* Two devices alone in their groups, and two that share one. */
#define MOCK_0 0
#define MOCK_1 1
#define MOCK_PAIR_0 2
#define MOCK_PAIR_1 3
#define MOCK_NAME(number) "ioasid-mock." #number

/* Bytes of a transfer of mock_writes() and mock_reads(). */
#define MOCK_BYTES 512

#define MOCK_RID (~0u)

/**
 * struct mock - one device
 * @number: of the device
 * @name: as the kernel calls it
 * @fd: device file of the stub driver; -1 if only the mock's node is open
 * @node: node of the mock, through which its DMA is ordered
 * @pasid: tag of all DMA that is ordered, MOCK_RID for none
 * @dma: the last transfer: what was ordered, and what came of it
 */
struct mock {
	unsigned int number;
	char name[MOCK_NAME_SIZE];
	int fd;
	int node;
	uint32_t pasid;
	struct mock_dma dma;
};

/* Give it to the stub driver and open both files; only the mock's node; close what is open. */
void mock_open(struct mock *mock, unsigned int number);
void mock_open_node(struct mock *mock, unsigned int number);
void mock_close(struct mock *mock);

/* The same device, through the same files, with its DMA tagged. */
struct mock mock_tagged(const struct mock *mock, uint32_t pasid);

/*
 * One transfer. True if it went through whole. Otherwise mock->dma.out_fault says why, and
 * mock->dma.out_done how far it came.
 */
bool mock_transfer(struct mock *mock, struct mock_dma dma);
bool mock_store(struct mock *mock, uint64_t iova, const void *from, size_t bytes);
bool mock_load(struct mock *mock, uint64_t iova, void *to, size_t bytes);
bool mock_copy(struct mock *mock, uint64_t from, uint64_t to, size_t bytes);

/* Compare and swap of eight bytes; what was there is in mock->dma.out_value. */
bool mock_cas(struct mock *mock, uint64_t iova, uint64_t expected, uint64_t wanted);

/* Why the last transfer was stopped: one of &enum mock_fault_reason. */
uint32_t mock_fault(const struct mock *mock);

/*
 * Store a new pattern at @iova, which is meant to be @memory. True if all of it arrived, false if
 * nothing changed and the device was stopped; everything between fails the test.
 */
bool mock_writes(struct mock *mock, uint64_t iova, void *memory);

/* Put a new pattern into @memory, and load it from @iova. True if the device read it. */
bool mock_reads(struct mock *mock, uint64_t iova, void *memory);

/* Neither works, for this reason, and the memory stays as it is. */
void mock_expect_fault(struct mock *mock, uint64_t iova, void *memory, uint32_t reason);

/*
 * DMA without end: the device writes 1, 2, 3 and so on as eight bytes to @iova, every @interval_us
 * or as fast as it can, also after it was stopped. Ends with mock_stop(), or when the node is
 * closed, or the device is reset or removed.
 */
uint32_t mock_start(struct mock *mock, uint64_t iova, unsigned int interval_us);
struct mock_job_status mock_status(const struct mock *mock, uint32_t job);
struct mock_job_status mock_stop(const struct mock *mock, uint32_t job);

/* Wait until it has gone through, or was stopped, so many times more. */
void mock_wait_runs(const struct mock *mock, uint32_t job, unsigned int more);
void mock_wait_faults(const struct mock *mock, uint32_t job, unsigned int more);

/* CLOCK_MONOTONIC, as the times that the mock gives. */
uint64_t mock_now(void);

struct mock_device_info mock_info(unsigned int number);
struct mock_stats mock_stats(void);

/* Bits of &enum mock_option on top of MOCK_OPTION_PINNED, until the end of the test. */
void mock_set_options(unsigned int options);

/* The @nth call of this kind from now on fails; 1 is the next. Until the end of the test. */
void mock_fail(enum mock_call call, unsigned int nth, int error);
void mock_inject(struct mock_inject inject);

/* A device appears; its number. One goes. Those that were not there at first go with the test. */
unsigned int mock_add(struct mock_add_device add);
void mock_remove(unsigned int number);

/**
 * struct mock_journal - what the IOMMU was called for
 * @nr: length of @event
 * @event: in order
 */
struct mock_journal {
	unsigned int nr;
	struct mock_event event[4096];
};

/* From here on; everything since, in static storage. More than 4096 events fail the test. */
void mock_journal_start(void);
const struct mock_journal *mock_journal(void);

/* How many of this kind; the place of the first from @from on, or -1. */
unsigned int mock_count(const struct mock_journal *journal, enum mock_call call);
int mock_find(const struct mock_journal *journal, enum mock_call call, unsigned int from);

/* Invalidations, of ranges and of everything. */
unsigned int mock_count_flushes(const struct mock_journal *journal);

/* A context with one IOASID, and a device that is bound and allowed it. */
struct mock_rig {
	int ctx;
	uint32_t ioasid;
	struct mock mock;
};

void mock_rig_open(struct mock_rig *rig, unsigned int number, uint32_t alloc_flags);
void mock_map(const struct mock_rig *rig, uint64_t iova, void *memory, size_t bytes);
void mock_unmap(const struct mock_rig *rig, uint64_t iova, size_t bytes);

/*
 * For the runner, after a test: what the mock has against it is appended to @why, and the mock is
 * as it was before. Without a mock there is nothing to do.
 */
void mock_judge(char *why, size_t size);

#endif
