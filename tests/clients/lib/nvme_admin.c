// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the admin commands: what the controller and its first namespace are, and the I/O queue
 * pair.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "nvme.h"

#define IDENTIFY_NAMESPACE 0
#define IDENTIFY_CONTROLLER 1

static int admin(struct nvme *nvme, struct nvme_command *command, const char *what)
{
	return nvme_result(nvme, nvme_execute(nvme, &nvme->admin, command, NVME_TIMEOUT_MS), what);
}

/* Reads identify data into the scratch page. */
static int identify(struct nvme *nvme, uint32_t what, uint32_t namespace_id, const char *name)
{
	struct nvme_command command = {
		.opcode = NVME_ADMIN_IDENTIFY,
		.namespace_id = namespace_id,
		.prp1 = nvme->scratch.iova,
		.cdw10 = what,
	};

	memset(nvme->scratch.data, 0, nvme->scratch.length);
	return admin(nvme, &command, name);
}

/* Copies text that is padded with blanks. */
static void copy_text(char *to, const uint8_t *from, size_t length)
{
	memcpy(to, from, length);
	while (length && (to[length - 1] == ' ' || !to[length - 1]))
		length--;
	to[length] = 0;
}

static int identify_controller(struct nvme *nvme)
{
	const uint8_t *data = nvme->scratch.data;
	uint8_t transfer_shift;
	int err;

	err = identify(nvme, IDENTIFY_CONTROLLER, 0, "identify controller");
	if (err)
		return err;

	copy_text(nvme->serial, data + 4, 20);
	copy_text(nvme->model, data + 24, 40);

	/* One page can list 512 more. The controller's limit may be lower; 0 is none. */
	transfer_shift = data[77];
	nvme->max_transfer = 512 * CLIENT_PAGE_SIZE;
	if (transfer_shift && transfer_shift < 9)
		nvme->max_transfer = (uint32_t)CLIENT_PAGE_SIZE << transfer_shift;
	return 0;
}

static int identify_namespace(struct nvme *nvme)
{
	const uint8_t *data = nvme->scratch.data;
	unsigned int format;
	uint64_t blocks;
	int err;

	err = identify(nvme, IDENTIFY_NAMESPACE, 1, "identify namespace 1");
	if (err)
		return err;

	memcpy(&blocks, data, sizeof(blocks));
	format = data[26] & 0xf;
	nvme->blocks = le64toh(blocks);
	nvme->block_size = 1u << data[128 + 4 * format + 2];
	return 0;
}

int nvme_identify(struct nvme *nvme)
{
	int err = identify_controller(nvme);

	return err ? err : identify_namespace(nvme);
}

int nvme_create_queues(struct nvme *nvme)
{
	const struct nvme_queue *io = &nvme->io;
	uint32_t entries = NVME_QUEUE_DEPTH - 1;
	struct nvme_command completion_queue = {
		.opcode = NVME_ADMIN_CREATE_CQ,
		.prp1 = io->completions.iova,
		.cdw10 = entries << 16 | io->id,
		.cdw11 = 1, /* contiguous, and no interrupts */
	};
	struct nvme_command submission_queue = {
		.opcode = NVME_ADMIN_CREATE_SQ,
		.prp1 = io->commands.iova,
		.cdw10 = entries << 16 | io->id,
		.cdw11 = (uint32_t)io->id << 16 | 1, /* its completion queue; contiguous */
	};
	int err;

	err = admin(nvme, &completion_queue, "create the I/O completion queue");
	return err ? err : admin(nvme, &submission_queue, "create the I/O submission queue");
}

int nvme_delete_queues(struct nvme *nvme)
{
	struct nvme_command submission_queue = {
		.opcode = NVME_ADMIN_DELETE_SQ,
		.cdw10 = nvme->io.id,
	};
	struct nvme_command completion_queue = {
		.opcode = NVME_ADMIN_DELETE_CQ,
		.cdw10 = nvme->io.id,
	};
	int err;

	err = admin(nvme, &submission_queue, "delete the I/O submission queue");
	return err ? err : admin(nvme, &completion_queue, "delete the I/O completion queue");
}
