// SPDX-License-Identifier: GPL-2.0-only
/* example NODE: lets one device reach one page of this program, and nothing else. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <linux/ioasidfd.h>

#define CALL(fd, request, arg) (ioctl(fd, request, arg) ? err(1, #request) : (void)0)

int main(int argc, char **argv)
{
	int ctx = open("/dev/ioasid", O_RDWR);
	int dev = open(argc == 2 ? argv[1] : "", O_RDWR); /* /dev/ioasid-dev/0000:00:07.0 */
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	struct ioasid_map map = { .size = sizeof(map), .flags = IOASID_MAP_READ, .length = 4096 };
	struct ioasid_device_bind bind = { .size = sizeof(bind), .context_fd = ctx };
	struct ioasid_device_allow allow = { .size = sizeof(allow) };
	struct ioasid_device_disallow disallow = { .size = sizeof(disallow) };
	struct ioasid_device_unbind unbind = { .size = sizeof(unbind) };

	if (ctx < 0 || dev < 0)
		err(1, "open");
	CALL(ctx, IOASID_ALLOC, &alloc); /* an empty I/O address space */
	map.ioasid = alloc.out_ioasid;
	map.user_va = (__u64)aligned_alloc(4096, 4096);
	CALL(ctx, IOASID_MAP, &map); /* holds our page now, to be read */
	CALL(dev, IOASID_DEVICE_BIND, &bind); /* no kernel driver gets the device any more */
	allow.ioasid = alloc.out_ioasid;
	CALL(dev, IOASID_DEVICE_ALLOW, &allow); /* its DMA goes through the address space */
	printf("the device finds our page at IOVA 0x%llx\n", map.out_iova);
	/* Here a driver would map the device's registers and put it to work. */
	disallow.ioasid = alloc.out_ioasid;
	CALL(dev, IOASID_DEVICE_DISALLOW, &disallow); /* its DMA is blocked again */
	CALL(dev, IOASID_DEVICE_UNBIND, &unbind); /* stopped, reset, and free for the kernel */
	return 0; /* closing the files would have done all that, and unmaps the page */
}
