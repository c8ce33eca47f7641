// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests, see page_request.h.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "device.h"
#include "journal.h"
#include "page_request.h"

#if MOCK_HAS_PAGE_REQUESTS
#define MAX_ANSWERS 256

/**
 * struct answer - an answer that nobody waits for
 * @node: in mock_device.answers
 * @pasid: from the answer, as the following
 * @group: which requests
 * @code: the answer
 */
struct answer {
	struct list_head node;
	u32 pasid;
	u32 group;
	u32 code;
};

/**
 * struct page_waiter - a transfer that waits for an answer
 * @node: in mock_device.waiters
 * @group: number of its request
 * @answered: was it answered?
 * @code: the answer
 */
struct page_waiter {
	struct list_head node;
	u32 group;
	bool answered;
	u32 code;
};

static struct iopf_queue *queue;

int page_request_init(void)
{
	queue = iopf_queue_alloc("ioasid-mock");
	return queue ? 0 : -ENOMEM;
}

void page_request_exit(void)
{
	iopf_queue_free(queue);
}

void page_request_start(struct mock_device *mock, struct device *dev)
{
	mutex_lock(&mock->report_lock);
	mock->pages_started = !iopf_queue_add_device(queue, dev);
	mutex_unlock(&mock->report_lock);
}

void page_request_stop(struct mock_device *mock, struct device *dev)
{
	mutex_lock(&mock->report_lock);
	if (mock->pages_started)
		iopf_queue_remove_device(queue, dev);
	mock->pages_started = false;
	mutex_unlock(&mock->report_lock);
}

static bool give_to_waiter(struct mock_device *mock, const struct iommu_page_response *response)
{
	struct page_waiter *waiter;

	list_for_each_entry(waiter, &mock->waiters, node) {
		if (waiter->group != response->grpid)
			continue;
		waiter->code = response->code;
		WRITE_ONCE(waiter->answered, true);
		return true;
	}
	return false;
}

static void keep_answer(struct mock_device *mock, const struct iommu_page_response *response)
{
	struct answer *answer;

	if (mock->nr_answers == MAX_ANSWERS)
		return;
	answer = kzalloc(sizeof(*answer), GFP_ATOMIC);
	if (!answer)
		return;
	answer->pasid = response->pasid;
	answer->group = response->grpid;
	answer->code = response->code;
	list_add_tail(&answer->node, &mock->answers);
	mock->nr_answers++;
}

void page_request_answered(struct device *dev, struct iopf_fault *fault,
			   struct iommu_page_response *response)
{
	struct mock_device *mock = dev_iommu_priv_get(dev);

	count(page_response);
	log_event(MOCK_CALL_PAGE_RESPONSE, mock->mmu.number, response->pasid, 0,
		  fault->fault.prm.addr, fault->fault.prm.addr, response->code);
	spin_lock(&mock->pages_lock);
	if (!give_to_waiter(mock, response))
		keep_answer(mock, response);
	spin_unlock(&mock->pages_lock);
	wake_up_all(&mock->answered);
}

static int report(struct mock_device *mock, const struct iommu_fault_page_request *request)
{
	struct iopf_fault fault = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = *request,
	};
	int rc = -ENODEV;

	count(page_request);
	mutex_lock(&mock->report_lock);
	if (mock->pages_started)
		rc = iommu_report_device_fault(mock->dev, &fault);
	mutex_unlock(&mock->report_lock);
	log_event(MOCK_CALL_PAGE_REQUEST, mock->mmu.number, request->pasid, 0, request->addr,
		  request->addr, rc);
	return rc;
}

static u32 kernel_flags(bool has_pasid, bool last)
{
	u32 flags = last ? IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE : 0;

	if (has_pasid)
		flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
			 IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	return flags;
}

int page_request_send(struct mock_device *mock, struct mock_page_request *request)
{
	struct iommu_fault_page_request prm = {
		.flags = kernel_flags(request->flags & MOCK_PAGE_PASID,
				      request->flags & MOCK_PAGE_LAST),
		.pasid = request->flags & MOCK_PAGE_PASID ? request->pasid : 0,
		.grpid = request->group,
		.addr = request->iova & PAGE_MASK,
	};

	if (request->group >= MOCK_PAGE_GROUPS)
		return -EINVAL;
	if (request->flags & MOCK_PAGE_READ)
		prm.perm |= IOMMU_FAULT_PERM_READ;
	if (request->flags & MOCK_PAGE_WRITE)
		prm.perm |= IOMMU_FAULT_PERM_WRITE;
	request->out_result = -report(mock, &prm);
	return 0;
}

static struct answer *take_answer(struct mock_device *mock)
{
	struct answer *answer;

	spin_lock(&mock->pages_lock);
	answer = list_first_entry_or_null(&mock->answers, struct answer, node);
	if (answer) {
		list_del(&answer->node);
		mock->nr_answers--;
	}
	spin_unlock(&mock->pages_lock);
	return answer;
}

int page_request_fetch(struct mock_device *mock, struct mock_page_response *response)
{
	struct answer *answer = NULL;
	long rc;

	rc = wait_event_interruptible_timeout(mock->answered,
					      (answer = take_answer(mock)) || READ_ONCE(mock->gone),
					      msecs_to_jiffies(response->timeout_ms));
	if (!answer)
		return rc < 0 ? -EINTR : READ_ONCE(mock->gone) ? -ENODEV : -ETIMEDOUT;
	response->out_pasid = answer->pasid;
	response->out_group = answer->group;
	response->out_code = answer->code;
	kfree(answer);
	return 0;
}

void page_request_forget(struct mock_device *mock)
{
	struct answer *answer;

	while ((answer = take_answer(mock)))
		kfree(answer);
}

/* Numbers that do not meet those of MOCK_PAGE_REQUEST. */
static u32 next_group(void)
{
	static atomic_t last;

	return MOCK_PAGE_GROUPS + ((u32)atomic_inc_return(&last) & 0xffffff);
}

static void wait_for(struct mock_device *mock, struct page_waiter *waiter, unsigned int timeout_ms)
{
	wait_event_timeout(mock->answered, READ_ONCE(waiter->answered) || READ_ONCE(mock->gone),
			   msecs_to_jiffies(timeout_ms));
}

bool page_request_and_wait(struct mock_device *mock, const struct mmu_access *access,
			   unsigned int timeout_ms)
{
	struct page_waiter waiter = { .group = next_group() };
	struct iommu_fault_page_request prm = {
		.flags = kernel_flags(access->has_pasid, true),
		.pasid = access->has_pasid ? access->pasid : 0,
		.grpid = waiter.group,
		.perm = access->write ? IOMMU_FAULT_PERM_WRITE : IOMMU_FAULT_PERM_READ,
		.addr = access->iova & PAGE_MASK,
	};

	spin_lock(&mock->pages_lock);
	list_add_tail(&waiter.node, &mock->waiters);
	spin_unlock(&mock->pages_lock);
	if (!report(mock, &prm))
		wait_for(mock, &waiter, timeout_ms);
	spin_lock(&mock->pages_lock);
	list_del(&waiter.node);
	spin_unlock(&mock->pages_lock);
	return waiter.answered && waiter.code == IOMMU_PAGE_RESP_SUCCESS;
}
#else
int page_request_init(void)
{
	return 0;
}

void page_request_exit(void)
{
}

void page_request_start(struct mock_device *mock, struct device *dev)
{
}

void page_request_stop(struct mock_device *mock, struct device *dev)
{
}

int page_request_send(struct mock_device *mock, struct mock_page_request *request)
{
	return -EOPNOTSUPP;
}

int page_request_fetch(struct mock_device *mock, struct mock_page_response *response)
{
	return -EOPNOTSUPP;
}

void page_request_forget(struct mock_device *mock)
{
}

bool page_request_and_wait(struct mock_device *mock, const struct mmu_access *access,
			   unsigned int timeout_ms)
{
	return false;
}
#endif
