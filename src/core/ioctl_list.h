/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one list of ioctls. Dispatch tables, sizes, masks and the tests of the contract are generated
 * from it, so that a call cannot be added in one place and forgotten in another.
 *
 * X(NAME, structure, handler, last member of the first published version, flags, first output, last
 * output)
 *
 * Outputs of a structure are contiguous. A reserved member is named __reserved and listed with
 * R(structure).
 */
#ifndef IOASIDFD_IOCTL_LIST_H
#define IOASIDFD_IOCTL_LIST_H

#include <uapi/linux/ioasidfd.h>

#define IOASIDFD_NO_RESERVED 0
#define IOASIDFD_RESERVED(type) offsetof(struct type, __reserved)

/* Flags of what drivers can call as well. */
#define IOASIDFD_ALLOW_FLAGS (IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID)
#define IOASIDFD_DISALLOW_FLAGS IOASID_DISALLOW_PASID
#define IOASIDFD_REPLACE_FLAGS (IOASID_REPLACE_PASID | IOASID_REPLACE_GROUP)

#define IOASIDFD_CONTEXT_IOCTLS(X)                                                            \
	X(GET_INFO, ioasid_info, get_info, out_locked_limit_bytes, 0, IOASIDFD_NO_RESERVED,   \
	  out_abi_version, out_locked_limit_bytes)                                            \
	X(ALLOC, ioasid_alloc, alloc, __reserved, IOASID_ALLOC_DEFERRED_FLUSH,                \
	  IOASIDFD_RESERVED(ioasid_alloc), out_ioasid, out_ioasid)                            \
	X(FREE, ioasid_free, free, __reserved, 0, IOASIDFD_RESERVED(ioasid_free), size, size) \
	X(MAP, ioasid_map, map, out_locked_limit_bytes,                                       \
	  IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,                         \
	  IOASIDFD_RESERVED(ioasid_map), out_iova, out_locked_limit_bytes)                    \
	X(UNMAP, ioasid_unmap, unmap, out_range, IOASID_UNMAP_ALL,                            \
	  IOASIDFD_RESERVED(ioasid_unmap), out_unmapped_bytes, out_range)                     \
	X(IOVA_RANGES, ioasid_iova_ranges, iova_ranges, __reserved, 0,                        \
	  IOASIDFD_RESERVED(ioasid_iova_ranges), out_iova_alignment, out_num_ranges)          \
	X(QUERY, ioasid_query, query, out_map_flags, IOASID_QUERY_NEXT,                       \
	  IOASIDFD_RESERVED(ioasid_query), out_range, out_map_flags)                          \
	X(COPY, ioasid_copy, copy, out_range,                                                 \
	  IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA, IOASIDFD_NO_RESERVED,   \
	  out_iova, out_range)                                                                \
	X(MAP_FILE, ioasid_map_file, map_file, out_locked_limit_bytes,                        \
	  IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA, IOASIDFD_NO_RESERVED,   \
	  out_iova, out_locked_limit_bytes)                                                   \
	X(SYNC, ioasid_sync, sync, __reserved, 0, IOASIDFD_RESERVED(ioasid_sync), size, size) \
	X(BATCH, ioasid_batch, batch, out_locked_limit_bytes, 0, IOASIDFD_NO_RESERVED,        \
	  out_num_done, out_locked_limit_bytes)

#define IOASIDFD_DEVICE_IOCTLS(X)                                                                  \
	X(DEVICE_GET_INFO, ioasid_device_info, get_info, out_reserved, 0, IOASIDFD_NO_RESERVED,    \
	  out_capabilities, out_reserved)                                                          \
	X(DEVICE_GET_REGION, ioasid_device_region, get_region, out_length, 0,                      \
	  IOASIDFD_NO_RESERVED, out_region_flags, out_length)                                      \
	X(DEVICE_GET_OWNER, ioasid_device_owner, get_owner, out_reserved, 0, IOASIDFD_NO_RESERVED, \
	  out_owner, out_reserved)                                                                 \
	X(DEVICE_BIND, ioasid_device_bind, bind, out_refusal, IOASID_BIND_WATCH,                   \
	  IOASIDFD_NO_RESERVED, out_refusal, out_refusal)                                          \
	X(DEVICE_UNBIND, ioasid_device_unbind, unbind, flags, 0, IOASIDFD_NO_RESERVED, size, size) \
	X(DEVICE_ALLOW, ioasid_device_allow, allow, out_reserved, IOASIDFD_ALLOW_FLAGS,            \
	  IOASIDFD_NO_RESERVED, out_range, out_reserved)                                           \
	X(DEVICE_DISALLOW, ioasid_device_disallow, disallow, pasid, IOASIDFD_DISALLOW_FLAGS,       \
	  IOASIDFD_NO_RESERVED, size, size)                                                        \
	X(DEVICE_REPLACE, ioasid_device_replace, replace, out_range, IOASIDFD_REPLACE_FLAGS,       \
	  IOASIDFD_NO_RESERVED, out_replace_flags, out_range)

#endif
