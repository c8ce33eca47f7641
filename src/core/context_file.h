/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/ioasid: the file that stands for a context.
 *
 * Owns the device node, the ioctls of the context and its fdinfo. The top of the module: it turns
 * structures of the ABI into calls of ioas.h and mapping.h.
 */
#ifndef IOASIDFD_CONTEXT_FILE_H
#define IOASIDFD_CONTEXT_FILE_H

#include "context.h"

int context_file_init(void);
void context_file_exit(void);

/*
 * A reference to the context that a file descriptor of the calling process stands for. -EBADF if it
 * is no such file.
 */
struct ioasidfd_context *context_get_from_fd(int fd);

#endif
