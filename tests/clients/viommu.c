// SPDX-License-Identifier: GPL-2.0-only
/*
 * viommu: how a virtual IOMMU gives its guest's devices what the guest says, while they run.
 *
 * The guest is a list of commands, as a driver of virtio-iommu would send them; the device is
 * QEMU's edu, bound to ioasidfd_stub_pci. A domain of the guest is an IOASID. After each command
 * the device is made to write to one IOVA, and what it reached must be what the guest's domain
 * says: its page there, or nothing.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/client.h"

#define GUEST_IOVA 0x100000
#define SCRATCH_IOVA 0x200000
#define NR_DOMAINS 2

/* edu's registers, and how much of its buffer is moved. */
#define EDU_SOURCE 0x80
#define EDU_TARGET 0x88
#define EDU_COUNT 0x90
#define EDU_COMMAND 0x98
#define EDU_START 1
#define EDU_TO_MEMORY 2
#define EDU_BUFFER 0x40000
#define EDU_BYTES 512

#define UNTOUCHED 0xa5
#define WRITTEN 0x3c

/**
 * struct domain - an address space as the guest sees it
 * @client: its IOASID, and the files
 * @page: what the guest maps at GUEST_IOVA, as each of its domains has a page of its own
 */
struct domain {
	struct client client;
	struct dma_buffer page;
};

/**
 * struct viommu - one device behind it
 * @client: the device
 * @registers: its own
 * @scratch: memory with what the device writes, in every domain at SCRATCH_IOVA
 * @domains: those of the guest
 * @attached: number of the one that the device uses, or -1
 */
struct viommu {
	struct client client;
	struct device_registers registers;
	struct dma_buffer scratch;
	struct domain domains[NR_DOMAINS];
	int attached;
};

static int map_at(const struct client *client, const struct dma_buffer *buffer, uint64_t iova)
{
	struct ioasid_map map = {
		.size = sizeof(map),
		.flags = IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,
		.ioasid = client->ioasid,
		.user_va = (uintptr_t)buffer->data,
		.length = buffer->length,
		.iova = iova,
	};

	return client_call(client, client->context_fd, IOASID_MAP, &map);
}

/* The guest makes a domain. Its memory can be mapped before any device uses it. */
static int do_create(struct viommu *viommu, int number)
{
	struct domain *domain = &viommu->domains[number];
	int err;

	domain->client = viommu->client;
	err = client_alloc(&domain->client);
	return err ? err : map_at(&domain->client, &viommu->scratch, SCRATCH_IOVA);
}

static int do_map(struct viommu *viommu, int number)
{
	struct domain *domain = &viommu->domains[number];

	return map_at(&domain->client, &domain->page, GUEST_IOVA);
}

static int do_unmap(struct viommu *viommu, int number)
{
	const struct client *client = &viommu->domains[number].client;
	struct ioasid_unmap unmap = {
		.size = sizeof(unmap),
		.ioasid = client->ioasid,
		.iova = GUEST_IOVA,
		.length = CLIENT_PAGE_SIZE,
	};

	return client_call(client, client->context_fd, IOASID_UNMAP, &unmap);
}

/* The guest attaches the device to a domain: at first, or in place of another one. */
static int do_attach(struct viommu *viommu, int number)
{
	struct ioasid_device_replace replace = {
		.size = sizeof(replace),
		.ioasid = viommu->domains[number].client.ioasid,
	};
	int err;

	if (viommu->attached < 0) {
		err = client_allow(&viommu->domains[number].client);
	} else {
		replace.from_ioasid = viommu->domains[viommu->attached].client.ioasid;
		err = client_call(&viommu->client, viommu->client.device_fd, IOASID_DEVICE_REPLACE,
				  &replace);
	}
	if (!err)
		viommu->attached = number;
	return err;
}

static int do_detach(struct viommu *viommu, int number)
{
	viommu->attached = -1;
	return client_disallow(&viommu->domains[number].client);
}

/* The guest destroys a domain that the device still uses: it is cut off at once. */
static int do_destroy(struct viommu *viommu, int number)
{
	return client_free(&viommu->domains[number].client);
}

/**
 * struct command - what the guest sends, and what must hold then
 * @text: the command
 * @run: what the virtual IOMMU does
 * @domain: the argument
 * @reached: the domain whose page the device writes afterwards, or -1
 */
static const struct command {
	const char *text;
	int (*run)(struct viommu *viommu, int number);
	int domain;
	int reached;
} commands[] = {
	{ "create domain 0", do_create, 0, -1 },  { "map     domain 0", do_map, 0, -1 },
	{ "attach  domain 0", do_attach, 0, 0 },  { "create domain 1", do_create, 1, 0 },
	{ "attach  domain 1", do_attach, 1, -1 }, { "map     domain 1", do_map, 1, 1 },
	{ "attach  domain 0", do_attach, 0, 0 },  { "detach  domain 0", do_detach, 0, -1 },
	{ "attach  domain 1", do_attach, 1, 1 },  { "unmap   domain 1", do_unmap, 1, -1 },
	{ "map     domain 1", do_map, 1, 1 },	  { "destroy domain 1", do_destroy, 1, -1 },
};

static void edu_write64(const struct viommu *viommu, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(viommu->registers.base + reg) = value;
}

static int edu_copy(const struct viommu *viommu, uint64_t source, uint64_t target, uint64_t command)
{
	int i;

	edu_write64(viommu, EDU_SOURCE, source);
	edu_write64(viommu, EDU_TARGET, target);
	edu_write64(viommu, EDU_COUNT, EDU_BYTES);
	edu_write64(viommu, EDU_COMMAND, command | EDU_START);
	for (i = 0; i < 5000; i++) {
		if (!(*(volatile uint32_t *)(viommu->registers.base + EDU_COMMAND) & EDU_START))
			return 0;
		usleep(1000);
	}

	fprintf(stderr, "the device does not end its DMA\n");
	return -ETIMEDOUT;
}

/* Lets the device write, and says in *@reached whose page has changed, or -1. */
static int probe(struct viommu *viommu, int *reached)
{
	int number, err;

	for (number = 0; number < NR_DOMAINS; number++)
		memset(viommu->domains[number].page.data, UNTOUCHED, CLIENT_PAGE_SIZE);
	/* What it shall write, which it can read only while it is attached. */
	err = edu_copy(viommu, SCRATCH_IOVA, EDU_BUFFER, 0);
	if (!err)
		err = edu_copy(viommu, EDU_BUFFER, GUEST_IOVA, EDU_TO_MEMORY);

	*reached = -1;
	for (number = 0; number < NR_DOMAINS; number++) {
		if (viommu->domains[number].page.data[0] != UNTOUCHED)
			*reached = number;
	}
	return err;
}

static int run_command(struct viommu *viommu, const struct command *command)
{
	int reached, err;

	err = command->run(viommu, command->domain);
	if (!err)
		err = probe(viommu, &reached);
	if (err)
		return err;

	if (reached < 0)
		printf("%-18s the device reaches nothing\n", command->text);
	else
		printf("%-18s the device reaches the page of domain %d\n", command->text, reached);
	if (reached == command->reached)
		return 0;

	fprintf(stderr, "that is not what the guest said\n");
	return -EIO;
}

static int run_commands(struct viommu *viommu)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(commands); i++)
		err = run_command(viommu, &commands[i]);
	return err;
}

/* Memory of the guest, and of the device. */
static int make_memory(struct viommu *viommu)
{
	int number, err;

	err = dma_alloc(&viommu->scratch, CLIENT_PAGE_SIZE);
	for (number = 0; !err && number < NR_DOMAINS; number++)
		err = dma_alloc(&viommu->domains[number].page, CLIENT_PAGE_SIZE);
	if (!err)
		memset(viommu->scratch.data, WRITTEN, CLIENT_PAGE_SIZE);
	return err;
}

int main(int argc, char **argv)
{
	struct viommu viommu = { .attached = -1 };
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: viommu DEVICE\n");
		return 2;
	}

	err = client_open(&viommu.client, argv[1]);
	if (!err)
		err = client_bind(&viommu.client);
	if (!err)
		err = client_map_registers(&viommu.client, 0, &viommu.registers);
	if (!err)
		err = make_memory(&viommu);
	if (!err)
		err = run_commands(&viommu);
	/* Closing the files undoes all of it. */
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
