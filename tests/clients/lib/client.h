/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every client of ioasidfd does before it can talk to its device: a context, an I/O address
 * space, ownership of the device, and memory that the device can reach. Needs the UAPI header and
 * libc.
 *
 * A function that returns int returns 0 or a negative errno, and has then said on standard error
 * which call failed, with which errno, and what that means.
 */
#ifndef IOASIDFD_TESTS_CLIENT_H
#define IOASIDFD_TESTS_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/ioasidfd.h>

#define CLIENT_NODE_DIR "/dev/ioasid-dev"
#define CLIENT_PAGE_SIZE 4096

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (1u << (n))

/**
 * struct client - one device in one I/O address space
 * @context_fd: /dev/ioasid
 * @device_fd: node of the device
 * @ioasid: the address space
 * @device: name of the device, such as 0000:00:07.0
 */
struct client {
	int context_fd;
	int device_fd;
	uint32_t ioasid;
	const char *device;
};

/**
 * struct dma_buffer - memory that the device can reach
 * @data: where the program sees it
 * @iova: where the device sees it
 * @length: bytes, a multiple of the page size
 * @mapped: it is mapped in the address space
 */
struct dma_buffer {
	uint8_t *data;
	uint64_t iova;
	size_t length;
	int mapped;
};

/* Opens /dev/ioasid and the node of the device. */
int client_open(struct client *client, const char *device);
/* Closes both, which also undoes all that is left. */
void client_close(struct client *client);

/* The calls, each the ioctl of its name with the client's device and address space. */
int client_alloc(struct client *client);
int client_free(struct client *client);
int client_bind(const struct client *client);
int client_unbind(const struct client *client);
int client_allow(const struct client *client);
int client_disallow(const struct client *client);
int client_device_info(const struct client *client, struct ioasid_device_info *info);

/* Takes zeroed memory from the kernel; @length is rounded up to pages. It is not mapped yet. */
int dma_alloc(struct dma_buffer *buffer, size_t length);
/* Maps it for reading and writing at an IOVA that the kernel chooses. */
int dma_map(const struct client *client, struct dma_buffer *buffer);
int dma_unmap(const struct client *client, struct dma_buffer *buffer);
/* Gives the memory back; unmap it first. */
void dma_free(struct dma_buffer *buffer);

/**
 * struct device_registers - a region of the device, mapped into the program
 * @base: first byte
 * @length: bytes
 */
struct device_registers {
	volatile uint8_t *base;
	size_t length;
};

int client_map_registers(const struct client *client, uint32_t region,
			 struct device_registers *registers);
void client_unmap_registers(struct device_registers *registers);

/* An ioctl that explains its failure. */
int client_call(const struct client *client, int fd, unsigned long request, void *arg);

/* "EBUSY", or a number for one that the ABI does not use. */
const char *client_errno_name(int err);

/* Who owns the device's group, in words; returns a negative errno if that cannot be asked. */
int client_owner_text(int device_fd, char *text, size_t size);

#endif /* IOASIDFD_TESTS_CLIENT_H */
