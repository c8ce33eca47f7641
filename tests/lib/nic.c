// SPDX-License-Identifier: GPL-2.0-only
/* The e1000e network controller driven from user space: see nic.h. */
#include <string.h>

#include "nic.h"

enum {
	REG_CONTROL = 0x0000,
	REG_TRANSMIT_CONTROL = 0x0400,
	REG_RX_BASE = 0x2800,
	REG_RX_LENGTH = 0x2808,
	REG_RX_HEAD = 0x2810,
	REG_RX_TAIL = 0x2818,
	REG_TX_BASE = 0x3800,
	REG_TX_LENGTH = 0x3808,
	REG_TX_HEAD = 0x3810,
	REG_TX_TAIL = 0x3818,
};

#define CONTROL_LINK_UP BIT(6)
#define RECEIVE_ALL (BIT(3) | BIT(4) | BIT(15)) /* every address, broadcasts */
#define TRANSMIT_ENABLE BIT(1)
#define COMMAND_LAST 0x0b /* end of packet, add the checksum, report */

#define RING 64
#define BUFFER 2048

struct descriptor {
	uint64_t address;
	uint16_t length;
	uint8_t checksum_offset;
	uint8_t command;
	uint8_t status;
	uint8_t checksum_start;
	uint16_t special;
};

struct layout {
	struct descriptor rx[RING];
	struct descriptor tx[RING];
	uint8_t out[BUFFER];
	uint8_t in[RING][BUFFER];
};

/* Who has 10.0.2.2? Tell 10.0.2.15. */
static const uint8_t question[60] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56,
	10,   0,    2,	  15,	0,    0,    0,	  0,	0,    0,    10,	  0,	2,    2,
};

static void write32(struct nic *nic, unsigned int offset, uint32_t value)
{
	__sync_synchronize();
	*(volatile uint32_t *)(nic->registers.base + offset) = value;
}

static void write64(struct nic *nic, unsigned int offset, uint64_t value)
{
	write32(nic, offset, value);
	write32(nic, offset + 4, value >> 32);
}

int nic_open(struct nic *nic, const struct client *client)
{
	int err;

	memset(nic, 0, sizeof(*nic));
	err = client_map_registers(client, 0, &nic->registers);
	if (!err)
		err = dma_alloc(&nic->memory, sizeof(struct layout));
	return err ? err : dma_map(client, &nic->memory);
}

void nic_start(struct nic *nic)
{
	struct layout *memory = (struct layout *)nic->memory.data;
	uint64_t iova = nic->memory.iova;
	int i;

	memcpy(memory->out, question, sizeof(question));
	for (i = 0; i < RING; i++) {
		memory->rx[i].address = iova + offsetof(struct layout, in[i]);
		memory->tx[i].address = iova + offsetof(struct layout, out);
		memory->tx[i].length = sizeof(question);
		memory->tx[i].command = COMMAND_LAST;
	}
	nic->tail = 0;
	write32(nic, REG_CONTROL, CONTROL_LINK_UP);
	write64(nic, REG_RX_BASE, iova + offsetof(struct layout, rx));
	write32(nic, REG_RX_LENGTH, sizeof(memory->rx));
	write32(nic, REG_RX_HEAD, 0);
	write64(nic, REG_TX_BASE, iova + offsetof(struct layout, tx));
	write32(nic, REG_TX_LENGTH, sizeof(memory->tx));
	write32(nic, REG_TX_HEAD, 0);
	write32(nic, REG_TX_TAIL, 0);
	write32(nic, REG_TRANSMIT_CONTROL, TRANSMIT_ENABLE);
	write32(nic, NIC_RECEIVE_CONTROL, NIC_RECEIVE_ENABLE | RECEIVE_ALL);
	write32(nic, REG_RX_TAIL, RING - 1);
}

void nic_send(struct nic *nic)
{
	nic->tail = (nic->tail + 1) % RING;
	write32(nic, REG_TX_TAIL, nic->tail);
}
