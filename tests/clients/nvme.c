// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvme: takes an NVMe controller into user space and checks that its DMA goes where it should.
 *
 * The controller must be bound to ioasidfd_stub_pci, and its disk filled as lib/disk_pattern.h
 * says. The program resets the controller, reads blocks in every shape of page list, with --write
 * also writes some and puts back what was there, shuts the controller down, and gives it back. It
 * ends with 0 only if every byte was right: those that were to be read, and those around them that
 * were not.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/disk_pattern.h"
#include "lib/nvme.h"

#define CANARY 0xa5
#define BLOCK DISK_PATTERN_BLOCK_SIZE
#define MOST_BUFFER BIT(20)
#define LEAST_BLOCKS 1024

struct options {
	const char *device;
	uint64_t blocks;
	int quiet;
	int write;
};

static struct options options = { .device = "0000:00:07.0", .blocks = 1024 };

#define say(format, ...) ((void)(options.quiet || printf("nvme: " format "\n", ##__VA_ARGS__)))

static void fill_expected(uint64_t block, int inverted, uint8_t out[BLOCK])
{
	unsigned int i;

	disk_pattern_fill(block, out);
	for (i = 0; inverted && i < BLOCK; i++)
		out[i] = (uint8_t)~out[i];
}

static int check_block(const uint8_t *found, uint64_t block, int inverted)
{
	uint8_t expected[BLOCK];
	unsigned int i;

	fill_expected(block, inverted, expected);
	for (i = 0; i < BLOCK; i++) {
		if (found[i] == expected[i])
			continue;
		fprintf(stderr, "block %llu, byte %u: found 0x%02x, expected 0x%02x%s\n",
			(unsigned long long)block, i, found[i], expected[i],
			found[i] == CANARY ? " (nothing was moved there?)" : "");
		return -EIO;
	}

	return 0;
}

static int check_canary(const struct dma_buffer *buffer, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++) {
		if (buffer->data[i] == CANARY)
			continue;
		fprintf(stderr, "byte %zu of the buffer changed, outside of the transfer\n", i);
		return -EIO;
	}

	return 0;
}

/* Reads into a buffer full of canaries and looks at every byte of it afterwards. */
static int read_and_check(struct nvme *nvme, const struct dma_buffer *buffer, uint64_t block,
			  uint32_t count, uint32_t offset, int inverted)
{
	size_t end = offset + (size_t)count * BLOCK;
	uint32_t i;
	int err;

	memset(buffer->data, CANARY, buffer->length);
	err = nvme_read(nvme, block, count, buffer->iova + offset);

	for (i = 0; !err && i < count; i++)
		err = check_block(buffer->data + offset + (size_t)i * BLOCK, block + i, inverted);
	if (!err)
		err = check_canary(buffer, 0, offset);
	return err ? err : check_canary(buffer, end, buffer->length);
}

static int read_shapes(struct nvme *nvme, const struct dma_buffer *buffer)
{
	static const struct {
		uint32_t count;
		uint32_t offset;
		const char *pages;
	} shapes[] = {
		{ 1, 0, "part of a page: PRP1" },
		{ 2, 1024, "part of a page, not from its start: PRP1" },
		{ 8, 0, "one page: PRP1" },
		{ 8, 512, "across two pages: PRP1 and PRP2" },
		{ 16, 0, "two pages: PRP1 and PRP2" },
		{ 24, 3584, "across four pages: PRP1 and a list" },
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		err = read_and_check(nvme, buffer, 100 * i, shapes[i].count, shapes[i].offset, 0);
		if (err)
			return err;
		say("read and verified %2u blocks, %s", shapes[i].count, shapes[i].pages);
	}

	return 0;
}

static int read_many(struct nvme *nvme, const struct dma_buffer *buffer, uint64_t blocks)
{
	uint32_t most = (uint32_t)(buffer->length - CLIENT_PAGE_SIZE) / BLOCK;
	uint64_t block;
	uint32_t count;
	int err;

	for (block = 0; block < blocks; block += count) {
		count = blocks - block < most ? (uint32_t)(blocks - block) : most;
		err = read_and_check(nvme, buffer, block, count, 0, 0);
		if (err)
			return err;
	}

	say("read and verified %llu blocks from 0 on, up to %u at once", (unsigned long long)blocks,
	    most);
	return 0;
}

static int write_and_check(struct nvme *nvme, const struct dma_buffer *buffer, uint64_t block,
			   uint32_t count, int inverted)
{
	uint32_t i;
	int err;

	for (i = 0; i < count; i++)
		fill_expected(block + i, inverted, buffer->data + (size_t)i * BLOCK);

	err = nvme_write(nvme, block, count, buffer->iova);
	if (!err)
		err = nvme_flush(nvme);
	return err ? err : read_and_check(nvme, buffer, block, count, 0, inverted);
}

/* Writes the last blocks inverted, and then back as they were. */
static int write_blocks(struct nvme *nvme, const struct dma_buffer *buffer)
{
	uint32_t count = (uint32_t)(buffer->length - CLIENT_PAGE_SIZE) / BLOCK;
	uint64_t block;
	int err;

	if (count > nvme->blocks)
		count = (uint32_t)nvme->blocks;
	block = nvme->blocks - count;

	err = read_and_check(nvme, buffer, block, count, 0, 0);
	if (!err)
		err = write_and_check(nvme, buffer, block, count, 1);
	if (err)
		return err;
	say("wrote, flushed and read back %u blocks from %llu on", count,
	    (unsigned long long)block);

	err = write_and_check(nvme, buffer, block, count, 0);
	if (!err)
		say("put back what was there, and verified it");
	return err;
}

static int check_disk(const struct nvme *nvme)
{
	if (nvme->block_size != BLOCK) {
		fprintf(stderr, "blocks of %u bytes; this program knows %d only\n",
			nvme->block_size, BLOCK);
		return -EOPNOTSUPP;
	}
	if (nvme->blocks < options.blocks || nvme->blocks < LEAST_BLOCKS) {
		fprintf(stderr, "the disk has %llu blocks only\n",
			(unsigned long long)nvme->blocks);
		return -EINVAL;
	}

	return 0;
}

/* The data buffer is mapped while the device is using the address space, the queues before. */
static int move_blocks(struct nvme *nvme)
{
	uint32_t most = nvme->max_transfer < MOST_BUFFER ? nvme->max_transfer : MOST_BUFFER;
	struct dma_buffer buffer;
	int err;

	err = dma_alloc(&buffer, most + CLIENT_PAGE_SIZE);
	if (err)
		return err;

	err = dma_map(nvme->client, &buffer);
	if (!err) {
		say("mapped a buffer of %zu KiB at IOVA 0x%llx", buffer.length / 1024,
		    (unsigned long long)buffer.iova);
		err = read_shapes(nvme, &buffer);
	}
	if (!err)
		err = read_many(nvme, &buffer, options.blocks);
	if (!err && options.write)
		err = write_blocks(nvme, &buffer);

	/* After an error the device may still be using it: leave it to the end of the process. */
	if (err)
		return err;
	err = dma_unmap(nvme->client, &buffer);
	dma_free(&buffer);
	return err;
}

static int use_controller(struct nvme *nvme)
{
	int err;

	err = nvme_start(nvme);
	if (err)
		return err;
	say("controller was reset and runs, NVMe %u.%u", nvme->version >> 16,
	    nvme->version >> 8 & 0xff);

	err = nvme_identify(nvme);
	if (!err)
		err = check_disk(nvme);
	if (err)
		return err;
	say("it is \"%s\", serial \"%s\": %llu blocks of %u bytes, up to %u KiB at once",
	    nvme->model, nvme->serial, (unsigned long long)nvme->blocks, nvme->block_size,
	    nvme->max_transfer / 1024);

	err = nvme_create_queues(nvme);
	if (err)
		return err;
	say("created an I/O queue pair of %u entries, polled", NVME_QUEUE_DEPTH);

	err = move_blocks(nvme);
	if (!err)
		err = nvme_delete_queues(nvme);
	if (!err)
		err = nvme_stop(nvme);
	if (!err)
		say("deleted the I/O queues and shut the controller down");
	return err;
}

static int use_device(struct client *client)
{
	struct nvme nvme;
	int err;

	err = nvme_open(&nvme, client);
	if (err)
		return err;
	say("mapped BAR 0 of %zu bytes and the memory of the queues", nvme.registers.length);

	err = client_allow(client);
	if (err)
		goto close;
	say("the device may use IOASID %u", client->ioasid);

	err = use_controller(&nvme);
	if (client_disallow(client) && !err)
		err = -EIO;
close:
	nvme_close(&nvme);
	return err;
}

static int take_device(struct client *client)
{
	struct ioasid_device_info info;
	int err;

	err = client_device_info(client, &info);
	if (err)
		return err;

	err = client_bind(client);
	if (err)
		return err;
	say("took %s (%04x:%04x, class %06x), group %u", client->device, info.out_pci_vendor,
	    info.out_pci_device, info.out_pci_class, info.out_group);

	err = use_device(client);
	if (client_unbind(client) && !err)
		err = -EIO;
	if (!err)
		say("gave the device back");
	return err;
}

static int run(void)
{
	struct client client;
	int err;

	err = client_open(&client, options.device);
	if (err)
		return err;

	err = client_alloc(&client);
	if (!err)
		err = take_device(&client);
	if (!err)
		err = client_free(&client);

	client_close(&client);
	return err;
}

static void print_usage(FILE *to)
{
	fprintf(to, "usage: nvme [--device %s] [--blocks N] [--quiet] [--write]\n", options.device);
}

static int parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "blocks", required_argument, NULL, 'b' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "write", no_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'd':
			options.device = optarg;
			break;
		case 'b':
			options.blocks = strtoull(optarg, &end, 0);
			if (*end || !options.blocks)
				return -EINVAL;
			break;
		case 'q':
			options.quiet = 1;
			break;
		case 'w':
			options.write = 1;
			break;
		case 'h':
			print_usage(stdout);
			exit(0);
		default:
			return -EINVAL;
		}
	}

	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	if (parse(argc, argv)) {
		print_usage(stderr);
		return 2;
	}

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (run()) {
		fprintf(stderr, "nvme: failed\n");
		return 1;
	}

	say("all verified");
	return 0;
}
