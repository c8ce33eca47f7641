/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The e1000e network controller driven from user space, just well enough to leave it in the middle
 * of things: rings in memory, packets going out, buffers waiting for what comes in.
 */
#ifndef IOASID_TEST_NIC_H
#define IOASID_TEST_NIC_H

#include "../clients/lib/client.h"

#define NIC_RECEIVE_CONTROL 0x100
#define NIC_RECEIVE_ENABLE BIT(1)

/**
 * struct nic - one controller
 * @registers: BAR 0
 * @memory: rings and buffers
 * @tail: of the ring of what goes out
 */
struct nic {
	struct device_registers registers;
	struct dma_buffer memory;
	unsigned int tail;
};

/* Map its registers and memory. The device is bound and allowed the client's IOASID. */
int nic_open(struct nic *nic, const struct client *client);

/* Both rings run; all buffers wait for packets. */
void nic_start(struct nic *nic);

/* Broadcast a question to which an answer comes in, by DMA. Does not wait. */
void nic_send(struct nic *nic);

#endif
