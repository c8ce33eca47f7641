// SPDX-License-Identifier: GPL-2.0-only
/* The ordinary drivers of the kernel at work: see ordinary.h. */
#include <arpa/inet.h>
#include <glob.h>
#include <limits.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "../clients/lib/disk_pattern.h"
#include "memory.h"
#include "ordinary.h"
#include "sysfs.h"
#include "test.h"

#define PATIENCE_MS 20000
#define LINK_MS 10000
#define DISK_BLOCKS 32768
#define READ_BLOCKS 64

/* QEMU's own host and ours, in the network that it makes up. */
#define GATEWAY "10.0.2.2"
#define GUEST "10.0.2.15"

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The last part of the one path below the device that matches, or NULL. Static storage. */
static const char *child_of(const char *device, const char *pattern)
{
	static char name[NAME_MAX + 1];
	char path[PATH_MAX];
	bool found;
	glob_t all;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, pattern);
	found = !glob(path, 0, NULL, &all);
	if (found) {
		snprintf(name, sizeof(name), "%s", strrchr(all.gl_pathv[0], '/') + 1);
		globfree(&all);
	}
	return found ? name : NULL;
}

/* The controller is probed in the background. */
static int disk_open(const char *device)
{
	long end = now_ms() + PATIENCE_MS;
	char path[PATH_MAX] = "";

	for (;;) {
		const char *name = child_of(device, "nvme/nvme*/nvme*n1");
		int fd;

		if (name) {
			snprintf(path, sizeof(path), "/dev/%s", name);
			fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
			if (fd >= 0)
				return fd;
		}
		test_require(now_ms() < end, "%s: no disk appears (driver '%s', disk '%s')", device,
			     pci_driver(device), path);
		usleep(10000);
	}
}

bool ordinary_disk_settles(const char *device)
{
	long end = now_ms() + PATIENCE_MS;
	char path[PATH_MAX], state[20];

	for (;;) {
		const char *name = child_of(device, "nvme/nvme*");

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme/%s/state", device,
			 name ? name : "");
		if (name && !file_read(path, state, sizeof(state)) && !strcmp(state, "live"))
			return true;
		if (now_ms() >= end)
			return false;
		usleep(10000);
	}
}

static void disk_check(int fd, unsigned long block, unsigned char *buffer)
{
	uint8_t expected[DISK_PATTERN_BLOCK_SIZE];
	size_t bytes = READ_BLOCKS * sizeof(expected);
	ssize_t got;
	int i;

	memset(buffer, 0, bytes);
	got = pread(fd, buffer, bytes, block * sizeof(expected));
	test_require(got == (ssize_t)bytes, "disk, block %lu: read gives %zd: %m", block, got);
	for (i = 0; i < READ_BLOCKS; i++) {
		disk_pattern_fill(block + i, expected);
		test_require(!memcmp(buffer + i * sizeof(expected), expected, sizeof(expected)),
			     "disk, block %lu: wrong contents", block + i);
	}
}

void ordinary_disk_works(const char *device)
{
	unsigned char *buffer = mem_new(READ_BLOCKS * DISK_PATTERN_BLOCK_SIZE);
	unsigned long block;
	int fd = disk_open(device);

	for (block = 0; block < DISK_BLOCKS; block += DISK_BLOCKS / 8)
		disk_check(fd, block, buffer);
	disk_check(fd, DISK_BLOCKS - READ_BLOCKS, buffer);
	close(fd);
	munmap(buffer, READ_BLOCKS * DISK_PATTERN_BLOCK_SIZE);
}

static void link_up(int socket, const char *name)
{
	struct ifreq request = { 0 };
	long end = now_ms() + LINK_MS;
	char path[PATH_MAX], carrier[8];

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	test_require(!ioctl(socket, SIOCGIFFLAGS, &request), "%s: SIOCGIFFLAGS: %m", name);
	request.ifr_flags |= IFF_UP;
	test_require(!ioctl(socket, SIOCSIFFLAGS, &request), "%s: SIOCSIFFLAGS: %m", name);
	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	while (file_read(path, carrier, sizeof(carrier)) || strcmp(carrier, "1")) {
		test_require(now_ms() < end, "%s: no link", name);
		usleep(20000);
	}
}

/* Who has the gateway's address? */
static void arp_ask(int socket, const char *name, const struct sockaddr_ll *to)
{
	struct ether_arp arp = {
		.arp_hrd = htons(ARPHRD_ETHER),
		.arp_pro = htons(ETHERTYPE_IP),
		.arp_hln = 6,
		.arp_pln = 4,
		.arp_op = htons(ARPOP_REQUEST),
	};
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	test_require(!ioctl(socket, SIOCGIFHWADDR, &request), "%s: SIOCGIFHWADDR: %m", name);
	memcpy(arp.arp_sha, request.ifr_hwaddr.sa_data, 6);
	inet_pton(AF_INET, GUEST, arp.arp_spa);
	inet_pton(AF_INET, GATEWAY, arp.arp_tpa);
	test_require(sendto(socket, &arp, sizeof(arp), 0, (const void *)to, sizeof(*to)) ==
			     sizeof(arp),
		     "%s: sendto: %m", name);
}

static bool arp_answered(int socket)
{
	struct pollfd p = { .fd = socket, .events = POLLIN };
	struct ether_arp arp;
	struct in_addr from;

	inet_pton(AF_INET, GATEWAY, &from);
	while (poll(&p, 1, 500) == 1) {
		ssize_t got = recv(socket, &arp, sizeof(arp), 0);

		if (got >= (ssize_t)sizeof(arp) && arp.arp_op == htons(ARPOP_REPLY) &&
		    !memcmp(arp.arp_spa, &from, 4))
			return true;
	}
	return false;
}

static void link_talks(int socket, const char *name)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = if_nametoindex(name),
		.sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	long end = now_ms() + LINK_MS;

	test_require(!bind(socket, (void *)&to, sizeof(to)), "%s: bind: %m", name);
	do {
		test_require(now_ms() < end, "%s: the link is up, but nothing comes in", name);
		arp_ask(socket, name, &to);
	} while (!arp_answered(socket));
}

void ordinary_link_works(const char *device)
{
	long end = now_ms() + PATIENCE_MS;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
	const char *name;

	test_require(fd >= 0, "packet socket: %m");
	while (!(name = child_of(device, "net/*"))) {
		test_require(now_ms() < end, "%s: no interface (driver '%s')", device,
			     pci_driver(device));
		usleep(10000);
	}
	link_up(fd, name);
	link_talks(fd, name);
	close(fd);
}
