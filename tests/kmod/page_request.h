/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page requests of the devices, and the answers to them.
 */
#ifndef MOCK_PAGE_REQUEST_H
#define MOCK_PAGE_REQUEST_H

#include "mmu.h"
#include "mock_compat.h"

struct iommu_page_response;
struct iopf_fault;
struct mock_device;

int page_request_init(void);
void page_request_exit(void);

/* The device is about to be connected, disconnected. */
void page_request_start(struct mock_device *mock, struct device *dev);
void page_request_stop(struct mock_device *mock, struct device *dev);

/* The IOMMU core's answer. */
#if MOCK_HAS_PAGE_REQUESTS
void page_request_answered(struct device *dev, struct iopf_fault *fault,
			   struct iommu_page_response *response);
#endif

int page_request_send(struct mock_device *mock, struct mock_page_request *request);
int page_request_fetch(struct mock_device *mock, struct mock_page_response *response);

/* For an access that had no translation: was the answer a success? */
bool page_request_and_wait(struct mock_device *mock, const struct mmu_access *access,
			   unsigned int timeout_ms);

/* Answers that nobody fetched. */
void page_request_forget(struct mock_device *mock);

#endif
