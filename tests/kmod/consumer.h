/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What user space can order ioasidfd_consumer to do: each order is one call of the in-kernel API
 * (include/linux/ioasidfd.h), and returns what that returned.
 */
#ifndef IOASIDFD_CONSUMER_H
#define IOASIDFD_CONSUMER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CONSUMER_SLOTS 4

/**
 * enum consumer_op - &consumer_order.op
 * @CONSUMER_CONTEXT_GET: take the context of @fd; there is room for one
 * @CONSUMER_CONTEXT_PUT: drop it
 * @CONSUMER_IOAS_GET: take @ioasid of the context into @slot
 * @CONSUMER_IOAS_PUT: drop @slot
 * @CONSUMER_BIND: the device to the context
 * @CONSUMER_UNBIND: the device
 * @CONSUMER_ALLOW: @slot, with @flags and @pasid
 * @CONSUMER_REPLACE: @slot by @other, with @flags and @pasid
 * @CONSUMER_DISALLOW: @slot, with @flags and @pasid
 * @CONSUMER_STATE: nothing
 */
enum consumer_op {
	CONSUMER_CONTEXT_GET,
	CONSUMER_CONTEXT_PUT,
	CONSUMER_IOAS_GET,
	CONSUMER_IOAS_PUT,
	CONSUMER_BIND,
	CONSUMER_UNBIND,
	CONSUMER_ALLOW,
	CONSUMER_REPLACE,
	CONSUMER_DISALLOW,
	CONSUMER_STATE,
};

/**
 * struct consumer_order - CONSUMER_ORDER
 * @op: one of &enum consumer_op
 * @slot: see there
 * @other: see there
 * @flags: see there
 * @fd: see there
 * @ioasid: see there
 * @pasid: see there; after CONSUMER_ALLOW the number
 * @out_replaced: after CONSUMER_REPLACE
 * @out_enabled: how many times the device was enabled
 * @out_quiesced: how many times it was silenced
 */
struct consumer_order {
	__u32 op;
	__u32 slot;
	__u32 other;
	__u32 flags;
	__s32 fd;
	__u32 ioasid;
	__u32 pasid;
	__u32 out_replaced;
	__u32 out_enabled;
	__u32 out_quiesced;
};

/* On /dev/ioasidfd-consumer. ENXIO without a device. */
#define CONSUMER_ORDER _IOWR(0xD3, 0, struct consumer_order)

#endif
