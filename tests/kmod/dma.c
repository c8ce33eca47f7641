// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers, see dma.h.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "device.h"
#include "dma.h"
#include "journal.h"
#include "page_request.h"

#define MAX_PAGE_REQUESTS 3

/**
 * struct transfer - a transfer under way
 * @mock: the device
 * @dma: what to do, and the outcome
 * @bounce: one page; what was read and what is to be written
 * @length: bytes of the access under way
 * @done_ns: see dma_run()
 */
struct transfer {
	struct mock_device *mock;
	struct mock_dma *dma;
	void *bounce;
	size_t length;
	u64 *done_ns;
};

static void stamp(struct transfer *transfer)
{
	if (transfer->done_ns)
		WRITE_ONCE(*transfer->done_ns, ktime_get_ns());
}

static void run_read(void *address, void *private)
{
	struct transfer *transfer = private;

	memcpy(transfer->bounce, address, transfer->length);
	stamp(transfer);
}

static void run_write(void *address, void *private)
{
	struct transfer *transfer = private;

	/* Who polls a counter shall not see half of it. */
	if (transfer->length == sizeof(u64) && IS_ALIGNED((unsigned long)address, sizeof(u64)))
		WRITE_ONCE(*(u64 *)address, *(u64 *)transfer->bounce);
	else
		memcpy(address, transfer->bounce, transfer->length);
	stamp(transfer);
}

static void run_cas(void *address, void *private)
{
	struct transfer *transfer = private;
	struct mock_dma *dma = transfer->dma;

	if (dma->length == sizeof(u32))
		dma->out_value = cmpxchg((u32 *)address, (u32)dma->compare, (u32)dma->value);
	else
		dma->out_value = cmpxchg64((u64 *)address, dma->compare, dma->value);
	stamp(transfer);
}

static void record_fault(struct mock_device *mock, struct mmu_access *access,
			 enum mock_fault_reason reason)
{
	struct device *dev;

	count(fault);
	log_event(MOCK_CALL_FAULT, mock->mmu.number, access->has_pasid ? access->pasid : 0,
		  access->reported ? access->reported->number : 0, access->iova, access->iova,
		  reason);
	if (!access->reported)
		return;
	dev = mock_get_dev(mock);
	if (dev) {
		report_iommu_fault(&access->reported->domain, dev, access->iova,
				   access->write ? IOMMU_FAULT_WRITE : IOMMU_FAULT_READ);
		put_device(dev);
	}
	mmu_reported(access);
}

static enum mock_fault_reason try_access(struct transfer *transfer, struct mmu_access *access)
{
	enum mock_fault_reason reason = MOCK_FAULT_NO_MASTER;

	access->reported = NULL;
	if (!mock_lacks_master(transfer->mock))
		reason = mmu_access(&transfer->mock->mmu, access);
	transfer->dma->out_seen |= access->seen;
	return reason;
}

static bool can_be_requested(enum mock_fault_reason reason)
{
	return reason == MOCK_FAULT_NOT_MAPPED || reason == MOCK_FAULT_NO_READ ||
	       reason == MOCK_FAULT_NO_WRITE;
}

/* One page; again while page requests help. */
static enum mock_fault_reason access_with_requests(struct transfer *transfer,
						   struct mmu_access *access)
{
	struct mock_dma *dma = transfer->dma;
	enum mock_fault_reason reason;
	unsigned int requests;

	for (requests = 0;; requests++) {
		reason = try_access(transfer, access);
		if (!can_be_requested(reason) || !(dma->flags & MOCK_DMA_PAGE_REQUEST) ||
		    requests == MAX_PAGE_REQUESTS)
			return reason;
		mmu_reported(access);
		dma->out_requests++;
		if (!page_request_and_wait(transfer->mock, access, dma->timeout_ms))
			return MOCK_FAULT_PAGE_REQUEST;
	}
}

static bool do_access(struct transfer *transfer, u64 iova, bool write, void (*run)(void *, void *))
{
	struct mock_dma *dma = transfer->dma;
	struct mmu_access access = {
		.pasid = dma->pasid,
		.has_pasid = dma->flags & MOCK_DMA_PASID,
		.identity_allowed = dma->flags & MOCK_DMA_IDENTITY,
		.write = write,
		.iova = iova,
		.run = run,
		.private = transfer,
	};
	enum mock_fault_reason reason = access_with_requests(transfer, &access);

	if (!reason)
		return true;
	dma->out_fault.reason = reason;
	dma->out_fault.write = write;
	dma->out_fault.has_pasid = access.has_pasid;
	dma->out_fault.pasid = access.has_pasid ? dma->pasid : 0;
	dma->out_fault.iova = iova;
	record_fault(transfer->mock, &access, reason);
	return false;
}

static size_t up_to_page_end(u64 address, u64 length)
{
	return min_t(u64, length, PAGE_SIZE - offset_in_page(address));
}

/* What goes to memory next is put into the bounce page. */
static int fetch(struct transfer *transfer, const struct dma_buffer *buffer)
{
	struct mock_dma *dma = transfer->dma;
	u64 done = dma->out_done;

	switch (dma->op) {
	case MOCK_DMA_WRITE:
		if (buffer->kernel)
			memcpy(transfer->bounce, buffer->kernel + done, transfer->length);
		else if (copy_from_user(transfer->bounce, buffer->user + done, transfer->length))
			return -EFAULT;
		return 0;
	case MOCK_DMA_FILL:
		memset(transfer->bounce, (u8)dma->value, transfer->length);
		return 0;
	default:
		memcpy(transfer->bounce, (u8 *)&dma->value + done, transfer->length);
		return 0;
	}
}

static int deliver(struct transfer *transfer, const struct dma_buffer *buffer)
{
	u64 done = transfer->dma->out_done;

	if (buffer->kernel)
		memcpy(buffer->kernel + done, transfer->bounce, transfer->length);
	else if (copy_to_user(buffer->user + done, transfer->bounce, transfer->length))
		return -EFAULT;
	return 0;
}

/* One piece: 1 if the DMA went through, 0 if it faulted, or a negative errno. */
static int transfer_piece(struct transfer *transfer, const struct dma_buffer *buffer)
{
	struct mock_dma *dma = transfer->dma;
	u64 iova = dma->iova + dma->out_done;
	int rc;

	switch (dma->op) {
	case MOCK_DMA_COPY:
		return do_access(transfer, dma->source + dma->out_done, false, run_read) &&
		       do_access(transfer, iova, true, run_write);
	case MOCK_DMA_READ:
		if (!do_access(transfer, iova, false, run_read))
			return 0;
		rc = deliver(transfer, buffer);
		return rc ?: 1;
	case MOCK_DMA_CAS:
		return do_access(transfer, iova, true, run_cas);
	default:
		rc = fetch(transfer, buffer);
		return rc ?: do_access(transfer, iova, true, run_write);
	}
}

static int transfer_all(struct transfer *transfer, const struct dma_buffer *buffer)
{
	struct mock_dma *dma = transfer->dma;
	int rc = 1;

	while (rc > 0 && dma->out_done < dma->length) {
		u64 left = dma->length - dma->out_done;

		transfer->length = up_to_page_end(dma->iova + dma->out_done, left);
		if (dma->op == MOCK_DMA_COPY)
			transfer->length =
				up_to_page_end(dma->source + dma->out_done, transfer->length);
		rc = transfer_piece(transfer, buffer);
		if (rc > 0)
			dma->out_done += transfer->length;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return min(rc, 0);
}

static int check(const struct mock_dma *dma)
{
	u64 end;

	if (dma->op > MOCK_DMA_COUNT || check_add_overflow(dma->iova, dma->length, &end))
		return -EINVAL;
	if (dma->op == MOCK_DMA_COPY && check_add_overflow(dma->source, dma->length, &end))
		return -EINVAL;
	if (dma->op == MOCK_DMA_CAS &&
	    ((dma->length != sizeof(u32) && dma->length != sizeof(u64)) || dma->iova % dma->length))
		return -EINVAL;
	return 0;
}

int dma_run(struct mock_device *mock, struct mock_dma *dma, const struct dma_buffer *buffer,
	    u64 *done_ns)
{
	struct transfer transfer = {
		.mock = mock,
		.dma = dma,
		.done_ns = done_ns,
	};
	int rc;

	dma->out_done = 0;
	dma->out_value = 0;
	memset(&dma->out_fault, 0, sizeof(dma->out_fault));
	dma->out_seen = 0;
	dma->out_requests = 0;
	if (dma->op == MOCK_DMA_COUNT)
		dma->length = sizeof(dma->value);
	rc = check(dma);
	if (rc)
		return rc;
	transfer.bounce = (void *)__get_free_page(GFP_KERNEL);
	if (!transfer.bounce)
		return -ENOMEM;
	rc = transfer_all(&transfer, buffer);
	free_page((unsigned long)transfer.bounce);
	return rc;
}
