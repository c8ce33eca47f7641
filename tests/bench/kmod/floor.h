/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI of the benchmark's floor module, shared by the module and the bench. Test only.
 */
#ifndef IOASID_FLOOR_H
#define IOASID_FLOOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define FLOOR_NODE "/dev/ioasid-floor"

/* Returns when the pages are given back at some later time, see floor.c. */
#define FLOOR_DEFERRED 1

/**
 * struct floor_range - what to map where; the three last members of an unmap are like this, too
 * @size: of the structure
 * @flags: FLOOR_DEFERRED for an unmap
 * @user_va: memory
 * @iova: address
 * @length: bytes
 */
struct floor_range {
	__u32 size;
	__u32 flags;
	__aligned_u64 user_va;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define FLOOR_EMPTY _IO(0xD7, 0)
#define FLOOR_MAP _IO(0xD7, 1)
#define FLOOR_UNMAP _IO(0xD7, 2)
#define FLOOR_SYNC _IO(0xD7, 3)

#endif
