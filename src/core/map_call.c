// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checked map, unmap and copy, see map_call.h.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <uapi/linux/ioasidfd.h>

#include "map_call.h"

static int check_range(u64 start, u64 length)
{
	u64 last;

	if (!length || !PAGE_ALIGNED(start) || !PAGE_ALIGNED(length))
		return -EINVAL;
	return check_add_overflow(start, length - 1, &last) ? -EOVERFLOW : 0;
}

static int check_map(const struct map_call *call)
{
	int rc = check_range(call->start, call->length);

	if (rc)
		return rc;
	if (!(call->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)))
		return -EINVAL;
	if (!(call->flags & IOASID_MAP_FIXED_IOVA))
		return call->iova ? -EINVAL : 0;
	return check_range(call->iova, call->length);
}

static struct mapping *begin_copy(struct ioasidfd_context *ctx, const struct map_call *call,
				  struct ioas *ioas, const struct map_request *request,
				  struct map_refusal *refusal)
{
	struct ioas *from = ioas_lookup(ctx, call->from_ioasid);
	struct mapping *copy;

	if (!from)
		return ERR_PTR(-ENOENT);
	copy = mapping_begin_copy(ioas, from, request, refusal);
	ioas_put(from);
	return copy;
}

static int begin_map(struct ioasidfd_context *ctx, const struct map_call *call,
		     struct map_result *result, struct map_refusal *refusal)
{
	const struct map_request request = {
		.start = call->start,
		.file = call->file,
		.length = call->length,
		.iova = call->iova,
		.fixed = call->flags & IOASID_MAP_FIXED_IOVA,
		.flags = call->flags,
	};
	int rc = call->file ? pins_check_file(call->file, call->flags & IOASID_MAP_WRITE) : 0;

	if (rc)
		return rc;
	if (call->op == IOASID_BATCH_COPY)
		result->mapping = begin_copy(ctx, call, result->ioas, &request, refusal);
	else
		result->mapping = mapping_begin(result->ioas, &request, refusal);
	if (IS_ERR(result->mapping))
		return PTR_ERR(result->mapping);
	result->iova = mapping_iova(result->mapping);
	return 0;
}

static int check_unmap(const struct map_call *call)
{
	if (call->flags & IOASID_UNMAP_ALL)
		return call->iova || call->length ? -EINVAL : 0;
	return check_range(call->iova, call->length);
}

static int begin_unmap(const struct map_call *call, struct map_result *result,
		       struct map_refusal *refusal)
{
	bool all = call->flags & IOASID_UNMAP_ALL;
	u64 last = all ? U64_MAX : call->iova + call->length - 1;
	int rc = unmapping_begin(result->ioas, call->iova, last, &result->unmapping);

	if (rc == -ENOENT && all)
		rc = 0;
	refusal->range = result->unmapping.cut;
	result->mapping = NULL;
	result->bytes = result->unmapping.bytes;
	return rc;
}

int map_call_begin(struct ioasidfd_context *ctx, const struct map_call *call,
		   struct map_result *result, struct map_refusal *refusal)
{
	bool unmap = call->op == IOASID_BATCH_UNMAP;
	int rc = unmap ? check_unmap(call) : check_map(call);

	if (rc)
		return rc;
	result->ioas = ioas_lookup(ctx, call->ioasid);
	if (!result->ioas)
		return -ENOENT;
	rc = unmap ? begin_unmap(call, result, refusal) : begin_map(ctx, call, result, refusal);
	if (rc)
		ioas_put(result->ioas);
	return rc;
}

static void abort_call(struct map_result *result)
{
	if (result->mapping)
		mapping_abort(result->ioas, result->mapping);
	else if (result->unmapping.first)
		unmapping_abort(result->ioas, &result->unmapping);
}

int map_call_end(struct map_result *result, int rc, bool flush_later)
{
	if (rc)
		abort_call(result);
	else if (result->mapping)
		mapping_commit(result->ioas, result->mapping);
	else if (result->unmapping.first)
		unmapping_commit(result->ioas, &result->unmapping, flush_later);
	ioas_put(result->ioas);
	return rc;
}
