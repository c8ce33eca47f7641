/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Map, unmap and copy as user space asks for them, alone or in a batch.
 *
 * Owns the checks of their arguments and the lookup of IOASIDs, so that both ways say the same.
 * Ends in calls of mapping.h, and knows nothing of how arguments and replies travel.
 */
#ifndef IOASIDFD_MAP_CALL_H
#define IOASIDFD_MAP_CALL_H

#include "mapping.h"

/**
 * struct map_call - what user space asks for, unchecked
 * @op: one of &enum ioasid_batch_op
 * @flags: of that call
 * @ioasid: the address space
 * @from_ioasid: for a copy
 * @start: user address, offset in @file, or IOVA to copy from
 * @file: for a map, or NULL
 * @length: bytes
 * @iova: where
 */
struct map_call {
	u32 op;
	u32 flags;
	u32 ioasid;
	u32 from_ioasid;
	u64 start;
	struct file *file;
	u64 length;
	u64 iova;
};

/**
 * struct map_result - what is about to be done
 * @ioas: the address space; holds a reference
 * @mapping: for map and copy
 * @iova: where it is
 * @unmapping: for unmap
 * @bytes: how much that is
 */
struct map_result {
	struct ioas *ioas;
	struct mapping *mapping;
	u64 iova;
	struct unmapping unmapping;
	u64 bytes;
};

/*
 * Check and prepare. On success the caller ends with map_call_end(). Errors are those of the ABI.
 */
int map_call_begin(struct ioasidfd_context *ctx, const struct map_call *call,
		   struct map_result *result, struct map_refusal *refusal);

/* Do it, or take it back if @rc is an error; returns @rc. @flush_later: as in mapping.h. */
int map_call_end(struct map_result *result, int rc, bool flush_later);

#endif
