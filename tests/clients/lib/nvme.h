/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small NVMe driver in user space: one admin and one I/O queue pair, polled, one command at a
 * time. All its memory is mapped in an I/O address space of ioasidfd, and its registers come from
 * the device's node.
 *
 *   nvme_controller.c   registers: reset, start, stop
 *   nvme_queue.c        a queue pair: submit a command, wait for its completion
 *   nvme_admin.c        admin commands: identify, create and delete the I/O queues
 *   nvme_io.c           read, write, flush, and the page lists (PRP) that they need
 *
 * A function that returns int returns 0 or a negative errno, and has then said why on standard
 * error, unless it is described otherwise.
 */
#ifndef IOASIDFD_TESTS_NVME_H
#define IOASIDFD_TESTS_NVME_H

#include <stdint.h>

#include "client.h"

#define NVME_TIMEOUT_MS 10000
#define NVME_QUEUE_DEPTH 32

enum nvme_register {
	NVME_REG_CAP = 0x00,
	NVME_REG_VS = 0x08,
	NVME_REG_CC = 0x14,
	NVME_REG_CSTS = 0x1c,
	NVME_REG_AQA = 0x24,
	NVME_REG_ASQ = 0x28,
	NVME_REG_ACQ = 0x30,
	NVME_REG_DOORBELLS = 0x1000,
};

#define NVME_CC_ENABLE BIT(0)
#define NVME_CC_SHUTDOWN BIT(14)
#define NVME_CC_SHUTDOWN_MASK (3u << 14)
/* Entries of 64 and 16 bytes, pages of 4096, the NVM command set. */
#define NVME_CC_SETUP (6u << 16 | 4u << 20)

#define NVME_CSTS_READY BIT(0)
#define NVME_CSTS_FATAL BIT(1)
#define NVME_CSTS_SHUTDOWN_MASK (3u << 2)
#define NVME_CSTS_SHUTDOWN_DONE (2u << 2)

enum nvme_admin_opcode {
	NVME_ADMIN_DELETE_SQ = 0x00,
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_DELETE_CQ = 0x04,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
};

enum nvme_io_opcode {
	NVME_IO_FLUSH = 0x00,
	NVME_IO_WRITE = 0x01,
	NVME_IO_READ = 0x02,
};

struct nvme_command {
	uint8_t opcode;
	uint8_t flags;
	uint16_t id;
	uint32_t namespace_id;
	uint64_t reserved;
	uint64_t metadata;
	uint64_t prp1;
	uint64_t prp2;
	uint32_t cdw10;
	uint32_t cdw11;
	uint32_t cdw12;
	uint32_t cdw13;
	uint32_t cdw14;
	uint32_t cdw15;
};

struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t id;
	uint16_t status; /* bit 0 is the phase */
};

/**
 * struct nvme_queue - a submission queue and its completion queue
 * @id: 0 is the admin queue
 * @tail: where the next command goes
 * @head: where the next completion is expected
 * @phase: what its phase bit will be
 * @next_id: identifier for the next command
 * @commands: submission queue
 * @completions: completion queue
 */
struct nvme_queue {
	uint16_t id;
	uint16_t tail;
	uint16_t head;
	uint16_t phase;
	uint16_t next_id;
	struct dma_buffer commands;
	struct dma_buffer completions;
};

/**
 * struct nvme - a controller
 * @client: the device and its address space
 * @registers: BAR 0
 * @admin: admin queue pair
 * @io: I/O queue pair
 * @scratch: a page for identify data
 * @page_list: a page for a PRP list
 * @doorbell_stride: bytes from one doorbell to the next
 * @max_transfer: most bytes that one read or write can move
 * @version: VS register
 * @blocks: size of namespace 1
 * @block_size: in bytes
 * @model: from identify, as are the following
 * @serial: serial number
 */
struct nvme {
	const struct client *client;
	struct device_registers registers;
	struct nvme_queue admin;
	struct nvme_queue io;
	struct dma_buffer scratch;
	struct dma_buffer page_list;
	uint32_t doorbell_stride;
	uint32_t max_transfer;
	uint32_t version;
	uint64_t blocks;
	uint32_t block_size;
	char model[41];
	char serial[21];
};

/* nvme_controller.c */

/* Maps the registers and the queues' memory. The device may be allowed the address space later. */
int nvme_open(struct nvme *nvme, const struct client *client);
/* Unmaps and frees all of it. The controller must be stopped, or its DMA disallowed. */
void nvme_close(struct nvme *nvme);
/* Resets the controller, whatever state it is in, and starts it with empty admin queues. */
int nvme_start(struct nvme *nvme);
/* Shuts the controller down and disables it. */
int nvme_stop(struct nvme *nvme);

uint32_t nvme_read32(const struct nvme *nvme, uint32_t offset);
uint64_t nvme_read64(const struct nvme *nvme, uint32_t offset);
void nvme_write32(const struct nvme *nvme, uint32_t offset, uint32_t value);
void nvme_write64(const struct nvme *nvme, uint32_t offset, uint64_t value);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t nvme_now_ms(void);

/* nvme_queue.c */

int nvme_queue_alloc(struct nvme_queue *queue, const struct client *client, uint16_t id);
void nvme_queue_free(struct nvme_queue *queue, const struct client *client);
/* Empties it, for a controller that was just reset. */
void nvme_queue_reset(struct nvme_queue *queue);

/*
 * Runs a command and says nothing. Returns 0 when it succeeded, a positive NVMe status (11 bits:
 * type and code) when the controller refused it, -EIO when the controller failed (CSTS.CFS), and
 * -ETIMEDOUT.
 */
int nvme_execute(struct nvme *nvme, struct nvme_queue *queue, struct nvme_command *command,
		 unsigned int timeout_ms);
/* Turns such a result into 0 or a negative errno, and says what is wrong. */
int nvme_result(const struct nvme *nvme, int result, const char *what);

/* nvme_admin.c */

int nvme_identify(struct nvme *nvme);
int nvme_create_queues(struct nvme *nvme);
int nvme_delete_queues(struct nvme *nvme);

/* nvme_io.c */

/* Moves @count blocks between the disk, from @block on, and the IOVAs from @iova on. */
int nvme_read(struct nvme *nvme, uint64_t block, uint32_t count, uint64_t iova);
int nvme_write(struct nvme *nvme, uint64_t block, uint32_t count, uint64_t iova);
int nvme_flush(struct nvme *nvme);
/* The same as nvme_read(), with the result of nvme_execute(). */
int nvme_try_read(struct nvme *nvme, uint64_t block, uint32_t count, uint64_t iova,
		  unsigned int timeout_ms);

#endif /* IOASIDFD_TESTS_NVME_H */
