// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the life of a client: its two files, its address space, its device, and the memory it maps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;

	fprintf(stderr, "open %s: %s\n", path, strerror(errno));
	return -errno;
}

static int open_node(struct client *client)
{
	char path[256];

	snprintf(path, sizeof(path), CLIENT_NODE_DIR "/%s", client->device);
	client->device_fd = open_file(path);
	if (client->device_fd >= 0)
		return 0;

	if (client->device_fd == -ENOENT)
		fprintf(stderr, "  there is a node once %s is bound to ioasidfd_stub_pci\n",
			client->device);
	return client->device_fd;
}

int client_open(struct client *client, const char *device)
{
	int err;

	*client = (struct client){ .context_fd = -1, .device_fd = -1, .device = device };

	client->context_fd = open_file("/dev/ioasid");
	if (client->context_fd < 0)
		return client->context_fd;

	err = open_node(client);
	if (err)
		client_close(client);
	return err;
}

void client_close(struct client *client)
{
	if (client->device_fd >= 0)
		close(client->device_fd);
	if (client->context_fd >= 0)
		close(client->context_fd);
	client->device_fd = -1;
	client->context_fd = -1;
}

int client_alloc(struct client *client)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	int err = client_call(client, client->context_fd, IOASID_ALLOC, &alloc);

	client->ioasid = err ? 0 : alloc.out_ioasid;
	return err;
}

int client_free(struct client *client)
{
	struct ioasid_free arg = { .size = sizeof(arg), .ioasid = client->ioasid };

	return client_call(client, client->context_fd, IOASID_FREE, &arg);
}

int client_bind(const struct client *client)
{
	struct ioasid_device_bind bind = { .size = sizeof(bind), .context_fd = client->context_fd };

	return client_call(client, client->device_fd, IOASID_DEVICE_BIND, &bind);
}

int client_unbind(const struct client *client)
{
	struct ioasid_device_unbind unbind = { .size = sizeof(unbind) };

	return client_call(client, client->device_fd, IOASID_DEVICE_UNBIND, &unbind);
}

int client_allow(const struct client *client)
{
	struct ioasid_device_allow allow = { .size = sizeof(allow), .ioasid = client->ioasid };

	return client_call(client, client->device_fd, IOASID_DEVICE_ALLOW, &allow);
}

int client_disallow(const struct client *client)
{
	struct ioasid_device_disallow disallow = { .size = sizeof(disallow),
						   .ioasid = client->ioasid };

	return client_call(client, client->device_fd, IOASID_DEVICE_DISALLOW, &disallow);
}

int client_device_info(const struct client *client, struct ioasid_device_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return client_call(client, client->device_fd, IOASID_DEVICE_GET_INFO, info);
}

int dma_alloc(struct dma_buffer *buffer, size_t length)
{
	void *data;

	*buffer = (struct dma_buffer){ 0 };
	length = (length + CLIENT_PAGE_SIZE - 1) & ~(size_t)(CLIENT_PAGE_SIZE - 1);

	data = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED) {
		fprintf(stderr, "mmap of %zu bytes: %s\n", length, strerror(errno));
		return -errno;
	}

	buffer->data = data;
	buffer->length = length;
	return 0;
}

int dma_map(const struct client *client, struct dma_buffer *buffer)
{
	struct ioasid_map map = {
		.size = sizeof(map),
		.flags = IOASID_MAP_READ | IOASID_MAP_WRITE,
		.ioasid = client->ioasid,
		.user_va = (uintptr_t)buffer->data,
		.length = buffer->length,
	};
	int err = client_call(client, client->context_fd, IOASID_MAP, &map);

	if (err)
		return err;

	buffer->iova = map.out_iova;
	buffer->mapped = 1;
	return 0;
}

int dma_unmap(const struct client *client, struct dma_buffer *buffer)
{
	struct ioasid_unmap unmap = {
		.size = sizeof(unmap),
		.ioasid = client->ioasid,
		.iova = buffer->iova,
		.length = buffer->length,
	};
	int err;

	if (!buffer->mapped)
		return 0;

	err = client_call(client, client->context_fd, IOASID_UNMAP, &unmap);
	if (err)
		return err;

	buffer->mapped = 0;
	if (unmap.out_unmapped_bytes == buffer->length)
		return 0;

	fprintf(stderr, "IOASID_UNMAP removed %llu bytes, not %zu\n",
		(unsigned long long)unmap.out_unmapped_bytes, buffer->length);
	return -EIO;
}

void dma_free(struct dma_buffer *buffer)
{
	if (buffer->data)
		munmap(buffer->data, buffer->length);
	*buffer = (struct dma_buffer){ 0 };
}

int client_map_registers(const struct client *client, uint32_t region,
			 struct device_registers *registers)
{
	struct ioasid_device_region arg = { .size = sizeof(arg), .index = region };
	void *base;
	int err;

	err = client_call(client, client->device_fd, IOASID_DEVICE_GET_REGION, &arg);
	if (err)
		return err;

	if (!(arg.out_region_flags & IOASID_REGION_MMAP)) {
		fprintf(stderr, "region %u of %s cannot be mapped\n", region, client->device);
		return -EOPNOTSUPP;
	}

	base = mmap(NULL, arg.out_length, PROT_READ | PROT_WRITE, MAP_SHARED, client->device_fd,
		    (off_t)arg.out_offset);
	if (base == MAP_FAILED) {
		err = -errno;
		fprintf(stderr, "mmap of region %u of %s: %s\n", region, client->device,
			strerror(-err));
		return err;
	}

	registers->base = base;
	registers->length = arg.out_length;
	return 0;
}

void client_unmap_registers(struct device_registers *registers)
{
	if (registers->base)
		munmap((void *)registers->base, registers->length);
	*registers = (struct device_registers){ 0 };
}
