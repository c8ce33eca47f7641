/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of ioasidfd_mock, the IOMMU and the DMA devices that exist for tests only: the
 * ioctls of /dev/ioasid-mock/N (device N) and of /dev/ioasid-mock/control, and the same as
 * functions for other kernel modules. Nothing here is stable; tests and module are built
 * together.
 *
 * The devices are platform devices called ioasid-mock.N. Their DMA goes through whatever the IOMMU
 * subsystem attached to them, and their nodes can be used at any time, whatever driver they have.
 *
 * An ioctl fails (errno) when the request makes no sense. DMA that the IOMMU stops is not such a
 * failure: the ioctl succeeds, and out_fault says what happened.
 *
 * Times are CLOCK_MONOTONIC, in nanoseconds. Ranges have an inclusive last byte.
 */
#ifndef IOASIDFD_MOCK_H
#define IOASIDFD_MOCK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MOCK_IOC_TYPE 0xD2
#define MOCK_NAME_SIZE 32
#define MOCK_NO_DEVICE (~0U)

/**
 * enum mock_fault_reason - why DMA was stopped
 * @MOCK_FAULT_NONE: it was not
 * @MOCK_FAULT_NO_CONTEXT: nothing is attached to the PASID, or the device is not behind the IOMMU
 * @MOCK_FAULT_BLOCKED: the blocking domain is attached
 * @MOCK_FAULT_NOT_MAPPED: no translation
 * @MOCK_FAULT_NO_READ: the mapping does not allow reading
 * @MOCK_FAULT_NO_WRITE: the mapping does not allow writing
 * @MOCK_FAULT_NOT_MEMORY: the translation does not lead to RAM
 * @MOCK_FAULT_FREE_PAGE: it leads to a page that is free; also a violation, unless identity
 * @MOCK_FAULT_IDENTITY: the identity domain is attached, and MOCK_DMA_IDENTITY is not set
 * @MOCK_FAULT_NO_MASTER: a PCI device whose bus mastering is off
 * @MOCK_FAULT_PAGE_REQUEST: a page request was answered with an error, or not in time
 */
enum mock_fault_reason {
	MOCK_FAULT_NONE = 0,
	MOCK_FAULT_NO_CONTEXT = 1,
	MOCK_FAULT_BLOCKED = 2,
	MOCK_FAULT_NOT_MAPPED = 3,
	MOCK_FAULT_NO_READ = 4,
	MOCK_FAULT_NO_WRITE = 5,
	MOCK_FAULT_NOT_MEMORY = 6,
	MOCK_FAULT_FREE_PAGE = 7,
	MOCK_FAULT_IDENTITY = 8,
	MOCK_FAULT_NO_MASTER = 9,
	MOCK_FAULT_PAGE_REQUEST = 10,
};

/**
 * struct mock_fault - the first access of a transfer that was stopped
 * @reason: one of &enum mock_fault_reason
 * @write: 1 for a write, 0 for a read
 * @has_pasid: was the access tagged with @pasid?
 * @pasid: the tag
 * @iova: first byte that could not be accessed
 */
struct mock_fault {
	__u32 reason;
	__u32 write;
	__u32 has_pasid;
	__u32 pasid;
	__aligned_u64 iova;
};

/**
 * enum mock_dma_op - what a device can do
 * @MOCK_DMA_COPY: from @source to @iova
 * @MOCK_DMA_READ: from @iova into @buffer
 * @MOCK_DMA_WRITE: from @buffer to @iova
 * @MOCK_DMA_FILL: the low byte of @value to @iova
 * @MOCK_DMA_CAS: atomically, if the @length (4 or 8) bytes at @iova hold @compare, make them @value
 * @MOCK_DMA_COUNT: write the eight bytes of @value to @iova, and in a repeated job increment it
 */
enum mock_dma_op {
	MOCK_DMA_COPY = 0,
	MOCK_DMA_READ = 1,
	MOCK_DMA_WRITE = 2,
	MOCK_DMA_FILL = 3,
	MOCK_DMA_CAS = 4,
	MOCK_DMA_COUNT = 5,
};

/**
 * enum mock_dma_flags - bits of &mock_dma.flags
 * @MOCK_DMA_PASID: tag every access with @pasid
 * @MOCK_DMA_IDENTITY: go through with it even if the IOMMU does not translate and IOVAs are
 *	physical addresses. Without it such an access is a fault, so that a forgotten device hurts
 *	nobody
 * @MOCK_DMA_PAGE_REQUEST: where there is no translation, send a page request and try again
 */
enum mock_dma_flags {
	MOCK_DMA_PASID = 1 << 0,
	MOCK_DMA_IDENTITY = 1 << 1,
	MOCK_DMA_PAGE_REQUEST = 1 << 2,
};

/**
 * enum mock_dma_seen - bits of &mock_dma.out_seen
 * @MOCK_DMA_SEEN_STALE: the TLB served a translation that the page table does not hold any more
 * @MOCK_DMA_SEEN_IDENTITY: IOVAs were physical addresses
 */
enum mock_dma_seen {
	MOCK_DMA_SEEN_STALE = 1 << 0,
	MOCK_DMA_SEEN_IDENTITY = 1 << 1,
};

/**
 * struct mock_dma - MOCK_DMA: one transfer, now
 * @op: one of &enum mock_dma_op
 * @flags: bits of &enum mock_dma_flags
 * @pasid: see MOCK_DMA_PASID
 * @timeout_ms: how long to wait for the answer to a page request
 * @iova: any address
 * @source: see MOCK_DMA_COPY
 * @length: bytes
 * @buffer: user pointer; ignored by the kernel function, which takes a pointer of its own
 * @value: see the operations
 * @compare: see MOCK_DMA_CAS
 * @out_done: bytes transferred before it ended or faulted
 * @out_value: for MOCK_DMA_CAS what was there
 * @out_fault: why it ended early
 * @out_seen: bits of &enum mock_dma_seen
 * @out_requests: page requests that were sent
 *
 * Within a page the transfer is one access: it happens through one translation.
 */
struct mock_dma {
	__u32 op;
	__u32 flags;
	__u32 pasid;
	__u32 timeout_ms;
	__aligned_u64 iova;
	__aligned_u64 source;
	__aligned_u64 length;
	__aligned_u64 buffer;
	__aligned_u64 value;
	__aligned_u64 compare;
	__aligned_u64 out_done;
	__aligned_u64 out_value;
	struct mock_fault out_fault;
	__u32 out_seen;
	__u32 out_requests;
};

/**
 * enum mock_job_flags - bits of &mock_job.flags
 * @MOCK_JOB_REPEAT: until stopped, faults notwithstanding
 */
enum mock_job_flags {
	MOCK_JOB_REPEAT = 1 << 0,
};

/**
 * struct mock_job - MOCK_START: a transfer in the background
 * @dma: the transfer; not READ or WRITE, which have a buffer
 * @flags: bits of &enum mock_job_flags
 * @delay_ms: wait this long first
 * @interval_us: pause between repetitions; 0 occupies a processor
 * @out_job: names it in MOCK_JOB_STATUS
 *
 * A job ends by itself, by MOCK_JOB_STATUS, when the file it was started through is closed, when
 * the device is reset, or when the device is gone.
 */
struct mock_job {
	struct mock_dma dma;
	__u32 flags;
	__u32 delay_ms;
	__u32 interval_us;
	__u32 out_job;
};

/**
 * enum mock_job_state - &mock_job_status.out_state
 * @MOCK_JOB_WAITING: for delay_ms to pass
 * @MOCK_JOB_RUNNING: under way
 * @MOCK_JOB_DONE: ended by itself
 * @MOCK_JOB_STOPPED: ended by MOCK_JOB_STOP
 * @MOCK_JOB_RESET: ended by a reset of the device
 * @MOCK_JOB_GONE: ended because the device was removed
 */
enum mock_job_state {
	MOCK_JOB_WAITING = 0,
	MOCK_JOB_RUNNING = 1,
	MOCK_JOB_DONE = 2,
	MOCK_JOB_STOPPED = 3,
	MOCK_JOB_RESET = 4,
	MOCK_JOB_GONE = 5,
};

/**
 * enum mock_job_status_flags - bits of &mock_job_status.flags
 * @MOCK_JOB_STOP: end it and forget it; the reply is final
 */
enum mock_job_status_flags {
	MOCK_JOB_STOP = 1 << 0,
};

/**
 * struct mock_job_status - MOCK_JOB_STATUS
 * @job: which
 * @flags: bits of &enum mock_job_status_flags
 * @timeout_ms: wait this long for the end first
 * @out_state: one of &enum mock_job_state
 * @out_runs: transfers that went through whole
 * @out_faults: transfers that did not
 * @out_counter: for MOCK_DMA_COUNT the value written last
 * @out_last_run_ns: when memory was last accessed: taken after the access, and before anybody who
 *	invalidates or detaches is let through
 * @out_last_fault_ns: when a transfer last faulted
 * @out_dma: the transfer that ran last, with its out members
 */
struct mock_job_status {
	__u32 job;
	__u32 flags;
	__u32 timeout_ms;
	__u32 out_state;
	__aligned_u64 out_runs;
	__aligned_u64 out_faults;
	__aligned_u64 out_counter;
	__aligned_u64 out_last_run_ns;
	__aligned_u64 out_last_fault_ns;
	struct mock_dma out_dma;
};

/**
 * enum mock_page_flags - bits of &mock_page_request.flags
 * @MOCK_PAGE_PASID: the request is tagged with a PASID
 * @MOCK_PAGE_LAST: last of its group; an answer is due
 * @MOCK_PAGE_READ: wants to read
 * @MOCK_PAGE_WRITE: wants to write
 */
enum mock_page_flags {
	MOCK_PAGE_PASID = 1 << 0,
	MOCK_PAGE_LAST = 1 << 1,
	MOCK_PAGE_READ = 1 << 2,
	MOCK_PAGE_WRITE = 1 << 3,
};

/**
 * struct mock_page_request - MOCK_PAGE_REQUEST: ask for a page, do not wait
 * @flags: bits of &enum mock_page_flags
 * @pasid: see MOCK_PAGE_PASID
 * @group: number that the answer carries; below MOCK_PAGE_GROUPS
 * @out_result: what the kernel said to the report: 0 or an errno
 * @iova: the page
 *
 * EOPNOTSUPP where the kernel has no page requests for us (6.1).
 */
struct mock_page_request {
	__u32 flags;
	__u32 pasid;
	__u32 group;
	__u32 out_result;
	__aligned_u64 iova;
};

#define MOCK_PAGE_GROUPS 512

/**
 * struct mock_page_response - MOCK_PAGE_RESPONSE: the oldest answer that was not fetched yet
 * @timeout_ms: wait this long for one; then ETIMEDOUT
 * @out_pasid: from the answer
 * @out_group: from the answer
 * @out_code: 0 success, 1 invalid, 2 failure
 */
struct mock_page_response {
	__u32 timeout_ms;
	__u32 out_pasid;
	__u32 out_group;
	__u32 out_code;
};

/**
 * enum mock_rid_state - &mock_device_info.out_rid
 * @MOCK_RID_NONE: not behind the IOMMU (yet, or any more)
 * @MOCK_RID_BLOCKED: no DMA
 * @MOCK_RID_IDENTITY: not translated
 * @MOCK_RID_PAGING: translated by out_rid_domain
 */
enum mock_rid_state {
	MOCK_RID_NONE = 0,
	MOCK_RID_BLOCKED = 1,
	MOCK_RID_IDENTITY = 2,
	MOCK_RID_PAGING = 3,
};

/**
 * struct mock_device_info - MOCK_DEVICE_INFO
 * @device: on the control node which device; on a device's node it is written
 * @out_rid: one of &enum mock_rid_state
 * @out_rid_domain: number of the domain, as in the log
 * @out_num_pasids: PASIDs with something attached
 * @out_max_pasids: what the kernel believes
 * @out_resets: how many times it was reset
 * @out_name: as the kernel calls the device
 */
struct mock_device_info {
	__u32 device;
	__u32 out_rid;
	__u32 out_rid_domain;
	__u32 out_num_pasids;
	__u32 out_max_pasids;
	__u32 out_resets;
	__u8 out_name[MOCK_NAME_SIZE];
};

/*
 * Device nodes; MOCK_DEVICE_INFO on the control node as well. All are ENODEV once the device is
 * gone.
 */
#define MOCK_DMA _IOWR(MOCK_IOC_TYPE, 0x00, struct mock_dma)
#define MOCK_START _IOWR(MOCK_IOC_TYPE, 0x01, struct mock_job)
#define MOCK_JOB_STATUS _IOWR(MOCK_IOC_TYPE, 0x02, struct mock_job_status)
#define MOCK_PAGE_REQUEST _IOWR(MOCK_IOC_TYPE, 0x03, struct mock_page_request)
#define MOCK_PAGE_RESPONSE _IOWR(MOCK_IOC_TYPE, 0x04, struct mock_page_response)
#define MOCK_DEVICE_INFO _IOWR(MOCK_IOC_TYPE, 0x05, struct mock_device_info)

/**
 * struct mock_stats - MOCK_GET_STATS: what is counted
 * @domain_alloc: paging domains
 * @domain_free: paging domains
 * @attach: a RID got a paging domain; once per device of a group
 * @detach: a RID lost it
 * @replace: a RID or PASID went from one paging domain to another in one step
 * @set_pasid: a PASID got a paging domain; once per device of a group
 * @remove_pasid: a PASID lost it
 * @map: calls; one covers leaves of one size
 * @map_bytes: bytes
 * @sync_map: calls after mapping
 * @unmap: calls
 * @unmap_bytes: bytes
 * @sync: invalidations of a range; empty ones, which the core asks for, do not count
 * @flush_all: invalidations of a domain
 * @tlb_hit: accesses that the TLB translated
 * @tlb_miss: accesses that the page table translated
 * @tlb_stale: hits that differ from the page table: legal between unmap and invalidation
 * @dma_identity: accesses that met the identity domain, stopped or not
 * @fault: accesses that were stopped
 * @page_request: sent
 * @page_response: received
 * @injected: calls that failed, or slept, because a test wanted it
 * @violation: of the contract; see the log of the kernel, or read the control node
 * @live_domains: paging domains that exist; these and the following go down again
 * @live_leaves: mapped in all of them
 * @live_pasids: with something attached, in all devices
 * @unmapped_unsynced: leaves unmapped while the domain was in use, and not invalidated yet
 * @live_devices: devices
 */
struct mock_stats {
	__aligned_u64 domain_alloc;
	__aligned_u64 domain_free;
	__aligned_u64 attach;
	__aligned_u64 detach;
	__aligned_u64 replace;
	__aligned_u64 set_pasid;
	__aligned_u64 remove_pasid;
	__aligned_u64 map;
	__aligned_u64 map_bytes;
	__aligned_u64 sync_map;
	__aligned_u64 unmap;
	__aligned_u64 unmap_bytes;
	__aligned_u64 sync;
	__aligned_u64 flush_all;
	__aligned_u64 tlb_hit;
	__aligned_u64 tlb_miss;
	__aligned_u64 tlb_stale;
	__aligned_u64 dma_identity;
	__aligned_u64 fault;
	__aligned_u64 page_request;
	__aligned_u64 page_response;
	__aligned_u64 injected;
	__aligned_u64 violation;
	__aligned_u64 live_domains;
	__aligned_u64 live_leaves;
	__aligned_u64 live_pasids;
	__aligned_u64 unmapped_unsynced;
	__aligned_u64 live_devices;
};

/**
 * enum mock_clear - the argument of MOCK_CLEAR: what to forget
 * @MOCK_CLEAR_COUNTERS: all but violations and those that go down by themselves
 * @MOCK_CLEAR_VIOLATIONS: the counter and the texts
 * @MOCK_CLEAR_LOG: events
 * @MOCK_CLEAR_INJECTIONS: errors that did not happen yet
 */
enum mock_clear {
	MOCK_CLEAR_COUNTERS = 1 << 0,
	MOCK_CLEAR_VIOLATIONS = 1 << 1,
	MOCK_CLEAR_LOG = 1 << 2,
	MOCK_CLEAR_INJECTIONS = 1 << 3,
};

/**
 * enum mock_option - the argument of MOCK_SET_OPTIONS
 * @MOCK_OPTION_PINNED: DMA to a page that is not pinned is a violation. What ioasidfd maps is
 *	pinned
 * @MOCK_OPTION_NO_STALE: any stale TLB hit is a violation. Only for tests that do not unmap while
 *	DMA runs: between the change of a page table and the invalidation such a hit is legal
 * @MOCK_OPTION_SLOW: an access takes 50 us between its translation and the memory, which makes
 *	races with invalidations likely
 * @MOCK_OPTION_BLOCK_FAILS: attaching the blocking domain counts for MOCK_CALL_ATTACH. Only a claim
 *	of ownership expects that to fail
 */
enum mock_option {
	MOCK_OPTION_PINNED = 1 << 0,
	MOCK_OPTION_NO_STALE = 1 << 1,
	MOCK_OPTION_SLOW = 1 << 2,
	MOCK_OPTION_BLOCK_FAILS = 1 << 3,
};

/**
 * enum mock_call - what can be made to fail, and what is logged
 * @MOCK_CALL_PROBE: a device comes behind the IOMMU
 * @MOCK_CALL_ALLOC: of a paging domain
 * @MOCK_CALL_ATTACH: of a paging domain to a RID; identity never fails, and blocking only
 *	with MOCK_OPTION_BLOCK_FAILS
 * @MOCK_CALL_SET_PASID: of a paging domain to a PASID
 * @MOCK_CALL_MAP: one call covers leaves of one size
 * @MOCK_CALL_SYNC_MAP: after mapping; 6.12 and later
 * @MOCK_CALL_UNMAP: nothing is unmapped. Callers take that for impossible
 *
 * The remaining ones are only logged.
 * @MOCK_CALL_FREE: of a domain
 * @MOCK_CALL_DETACH: of a paging domain from a RID
 * @MOCK_CALL_REMOVE_PASID: of whatever was attached
 * @MOCK_CALL_SYNC: invalidation of a range
 * @MOCK_CALL_FLUSH_ALL: invalidation of everything in the domain
 * @MOCK_CALL_FAULT: stopped DMA; result is the reason
 * @MOCK_CALL_PAGE_REQUEST: result is what the report returned
 * @MOCK_CALL_PAGE_RESPONSE: result is the code
 * @MOCK_CALL_RELEASE: the device leaves the IOMMU
 */
enum mock_call {
	MOCK_CALL_PROBE = 0,
	MOCK_CALL_ALLOC = 1,
	MOCK_CALL_ATTACH = 2,
	MOCK_CALL_SET_PASID = 3,
	MOCK_CALL_MAP = 4,
	MOCK_CALL_SYNC_MAP = 5,
	MOCK_CALL_UNMAP = 6,

	MOCK_CALL_FREE = 7,
	MOCK_CALL_DETACH = 8,
	MOCK_CALL_REMOVE_PASID = 9,
	MOCK_CALL_SYNC = 10,
	MOCK_CALL_FLUSH_ALL = 11,
	MOCK_CALL_FAULT = 12,
	MOCK_CALL_PAGE_REQUEST = 13,
	MOCK_CALL_PAGE_RESPONSE = 14,
	MOCK_CALL_RELEASE = 15,
};

#define MOCK_NUM_INJECTABLE (MOCK_CALL_UNMAP + 1)

/**
 * struct mock_inject - MOCK_INJECT: fail a call to come
 * @call: which
 * @nth: 1 is the next one; 0 cancels
 * @count: how many in a row, 0 means 1
 * @error: positive errno; 0 only delays
 * @delay_ms: sleep first (not in MOCK_CALL_UNMAP, nor where the caller must not sleep)
 * @leaves: for MOCK_CALL_MAP how many leaves are mapped before the failure
 *
 * One per call; a new one replaces it.
 */
struct mock_inject {
	__u32 call;
	__u32 nth;
	__u32 count;
	__u32 error;
	__u32 delay_ms;
	__u32 leaves;
};

/**
 * enum mock_region_type - &mock_add_device.region_type
 * @MOCK_REGION_NONE: no reserved region
 * @MOCK_REGION_RESERVED: cannot be mapped
 * @MOCK_REGION_DIRECT: must be mapped one to one
 * @MOCK_REGION_MSI: interrupts go there
 */
enum mock_region_type {
	MOCK_REGION_NONE = 0,
	MOCK_REGION_RESERVED = 1,
	MOCK_REGION_DIRECT = 2,
	MOCK_REGION_MSI = 3,
};

/**
 * struct mock_add_device - MOCK_ADD_DEVICE, MOCK_ADOPT_PCI: a device appears behind the IOMMU
 * @sibling: device whose group it joins, or MOCK_NO_DEVICE for a group of its own
 * @pasid_bits: width of its PASIDs, 0 for none, at most 20
 * @region_type: one of &enum mock_region_type
 * @out_device: its number; lowest that is free
 * @region_start: reserved region
 * @region_length: reserved region
 * @pci_name: MOCK_ADOPT_PCI only: for example "0000:00:05.0". The device is removed from the bus
 *	and found again; it must have no driver. It can not do DMA of its own through this IOMMU,
 *	but /dev/ioasid-mock/N does in its name, as long as bus mastering is on
 */
struct mock_add_device {
	__u32 sibling;
	__u32 pasid_bits;
	__u32 region_type;
	__u32 out_device;
	__aligned_u64 region_start;
	__aligned_u64 region_length;
	__u8 pci_name[MOCK_NAME_SIZE];
};

/**
 * struct mock_event - one entry of the log
 * @number: counts from 0; gaps are events that were overwritten
 * @time_ns: when
 * @call: one of &enum mock_call
 * @device: number or MOCK_NO_DEVICE
 * @pasid: 0 for the RID
 * @domain: number of the paging domain, 0 if there is none
 * @start: first byte, where there is a range
 * @last: last byte
 * @result: 0, a negative errno, or see the call
 * @__reserved: 0
 */
struct mock_event {
	__aligned_u64 number;
	__aligned_u64 time_ns;
	__u32 call;
	__u32 device;
	__u32 pasid;
	__u32 domain;
	__aligned_u64 start;
	__aligned_u64 last;
	__s32 result;
	__u32 __reserved;
};

/**
 * struct mock_log - MOCK_READ_LOG: the events from @first on
 * @first: number of the event
 * @events: pointer to an array of &struct mock_event
 * @num_events: how many fit
 * @out_num_events: how many were written
 */
struct mock_log {
	__aligned_u64 first;
	__aligned_u64 events;
	__u32 num_events;
	__u32 out_num_events;
};

/* The control node. The argument of CLEAR, SET_OPTIONS and REMOVE_DEVICE is the number itself. */
#define MOCK_GET_STATS _IOR(MOCK_IOC_TYPE, 0x40, struct mock_stats)
#define MOCK_CLEAR _IO(MOCK_IOC_TYPE, 0x41)
#define MOCK_SET_OPTIONS _IO(MOCK_IOC_TYPE, 0x42)
#define MOCK_INJECT _IOW(MOCK_IOC_TYPE, 0x43, struct mock_inject)
#define MOCK_ADD_DEVICE _IOWR(MOCK_IOC_TYPE, 0x44, struct mock_add_device)
#define MOCK_ADOPT_PCI _IOWR(MOCK_IOC_TYPE, 0x45, struct mock_add_device)
#define MOCK_REMOVE_DEVICE _IO(MOCK_IOC_TYPE, 0x46)
#define MOCK_READ_LOG _IOWR(MOCK_IOC_TYPE, 0x47, struct mock_log)

#ifdef __KERNEL__
struct device;

/* The driver core's device, with a reference, or NULL. */
struct device *ioasidfd_mock_get_device(unsigned int number);
/* @buffer is for MOCK_DMA_READ and MOCK_DMA_WRITE. 0, -ENODEV, -EINVAL, -ENOMEM. May sleep. */
int ioasidfd_mock_dma(unsigned int number, struct mock_dma *dma, void *buffer);
int ioasidfd_mock_device_info(struct mock_device_info *info);
void ioasidfd_mock_get_stats(struct mock_stats *stats);
void ioasidfd_mock_clear(unsigned int what);
void ioasidfd_mock_set_options(unsigned int options);
int ioasidfd_mock_inject(const struct mock_inject *inject);
int ioasidfd_mock_add_device(struct mock_add_device *add);
int ioasidfd_mock_remove_device(unsigned int number);
#endif

#endif
