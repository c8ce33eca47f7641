// SPDX-License-Identifier: GPL-2.0-only
/* Memory for tests: see memory.h. */
#include "memory.h"
#include "test.h"

static void *map_anonymous(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	test_require(p != MAP_FAILED, "mmap of %zu bytes: %m", bytes);
	return p;
}

static void make_present(volatile char *p, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i += PAGE)
		p[i] = 0;
}

void *mem_new(size_t bytes)
{
	return mem_new_aligned(bytes, PAGE, 0);
}

void *mem_new_aligned(size_t bytes, size_t align, size_t offset)
{
	char *p = map_anonymous(bytes + align + offset);

	p = (char *)(((uintptr_t)p + align - 1) / align * align) + offset;
	make_present(p, bytes);
	return p;
}

void *mem_new_before_hole(size_t bytes)
{
	char *p = map_anonymous(bytes + PAGE);

	munmap(p + bytes, PAGE);
	make_present(p, bytes);
	return p;
}

static unsigned char pattern(size_t i, unsigned int seed)
{
	return (i * 7 + (i >> 8) * 13 + seed * 31) % 255 + 1;
}

void mem_fill(void *p, size_t bytes, unsigned int seed)
{
	unsigned char *to = p;
	size_t i;

	for (i = 0; i < bytes; i++)
		to[i] = pattern(i, seed);
}

bool mem_has(const void *p, size_t bytes, unsigned int seed)
{
	const unsigned char *from = p;
	size_t i;

	for (i = 0; i < bytes; i++)
		if (from[i] != pattern(i, seed))
			return false;
	return true;
}

bool mem_is(const void *p, size_t bytes, unsigned char value)
{
	const unsigned char *from = p;
	size_t i;

	for (i = 0; i < bytes; i++)
		if (from[i] != value)
			return false;
	return true;
}

int mem_file(size_t bytes)
{
	int fd = memfd_create("ioasid-test", MFD_CLOEXEC);

	test_require(fd >= 0 && !ftruncate(fd, bytes), "memfd of %zu bytes: %m", bytes);
	return fd;
}

void *mem_scattered(unsigned int pages)
{
	size_t bytes = 2 * pages * PAGE;
	int fd = mem_file(bytes);
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned int i;

	test_require(memory != MAP_FAILED, "mmap: %m");
	memset(memory, 0, bytes);
	for (i = 0; i < pages; i++)
		test_require(mmap(memory + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, fd, 2 * i * PAGE) != MAP_FAILED,
			     "mmap: %m");
	munmap(memory + pages * PAGE, pages * PAGE);
	close(fd);
	return memory;
}
