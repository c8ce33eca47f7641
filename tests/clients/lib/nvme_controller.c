// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the controller's registers and its states: reset, running, shut down.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "nvme.h"

uint64_t nvme_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint32_t nvme_read32(const struct nvme *nvme, uint32_t offset)
{
	return *(volatile uint32_t *)(nvme->registers.base + offset);
}

void nvme_write32(const struct nvme *nvme, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(nvme->registers.base + offset) = value;
}

/* The specification lets a controller insist on 32-bit accesses, low half first. */
uint64_t nvme_read64(const struct nvme *nvme, uint32_t offset)
{
	uint64_t low = nvme_read32(nvme, offset);

	return low | (uint64_t)nvme_read32(nvme, offset + 4) << 32;
}

void nvme_write64(const struct nvme *nvme, uint32_t offset, uint64_t value)
{
	nvme_write32(nvme, offset, (uint32_t)value);
	nvme_write32(nvme, offset + 4, (uint32_t)(value >> 32));
}

static int wait_status(const struct nvme *nvme, uint32_t mask, uint32_t want, const char *what)
{
	uint64_t deadline = nvme_now_ms() + NVME_TIMEOUT_MS;
	uint32_t status;

	do {
		status = nvme_read32(nvme, NVME_REG_CSTS);
		if ((status & mask) == want)
			return 0;
		/* A reset is the way out of the fatal state; of all ones there is no way out. */
		if (status == UINT32_MAX || ((status & NVME_CSTS_FATAL) && want))
			break;
		sched_yield();
	} while (nvme_now_ms() < deadline);

	fprintf(stderr, "the controller did not %s: CSTS is 0x%x%s\n", what, status,
		status & NVME_CSTS_FATAL ? " (fatal)" : "");
	return status & NVME_CSTS_FATAL ? -EIO : -ETIMEDOUT;
}

static int disable(struct nvme *nvme)
{
	nvme_write32(nvme, NVME_REG_CC, 0);
	return wait_status(nvme, NVME_CSTS_READY, 0, "stop (CC.EN = 0)");
}

static int check_capabilities(struct nvme *nvme)
{
	uint64_t cap = nvme_read64(nvme, NVME_REG_CAP);
	unsigned int min_page_shift = 12 + (unsigned int)(cap >> 48 & 0xf);

	nvme->version = nvme_read32(nvme, NVME_REG_VS);
	nvme->doorbell_stride = 4u << (cap >> 32 & 0xf);

	if (cap == UINT64_MAX) {
		fprintf(stderr, "the registers read as all ones: no NVMe controller answers\n");
		return -ENODEV;
	}
	if (min_page_shift > 12 || (cap & 0xffff) + 1 < NVME_QUEUE_DEPTH) {
		fprintf(stderr, "the controller cannot do pages of 4096 bytes or %d entries\n",
			NVME_QUEUE_DEPTH);
		return -EOPNOTSUPP;
	}
	if (NVME_REG_DOORBELLS + 4 * nvme->doorbell_stride > nvme->registers.length) {
		fprintf(stderr, "BAR 0 of %zu bytes does not hold the doorbells\n",
			nvme->registers.length);
		return -EINVAL;
	}

	return 0;
}

int nvme_start(struct nvme *nvme)
{
	uint32_t entries = NVME_QUEUE_DEPTH - 1;
	int err;

	err = check_capabilities(nvme);
	if (!err)
		err = disable(nvme);
	if (err)
		return err;

	nvme_queue_reset(&nvme->admin);
	nvme_queue_reset(&nvme->io);
	nvme_write32(nvme, NVME_REG_AQA, entries << 16 | entries);
	nvme_write64(nvme, NVME_REG_ASQ, nvme->admin.commands.iova);
	nvme_write64(nvme, NVME_REG_ACQ, nvme->admin.completions.iova);

	nvme_write32(nvme, NVME_REG_CC, NVME_CC_SETUP | NVME_CC_ENABLE);
	return wait_status(nvme, NVME_CSTS_READY, NVME_CSTS_READY, "start (CC.EN = 1)");
}

int nvme_stop(struct nvme *nvme)
{
	uint32_t cc = nvme_read32(nvme, NVME_REG_CC) & ~NVME_CC_SHUTDOWN_MASK;
	int err;

	nvme_write32(nvme, NVME_REG_CC, cc | NVME_CC_SHUTDOWN);
	err = wait_status(nvme, NVME_CSTS_SHUTDOWN_MASK, NVME_CSTS_SHUTDOWN_DONE,
			  "shut down (CC.SHN)");
	return err ? err : disable(nvme);
}

static int alloc_page(struct dma_buffer *buffer, const struct client *client)
{
	int err = dma_alloc(buffer, CLIENT_PAGE_SIZE);

	return err ? err : dma_map(client, buffer);
}

int nvme_open(struct nvme *nvme, const struct client *client)
{
	int err;

	memset(nvme, 0, sizeof(*nvme));
	nvme->client = client;
	nvme->max_transfer = CLIENT_PAGE_SIZE;

	err = client_map_registers(client, 0, &nvme->registers);
	if (!err)
		err = nvme_queue_alloc(&nvme->admin, client, 0);
	if (!err)
		err = nvme_queue_alloc(&nvme->io, client, 1);
	if (!err)
		err = alloc_page(&nvme->scratch, client);
	if (!err)
		err = alloc_page(&nvme->page_list, client);

	if (err)
		nvme_close(nvme);
	return err;
}

static void free_page(struct dma_buffer *buffer, const struct client *client)
{
	dma_unmap(client, buffer);
	dma_free(buffer);
}

void nvme_close(struct nvme *nvme)
{
	free_page(&nvme->page_list, nvme->client);
	free_page(&nvme->scratch, nvme->client);
	nvme_queue_free(&nvme->io, nvme->client);
	nvme_queue_free(&nvme->admin, nvme->client);
	client_unmap_registers(&nvme->registers);
}
