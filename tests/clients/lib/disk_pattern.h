/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contents of the test disk: what the host writes into the disk image and what the clients in
 * the guest expect to read through DMA. Both sides include this header, so there is one
 * definition.
 *
 * Block B is 512 bytes:
 *   bytes 0..23    "ioasidfd block %08u" of B, and its terminating zero
 *   bytes 24..511  61 words of xorshift64* seeded with (B + 1) * 0x9E3779B97F4A7C15, little-endian
 *
 * B is below 100 million.
 */
#ifndef IOASIDFD_TESTS_DISK_PATTERN_H
#define IOASIDFD_TESTS_DISK_PATTERN_H

#include <stdint.h>
#include <stdio.h>

#define DISK_PATTERN_BLOCK_SIZE 512
#define DISK_PATTERN_TEXT_SIZE 24

static inline uint64_t disk_pattern_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545F4914F6CDD1DULL;
}

static inline void disk_pattern_fill(uint64_t block, uint8_t out[DISK_PATTERN_BLOCK_SIZE])
{
	uint64_t state = (block + 1) * 0x9E3779B97F4A7C15ULL;
	uint64_t word;
	int at, byte;

	snprintf((char *)out, DISK_PATTERN_TEXT_SIZE, "ioasidfd block %08u",
		 (unsigned int)(block % 100000000));

	for (at = DISK_PATTERN_TEXT_SIZE; at < DISK_PATTERN_BLOCK_SIZE; at += 8) {
		word = disk_pattern_next(&state);
		for (byte = 0; byte < 8; byte++)
			out[at + byte] = (uint8_t)(word >> (8 * byte));
	}
}

#endif /* IOASIDFD_TESTS_DISK_PATTERN_H */
