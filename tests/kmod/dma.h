/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transfers: a device's DMA, page by page, through its translation.
 */
#ifndef MOCK_DMA_ENGINE_H
#define MOCK_DMA_ENGINE_H

#include "mock.h"

struct mock_device;

/**
 * struct dma_buffer - the side of a READ or WRITE that is not DMA
 * @kernel: kernel memory, or NULL
 * @user: user memory otherwise
 */
struct dma_buffer {
	void *kernel;
	void __user *user;
};

/*
 * Runs a transfer and fills its out members. 0 also if it faulted; -EINVAL, -EFAULT (of the
 * buffer), -ENOMEM.
 * @done_ns: set when memory was accessed, before an invalidation can get past the access; may be
 *	NULL. May sleep.
 */
int dma_run(struct mock_device *mock, struct mock_dma *dma, const struct dma_buffer *buffer,
	    u64 *done_ns);

#endif
