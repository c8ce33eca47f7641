/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watches the kernel log for what an IOMMU says about DMA that it refused.
 */
#ifndef IOASIDFD_TESTS_KERNEL_LOG_H
#define IOASIDFD_TESTS_KERNEL_LOG_H

#include <stddef.h>

/* Starts to watch from the newest line on. Returns a file, or a negative errno. */
int kernel_log_watch(void);
/*
 * Waits up to @timeout_ms for a line about refused DMA, copies its text and returns 1; 0 without
 * one. Skips other lines.
 */
int kernel_log_fault(int log, char *text, size_t size, unsigned int timeout_ms);

#endif /* IOASIDFD_TESTS_KERNEL_LOG_H */
