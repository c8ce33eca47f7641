// SPDX-License-Identifier: GPL-2.0-only
/*
 * The right pages, whatever becomes of the memory they came from: a device and the process go on
 * seeing each other's bytes as long as the process has the page, and the device has the page as
 * long as it is mapped for it. The bytes are moved by the device in every test.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

/* Which IOMMU it is makes no difference to the memory, so that one will do. */
#define NEEDS_MEMORY NEEDS_BIND " vtd-sm"

#define AT 0x400000ull
#define HUGE (2 * MiB)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static struct rig rig;

static void map(uint64_t iova, const void *memory, uint64_t bytes, uint32_t flags)
{
	ok_map(rig.ctx, .ioasid = rig.ioasid, .flags = flags | FIXED, .user_va = va(memory),
	       .length = bytes, .iova = iova);
}

static void unmap(uint64_t iova, uint64_t bytes)
{
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = iova, .length = bytes);
}

static void expect_efault(const void *memory, uint64_t bytes, uint32_t flags)
{
	err_map(EFAULT, rig.ctx, .ioasid = rig.ioasid, .flags = flags, .user_va = va(memory),
		.length = bytes);
}

static void *map_memory(size_t bytes, int prot, int flags, int fd)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, 0);

	ck_assert_msg(p != MAP_FAILED, "mmap: %m");
	return p;
}

#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)

/* What the process writes, the device reads. */
static bool process_to_device(uint64_t iova, void *memory)
{
	static unsigned int seed = 100;

	mem_fill(memory, EDU_BYTES, ++seed);
	return edu_reads(&rig.edu, iova, seed);
}

/* And the other way round: what it has read last. */
static bool device_to_process(uint64_t iova, void *memory)
{
	return edu_stores(&rig.edu, iova, memory);
}

static bool share(uint64_t iova, void *memory)
{
	return process_to_device(iova, memory) && device_to_process(iova, memory);
}

/*
 * Memory that devices may only read, and that is not the process's own yet when it is mapped. What
 * the process writes afterwards is what the device reads.
 */
enum origin {
	ZERO_PAGE,
	ZERO_PAGE_READ,
	FILE_PAGE,
	FILE_PAGE_READ,
	READ_ONLY_NOW,
	SHARED_WITH_CHILD,
	SHARED_WITH_PARENT,
	HUGE_ZERO_PAGE,
	HUGETLB_FILE,
	BEHIND_READ_ONLY_SHARED,
	BEFORE_READ_ONLY_SHARED,
};

static const struct {
	struct test_row row;
	enum origin origin;
} stale[] = {
	{ { "never touched", "" }, ZERO_PAGE },
	{ { "read before", "" }, ZERO_PAGE_READ },
	{ { "private file", "" }, FILE_PAGE },
	{ { "private file, read before", "" }, FILE_PAGE_READ },
	{ { "cannot be written at the time", "" }, READ_ONLY_NOW },
	{ { "shared with a child", "" }, SHARED_WITH_CHILD },
	{ { "shared with the parent", "" }, SHARED_WITH_PARENT },
	{ { "huge zero page", "" }, HUGE_ZERO_PAGE },
	{ { "private huge file", "" }, HUGETLB_FILE },
	{ { "behind read-only shared memory", "" }, BEHIND_READ_ONLY_SHARED },
	{ { "before read-only shared memory", "" }, BEFORE_READ_ONLY_SHARED },
};

static void touch_for_reading(const volatile char *memory)
{
	(void)*memory;
}

static char *huge_aligned(size_t bytes)
{
	char *p = map_memory(bytes + HUGE, READ_WRITE, PRIVATE, -1);

	p = (char *)(((uintptr_t)p + HUGE - 1) / HUGE * HUGE);
	ck_assert(!madvise(p, bytes, MADV_HUGEPAGE));
	return p;
}

static int memfd(size_t bytes, unsigned int flags)
{
	int fd = memfd_create("ioasid-test", MFD_CLOEXEC | flags);

	ck_assert_msg(fd >= 0 && !ftruncate(fd, bytes), "memfd of %zu bytes: %m", bytes);
	return fd;
}

static char *private_file(size_t bytes, unsigned int flags)
{
	int fd = memfd(bytes, flags);
	char *shared = map_memory(bytes, READ_WRITE, MAP_SHARED, fd), *memory;

	memset(shared, 0x33, PAGE);
	memory = map_memory(bytes, READ_WRITE, MAP_PRIVATE, fd);
	munmap(shared, bytes);
	return memory;
}

/* A page of shared memory that is only readable, and a private one, which is at @private. */
static char *with_read_only_shared(int shared_at, int private_at)
{
	char *p = map_memory(2 * PAGE, READ_WRITE, PRIVATE, -1);

	ck_assert(mmap(p + shared_at * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
		       mem_file(PAGE), 0) != MAP_FAILED);
	touch_for_reading(p + shared_at * PAGE);
	return p + private_at * PAGE;
}

/* Forks a process that has the same memory and waits to be killed. */
static pid_t idle_child(void)
{
	pid_t pid = child_fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static char *make(enum origin origin)
{
	char *memory = NULL;

	switch (origin) {
	case ZERO_PAGE:
	case ZERO_PAGE_READ:
		memory = map_memory(PAGE, READ_WRITE, PRIVATE, -1);
		break;
	case FILE_PAGE:
	case FILE_PAGE_READ:
		memory = private_file(PAGE, 0);
		break;
	case READ_ONLY_NOW:
		memory = map_memory(PAGE, PROT_READ, PRIVATE, -1);
		break;
	case SHARED_WITH_CHILD:
	case SHARED_WITH_PARENT:
		memory = mem_new(PAGE);
		memset(memory, 0x44, PAGE);
		break;
	case HUGE_ZERO_PAGE:
		memory = huge_aligned(HUGE) + 5 * PAGE;
		break;
	case HUGETLB_FILE:
		memory = private_file(HUGE, MFD_HUGETLB);
		break;
	case BEHIND_READ_ONLY_SHARED:
		memory = with_read_only_shared(0, 1);
		break;
	case BEFORE_READ_ONLY_SHARED:
		memory = with_read_only_shared(1, 0);
		break;
	}
	if (origin != ZERO_PAGE && origin != FILE_PAGE)
		touch_for_reading(memory);
	return memory;
}

static void map_and_write(enum origin origin, char *memory)
{
	if (origin == BEHIND_READ_ONLY_SHARED)
		map(AT - PAGE, memory - PAGE, 2 * PAGE, IOASID_MAP_READ);
	else if (origin == BEFORE_READ_ONLY_SHARED)
		map(AT, memory, 2 * PAGE, IOASID_MAP_READ);
	else
		map(AT, memory, PAGE, IOASID_MAP_READ);
	ck_assert(!mprotect((void *)(va(memory) & ~(PAGE - 1)), PAGE, READ_WRITE));
	mem_fill(memory, EDU_BYTES, 99);
}

IOASID_TEST(pins, not_stale, TEST_ROWS(stale), .needs = NEEDS_MEMORY)
{
	enum origin origin = stale[row].origin;
	struct gate mapped, checked;
	char *memory;
	pid_t pid = 0;

	rig_open(&rig, EDU);
	memory = make(origin);
	if (origin == SHARED_WITH_PARENT) {
		gate_init(&mapped);
		gate_init(&checked);
		pid = child_fork();
		if (!pid) {
			map_and_write(origin, memory);
			gate_open(&mapped);
			gate_wait(&checked);
			child_done();
		}
		gate_wait(&mapped);
	} else {
		if (origin == SHARED_WITH_CHILD)
			pid = idle_child();
		map_and_write(origin, memory);
	}
	ck_assert(edu_reads(&rig.edu, AT, 99));
	if (origin == SHARED_WITH_PARENT) {
		ck_assert(mem_is(memory, PAGE, 0x44));
		gate_open(&checked);
		child_join(pid);
	} else if (pid) {
		kill(pid, SIGKILL);
		child_join_killed(pid);
	}
}

/*
 * Fork after it was mapped: the page is the parent's, for the device too; the child has a copy.
 * What the child then maps itself is the child's.
 */
static const struct {
	struct test_row row;
	uint32_t flags;
	bool huge;
} forks[] = {
	{ { "rw", "" }, RW, false },
	{ { "read only", "" }, IOASID_MAP_READ, false },
	{ { "rw, hugetlb", "" }, RW, true },
	{ { "read only, hugetlb", "" }, IOASID_MAP_READ, true },
};

static void wait_turn(struct gate *go, struct gate *done)
{
	gate_open(go);
	gate_wait(done);
}

IOASID_TEST(pins, fork_after, TEST_ROWS(forks), .needs = NEEDS_MEMORY)
{
	uint64_t bytes = forks[row].huge ? HUGE : PAGE;
	struct gate go, done;
	char *memory;
	pid_t pid;

	rig_open(&rig, EDU);
	memory = map_memory(bytes, READ_WRITE, PRIVATE | (forks[row].huge ? MAP_HUGETLB : 0), -1);
	mem_fill(memory, EDU_BYTES, 50);
	map(AT, memory, PAGE, forks[row].flags);
	gate_init(&go);
	gate_init(&done);
	pid = child_fork();
	if (!pid) {
		ck_assert(mem_has(memory, EDU_BYTES, 50));
		mem_fill(memory, EDU_BYTES, 51);
		gate_open(&done);
		gate_wait(&go);
		/* What the parent and the device wrote is not here. */
		ck_assert(mem_has(memory, EDU_BYTES, 51));
		child_done();
	}
	gate_wait(&done);
	ck_assert(mem_has(memory, EDU_BYTES, 50));
	ck_assert(process_to_device(AT, memory));
	ck_assert_int_eq(device_to_process(AT, memory), forks[row].flags == RW);
	gate_open(&go);
	child_join(pid);
}

/* The parent writes first, so that it is the parent who could be given the copy. */
IOASID_TEST(pins, fork_after_and_parent_writes, .needs = NEEDS_MEMORY)
{
	char *memory = mem_new(PAGE);
	pid_t pid;

	rig_open(&rig, EDU);
	mem_fill(memory, EDU_BYTES, 50);
	map(AT, memory, PAGE, IOASID_MAP_READ);
	pid = idle_child();
	memory[0] = 1;
	ck_assert(process_to_device(AT, memory));
	kill(pid, SIGKILL);
	child_join_killed(pid);
	ck_assert(process_to_device(AT, memory));
}

/* Fork before it was mapped, in either of the two, for writing. */
static const struct {
	struct test_row row;
	bool child_maps;
} before[] = {
	{ { "parent maps", "" }, false },
	{ { "child maps", "" }, true },
};

IOASID_TEST(pins, fork_before, TEST_ROWS(before), .needs = NEEDS_MEMORY)
{
	struct gate go, done;
	char *memory = mem_new(PAGE);
	pid_t pid;

	rig_open(&rig, EDU);
	mem_fill(memory, EDU_BYTES, 60);
	gate_init(&go);
	gate_init(&done);
	pid = child_fork();
	if (!pid) {
		if (before[row].child_maps)
			map(AT, memory, PAGE, RW);
		gate_open(&done);
		gate_wait(&go);
		if (before[row].child_maps) {
			ck_assert(mem_has(memory, EDU_BYTES, 61));
			mem_fill(memory, EDU_BYTES, 62);
		} else {
			ck_assert(mem_has(memory, EDU_BYTES, 60));
		}
		gate_open(&done);
		gate_wait(&go);
		child_done();
	}
	gate_wait(&done);
	if (!before[row].child_maps)
		map(AT, memory, PAGE, RW);
	/* Through the scratch page into the device, and from there to who mapped it. */
	mem_fill(rig.edu.scratch, EDU_BYTES, 61);
	edu_load(&rig.edu, EDU_SCRATCH_IOVA, EDU_BYTES);
	edu_store(&rig.edu, AT, EDU_BYTES);
	ck_assert(mem_has(memory, EDU_BYTES, before[row].child_maps ? 60 : 61));
	wait_turn(&go, &done);
	if (before[row].child_maps)
		ck_assert(edu_reads(&rig.edu, AT, 62));
	else
		ck_assert(process_to_device(AT, memory));
	gate_open(&go);
	child_join(pid);
}

/* What can be done to private memory, and whether process and device share the page afterwards. */
enum deed {
	DONTNEED,
	UNMAP,
	REPLACE,
	MOVE,
	FREE,
	PAGEOUT,
	READ_ONLY,
	NO_ACCESS,
	COMPACT,
};

static const struct {
	struct test_row row;
	enum deed deed;
	bool huge;
	bool shared_after;
} private_deeds[] = {
	{ { "dontneed", "" }, DONTNEED, false, false },
	{ { "munmap", "" }, UNMAP, false, false },
	{ { "mmap over it", "" }, REPLACE, false, false },
	{ { "mremap", "" }, MOVE, false, true },
	{ { "free", "" }, FREE, false, true },
	{ { "pageout", "" }, PAGEOUT, false, true },
	{ { "mprotect, read only", "" }, READ_ONLY, false, true },
	{ { "mprotect, no access", "" }, NO_ACCESS, false, true },
	{ { "compaction", "" }, COMPACT, false, true },
	{ { "hugetlb, dontneed", "" }, DONTNEED, true, false },
	{ { "hugetlb, munmap", "" }, UNMAP, true, false },
};

static char *do_deed(enum deed deed, char *memory, uint64_t bytes)
{
	switch (deed) {
	case DONTNEED:
		ck_assert(!madvise(memory, bytes, MADV_DONTNEED));
		break;
	case UNMAP:
		ck_assert(!munmap(memory, bytes));
		return NULL;
	case REPLACE:
		ck_assert(mmap(memory, bytes, READ_WRITE, PRIVATE | MAP_FIXED, -1, 0) == memory);
		break;
	case MOVE:
		return mremap(memory, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			      map_memory(bytes, PROT_NONE, PRIVATE, -1));
	case FREE:
		/* Only when memory is short, and not while somebody else has the page. */
		ck_assert(!madvise(memory, bytes, MADV_FREE));
		file_write("/proc/sys/vm/drop_caches", "3");
		break;
	case PAGEOUT:
		/* May fail: the page is pinned. */
		madvise(memory, bytes, MADV_PAGEOUT);
		break;
	case READ_ONLY:
	case NO_ACCESS:
		ck_assert(!mprotect(memory, bytes, deed == NO_ACCESS ? PROT_NONE : PROT_READ));
		break;
	case COMPACT:
		file_write("/proc/sys/vm/compact_memory", "1");
		break;
	}
	return memory;
}

IOASID_TEST(pins, private_memory, TEST_ROWS(private_deeds), .needs = NEEDS_MEMORY)
{
	bool huge = private_deeds[row].huge, after = private_deeds[row].shared_after;
	uint64_t bytes = huge ? HUGE : PAGE;
	enum deed deed = private_deeds[row].deed;
	char *memory;

	rig_open(&rig, EDU);
	memory = map_memory(bytes, READ_WRITE, PRIVATE | (huge ? MAP_HUGETLB : 0), -1);
	mem_fill(memory, EDU_BYTES, 70);
	map(AT, memory, PAGE, RW);
	memory = do_deed(deed, memory, bytes);
	/* The device has what was there, in any case. */
	ck_assert(edu_reads(&rig.edu, AT, 70));
	if (deed == READ_ONLY || deed == NO_ACCESS)
		ck_assert(!mprotect(memory, bytes, READ_WRITE));
	if (after) {
		ck_assert(mem_has(memory, EDU_BYTES, 70));
		ck_assert(share(AT, memory));
		return;
	}
	/* And does not reach what is there now. */
	edu_store(&rig.edu, AT, EDU_BYTES);
	ck_assert(!memory || mem_is(memory, bytes, 0));
	if (memory)
		ck_assert(!process_to_device(AT, memory));
	unmap(AT, PAGE);
	ck_assert_int_eq(pins_settled(1), 1);
}

/* Shared memory is another matter: it is the file that has the pages. */
enum shared_deed {
	SHARED_DONTNEED,
	SHARED_TRUNCATE,
	SHARED_PUNCH,
	SHARED_REMOVE,
	SHARED_FORK,
};

static const struct {
	struct test_row row;
	enum shared_deed deed;
	unsigned int memfd;
	bool shared_after;
} shared_deeds[] = {
	{ { "dontneed", "" }, SHARED_DONTNEED, 0, true },
	{ { "truncate", "" }, SHARED_TRUNCATE, 0, false },
	{ { "hole punched", "" }, SHARED_PUNCH, 0, false },
	{ { "remove", "" }, SHARED_REMOVE, 0, false },
	{ { "fork", "" }, SHARED_FORK, 0, true },
	{ { "hugetlb, truncate", "" }, SHARED_TRUNCATE, MFD_HUGETLB, false },
	{ { "hugetlb, hole punched", "" }, SHARED_PUNCH, MFD_HUGETLB, false },
};

IOASID_TEST(pins, shared_memory, TEST_ROWS(shared_deeds), .needs = NEEDS_MEMORY)
{
	uint64_t bytes = shared_deeds[row].memfd ? HUGE : PAGE;
	int fd = memfd(bytes, shared_deeds[row].memfd);
	pid_t pid = 0;
	char *memory;

	rig_open(&rig, EDU);
	memory = map_memory(bytes, READ_WRITE, MAP_SHARED, fd);
	mem_fill(memory, EDU_BYTES, 80);
	map(AT, memory, PAGE, RW);
	switch (shared_deeds[row].deed) {
	case SHARED_DONTNEED:
		ck_assert(!madvise(memory, bytes, MADV_DONTNEED));
		break;
	case SHARED_TRUNCATE:
		ck_assert(!ftruncate(fd, 0) && !ftruncate(fd, bytes));
		break;
	case SHARED_PUNCH:
		ck_assert(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes));
		break;
	case SHARED_REMOVE:
		ck_assert(!madvise(memory, bytes, MADV_REMOVE));
		break;
	case SHARED_FORK:
		pid = idle_child();
		break;
	}
	ck_assert(edu_reads(&rig.edu, AT, 80));
	if (shared_deeds[row].shared_after) {
		ck_assert(share(AT, memory));
	} else {
		edu_store(&rig.edu, AT, EDU_BYTES);
		ck_assert(mem_is(memory, bytes, 0));
		ck_assert(!process_to_device(AT, memory));
	}
	if (pid) {
		kill(pid, SIGKILL);
		child_join_killed(pid);
	}
	unmap(AT, PAGE);
	ck_assert_int_eq(pins_settled(1), 1);
}

/* Shared memory that the process may only read: devices may read it, and not write. */
IOASID_TEST(pins, read_only_shared_memory, .needs = NEEDS_MEMORY)
{
	int fd = mem_file(PAGE);
	char *memory, *writable;

	rig_open(&rig, EDU);
	memory = map_memory(PAGE, PROT_READ, MAP_SHARED, fd);
	expect_efault(memory, PAGE, RW);
	expect_efault(memory, PAGE, IOASID_MAP_WRITE);
	map(AT, memory, PAGE, IOASID_MAP_READ);
	writable = map_memory(PAGE, READ_WRITE, MAP_SHARED, fd);
	ck_assert(process_to_device(AT, writable));
	ck_assert(!device_to_process(AT, writable));
}

/* The same when the file is sealed, and when it is to be sealed while a device may write. */
IOASID_TEST(pins, seals, .needs = NEEDS_MEMORY)
{
	int fd = memfd(PAGE, MFD_ALLOW_SEALING);
	char *memory;

	rig_open(&rig, EDU);
	memory = map_memory(PAGE, READ_WRITE, MAP_SHARED, fd);
	mem_fill(memory, EDU_BYTES, 81);
	map(AT, memory, PAGE, RW);
	munmap(memory, PAGE);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EBUSY);
	unmap(AT, PAGE);
	ck_assert_msg(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), "sealing: %m");
	memory = map_memory(PAGE, PROT_READ, MAP_SHARED, fd);
	expect_efault(memory, PAGE, RW);
	map(AT, memory, PAGE, IOASID_MAP_READ);
	ck_assert(edu_reads(&rig.edu, AT, 81));
	edu_store(&rig.edu, AT, EDU_BYTES);
	ck_assert(mem_has(memory, EDU_BYTES, 81));
}

static const struct {
	struct test_row row;
	int prot;
	uint32_t flags;
	int error;
} protections[] = {
	{ { "none for r", "" }, PROT_NONE, IOASID_MAP_READ, EFAULT },
	{ { "none for w", "" }, PROT_NONE, IOASID_MAP_WRITE, EFAULT },
	{ { "r for r", "" }, PROT_READ, IOASID_MAP_READ, 0 },
	{ { "r for w", "" }, PROT_READ, IOASID_MAP_WRITE, EFAULT },
	{ { "r for rw", "" }, PROT_READ, RW, EFAULT },
	{ { "rw for rw", "" }, READ_WRITE, RW, 0 },
};

IOASID_TEST(pins, protection, TEST_ROWS(protections))
{
	char *memory = mem_new(PAGE);
	int ctx = context_open();
	uint32_t id = ioasid_new(ctx);

	ck_assert(!mprotect(memory, PAGE, protections[row].prot));
	ck_assert_int_eq(t_map(ctx, .ioasid = id, .flags = protections[row].flags,
			       .user_va = va(memory), .length = PAGE),
			 -protections[row].error);
	ck_assert_int_eq(pins_settled(!protections[row].error), !protections[row].error);
}

/* Memory that has no pages, such as a device's registers, alone and behind a page that is fine. */
IOASID_TEST(pins, registers, .needs = NEEDS_MEMORY)
{
	char *memory = mem_new(2 * PAGE);
	struct ioasid_device_region region;
	int mem;

	rig_open(&rig, EDU);
	expect_efault((void *)rig.edu.bar, PAGE, RW);
	expect_efault((void *)rig.edu.bar, PAGE, IOASID_MAP_READ);
	region = ok_dev_region(rig.edu.fd, .index = 0);
	ck_assert(mmap(memory + PAGE, PAGE, READ_WRITE, MAP_SHARED | MAP_FIXED, rig.edu.fd,
		       region.out_offset) != MAP_FAILED);
	expect_efault(memory, 2 * PAGE, RW);
	expect_efault(memory, 2 * PAGE, IOASID_MAP_READ);
	mem = open("/sys/bus/pci/devices/" EDU "/resource0", O_RDWR | O_CLOEXEC);
	if (mem >= 0)
		expect_efault(map_memory(PAGE, READ_WRITE, MAP_SHARED, mem), PAGE, RW);
	/* The scratch page. */
	ck_assert_int_eq(pins_settled(1), 1);
	ck_assert_int_eq(vm_pinned(getpid()), PAGE);
	map(AT, memory, PAGE, RW);
	ck_assert(share(AT, memory));
}

/* Memory that is there with a delay, or not at all. */
IOASID_TEST(pins, not_there, .needs = NEEDS_MEMORY)
{
	char *end = (char *)mem_new_before_hole(PAGE) + PAGE, *file;

	rig_open(&rig, EDU);
	expect_efault(end, PAGE, RW);
	expect_efault(end - PAGE, 2 * PAGE, RW);
	expect_efault(end - PAGE, 2 * PAGE, IOASID_MAP_READ);
	/* Behind the end of the file it would be SIGBUS for the process. */
	file = map_memory(2 * PAGE, READ_WRITE, MAP_SHARED, mem_file(PAGE));
	expect_efault(file, 2 * PAGE, RW);
	expect_efault(file + PAGE, PAGE, IOASID_MAP_READ);
	ck_assert_int_eq(pins_settled(1), 1);
	map(AT, file, PAGE, RW);
	ck_assert(share(AT, file));
}

static bool is_huge(const void *memory)
{
	unsigned long long start, end, kib = 0;
	bool here = false;
	char line[300];
	FILE *f;

	f = fopen("/proc/self/smaps", "re");
	ck_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			here = start <= va(memory) && va(memory) < end;
		if (here && sscanf(line, "AnonHugePages: %llu", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

/* A transparent huge page, of which a few pages are mapped, is taken to pieces. */
enum split {
	BY_MPROTECT,
	BY_MUNMAP,
	BY_DONTNEED,
	BY_MREMAP,
	BY_FORK,
	BY_FORCE,
};

static const struct {
	struct test_row row;
	enum split how;
} splits[] = {
	{ { "mprotect", "" }, BY_MPROTECT }, { { "munmap", "" }, BY_MUNMAP },
	{ { "dontneed", "" }, BY_DONTNEED }, { { "mremap", "" }, BY_MREMAP },
	{ { "fork", "" }, BY_FORK },	     { { "by force", "" }, BY_FORCE },
};

#define IN_HUGE (300 * PAGE)

IOASID_TEST(pins, huge_page_split, TEST_ROWS(splits), .needs = NEEDS_MEMORY)
{
	char *memory, text[100], *page;
	pid_t pid = 0;

	rig_open(&rig, EDU);
	memory = huge_aligned(HUGE);
	memset(memory, 0, HUGE);
	ck_assert_msg(is_huge(memory), "no transparent huge page");
	page = memory + IN_HUGE;
	map(AT, page, 2 * PAGE, RW);
	switch (splits[row].how) {
	case BY_MPROTECT:
		ck_assert(!mprotect(memory, 100 * PAGE, PROT_READ));
		break;
	case BY_MUNMAP:
		ck_assert(!munmap(memory, 100 * PAGE));
		break;
	case BY_DONTNEED:
		ck_assert(!madvise(memory, 100 * PAGE, MADV_DONTNEED));
		break;
	case BY_MREMAP:
		page = mremap(page, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			      map_memory(2 * PAGE, PROT_NONE, PRIVATE, -1));
		ck_assert(page != MAP_FAILED);
		break;
	case BY_FORK:
		pid = idle_child();
		break;
	case BY_FORCE:
		snprintf(text, sizeof(text), "%d,%#llx,%#llx", getpid(),
			 (unsigned long long)va(memory), (unsigned long long)va(memory) + HUGE);
		file_write("/sys/kernel/debug/split_huge_pages", text);
		break;
	}
	ck_assert(share(AT + PAGE, page + PAGE));
	if (pid) {
		kill(pid, SIGKILL);
		child_join_killed(pid);
	}
	unmap(AT, 2 * PAGE);
	ck_assert_int_eq(pins_settled(1), 1);
}

/* Small pages, of which one is mapped, are to become a huge one: not this one, while it is. */
IOASID_TEST(pins, huge_page_collapse, .needs = NEEDS_MEMORY)
{
	char *memory = map_memory(2 * HUGE, READ_WRITE, PRIVATE, -1), *page;

	rig_open(&rig, EDU);
	memory = (char *)((va(memory) + HUGE - 1) / HUGE * HUGE);
	ck_assert(!madvise(memory, HUGE, MADV_NOHUGEPAGE));
	memset(memory, 0, HUGE);
	page = memory + IN_HUGE;
	map(AT, page, PAGE, RW);
	ck_assert(!madvise(memory, HUGE, MADV_HUGEPAGE));
	ck_assert_int_eq(madvise(memory, HUGE, MADV_COLLAPSE), -1);
	ck_assert(!is_huge(memory));
	ck_assert(share(AT, page));
	unmap(AT, PAGE);
	/* It was the pin that stood against it. */
	ck_assert_msg(!madvise(memory, HUGE, MADV_COLLAPSE), "collapse: %m");
	ck_assert(is_huge(memory));
	map(AT, page, PAGE, RW);
	ck_assert(share(AT, page));
}

#define KSM "/sys/kernel/mm/ksm/"

static void ksm_run(const char *what)
{
	ck_assert_msg(!file_write(KSM "run", what), "KSM");
}

/* Pages that the kernel merged because they were equal, until one of the two is written. */
static const struct {
	struct test_row row;
	uint32_t flags;
	bool map_first;
} merged[] = {
	{ { "rw", "" }, RW, false },
	{ { "read only", "" }, IOASID_MAP_READ, false },
	{ { "mapped before", "" }, RW, true },
};

IOASID_TEST(pins, merged_pages, TEST_ROWS(merged), .needs = NEEDS_MEMORY)
{
	char sharing[40], *memory = mem_new(2 * PAGE);
	int tries;

	rig_open(&rig, EDU);
	mem_fill(memory, PAGE, 90);
	mem_fill(memory + PAGE, PAGE, 90);
	if (merged[row].map_first)
		map(AT, memory, PAGE, merged[row].flags);
	ck_assert(!madvise(memory, 2 * PAGE, MADV_MERGEABLE));
	file_write(KSM "sleep_millisecs", "5");
	ksm_run("1");
	for (tries = 0; tries < (merged[row].map_first ? 10 : 300); tries++) {
		ck_assert(!file_read(KSM "pages_sharing", sharing, sizeof(sharing)));
		if (atoi(sharing))
			break;
		usleep(10000);
	}
	ksm_run("0");
	if (!merged[row].map_first) {
		ck_assert_msg(atoi(sharing), "no page was merged");
		map(AT, memory, PAGE, merged[row].flags);
	}
	ck_assert(process_to_device(AT, memory));
	if (merged[row].flags == RW)
		ck_assert(device_to_process(AT, memory));
	ck_assert(mem_has(memory + PAGE, PAGE, 90));
	ksm_run("2");
	ksm_run("0");
}

/*
 * A file on a disk, as only 6.1 lets it be pinned: what the device wrote after the page was clean
 * has to reach the disk. Newer kernels refuse.
 */
IOASID_TEST(pins, file_on_a_disk, .needs = NEEDS_MEMORY " nvme")
{
	int disk = open("/dev/nvme0n1", O_RDWR | O_CLOEXEC), rc;
	const off_t place = 8 * MiB;
	char saved[PAGE], now[PAGE];
	char *memory;

	ck_assert_msg(disk >= 0, "/dev/nvme0n1: %m");
	ck_assert_int_eq(pread(disk, saved, PAGE, place), PAGE);
	memory = mmap(NULL, PAGE, READ_WRITE, MAP_SHARED, disk, place);
	ck_assert_msg(memory != MAP_FAILED, "mmap of a disk: %m");
	rig_open(&rig, EDU);
	rc = t_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(memory),
		   .length = PAGE, .iova = AT);
	if (rc) {
		ck_assert_int_eq(rc, -EFAULT);
		ck_assert_int_eq(pins_settled(1), 1);
		return;
	}
	edu_fill(&rig.edu);
	ck_assert(!fsync(disk));
	edu_store(&rig.edu, AT, EDU_BYTES);
	unmap(AT, PAGE);
	munmap(memory, PAGE);
	ck_assert(!fsync(disk));
	posix_fadvise(disk, place, PAGE, POSIX_FADV_DONTNEED);
	file_write("/proc/sys/vm/drop_caches", "1");
	ck_assert_int_eq(pread(disk, now, PAGE, place), PAGE);
	ck_assert_int_eq(pwrite(disk, saved, PAGE, place), PAGE);
	ck_assert(!fsync(disk));
	ck_assert(mem_has(now, EDU_BYTES, rig.edu.seed));
}

static struct {
	int fd;
	char *page;
} absent;

static void *bring_page(void *unused)
{
	struct uffd_msg message;
	struct uffdio_copy copy;
	char *content = mem_new(PAGE);

	mem_fill(content, PAGE, 95);
	if (read(absent.fd, &message, sizeof(message)) != sizeof(message))
		return unused;
	copy = (struct uffdio_copy){ .dst = va(absent.page), .src = va(content), .len = PAGE };
	ck_assert_msg(!ioctl(absent.fd, UFFDIO_COPY, &copy), "UFFDIO_COPY: %m");
	return unused;
}

/* A page that another thread has to bring: it is waited for, or the call fails. */
IOASID_TEST(pins, userfault, .needs = NEEDS_MEMORY)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area;
	pthread_t thread;
	int rc;

	rig_open(&rig, EDU);
	absent.page = map_memory(PAGE, READ_WRITE, PRIVATE, -1);
	absent.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ck_assert_msg(absent.fd >= 0 && !ioctl(absent.fd, UFFDIO_API, &api), "userfaultfd: %m");
	area = (struct uffdio_register){ .range = { va(absent.page), PAGE },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	ck_assert_msg(!ioctl(absent.fd, UFFDIO_REGISTER, &area), "UFFDIO_REGISTER: %m");
	ck_assert(!pthread_create(&thread, NULL, bring_page, NULL));
	rc = t_map(rig.ctx, .ioasid = rig.ioasid, .flags = RW | FIXED, .user_va = va(absent.page),
		   .length = PAGE, .iova = AT);
	if (rc) {
		ck_assert_int_eq(rc, -EFAULT);
		ck_assert_int_eq(pins_settled(1), 1);
		return;
	}
	ck_assert(edu_reads(&rig.edu, AT, 95));
	ck_assert(share(AT, absent.page));
}

/* A part of a huge page; what lies around it is out of reach. */
IOASID_TEST(pins, part_of_a_huge_page, .needs = NEEDS_MEMORY)
{
	char *memory = map_memory(HUGE, READ_WRITE, PRIVATE | MAP_HUGETLB, -1);

	rig_open(&rig, EDU);
	map(AT, memory + IN_HUGE, PAGE, RW);
	ck_assert(share(AT, memory + IN_HUGE));
	ck_assert(!device_to_process(AT + PAGE, memory + IN_HUGE + PAGE));
	ck_assert(!device_to_process(AT - PAGE, memory + IN_HUGE - PAGE));
}
