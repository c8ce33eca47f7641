/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The modules under test, loaded and unloaded by a test as insmod and rmmod do it. A test that
 * unloads them runs its body in a process of its own and loads them again, whatever came of it:
 * the tests after it need them.
 */
#ifndef IOASID_TEST_MODULE_H
#define IOASID_TEST_MODULE_H

#include <stdbool.h>

#define CORE "ioasidfd"
#define STUB "ioasidfd_stub"

bool module_loaded(const char *name);

/* 0 or -errno; the core's arguments are those of this VM (IOASID_MODULE_ARGS) and @more. */
int module_insert(const char *name, const char *more);

/* 0 or -errno: EWOULDBLOCK (EAGAIN) if it is in use. */
int module_delete(const char *name);

/* Both, loaded as they were at the start. Devices are not with the stub driver afterwards. */
void modules_reload(const char *core_arguments);

/* What is missing is loaded. */
void modules_restore(void);

#endif
