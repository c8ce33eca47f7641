/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for tests: fresh pages, patterns in them, pages next to which nothing is. */
#ifndef IOASID_TEST_MEMORY_H
#define IOASID_TEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Anonymous private memory, zeroed, present. */
void *mem_new(size_t bytes);

/* The same, at an address that is a multiple of @align, @offset bytes added. */
void *mem_new_aligned(size_t bytes, size_t align, size_t offset);

/*
 * Shared memory of which hardly any two neighbouring pages are neighbours for the IOMMU: a map
 * takes about as many calls of its driver.
 */
void *mem_scattered(unsigned int pages);

/* As mem_new(), with an inaccessible (unmapped) page right behind it. */
void *mem_new_before_hole(size_t bytes);

/* The address as the ABI wants it. */
static inline uint64_t va(const volatile void *p)
{
	return (uintptr_t)p;
}

/* A pattern that differs from byte to byte and from seed to seed, and is never zero. */
void mem_fill(void *p, size_t bytes, unsigned int seed);
bool mem_has(const void *p, size_t bytes, unsigned int seed);

/* Does every byte have this value? */
bool mem_is(const void *p, size_t bytes, unsigned char value);

/* A memfd of so many bytes. */
int mem_file(size_t bytes);

#endif
