// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the I/O commands. A command names the memory that it moves page by page: the first page in
 * PRP1, a second one in PRP2, and for more than two PRP2 is the address of a list of all but the
 * first.
 */
#include <endian.h>
#include <errno.h>

#include "nvme.h"

static void set_pages(struct nvme *nvme, struct nvme_command *command, uint64_t iova,
		      uint64_t length)
{
	uint64_t *list = (uint64_t *)nvme->page_list.data;
	uint64_t last = (iova + length - 1) & ~(uint64_t)(CLIENT_PAGE_SIZE - 1);
	uint64_t second = (iova & ~(uint64_t)(CLIENT_PAGE_SIZE - 1)) + CLIENT_PAGE_SIZE;
	uint64_t page;

	command->prp1 = iova;
	if (last < second)
		return;

	if (last == second) {
		command->prp2 = second;
		return;
	}

	for (page = second; page <= last; page += CLIENT_PAGE_SIZE)
		*list++ = htole64(page);
	command->prp2 = nvme->page_list.iova;
}

static int transfer(struct nvme *nvme, uint8_t opcode, uint64_t block, uint32_t count,
		    uint64_t iova, unsigned int timeout_ms)
{
	struct nvme_command command = {
		.opcode = opcode,
		.namespace_id = 1,
		.cdw10 = (uint32_t)block,
		.cdw11 = (uint32_t)(block >> 32),
		.cdw12 = count - 1,
	};
	uint64_t length = (uint64_t)count * nvme->block_size;

	if (!count || length > nvme->max_transfer)
		return -EINVAL;

	set_pages(nvme, &command, iova, length);
	return nvme_execute(nvme, &nvme->io, &command, timeout_ms);
}

int nvme_try_read(struct nvme *nvme, uint64_t block, uint32_t count, uint64_t iova,
		  unsigned int timeout_ms)
{
	return transfer(nvme, NVME_IO_READ, block, count, iova, timeout_ms);
}

int nvme_read(struct nvme *nvme, uint64_t block, uint32_t count, uint64_t iova)
{
	return nvme_result(nvme, transfer(nvme, NVME_IO_READ, block, count, iova, NVME_TIMEOUT_MS),
			   "read");
}

int nvme_write(struct nvme *nvme, uint64_t block, uint32_t count, uint64_t iova)
{
	return nvme_result(nvme, transfer(nvme, NVME_IO_WRITE, block, count, iova, NVME_TIMEOUT_MS),
			   "write");
}

int nvme_flush(struct nvme *nvme)
{
	struct nvme_command command = { .opcode = NVME_IO_FLUSH, .namespace_id = 1 };

	return nvme_result(nvme, nvme_execute(nvme, &nvme->io, &command, NVME_TIMEOUT_MS), "flush");
}
