// SPDX-License-Identifier: GPL-2.0-only
/*
 * fill-nvme BLOCKS: writes the disk image of the guest's NVMe controller to standard output.
 */
#include <stdlib.h>

#include "../clients/lib/disk_pattern.h"

int main(int argc, char **argv)
{
	uint8_t block[DISK_PATTERN_BLOCK_SIZE];
	unsigned long blocks, b;

	if (argc != 2) {
		fprintf(stderr, "usage: %s BLOCKS >IMAGE\n", argv[0]);
		return 2;
	}

	blocks = strtoul(argv[1], NULL, 0);
	for (b = 0; b < blocks; b++) {
		disk_pattern_fill(b, block);
		if (fwrite(block, sizeof(block), 1, stdout) != 1)
			return 1;
	}

	return fflush(stdout) ? 1 : 0;
}
