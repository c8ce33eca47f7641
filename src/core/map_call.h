/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Map, unmap and copy as user space asks for them, alone or in a batch.
 *
 * Owns the checks of their arguments, so that both ways say the same.
 * Ends in calls of mapping.h, and knows nothing of how arguments and replies travel.
 */
#ifndef IOASIDFD_MAP_CALL_H
#define IOASIDFD_MAP_CALL_H

#include "mapping.h"

/**
 * struct map_call - what user space asks for, unchecked
 * @op: one of &enum ioasid_batch_op
 * @ioasid: the address space
 * @from_ioasid: for a copy
 * @promised: the caller was told the IOVA of a map, or that all of the range of an unmap is one
 *	mapping; if so, it is done at once
 * @flush_later: as in mapping.h
 * @request: the rest, with the flags of that call; its start is a user address, an offset in the
 *	file, or an IOVA to copy from
 */
struct map_call {
	u32 op;
	u32 ioasid;
	u32 from_ioasid;
	bool promised;
	bool flush_later;
	struct map_request request;
};

/**
 * struct map_result - what is about to be done
 * @mapping: for map and copy
 * @iova: where it is
 * @unmapping: for unmap
 * @bytes: how much that is
 * @done: it was promised, and is done: nothing is left to do
 */
struct map_result {
	struct mapping *mapping;
	u64 iova;
	struct unmapping unmapping;
	u64 bytes;
	bool done;
};

/* Is it well-formed? Errors are those of the ABI, here and below. */
int map_call_check(const struct map_call *call);

/* Prepare it. On success the caller ends with map_call_end(), unless it is done. */
int map_call_begin(struct ioasidfd_context *ctx, struct ioas *ioas, const struct map_call *call,
		   struct map_result *result, struct map_refusal *refusal);

/* Do it, or take it back if @rc is an error; returns @rc. */
int map_call_end(struct ioas *ioas, const struct map_call *call, struct map_result *result, int rc);

#endif
