/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An edu without a driver, programmed through sysfs by root: whatever it can reach, it reaches
 * because of who owns its group, and nobody asked us.
 */
#ifndef IOASID_TEST_EDU_RAW_H
#define IOASID_TEST_EDU_RAW_H

#include "edu.h"

/* Registers mapped, DMA switched on. For edu_load(), edu_store() and what uses only those. */
void edu_raw_open(struct edu *edu, const char *name);
void edu_raw_close(struct edu *edu);

#endif
