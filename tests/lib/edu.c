// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's edu device: see edu.h. */
#include <time.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "sysfs.h"
#include "test.h"

#define REG_ID 0x00
#define REG_SRC 0x80
#define REG_DST 0x88
#define REG_COUNT 0x90
#define REG_COMMAND 0x98

#define ID 0x010000ed
#define COMMAND_START 1
#define COMMAND_TO_RAM 2
#define BUFFER 0x40000

#define UNTOUCHED 0

static unsigned int next_seed = 1;

void edu_open(struct edu *edu, const char *name)
{
	*edu = (struct edu){ .name = name };
	edu->fd = stub_open(name);
}

void edu_close(struct edu *edu)
{
	edu_unmap_registers(edu);
	close(edu->fd);
	edu->fd = -1;
}

void edu_map_registers(struct edu *edu)
{
	struct ioasid_device_region region = ok_dev_region(edu->fd, .index = 0);
	void *bar;

	test_require(region.out_region_flags & IOASID_REGION_MMAP, "%s: BAR 0 cannot be mapped",
		     edu->name);
	bar = mmap(NULL, region.out_length, PROT_READ | PROT_WRITE, MAP_SHARED, edu->fd,
		   region.out_offset);
	test_require(bar != MAP_FAILED, "%s: mmap of BAR 0: %m", edu->name);
	edu->bar = bar;
	edu->bar_length = region.out_length;
	test_require(edu->bar[REG_ID / 4] == ID, "%s: id register is %#x", edu->name,
		     edu->bar[REG_ID / 4]);
}

void edu_unmap_registers(struct edu *edu)
{
	if (edu->bar)
		munmap((void *)edu->bar, edu->bar_length);
	edu->bar = NULL;
}

void edu_bind(struct edu *edu, int context)
{
	ok_bind(edu->fd, .context_fd = context);
	edu_map_registers(edu);
}

void edu_unbind(struct edu *edu)
{
	edu_unmap_registers(edu);
	ok_unbind(edu->fd);
}

void edu_scratch(struct edu *edu, int context, uint32_t ioasid)
{
	if (!edu->scratch)
		edu->scratch = mem_new(PAGE);
	ok_map(context, .ioasid = ioasid, .flags = RW | FIXED, .user_va = va(edu->scratch),
	       .length = PAGE, .iova = EDU_SCRATCH_IOVA);
}

static void write64(struct edu *edu, int reg, uint64_t value)
{
	*(volatile uint64_t *)((volatile char *)edu->bar + reg) = value;
}

static void start(struct edu *edu, uint64_t src, uint64_t dst, unsigned int bytes, int command)
{
	test_require(edu->bar, "%s: registers are not mapped", edu->name);
	write64(edu, REG_SRC, src);
	write64(edu, REG_DST, dst);
	write64(edu, REG_COUNT, bytes);
	__sync_synchronize();
	write64(edu, REG_COMMAND, command);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 0.000000001;
}

void edu_wait(struct edu *edu)
{
	double end = now() + 10;

	while (edu->bar[REG_COMMAND / 4] & COMMAND_START) {
		test_require(now() < end, "%s: a transfer does not end", edu->name);
		usleep(5000);
	}
	__sync_synchronize();
}

void edu_load(struct edu *edu, uint64_t iova, unsigned int bytes)
{
	start(edu, iova, BUFFER, bytes, COMMAND_START);
	edu_wait(edu);
}

void edu_store_start(struct edu *edu, uint64_t iova, unsigned int bytes)
{
	start(edu, BUFFER, iova, bytes, COMMAND_START | COMMAND_TO_RAM);
}

void edu_store(struct edu *edu, uint64_t iova, unsigned int bytes)
{
	edu_store_start(edu, iova, bytes);
	edu_wait(edu);
}

void edu_fill(struct edu *edu)
{
	test_require(edu->scratch, "edu_scratch() comes first");
	edu->seed = next_seed++;
	mem_fill(edu->scratch, EDU_BYTES, edu->seed);
	edu_load(edu, EDU_SCRATCH_IOVA, EDU_BYTES);
}

bool edu_holds(struct edu *edu, unsigned int seed)
{
	memset(edu->scratch, UNTOUCHED, EDU_BYTES);
	edu_store(edu, EDU_SCRATCH_IOVA, EDU_BYTES);
	return mem_has(edu->scratch, EDU_BYTES, seed);
}

bool edu_stores(struct edu *edu, uint64_t iova, void *memory)
{
	test_require(edu->seed, "edu_fill() comes first");
	memset(memory, UNTOUCHED, EDU_BYTES);
	edu_store(edu, iova, EDU_BYTES);
	if (mem_has(memory, EDU_BYTES, edu->seed))
		return true;
	test_require(mem_is(memory, EDU_BYTES, UNTOUCHED),
		     "%s: a store to %#llx changed a part of the memory", edu->name,
		     (unsigned long long)iova);
	return false;
}

bool edu_writes(struct edu *edu, uint64_t iova, void *memory)
{
	edu_fill(edu);
	return edu_stores(edu, iova, memory);
}

bool edu_reads(struct edu *edu, uint64_t iova, unsigned int seed)
{
	edu_load(edu, iova, EDU_BYTES);
	edu->seed = edu_holds(edu, seed) ? seed : 0;
	return edu->seed;
}

bool edu_loads(struct edu *edu, uint64_t iova, void *memory)
{
	unsigned int seed = next_seed++;

	/* So that what the buffer held before is not taken for what was loaded. */
	edu_fill(edu);
	mem_fill(memory, EDU_BYTES, seed);
	edu_load(edu, iova, EDU_BYTES);
	edu->seed = 0;
	return edu_holds(edu, seed);
}

void rig_open(struct rig *rig, const char *name)
{
	rig_open_flags(rig, name, 0);
}

void rig_open_flags(struct rig *rig, const char *name, uint32_t flags)
{
	rig->ctx = context_open();
	rig->ioasid = ok_alloc(rig->ctx, .flags = flags).out_ioasid;
	edu_open(&rig->edu, name);
	edu_bind(&rig->edu, rig->ctx);
	edu_scratch(&rig->edu, rig->ctx, rig->ioasid);
	ok_allow(rig->edu.fd, .ioasid = rig->ioasid);
}
