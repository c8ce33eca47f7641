// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the queue pairs: where the next command goes, where the next completion comes, and the
 * doorbells. One command is outstanding at a time, so a queue is never full.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "nvme.h"

static_assert(sizeof(struct nvme_command) == 64, "an NVMe command is 64 bytes");
static_assert(sizeof(struct nvme_completion) == 16, "an NVMe completion is 16 bytes");

int nvme_queue_alloc(struct nvme_queue *queue, const struct client *client, uint16_t id)
{
	int err;

	memset(queue, 0, sizeof(*queue));
	queue->id = id;

	err = dma_alloc(&queue->commands, NVME_QUEUE_DEPTH * sizeof(struct nvme_command));
	if (!err)
		err = dma_map(client, &queue->commands);
	if (!err)
		err = dma_alloc(&queue->completions,
				NVME_QUEUE_DEPTH * sizeof(struct nvme_completion));
	if (!err)
		err = dma_map(client, &queue->completions);
	return err;
}

void nvme_queue_free(struct nvme_queue *queue, const struct client *client)
{
	dma_unmap(client, &queue->commands);
	dma_free(&queue->commands);
	dma_unmap(client, &queue->completions);
	dma_free(&queue->completions);
}

void nvme_queue_reset(struct nvme_queue *queue)
{
	memset(queue->commands.data, 0, queue->commands.length);
	memset(queue->completions.data, 0, queue->completions.length);
	queue->tail = 0;
	queue->head = 0;
	queue->phase = 1;
}

static void ring(const struct nvme *nvme, unsigned int doorbell, uint16_t value)
{
	/* The device must see the memory behind the new value. */
	__sync_synchronize();
	nvme_write32(nvme, NVME_REG_DOORBELLS + doorbell * nvme->doorbell_stride, value);
}

static void submit(struct nvme *nvme, struct nvme_queue *queue, struct nvme_command *command)
{
	struct nvme_command *slots = (struct nvme_command *)queue->commands.data;

	command->id = queue->next_id++;
	slots[queue->tail] = *command;
	queue->tail = (queue->tail + 1) % NVME_QUEUE_DEPTH;
	ring(nvme, 2u * queue->id, queue->tail);
}

static int take_completion(struct nvme *nvme, struct nvme_queue *queue, uint16_t *id)
{
	volatile struct nvme_completion *slot =
		(volatile struct nvme_completion *)queue->completions.data + queue->head;
	uint16_t status = slot->status;

	if ((status & 1) != queue->phase)
		return -EAGAIN;

	/* Whatever else the device wrote was written before the phase bit. */
	__sync_synchronize();
	*id = slot->id;
	queue->head = (queue->head + 1) % NVME_QUEUE_DEPTH;
	if (!queue->head)
		queue->phase ^= 1;
	ring(nvme, 2u * queue->id + 1, queue->head);

	return status >> 1 & 0x7ff;
}

int nvme_execute(struct nvme *nvme, struct nvme_queue *queue, struct nvme_command *command,
		 unsigned int timeout_ms)
{
	uint64_t deadline = nvme_now_ms() + timeout_ms;
	uint16_t id;
	int result;

	submit(nvme, queue, command);

	do {
		result = take_completion(nvme, queue, &id);
		/* A completion of an earlier command, one that was given up, is dropped. */
		if (result != -EAGAIN && id == command->id)
			return result;
		if (nvme_read32(nvme, NVME_REG_CSTS) & NVME_CSTS_FATAL)
			return -EIO;
		sched_yield();
	} while (nvme_now_ms() < deadline);

	return -ETIMEDOUT;
}

int nvme_result(const struct nvme *nvme, int result, const char *what)
{
	if (!result)
		return 0;

	fprintf(stderr, "NVMe %s: ", what);
	if (result > 0)
		fprintf(stderr, "status type %d, code 0x%02x\n", result >> 8, result & 0xff);
	else if (result == -EIO)
		fprintf(stderr, "the controller failed, CSTS is 0x%x\n",
			nvme_read32(nvme, NVME_REG_CSTS));
	else
		fprintf(stderr, "%s\n",
			result == -ETIMEDOUT ? "no answer in time" : strerror(-result));

	return result > 0 ? -EIO : result;
}
