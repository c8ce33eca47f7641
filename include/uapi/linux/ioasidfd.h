/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user-space ABI of ioasidfd: I/O address spaces behind /dev/ioasid, and the devices that use
 * them behind /dev/ioasid-dev/NAME.
 *
 * Rules that hold for every call:
 *
 *  - The argument is a structure whose first member, @size, is the size the caller was compiled
 *    with. Shorter than the structure's first published version is EINVAL. Longer than the kernel's
 *    is accepted if the excess is zero, and E2BIG otherwise.
 *  - Members that start with "out_" are written by the kernel and ignored on input. All others are
 *    read.
 *  - Unknown flags and non-zero reserved members are EOPNOTSUPP.
 *  - Ranges: @length is a number of bytes, "last" is the address of the last byte (inclusive).
 *  - A call that fails has changed nothing. That includes EFAULT: the reply is written before the
 *    effect takes place. After an error, "out_" members hold the explanation named at each
 *    structure, else zero.
 *
 * Errors, the same for every call:
 *
 *  ENOTTY         no such ioctl on this file
 *  EINVAL         malformed: alignment, zero length, bad combination
 *  E2BIG          a member this kernel does not know is not zero
 *  EOVERFLOW      the address range wraps
 *  EOPNOTSUPP     unknown flag or value, or this kernel, IOMMU or device cannot do it
 *  ENOENT         no such IOASID (or it was freed), nothing mapped there
 *  EEXIST         the IOVA range is already used; the device is already allowed an IOASID, for its
 *                 RID or under this PASID
 *  EBUSY          owned by someone else, a kernel driver is bound in the group, or still referenced
 *  EPERM          the platform cannot isolate the interrupts of this device
 *  ENOMEM         out of kernel memory
 *  EDQUOT         would pass RLIMIT_MEMLOCK or the PASID quota; the reply holds the figures
 *  ENOSPC         no free IOVA range, IOASID or PASID
 *  EADDRNOTAVAIL  an IOVA that some attached device cannot reach; the reply holds the nearest
 *                 usable range
 *  EADDRINUSE     attaching would make an existing mapping unreachable; the reply names the mapping
 *  ENODEV         the device is gone
 *  EINTR          a fatal signal stopped a long map; everything it had done was undone
 *  EFAULT         bad user pointer
 *  EBADF          not an open file, or not a /dev/ioasid where one is asked for
 */
#ifndef _UAPI_LINUX_IOASIDFD_H
#define _UAPI_LINUX_IOASIDFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Incremented when a call or a meaning is added; what was there before keeps working. */
#define IOASID_ABI_VERSION 1

#define IOASID_IOC_TYPE 0xD1

/*
 * Calls on /dev/ioasid count from 0x00, calls on a device file from 0x40.
 * A number is never given a second meaning.
 */
enum {
	IOASID_CMD_GET_INFO = 0x00,
	IOASID_CMD_ALLOC = 0x01,
	IOASID_CMD_FREE = 0x02,
	IOASID_CMD_MAP = 0x03,
	IOASID_CMD_UNMAP = 0x04,
	IOASID_CMD_IOVA_RANGES = 0x05,
	IOASID_CMD_QUERY = 0x06,
	IOASID_CMD_COPY = 0x07,
	IOASID_CMD_MAP_FILE = 0x08,
	IOASID_CMD_SYNC = 0x09,
	IOASID_CMD_BATCH = 0x0a,

	IOASID_CMD_DEVICE_GET_INFO = 0x40,
	IOASID_CMD_DEVICE_GET_REGION = 0x41,
	IOASID_CMD_DEVICE_GET_OWNER = 0x42,
	IOASID_CMD_DEVICE_BIND = 0x43,
	IOASID_CMD_DEVICE_UNBIND = 0x44,
	IOASID_CMD_DEVICE_ALLOW = 0x45,
	IOASID_CMD_DEVICE_DISALLOW = 0x46,
	IOASID_CMD_DEVICE_REPLACE = 0x47,
};

/**
 * struct ioasid_range - a stretch of I/O virtual addresses
 * @start: first byte
 * @last: last byte, inclusive
 */
struct ioasid_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * enum ioasid_capability - bits of &ioasid_info.out_capabilities
 * @IOASID_CAP_RID: an IOASID can serve all DMA of a device (its RID)
 * @IOASID_CAP_REFUSALS: the kernel's refusal to bind a driver to an owned device is observed and
 *	reported
 * @IOASID_CAP_DEFERRED_FLUSH: IOASID_ALLOC_DEFERRED_FLUSH
 * @IOASID_CAP_MAP_FILE: IOASID_MAP_FILE
 * @IOASID_CAP_PASID: an IOASID can serve the DMA that a device tags with a PASID
 * @IOASID_CAP_REPLACE_RID: DEVICE_REPLACE for a RID goes from one address space to the other
 *	without blocking DMA in between, unless its reply says so
 * @IOASID_CAP_REPLACE_PASID: the same for a PASID
 *
 * A bit says what this kernel can do for some device. What one device can do is in
 * &ioasid_device_info.out_capabilities.
 */
enum ioasid_capability {
	IOASID_CAP_RID = 1 << 0,
	IOASID_CAP_REFUSALS = 1 << 1,
	IOASID_CAP_DEFERRED_FLUSH = 1 << 2,
	IOASID_CAP_MAP_FILE = 1 << 3,
	IOASID_CAP_PASID = 1 << 4,
	IOASID_CAP_REPLACE_RID = 1 << 5,
	IOASID_CAP_REPLACE_PASID = 1 << 6,
};

/**
 * struct ioasid_info - ioctl(IOASID_GET_INFO), on /dev/ioasid
 * @size: sizeof(struct ioasid_info)
 * @flags: must be 0
 * @out_abi_version: IOASID_ABI_VERSION of the module
 * @out_max_ioasids: how many IOASIDs one context may hold
 * @out_capabilities: bits of &enum ioasid_capability
 * @out_iova_alignment: every IOVA, user address and length of a mapping is a multiple of this many
 *	bytes
 * @out_ioasids: IOASIDs of this context, those included that were freed and are still held by a
 *	device
 * @out_mappings: mappings in all of them
 * @out_mapped_bytes: bytes mapped by them
 * @out_locked_bytes: bytes charged to the calling user, by this and by any other context, and by
 *	everything else in the kernel that charges pinned memory to the user
 * @out_locked_limit_bytes: the caller's RLIMIT_MEMLOCK; all ones when there is no limit for the
 *	caller
 *
 * What the module can do on this kernel, and what the context uses.
 */
struct ioasid_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi_version;
	__u32 out_max_ioasids;
	__aligned_u64 out_capabilities;
	__aligned_u64 out_iova_alignment;
	__aligned_u64 out_ioasids;
	__aligned_u64 out_mappings;
	__aligned_u64 out_mapped_bytes;
	__aligned_u64 out_locked_bytes;
	__aligned_u64 out_locked_limit_bytes;
};
#define IOASID_GET_INFO _IO(IOASID_IOC_TYPE, IOASID_CMD_GET_INFO)

/**
 * enum ioasid_alloc_flags - bits of &ioasid_alloc.flags
 * @IOASID_ALLOC_DEFERRED_FLUSH: unmapping does not wait until IOMMU and devices have forgotten.
 *	Until the flush a device may still reach what it has reached before; the memory stays pinned
 *	and charged, and so does its IOVA stay taken, so no other memory is ever reached. The flush
 *	comes with IOASID_SYNC, after 10 ms at the latest, when much is pending (256 MiB or 4096
 *	mappings), when a pending IOVA is wanted again, and before a device is allowed, disallowed
 *	or the IOASID is freed. Kernel-chosen IOVAs are handed out in ascending order
 */
enum ioasid_alloc_flags {
	IOASID_ALLOC_DEFERRED_FLUSH = 1 << 0,
};

/**
 * struct ioasid_alloc - ioctl(IOASID_ALLOC), on /dev/ioasid
 * @size: sizeof(struct ioasid_alloc)
 * @flags: bits of &enum ioasid_alloc_flags
 * @out_ioasid: the new IOASID, never 0
 * @__reserved: must be 0
 *
 * Create an empty I/O address space. It is used by nobody until a device file allows it.
 *
 * Errors: ENOSPC (the context is full).
 */
struct ioasid_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioasid;
	__u32 __reserved;
};
#define IOASID_ALLOC _IO(IOASID_IOC_TYPE, IOASID_CMD_ALLOC)

/**
 * struct ioasid_free - ioctl(IOASID_FREE), on /dev/ioasid
 * @size: sizeof(struct ioasid_free)
 * @flags: must be 0
 * @ioasid: what to free
 * @__reserved: must be 0
 *
 * Remove every mapping and end the IOASID. Devices that were allowed to use it fault from here on;
 * each keeps its reference until DEVICE_DISALLOW, and until the last one did so neither the IOASID
 * nor its PASID is given out again. When this returns no device reaches the memory that was mapped.
 *
 * Errors: ENOENT.
 */
struct ioasid_free {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
};
#define IOASID_FREE _IO(IOASID_IOC_TYPE, IOASID_CMD_FREE)

/**
 * enum ioasid_map_flags - bits of &ioasid_map.flags
 * @IOASID_MAP_READ: devices may read the memory. Some page-table formats cannot express memory that
 *	is only written: there, IOASID_MAP_WRITE lets devices read as well
 * @IOASID_MAP_WRITE: devices may write the memory; the caller must be able to write it too
 * @IOASID_MAP_FIXED_IOVA: map at @iova; otherwise the kernel chooses
 */
enum ioasid_map_flags {
	IOASID_MAP_READ = 1 << 0,
	IOASID_MAP_WRITE = 1 << 1,
	IOASID_MAP_FIXED_IOVA = 1 << 2,
};

/**
 * struct ioasid_map - ioctl(IOASID_MAP), on /dev/ioasid
 * @size: sizeof(struct ioasid_map)
 * @flags: bits of &enum ioasid_map_flags; at least one of READ and WRITE
 * @ioasid: the address space
 * @__reserved: must be 0
 * @user_va: first byte of the memory, in the caller's address space; a multiple of the alignment
 * @length: bytes, a multiple of the alignment, not 0
 * @iova: with IOASID_MAP_FIXED_IOVA where to map, a multiple of the alignment; else must be 0
 * @out_iova: where it was mapped
 * @out_range: after EEXIST the mapping in the way; after EADDRNOTAVAIL the usable range nearest to
 *	@iova that is long enough, or 0..0 if there is none
 * @out_locked_bytes: after EDQUOT what the calling user is charged for now
 * @out_wanted_bytes: after EDQUOT what this call would have added
 * @out_locked_limit_bytes: after EDQUOT the limit
 *
 * Pin the memory, charge it to the caller, and make it visible to every device that uses the
 * IOASID, now or later. The pages stay pinned, and stay the ones they were at the time of the call,
 * until they are unmapped, whatever happens to the memory mapping or to the process. A
 * kernel-chosen IOVA is never 0, and is placed so that huge pages of the memory stay huge pages for
 * the device.
 *
 * Errors: EINVAL, EOVERFLOW, EOPNOTSUPP, ENOENT, EEXIST, ENOMEM, EDQUOT, ENOSPC, EADDRNOTAVAIL,
 * EINTR, EFAULT (also: memory that is not there, not accessible as asked, or cannot be pinned, such
 * as device memory).
 */
struct ioasid_map {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
	__aligned_u64 out_iova;
	struct ioasid_range out_range;
	__aligned_u64 out_locked_bytes;
	__aligned_u64 out_wanted_bytes;
	__aligned_u64 out_locked_limit_bytes;
};
#define IOASID_MAP _IO(IOASID_IOC_TYPE, IOASID_CMD_MAP)

/**
 * enum ioasid_unmap_flags - bits of &ioasid_unmap.flags
 * @IOASID_UNMAP_ALL: everything that is mapped; @iova and @length must be 0
 */
enum ioasid_unmap_flags {
	IOASID_UNMAP_ALL = 1 << 0,
};

/**
 * struct ioasid_unmap - ioctl(IOASID_UNMAP), on /dev/ioasid
 * @size: sizeof(struct ioasid_unmap)
 * @flags: bits of &enum ioasid_unmap_flags
 * @ioasid: the address space
 * @__reserved: must be 0
 * @iova: first byte, a multiple of the alignment
 * @length: bytes, a multiple of the alignment, not 0
 * @out_unmapped_bytes: sum of the lengths of the mappings that were removed
 * @out_range: after EINVAL because a mapping would have been cut: that mapping
 *
 * Remove every mapping that lies in the range. A range may hold holes and any number of mappings,
 * but not a part of one. When this returns no device reaches the memory, and it is unpinned and no
 * longer charged, unless the IOASID was allocated with IOASID_ALLOC_DEFERRED_FLUSH. A mapping whose
 * MAP has not returned yet is not there.
 *
 * Errors: EINVAL, EOVERFLOW, ENOENT (no such IOASID, or nothing mapped in the range; with
 * IOASID_UNMAP_ALL an empty address space is a success).
 */
struct ioasid_unmap {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 out_unmapped_bytes;
	struct ioasid_range out_range;
};
#define IOASID_UNMAP _IO(IOASID_IOC_TYPE, IOASID_CMD_UNMAP)

/**
 * struct ioasid_iova_ranges - ioctl(IOASID_IOVA_RANGES), on /dev/ioasid
 * @size: sizeof(struct ioasid_iova_ranges)
 * @flags: must be 0
 * @ioasid: the address space
 * @num_ranges: how many ranges fit at @ranges
 * @ranges: pointer to an array of &struct ioasid_range
 * @out_iova_alignment: see &ioasid_info.out_iova_alignment
 * @out_num_ranges: how many ranges there are; more than @num_ranges means that only the first were
 *	written
 * @__reserved: must be 0
 *
 * The IOVAs that every device now using the IOASID can reach, ascending. Mapped ranges are part of
 * them. The answer shrinks when a device is allowed the IOASID and grows when it is disallowed.
 *
 * Errors: ENOENT, EFAULT.
 */
struct ioasid_iova_ranges {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 num_ranges;
	__aligned_u64 ranges;
	__aligned_u64 out_iova_alignment;
	__u32 out_num_ranges;
	__u32 __reserved;
};
#define IOASID_IOVA_RANGES _IO(IOASID_IOC_TYPE, IOASID_CMD_IOVA_RANGES)

/**
 * enum ioasid_query_flags - bits of &ioasid_query.flags
 * @IOASID_QUERY_NEXT: if nothing is mapped at @iova, report the next mapping above it
 */
enum ioasid_query_flags {
	IOASID_QUERY_NEXT = 1 << 0,
};

/**
 * struct ioasid_query - ioctl(IOASID_QUERY), on /dev/ioasid
 * @size: sizeof(struct ioasid_query)
 * @flags: bits of &enum ioasid_query_flags
 * @ioasid: the address space
 * @__reserved: must be 0
 * @iova: any address
 * @out_range: the mapping
 * @out_user_va: the address it was mapped from, in the process that mapped it; after
 *	IOASID_MAP_FILE the offset in the file
 * @out_map_flags: IOASID_MAP_READ and IOASID_MAP_WRITE of the mapping
 *
 * What is mapped at an IOVA. With IOASID_QUERY_NEXT, starting from 0 and going on at out_range.last
 * + 1, it lists every mapping.
 *
 * Errors: ENOENT (no such IOASID, or nothing mapped there).
 */
struct ioasid_query {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
	__aligned_u64 iova;
	struct ioasid_range out_range;
	__aligned_u64 out_user_va;
	__aligned_u64 out_map_flags;
};
#define IOASID_QUERY _IO(IOASID_IOC_TYPE, IOASID_CMD_QUERY)

/**
 * struct ioasid_copy - ioctl(IOASID_COPY), on /dev/ioasid
 * @size: sizeof(struct ioasid_copy)
 * @flags: bits of &enum ioasid_map_flags; at least one of READ and WRITE. WRITE needs a source that
 *	was mapped with it
 * @ioasid: where to map
 * @from_ioasid: where it is mapped; may be the same
 * @from_iova: first byte there, a multiple of the alignment
 * @length: bytes, a multiple of the alignment, not 0; the range lies in one mapping
 * @iova: with IOASID_MAP_FIXED_IOVA where to map, a multiple of the alignment; else must be 0
 * @out_iova: where it was mapped
 * @out_range: as in &struct ioasid_map
 *
 * Map memory that is mapped already, without pinning and charging it again. The copy is a mapping
 * of its own: either can be unmapped first, and the memory stays pinned and charged until the last
 * one is gone.
 *
 * Errors: EINVAL (also: the range reaches out of the mapping, or it is not writable), EOVERFLOW,
 * ENOENT (one of the IOASIDs, or nothing mapped there), EEXIST, ENOMEM, ENOSPC, EADDRNOTAVAIL.
 */
struct ioasid_copy {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 from_ioasid;
	__aligned_u64 from_iova;
	__aligned_u64 length;
	__aligned_u64 iova;
	__aligned_u64 out_iova;
	struct ioasid_range out_range;
};
#define IOASID_COPY _IO(IOASID_IOC_TYPE, IOASID_CMD_COPY)

/**
 * struct ioasid_map_file - ioctl(IOASID_MAP_FILE), on /dev/ioasid
 * @size: sizeof(struct ioasid_map_file)
 * @flags: bits of &enum ioasid_map_flags; at least one of READ and WRITE
 * @ioasid: the address space
 * @fd: file of shared memory: memfd, tmpfs or hugetlbfs; open for reading, and for writing with
 *	IOASID_MAP_WRITE
 * @offset: first byte in the file, a multiple of the alignment
 * @length: bytes, a multiple of the alignment, not 0, not beyond the end of the file
 * @iova: with IOASID_MAP_FIXED_IOVA where to map, a multiple of the alignment; else must be 0
 * @out_iova: where it was mapped
 * @out_range: as in &struct ioasid_map, as are the following
 * @out_locked_bytes: see there
 * @out_wanted_bytes: see there
 * @out_locked_limit_bytes: see there
 *
 * IOASID_MAP for memory that need not be mapped into the process. It is independent of any memory
 * mapping of the file, and of the descriptor, once this has returned.
 *
 * Errors: as IOASID_MAP; EBADF; EOPNOTSUPP also for files of another kind, and on kernels without
 * IOASID_CAP_MAP_FILE; EFAULT also beyond the end of the file, without the right to write, for
 * writing to a file that is sealed against it, and for huge pages that a file which is open for
 * reading only has not got yet.
 */
struct ioasid_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__s32 fd;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 iova;
	__aligned_u64 out_iova;
	struct ioasid_range out_range;
	__aligned_u64 out_locked_bytes;
	__aligned_u64 out_wanted_bytes;
	__aligned_u64 out_locked_limit_bytes;
};
#define IOASID_MAP_FILE _IO(IOASID_IOC_TYPE, IOASID_CMD_MAP_FILE)

/**
 * struct ioasid_sync - ioctl(IOASID_SYNC), on /dev/ioasid
 * @size: sizeof(struct ioasid_sync)
 * @flags: must be 0
 * @ioasid: the address space
 * @__reserved: must be 0
 *
 * Wait until no device reaches what was unmapped, and give that memory back. Only IOASIDs with
 * IOASID_ALLOC_DEFERRED_FLUSH have any; for others there is nothing to do.
 *
 * Errors: ENOENT.
 */
struct ioasid_sync {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 __reserved;
};
#define IOASID_SYNC _IO(IOASID_IOC_TYPE, IOASID_CMD_SYNC)

/**
 * enum ioasid_batch_op - &ioasid_batch_entry.op
 * @IOASID_BATCH_MAP: as IOASID_MAP, with @start as the user address
 * @IOASID_BATCH_UNMAP: as IOASID_UNMAP; @start and @from_ioasid must be 0
 * @IOASID_BATCH_COPY: as IOASID_COPY, with @start as the IOVA to copy from
 */
enum ioasid_batch_op {
	IOASID_BATCH_MAP = 0,
	IOASID_BATCH_UNMAP = 1,
	IOASID_BATCH_COPY = 2,
};

/**
 * struct ioasid_batch_entry - one of the calls of a batch
 * @op: one of &enum ioasid_batch_op
 * @flags: those of the call
 * @ioasid: the address space
 * @from_ioasid: for COPY; else must be 0
 * @start: see @op
 * @length: bytes
 * @iova: as in the call
 * @out_iova: for MAP and COPY where it was mapped; written when the entry has been done
 */
struct ioasid_batch_entry {
	__u32 op;
	__u32 flags;
	__u32 ioasid;
	__u32 from_ioasid;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
	__aligned_u64 out_iova;
};

/**
 * struct ioasid_batch - ioctl(IOASID_BATCH), on /dev/ioasid
 * @size: sizeof(struct ioasid_batch)
 * @flags: must be 0
 * @entries: pointer to an array of &struct ioasid_batch_entry
 * @num_entries: entries in the array
 * @entry_size: sizeof(struct ioasid_batch_entry)
 * @out_num_done: how many entries were done; after an error the number of the one that failed
 * @out_reserved: 0
 * @out_range: of the entry that failed, as in its call, as are the following
 * @out_locked_bytes: see IOASID_MAP
 * @out_wanted_bytes: see IOASID_MAP
 * @out_locked_limit_bytes: see IOASID_MAP
 *
 * Make many calls in one. Entries are done in order. The first that fails ends the batch: those
 * before it are done, it and those after it have changed nothing. Invalidation is shared: when the
 * batch returns no device reaches what it unmapped (unless the IOASID defers that), and it took one
 * invalidation for all unmapped entries in a row on the same IOASID, not one for each.
 *
 * Errors: EINVAL for another @entry_size, EOPNOTSUPP for an unknown op, EFAULT, and those of the
 * entries.
 */
struct ioasid_batch {
	__u32 size;
	__u32 flags;
	__aligned_u64 entries;
	__u32 num_entries;
	__u32 entry_size;
	__u32 out_num_done;
	__u32 out_reserved;
	struct ioasid_range out_range;
	__aligned_u64 out_locked_bytes;
	__aligned_u64 out_wanted_bytes;
	__aligned_u64 out_locked_limit_bytes;
};
#define IOASID_BATCH _IO(IOASID_IOC_TYPE, IOASID_CMD_BATCH)

/* Bytes of a name, the terminating zero included; a longer name is cut. */
#define IOASID_NAME_SIZE 64

/**
 * enum ioasid_event_type - &ioasid_event.type
 * @IOASID_EVENT_LOST: @count events were dropped here because the queue was full
 * @IOASID_EVENT_REFUSED: the kernel refused to bind @driver to @device, because the context owns
 *	the group. Needs IOASID_CAP_REFUSALS
 * @IOASID_EVENT_GROUP_FREE: a group that the context asked for with IOASID_BIND_WATCH has no owner
 *	any more. Another may be faster: bind, and be prepared to wait again. Without
 *	IOASID_CAP_REFUSALS a group that another framework has, such as VFIO, is reported only when
 *	a driver is unbound from one of its devices
 * @IOASID_EVENT_DEVICE_ADDED: @device appeared in an owned group; it reaches what the group's other
 *	devices reach. Some IOMMU drivers (virtio-iommu on Linux 6.12) put a device into its group
 *	only when the first driver asks for it: that is when it is reported, and without
 *	IOASID_CAP_REFUSALS it is not
 * @IOASID_EVENT_DEVICE_REMOVED: @device of an owned group is gone
 * @IOASID_EVENT_NO_PASIDS: @device appeared in an owned group and cannot have all PASIDs that the
 *	group's other devices were allowed. It has none until ownership returns to the kernel
 * @IOASID_EVENT_REVOKED: the binding of @device was ended from outside: it was removed, or its
 *	driver was unbound. Its device files answer ENODEV
 */
enum ioasid_event_type {
	IOASID_EVENT_LOST = 0,
	IOASID_EVENT_REFUSED = 1,
	IOASID_EVENT_GROUP_FREE = 2,
	IOASID_EVENT_DEVICE_ADDED = 3,
	IOASID_EVENT_DEVICE_REMOVED = 4,
	IOASID_EVENT_REVOKED = 5,
	IOASID_EVENT_NO_PASIDS = 6,
};

/**
 * struct ioasid_event - what read() on /dev/ioasid returns
 * @size: bytes of this record: the next one, if read() returned more, starts that far on
 * @type: one of &enum ioasid_event_type; a reader skips types that it does not know
 * @time_ns: when it happened, on CLOCK_BOOTTIME
 * @group: number of the IOMMU group, or IOASID_NO_GROUP
 * @count: for IOASID_EVENT_LOST the number of events lost, else 1
 * @device: the device, empty if there is no particular one
 * @driver: the driver, likewise
 *
 * read() returns as many whole records as fit, waiting for the first one unless the file is
 * O_NONBLOCK (EAGAIN). A buffer that is too small for a record is EINVAL. poll() reports POLLIN
 * while there are any. The queue is bounded and nothing in the kernel waits for its reader: what
 * does not fit is counted and reported as IOASID_EVENT_LOST in its place. A read() that fails with
 * EFAULT has consumed nothing.
 */
struct ioasid_event {
	__u32 size;
	__u32 type;
	__aligned_u64 time_ns;
	__u32 group;
	__u32 count;
	__u8 device[IOASID_NAME_SIZE];
	__u8 driver[IOASID_NAME_SIZE];
};

/**
 * enum ioasid_bus - &ioasid_device_info.out_bus
 * @IOASID_BUS_OTHER: a bus this header has no name for
 * @IOASID_BUS_PCI: PCI
 * @IOASID_BUS_PLATFORM: platform devices
 */
enum ioasid_bus {
	IOASID_BUS_OTHER = 0,
	IOASID_BUS_PCI = 1,
	IOASID_BUS_PLATFORM = 2,
};

/**
 * enum ioasid_device_capability - bits of &ioasid_device_info.out_capabilities
 * @IOASID_DEVICE_CAP_RID: an IOASID can be allowed for the device's RID
 * @IOASID_DEVICE_CAP_RESET: the function is reset before it returns to the kernel; without this bit
 *	it is only stopped. That is how things are now: a function that can be reset only together
 *	with its bus loses the bit while there is another function on the bus. A reset that fails
 *	all the same is an error in the kernel's log, and the bit is gone
 * @IOASID_DEVICE_CAP_PASID: IOASIDs can be allowed for PASIDs of the device
 */
enum ioasid_device_capability {
	IOASID_DEVICE_CAP_RID = 1 << 0,
	IOASID_DEVICE_CAP_RESET = 1 << 1,
	IOASID_DEVICE_CAP_PASID = 1 << 2,
};

#define IOASID_NO_GROUP (~0U)

/**
 * struct ioasid_device_info - ioctl(IOASID_DEVICE_GET_INFO), on a device file
 * @size: sizeof(struct ioasid_device_info)
 * @flags: must be 0
 * @out_capabilities: bits of &enum ioasid_device_capability
 * @out_bus: one of &enum ioasid_bus
 * @out_group: number of the IOMMU group, IOASID_NO_GROUP without an IOMMU
 * @out_num_regions: regions that DEVICE_GET_REGION knows, numbered from 0
 * @out_pci_vendor: PCI vendor, 0 on other buses, as are the following
 * @out_pci_device: PCI device
 * @out_pci_class: PCI base class, subclass and programming interface, 24 bits
 * @out_pci_revision: PCI revision
 * @out_name: name of the device, as the kernel prints it
 * @out_max_pasids: one more than the highest PASID that the device can be allowed; 0 without
 *	IOASID_DEVICE_CAP_PASID
 * @out_reserved: 0
 *
 * Errors: ENODEV.
 */
struct ioasid_device_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 out_capabilities;
	__u32 out_bus;
	__u32 out_group;
	__u32 out_num_regions;
	__u16 out_pci_vendor;
	__u16 out_pci_device;
	__u32 out_pci_class;
	__u32 out_pci_revision;
	__u8 out_name[IOASID_NAME_SIZE];
	__u32 out_max_pasids;
	__u32 out_reserved;
};
#define IOASID_DEVICE_GET_INFO _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_GET_INFO)

/**
 * enum ioasid_region_flags - bits of &ioasid_device_region.out_region_flags
 * @IOASID_REGION_MMAP: the region can be mapped with mmap()
 */
enum ioasid_region_flags {
	IOASID_REGION_MMAP = 1 << 0,
};

/**
 * struct ioasid_device_region - ioctl(IOASID_DEVICE_GET_REGION), on a device file
 * @size: sizeof(struct ioasid_device_region)
 * @flags: must be 0
 * @index: which region; for a PCI device the number of the BAR, 0 to 5
 * @out_region_flags: bits of &enum ioasid_region_flags; 0 for a BAR that is not there or is I/O
 *	ports
 * @out_offset: offset for mmap() on the device file
 * @out_length: bytes; 0 for a region that is not there
 *
 * mmap() of a region needs a bound device file (ENODEV otherwise, or EINVAL outside of every
 * region). When the device is unbound or removed the memory mapping stays, and touching it raises
 * SIGBUS.
 *
 * Errors: ENOENT (no such region), ENODEV.
 */
struct ioasid_device_region {
	__u32 size;
	__u32 flags;
	__u32 index;
	__u32 out_region_flags;
	__aligned_u64 out_offset;
	__aligned_u64 out_length;
};
#define IOASID_DEVICE_GET_REGION _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_GET_REGION)

/**
 * enum ioasid_owner - &ioasid_device_owner.out_owner: who decides about the DMA of a group
 * @IOASID_OWNER_NONE: nobody; the group can be bound
 * @IOASID_OWNER_KERNEL: a kernel driver, named by @out_device and @out_driver
 * @IOASID_OWNER_CONTEXT: a context of /dev/ioasid, opened by @out_pid and @out_command
 * @IOASID_OWNER_OTHER: another user-space DMA framework; @out_device and @out_driver name a device
 *	of the group that is bound to a driver of that framework, such as vfio-pci
 * @IOASID_OWNER_NO_IOMMU: the device has no IOMMU group, nobody can own it
 */
enum ioasid_owner {
	IOASID_OWNER_NONE = 0,
	IOASID_OWNER_KERNEL = 1,
	IOASID_OWNER_CONTEXT = 2,
	IOASID_OWNER_OTHER = 3,
	IOASID_OWNER_NO_IOMMU = 4,
};

/**
 * enum ioasid_owner_flags - bits of &ioasid_device_owner.out_owner_flags
 * @IOASID_OWNER_THIS_FILE: the device is bound through this very device file
 * @IOASID_OWNER_CLOSED: the owning context was closed; the group stays blocked until the device
 *	files go
 */
enum ioasid_owner_flags {
	IOASID_OWNER_THIS_FILE = 1 << 0,
	IOASID_OWNER_CLOSED = 1 << 1,
};

/**
 * struct ioasid_device_owner - ioctl(IOASID_DEVICE_GET_OWNER), on a device file
 * @size: sizeof(struct ioasid_device_owner)
 * @flags: must be 0
 * @out_owner: one of &enum ioasid_owner
 * @out_owner_flags: bits of &enum ioasid_owner_flags
 * @out_group: number of the IOMMU group, or IOASID_NO_GROUP
 * @out_pid: process that opened the owning context, in the caller's pid namespace; 0 if it is not
 *	there
 * @out_command: its command name at that time
 * @out_device: the device of the group that is in the way; empty if none is
 * @out_driver: the driver bound to it
 * @out_num_refused: how many times a kernel driver was refused a device of the group since the
 *	owning context took it; stays 0 without IOASID_CAP_REFUSALS
 * @out_refused_time_ns: when that happened last, on CLOCK_BOOTTIME
 * @out_refused_device: for which device
 * @out_refused_driver: to which driver
 * @out_num_pasids: how many PASIDs of the group's devices are allowed
 * @out_reserved: 0
 *
 * Who owns the DMA of the device's group, by name. It answers the question that an EBUSY from
 * DEVICE_BIND leaves open, and may be asked by anyone who holds a device file.
 *
 * Errors: ENODEV, ENOMEM.
 */
struct ioasid_device_owner {
	__u32 size;
	__u32 flags;
	__u32 out_owner;
	__u32 out_owner_flags;
	__u32 out_group;
	__u32 out_pid;
	__u8 out_command[16];
	__u8 out_device[IOASID_NAME_SIZE];
	__u8 out_driver[IOASID_NAME_SIZE];
	__aligned_u64 out_num_refused;
	__aligned_u64 out_refused_time_ns;
	__u8 out_refused_device[IOASID_NAME_SIZE];
	__u8 out_refused_driver[IOASID_NAME_SIZE];
	__u32 out_num_pasids;
	__u32 out_reserved;
};
#define IOASID_DEVICE_GET_OWNER _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_GET_OWNER)

/**
 * enum ioasid_refusal - &ioasid_device_bind.out_refusal: why a device was not bound
 * @IOASID_REFUSAL_NONE: it was bound, or the error says it all. With EBUSY: nobody owns the group,
 *	and yet the IOMMU's driver cannot let go of what it has programmed for it, or other kernel
 *	code uses it without owning it; no IOASID_EVENT_GROUP_FREE will tell of its end
 * @IOASID_REFUSAL_NO_IOMMU: EOPNOTSUPP, no IOMMU translates the device's DMA
 * @IOASID_REFUSAL_BUS: EOPNOTSUPP, the device's bus does not keep kernel drivers away from an owned
 *	device
 * @IOASID_REFUSAL_NOT_COHERENT: EOPNOTSUPP, DMA of the device is not coherent with the processor's
 *	caches
 * @IOASID_REFUSAL_DIRECT_MAPPED: EOPNOTSUPP, firmware demands that a part of the memory stays
 *	mapped for a device of the group (RMRR, IVMD, RMR)
 * @IOASID_REFUSAL_MSI: EPERM, a device of the group could send any interrupt to the host; the
 *	module parameter allow_unsafe_interrupts accepts that
 * @IOASID_REFUSAL_ALREADY_BOUND: EBUSY, the device is bound through another device file, or this
 *	one
 * @IOASID_REFUSAL_OWNED: EBUSY, the group is owned by another; DEVICE_GET_OWNER says by whom
 */
enum ioasid_refusal {
	IOASID_REFUSAL_NONE = 0,
	IOASID_REFUSAL_NO_IOMMU = 1,
	IOASID_REFUSAL_BUS = 2,
	IOASID_REFUSAL_NOT_COHERENT = 3,
	IOASID_REFUSAL_DIRECT_MAPPED = 4,
	IOASID_REFUSAL_MSI = 5,
	IOASID_REFUSAL_ALREADY_BOUND = 6,
	IOASID_REFUSAL_OWNED = 7,
};

/**
 * enum ioasid_bind_flags - bits of &ioasid_device_bind.flags
 * @IOASID_BIND_WATCH: if the group is owned by another (IOASID_REFUSAL_OWNED), tell the context
 *	with an IOASID_EVENT_GROUP_FREE, once, when it no longer is
 */
enum ioasid_bind_flags {
	IOASID_BIND_WATCH = 1 << 0,
};

/**
 * struct ioasid_device_bind - ioctl(IOASID_DEVICE_BIND), on a device file
 * @size: sizeof(struct ioasid_device_bind)
 * @flags: bits of &enum ioasid_bind_flags
 * @context_fd: an open /dev/ioasid
 * @out_refusal: after EBUSY, EPERM and EOPNOTSUPP one of &enum ioasid_refusal
 *
 * Take DMA ownership of the device's group for a context. From here on no kernel driver can bind to
 * any device of the group, and DMA of all of them is blocked until an IOASID is allowed. Further
 * devices of the group can be bound to the same context only.
 *
 * Errors: EBADF, EBUSY, EPERM, EOPNOTSUPP, ENODEV, ENOMEM, or what enabling the device returned.
 */
struct ioasid_device_bind {
	__u32 size;
	__u32 flags;
	__s32 context_fd;
	__u32 out_refusal;
};
#define IOASID_DEVICE_BIND _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_BIND)

/**
 * struct ioasid_device_unbind - ioctl(IOASID_DEVICE_UNBIND), on a device file
 * @size: sizeof(struct ioasid_device_unbind)
 * @flags: must be 0
 *
 * Stop the device, reset it where that is possible, disallow what it was allowed, and give up DMA
 * ownership. With the last bound device of a group, ownership returns to the kernel. Closing the
 * device file does the same.
 *
 * A device that appeared in the group while it was owned was never prepared for DMA of the kernel
 * (seen on Linux 6.12): its driver can bind now, and its DMA fails until the device is removed and
 * found again by a rescan of its bus.
 *
 * Errors: EINVAL (not bound through this file), ENODEV.
 */
struct ioasid_device_unbind {
	__u32 size;
	__u32 flags;
};
#define IOASID_DEVICE_UNBIND _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_UNBIND)

/* PASIDs are numbers of 20 bits, and 0 is not one of them. */
#define IOASID_MAX_PASID ((1U << 20) - 1)

/**
 * enum ioasid_allow_flags - bits of &ioasid_device_allow.flags
 * @IOASID_ALLOW_PASID: the IOASID serves the DMA that the device tags with a PASID; otherwise all
 *	DMA without one (its RID)
 * @IOASID_ALLOW_FIXED_PASID: with IOASID_ALLOW_PASID: under the number @pasid; otherwise the kernel
 *	chooses
 */
enum ioasid_allow_flags {
	IOASID_ALLOW_PASID = 1 << 0,
	IOASID_ALLOW_FIXED_PASID = 1 << 1,
};

/**
 * struct ioasid_device_allow - ioctl(IOASID_DEVICE_ALLOW), on a device file
 * @size: sizeof(struct ioasid_device_allow)
 * @flags: bits of &enum ioasid_allow_flags
 * @ioasid: an IOASID of the context that the device is bound to
 * @pasid: with IOASID_ALLOW_FIXED_PASID the number, from 1 to IOASID_MAX_PASID; else must be 0
 * @out_range: after EADDRINUSE the mapping that the device could not reach
 * @out_pasid: with IOASID_ALLOW_PASID the number
 * @out_num_pasids: after EDQUOT how many PASIDs the calling user has
 * @out_pasid_limit: after EDQUOT how many the user may have
 * @out_reserved: 0
 *
 * Let the device use the IOASID. All its mappings are visible to the device when this returns. A
 * device can be allowed one IOASID for its RID and one under each PASID, and the same IOASID any
 * number of times. The devices of a group have the address space of their RIDs in common, and that
 * of each PASID: a further device of the group can be allowed the same IOASID only.
 *
 * A number that the kernel chooses belongs to the IOASID: it is the same for every device, no other
 * IOASID and no process address space has it, and it stays reserved until the IOASID is freed and
 * no device is allowed anything under it. A number of the caller's choice means something for this
 * group only. Both count against a quota of the calling user (module parameter pasids_per_user).
 *
 * Errors: EINVAL (not bound through this file, or not a PASID), ENOENT, EEXIST (the device is
 * allowed an IOASID already, for its RID or under this PASID), EBUSY (another device of the group
 * is allowed another IOASID), EADDRINUSE, EDQUOT, ENOSPC, EOPNOTSUPP (also: the device has no
 * PASIDs, or none that high), ENOMEM, EINTR, ENODEV.
 */
struct ioasid_device_allow {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 pasid;
	struct ioasid_range out_range;
	__u32 out_pasid;
	__u32 out_num_pasids;
	__u32 out_pasid_limit;
	__u32 out_reserved;
};
#define IOASID_DEVICE_ALLOW _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_ALLOW)

/**
 * enum ioasid_disallow_flags - bits of &ioasid_device_disallow.flags
 * @IOASID_DISALLOW_PASID: what it was allowed under @pasid; otherwise what its RID uses
 */
enum ioasid_disallow_flags {
	IOASID_DISALLOW_PASID = 1 << 0,
};

/**
 * struct ioasid_device_disallow - ioctl(IOASID_DEVICE_DISALLOW), on a device file
 * @size: sizeof(struct ioasid_device_disallow)
 * @flags: bits of &enum ioasid_disallow_flags
 * @ioasid: what the device was allowed; also one that was freed since
 * @pasid: with IOASID_DISALLOW_PASID under which PASID; else must be 0
 *
 * Take the IOASID away from the device and drop the device's reference. DMA of the group's RIDs, or
 * that under the PASID, is blocked when the last of its devices that was allowed the IOASID lets
 * go.
 *
 * Errors: EINVAL (not bound through this file, or not a PASID), ENOENT (the device was not allowed
 * it), ENODEV.
 */
struct ioasid_device_disallow {
	__u32 size;
	__u32 flags;
	__u32 ioasid;
	__u32 pasid;
};
#define IOASID_DEVICE_DISALLOW _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_DISALLOW)

/**
 * enum ioasid_replace_flags - bits of &ioasid_device_replace.flags
 * @IOASID_REPLACE_PASID: what it was allowed under @pasid; otherwise what its RID uses
 * @IOASID_REPLACE_GROUP: also for other devices of the group that were allowed the same
 */
enum ioasid_replace_flags {
	IOASID_REPLACE_PASID = 1 << 0,
	IOASID_REPLACE_GROUP = 1 << 1,
};

/**
 * enum ioasid_replaced_flags - bits of &ioasid_device_replace.out_replace_flags
 * @IOASID_REPLACED_WITH_GAP: for a time the device's DMA was blocked, or reached only a part of
 *	what is mapped. Without it, DMA went either to the one or to the other address space, as far
 *	as the order of calls to the IOMMU driver decides it; most IOMMUs can drop DMA that is under
 *	way while they switch
 * @IOASID_REPLACE_LOST: after an error: the former address space could not be attached again
 *	either. The device's DMA is blocked; it is still allowed @from_ioasid, and a DEVICE_REPLACE
 *	that succeeds puts another one in force
 */
enum ioasid_replaced_flags {
	IOASID_REPLACED_WITH_GAP = 1 << 0,
	IOASID_REPLACE_LOST = 1 << 1,
};

/**
 * struct ioasid_device_replace - ioctl(IOASID_DEVICE_REPLACE), on a device file
 * @size: sizeof(struct ioasid_device_replace)
 * @flags: bits of &enum ioasid_replace_flags
 * @from_ioasid: what the device was allowed; also one that was freed since
 * @ioasid: what it shall use instead, an IOASID of the same context
 * @pasid: with IOASID_REPLACE_PASID under which PASID; else must be 0
 * @out_replace_flags: bits of &enum ioasid_replaced_flags
 * @out_range: after EADDRINUSE the mapping that the device could not reach
 *
 * Let the device use another IOASID in place of one that it was allowed, as DISALLOW and ALLOW
 * would do, but without leaving it blocked where the kernel can (IOASID_CAP_REPLACE_RID,
 * IOASID_CAP_REPLACE_PASID). When this returns with success the device reaches nothing of the
 * former one; with an error it uses the former one, unless the reply says IOASID_REPLACE_LOST. The
 * PASID keeps its number. If both are the same nothing happens.
 *
 * Errors: EINVAL (not bound through this file, or not a PASID), ENOENT (the device was not allowed
 * @from_ioasid, or @ioasid does not exist), EBUSY (another device of the group was allowed it too,
 * and IOASID_REPLACE_GROUP is not set), EADDRINUSE, EOPNOTSUPP, ENOMEM, EINTR, ENODEV.
 */
struct ioasid_device_replace {
	__u32 size;
	__u32 flags;
	__u32 from_ioasid;
	__u32 ioasid;
	__u32 pasid;
	__u32 out_replace_flags;
	struct ioasid_range out_range;
};
#define IOASID_DEVICE_REPLACE _IO(IOASID_IOC_TYPE, IOASID_CMD_DEVICE_REPLACE)

#endif /* _UAPI_LINUX_IOASIDFD_H */
