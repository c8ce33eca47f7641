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

static int check_map(const struct map_request *request)
{
	int rc = check_range(request->start, request->length);

	if (rc)
		return rc;
	if (!(request->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE)))
		return -EINVAL;
	if (!(request->flags & IOASID_MAP_FIXED_IOVA))
		return request->iova ? -EINVAL : 0;
	return check_range(request->iova, request->length);
}

static int check_unmap(const struct map_request *request)
{
	if (request->flags & IOASID_UNMAP_ALL)
		return request->iova || request->length ? -EINVAL : 0;
	return check_range(request->iova, request->length);
}

int map_call_check(const struct map_call *call)
{
	return call->op == IOASID_BATCH_UNMAP ? check_unmap(&call->request) :
						check_map(&call->request);
}

static struct mapping *begin_copy(struct ioasidfd_context *ctx, const struct map_call *call,
				  struct ioas *ioas, struct map_refusal *refusal)
{
	struct ioas *from = ioas_lookup(ctx, call->from_ioasid);
	struct mapping *copy;

	if (!from)
		return ERR_PTR(-ENOENT);
	copy = mapping_begin_copy(ioas, from, &call->request, refusal);
	ioas_put(from);
	return copy;
}

static int begin_map(struct ioasidfd_context *ctx, struct ioas *ioas, const struct map_call *call,
		     struct map_result *result, struct map_refusal *refusal)
{
	const struct map_request *request = &call->request;
	int rc;

	if (request->file) {
		rc = pins_check_file(request->file, request->flags & IOASID_MAP_WRITE);
		if (rc)
			return rc;
	}
	if (call->promised) {
		rc = mapping_make(ioas, request, refusal);
		result->done = !rc;
		return rc;
	}
	if (call->op == IOASID_BATCH_COPY)
		result->mapping = begin_copy(ctx, call, ioas, refusal);
	else
		result->mapping = mapping_begin(ioas, request, refusal);
	if (IS_ERR(result->mapping))
		return PTR_ERR(result->mapping);
	result->iova = mapping_iova(result->mapping);
	return 0;
}

static int begin_unmap(struct ioas *ioas, const struct map_call *call, struct map_result *result,
		       struct map_refusal *refusal)
{
	const struct map_request *request = &call->request;
	bool all = request->flags & IOASID_UNMAP_ALL;
	u64 last = all ? U64_MAX : request->iova + request->length - 1;
	int rc;

	if (call->promised && unmapping_single(ioas, request->iova, last, call->flush_later)) {
		result->done = true;
		return 0;
	}
	rc = unmapping_begin(ioas, request->iova, last, &result->unmapping);
	if (rc == -ENOENT && all)
		rc = 0;
	refusal->range = result->unmapping.cut;
	result->mapping = NULL;
	result->bytes = result->unmapping.bytes;
	return rc;
}

int map_call_begin(struct ioasidfd_context *ctx, struct ioas *ioas, const struct map_call *call,
		   struct map_result *result, struct map_refusal *refusal)
{
	result->done = false;
	return call->op == IOASID_BATCH_UNMAP ? begin_unmap(ioas, call, result, refusal) :
						begin_map(ctx, ioas, call, result, refusal);
}

static void abort_call(struct ioas *ioas, struct map_result *result)
{
	if (result->mapping)
		mapping_abort(ioas, result->mapping);
	else if (result->unmapping.first)
		unmapping_abort(ioas, &result->unmapping);
}

int map_call_end(struct ioas *ioas, const struct map_call *call, struct map_result *result, int rc)
{
	if (rc)
		abort_call(ioas, result);
	else if (result->mapping)
		mapping_commit(ioas, result->mapping);
	else if (result->unmapping.first)
		unmapping_commit(ioas, &result->unmapping, call->flush_later);
	return rc;
}
