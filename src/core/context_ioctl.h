/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of /dev/ioasid. Knows the ABI's structures; the file itself is context_file.h.
 */
#ifndef IOASIDFD_CONTEXT_IOCTL_H
#define IOASIDFD_CONTEXT_IOCTL_H

#include "context.h"

long context_ioctl(struct ioasidfd_context *ctx, unsigned int cmd, unsigned long arg);

#endif
