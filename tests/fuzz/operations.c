// SPDX-License-Identifier: GPL-2.0-only
/* What a program can do: see operations.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ioasidfd.h>

#include "../kmod/mock.h"
#include "machine.h"
#include "operations.h"
#include "sysfs.h"

#define PAGE 4096ull
#define ARENA(number) ((char *)(0x200000000000ull + ((uint64_t)(number) << 32)))
#define ARENA_BYTES 0x600000ull
#define NR_FILES 1024

/* Two views of one page, the second cannot be written; and a page that nothing follows. */
struct placement {
	char *writable;
	char *read_only;
	char *end;
};

static __thread struct placement place;
static __thread enum call_mode mode;
static __thread sigjmp_buf touch_failed;
static __thread volatile bool touching;
static int socket_peer[NR_FILES];

static void on_fault(int signal)
{
	if (touching)
		siglongjmp(touch_failed, 1);
	_exit(128 + signal);
}

static char *pages(uint64_t number, int protection, int flags, int fd)
{
	char *at = mmap(NULL, number * PAGE, protection, flags, fd, 0);

	if (at == MAP_FAILED)
		_exit(100);
	return at;
}

static void prepare_place(void)
{
	int fd = memfd_create("place", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, PAGE))
		_exit(100);
	place.writable = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	place.read_only = pages(1, PROT_READ, MAP_SHARED, fd);
	place.end = pages(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1) + PAGE;
	munmap(place.end, PAGE);
	close(fd);
}

static void arena(unsigned int number, int protection, int flags, int fd)
{
	mmap(ARENA(number), ARENA_BYTES, protection, flags | MAP_FIXED, fd, 0);
}

/* Memory of every kind, at the addresses that programs name; the last piece is a hole. */
static void prepare_memory(void)
{
	int shared = memfd_create("arena", MFD_CLOEXEC);

	if (shared < 0 || ftruncate(shared, ARENA_BYTES - 4 * PAGE))
		_exit(100);
	arena(0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	arena(1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	madvise(ARENA(1), ARENA_BYTES, MADV_HUGEPAGE);
	arena(2, PROT_READ | PROT_WRITE, MAP_SHARED, shared);
	arena(3, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE,
	      -1);
	arena(4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	arena(5, PROT_READ | PROT_WRITE, MAP_PRIVATE, shared);
	arena(6, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	close(shared);
}

void operations_prepare(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct rlimit none = { 0 };
	int null = open("/dev/null", O_RDWR);

	setrlimit(RLIMIT_CORE, &none);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	syscall(SYS_close_range, 3, ~0u, 0);
	prepare_memory();
}

void operations_mode(enum call_mode wanted)
{
	if (!place.end)
		prepare_place();
	mode = wanted;
}

void operations_end(void)
{
	syscall(SYS_close_range, 3, ~0u, 0);
}

/* Two sizes that are not ours, and four places. */
static int64_t call(uint64_t fd, unsigned int command, void *argument, size_t size)
{
	size_t given = size, copied = size;
	char *at = place.writable, *from = place.writable;
	int rc;

	memset(place.writable, 0, size + 32);
	switch (mode) {
	case MODE_CUT:
		copied = size - 8;
		at = from = place.end - copied;
		break;
	case MODE_READ_ONLY:
		at = place.read_only;
		break;
	case MODE_LONGER_NOT_ZERO:
	case MODE_LONGER:
		given = size + 16;
		place.writable[size + 7] = mode == MODE_LONGER_NOT_ZERO;
		break;
	case MODE_SHORTER:
		given = size - 8;
		break;
	case MODE_NULL:
		at = NULL;
		break;
	default:
		break;
	}
	memcpy(from, argument, copied);
	*(uint32_t *)from = given;
	rc = ioctl(fd, _IO(IOASID_IOC_TYPE, command), at);
	memcpy(argument, from, copied);
	return rc;
}

#define CALL(fd, name, argument) call(fd, IOASID_CMD_##name, &(argument), sizeof(argument))

static int64_t open_context(const uint64_t *a)
{
	return open("/dev/ioasid", O_RDWR | O_CLOEXEC | (a[0] == 7 ? 0 : O_NONBLOCK));
}

static int64_t open_device(const uint64_t *a)
{
	char path[100];

	snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", machine_device(a[0]));
	return open(path, O_RDWR | O_CLOEXEC);
}

static int64_t close_file(const uint64_t *a)
{
	return close(a[0]);
}

static int64_t dup_file(const uint64_t *a)
{
	return dup(a[0]);
}

static int64_t get_info(const uint64_t *a)
{
	struct ioasid_info info = { .flags = a[1] };

	return CALL(a[0], GET_INFO, info);
}

static int64_t alloc(const uint64_t *a)
{
	struct ioasid_alloc alloc = { .flags = a[1], .__reserved = a[2] };

	return CALL(a[0], ALLOC, alloc) ? -1 : (int64_t)alloc.out_ioasid;
}

static int64_t free_ioasid(const uint64_t *a)
{
	struct ioasid_free free = { .ioasid = a[1], .flags = a[2] };

	return CALL(a[0], FREE, free);
}

static int64_t map(const uint64_t *a)
{
	struct ioasid_map map = { .ioasid = a[1],
				  .flags = a[2],
				  .user_va = a[3],
				  .length = a[4],
				  .iova = a[2] & IOASID_MAP_FIXED_IOVA || a[6] ? a[5] : 0 };

	return CALL(a[0], MAP, map) ? -1 : (int64_t)map.out_iova;
}

static int64_t unmap(const uint64_t *a)
{
	struct ioasid_unmap unmap = { .ioasid = a[1], .flags = a[2], .iova = a[3], .length = a[4] };

	return CALL(a[0], UNMAP, unmap);
}

static int64_t unmap_all(const uint64_t *a)
{
	struct ioasid_unmap unmap = { .ioasid = a[1], .flags = IOASID_UNMAP_ALL };

	return CALL(a[0], UNMAP, unmap);
}

static int64_t iova_ranges(const uint64_t *a)
{
	struct ioasid_range ranges[8];
	struct ioasid_iova_ranges argument = {
		.ioasid = a[1],
		.num_ranges = a[3] % 9,
		.ranges = a[2] ? a[2] : (uint64_t)ranges,
	};

	return CALL(a[0], IOVA_RANGES, argument);
}

static int64_t query(const uint64_t *a)
{
	struct ioasid_query query = { .ioasid = a[1], .flags = a[2], .iova = a[3] };

	return CALL(a[0], QUERY, query);
}

static int64_t copy(const uint64_t *a)
{
	struct ioasid_copy copy = { .ioasid = a[1],
				    .from_ioasid = a[2],
				    .flags = a[3],
				    .from_iova = a[4],
				    .length = a[5],
				    .iova = a[3] & IOASID_MAP_FIXED_IOVA ? a[6] : 0 };

	return CALL(a[0], COPY, copy) ? -1 : (int64_t)copy.out_iova;
}

static int64_t new_memfd(const uint64_t *a)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING | (a[1] ? MFD_HUGETLB : 0));

	if (fd >= 0 && ftruncate(fd, a[0] % 0x800000))
		return fd;
	return fd;
}

static int64_t seal(const uint64_t *a)
{
	return fcntl(a[0], F_ADD_SEALS, (int)(a[1] & 31));
}

static int64_t shrink(const uint64_t *a)
{
	return ftruncate(a[0], a[1] % 0x800000);
}

static int64_t map_file(const uint64_t *a)
{
	struct ioasid_map_file map = { .ioasid = a[1],
				       .fd = a[2],
				       .flags = a[3],
				       .offset = a[4],
				       .length = a[5],
				       .iova = a[3] & IOASID_MAP_FIXED_IOVA ? a[6] : 0 };

	return CALL(a[0], MAP_FILE, map) ? -1 : (int64_t)map.out_iova;
}

static int64_t sync_ioasid(const uint64_t *a)
{
	struct ioasid_sync sync = { .ioasid = a[1] };

	return CALL(a[0], SYNC, sync);
}

/* Entries that are alike, each further on; two bits of @operations for each. */
static int64_t batch(const uint64_t *a)
{
	struct ioasid_batch_entry entry[80];
	struct ioasid_batch batch = {
		.entries = (uint64_t)entry,
		.num_entries = a[2] % 81,
		.entry_size = a[3] ? a[3] : sizeof(entry[0]),
	};
	unsigned int i;

	for (i = 0; i < 80; i++) {
		uint32_t op = a[4] >> (i % 16 * 2) & 3;

		entry[i] = (struct ioasid_batch_entry){
			.op = op,
			.flags = op == IOASID_BATCH_UNMAP ? 0 : a[5],
			.ioasid = a[1],
			.from_ioasid = op == IOASID_BATCH_COPY ? a[6] : 0,
			.start = op == IOASID_BATCH_UNMAP ? 0 :
				 op == IOASID_BATCH_COPY  ? a[9] :
							    a[7] + (a[10] ? 0 : i * a[8]),
			.length = a[8],
			.iova = op == IOASID_BATCH_UNMAP || a[5] & IOASID_MAP_FIXED_IOVA ?
					a[9] + (op == IOASID_BATCH_UNMAP ? i / 2 : i) * a[8] :
					0,
		};
	}
	return CALL(a[0], BATCH, batch);
}

static int64_t device_info(const uint64_t *a)
{
	struct ioasid_device_info info = { .flags = a[1] };

	return CALL(a[0], DEVICE_GET_INFO, info);
}

static int64_t device_region(const uint64_t *a)
{
	struct ioasid_device_region region = { .index = a[1] };

	return CALL(a[0], DEVICE_GET_REGION, region);
}

static int64_t device_owner(const uint64_t *a)
{
	struct ioasid_device_owner owner = { .flags = a[1] };

	return CALL(a[0], DEVICE_GET_OWNER, owner);
}

static int64_t bind_device(const uint64_t *a)
{
	struct ioasid_device_bind bind = { .context_fd = a[1], .flags = a[2] };

	return CALL(a[0], DEVICE_BIND, bind);
}

static int64_t unbind_device(const uint64_t *a)
{
	struct ioasid_device_unbind unbind = { .flags = a[1] };

	return CALL(a[0], DEVICE_UNBIND, unbind);
}

static int64_t allow(const uint64_t *a)
{
	struct ioasid_device_allow allow = { .ioasid = a[1], .flags = a[2], .pasid = a[3] };

	return CALL(a[0], DEVICE_ALLOW, allow);
}

static int64_t allow_pasid(const uint64_t *a)
{
	struct ioasid_device_allow allow = { .ioasid = a[1],
					     .flags = IOASID_ALLOW_PASID |
						      (a[2] ? IOASID_ALLOW_FIXED_PASID : 0),
					     .pasid = a[2] };

	return CALL(a[0], DEVICE_ALLOW, allow) ? -1 : (int64_t)allow.out_pasid;
}

static int64_t disallow(const uint64_t *a)
{
	struct ioasid_device_disallow disallow = { .ioasid = a[1],
						   .flags = a[2] ? IOASID_DISALLOW_PASID : 0,
						   .pasid = a[2] };

	return CALL(a[0], DEVICE_DISALLOW, disallow);
}

static int64_t replace(const uint64_t *a)
{
	struct ioasid_device_replace replace = {
		.from_ioasid = a[1],
		.ioasid = a[2],
		.flags = (a[3] ? IOASID_REPLACE_PASID : 0) | (a[4] ? IOASID_REPLACE_GROUP : 0),
		.pasid = a[3],
	};

	return CALL(a[0], DEVICE_REPLACE, replace);
}

/* Bytes that mean nothing, of a size that means nothing. */
static int64_t raw(const uint64_t *a)
{
	char bytes[256];
	uint64_t state = a[2] * 2 + 1;
	size_t size = a[3] % 248 + 8;
	unsigned int i;

	for (i = 0; i < sizeof(bytes); i++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		bytes[i] = a[4] && i % 4 ? 0 : state >> 60;
	}
	return call(a[0], a[1] & 0xff, bytes, size);
}

static int64_t other_ioctl(const uint64_t *a)
{
	return ioctl(a[0], a[1], a[2]);
}

static int64_t read_events(const uint64_t *a)
{
	static char buffer[1024];
	struct pollfd poll_fd = { .fd = a[0], .events = POLLIN };

	if (poll(&poll_fd, 1, 5) <= 0 && a[2] != 7)
		return -1;
	return read(a[0], a[3] ? (void *)a[3] : buffer, a[1] % 1025);
}

static int64_t poll_file(const uint64_t *a)
{
	struct pollfd poll_fd = { .fd = a[0], .events = POLLIN | POLLOUT };

	return poll(&poll_fd, 1, a[1] % 8);
}

static int64_t read_whole(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (read(fd, text, sizeof(text)) > 0)
		;
	return close(fd);
}

static int64_t fdinfo(const uint64_t *a)
{
	char path[100];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", (int)a[0]);
	return read_whole(path);
}

static int64_t owners(const uint64_t *a)
{
	(void)a;
	return read_whole("/proc/ioasidfd");
}

static int64_t map_region(const uint64_t *a)
{
	void *at = mmap(NULL, a[3] % 0x200000, a[4] ? PROT_READ : PROT_READ | PROT_WRITE,
			a[5] ? MAP_PRIVATE : MAP_SHARED, a[0], (a[1] << 40) + (a[2] & ~0xfffull));

	return at == MAP_FAILED ? -1 : (int64_t)(uintptr_t)at;
}

static int64_t touch(const uint64_t *a)
{
	volatile uint32_t *at = (volatile uint32_t *)(a[0] & ~3ull);
	int64_t value = -1;

	touching = true;
	if (!sigsetjmp(touch_failed, 0)) {
		value = *at;
		if (a[1])
			*at = value;
	}
	touching = false;
	return value;
}

static int64_t change_memory(const uint64_t *a)
{
	char *at = (char *)(a[0] & ~0xfffull);
	size_t length = a[1] % ARENA_BYTES & ~0xfffull;

	if (at < ARENA(0) || at >= ARENA(8))
		return -1;
	switch (a[2] % 5) {
	case 0:
		return madvise(at, length, MADV_DONTNEED);
	case 1:
		return munmap(at, length);
	case 2:
		return mprotect(at, length, PROT_READ);
	case 3:
		return mprotect(at, length, PROT_READ | PROT_WRITE);
	default:
		return madvise(at, length, MADV_DONTFORK);
	}
}

static int64_t fork_process(const uint64_t *a)
{
	pid_t child = fork();

	if (child)
		return child;
	usleep(a[0] % 8 * 1000);
	if (a[1])
		kill(getpid(), SIGKILL);
	operations_end();
	_exit(0);
}

static int64_t kill_self(const uint64_t *a)
{
	usleep(a[0] % 8 * 250);
	return kill(getpid(), SIGKILL);
}

static int64_t new_socket(const uint64_t *a)
{
	int fd[2];

	(void)a;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
		return -1;
	if (fd[0] < NR_FILES)
		socket_peer[fd[0]] = fd[1];
	return fd[0];
}

union control_message {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static int64_t send_file(const uint64_t *a)
{
	union control_message control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
						      .cmsg_level = SOL_SOCKET,
						      .cmsg_type = SCM_RIGHTS } };
	struct iovec byte = { .iov_base = &control, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control.space) };
	int fd = a[1];

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(a[0], &message, 0);
}

static int64_t receive_file(const uint64_t *a)
{
	union control_message control = { 0 };
	char byte_read;
	struct iovec byte = { .iov_base = &byte_read, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control.space) };
	int fd = -1;

	if (a[0] >= NR_FILES || recvmsg(socket_peer[a[0]], &message, 0) <= 0)
		return -1;
	if (control.header.cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static int64_t unplug(const uint64_t *a)
{
	return machine_unplug(a[0]);
}

static int64_t plug(const uint64_t *a)
{
	return machine_plug(a[0]);
}

static int64_t add_sibling(const uint64_t *a)
{
	return machine_add_sibling(a[0]);
}

static int64_t give(const uint64_t *a)
{
	return machine_give(a[0], a[1]);
}

static int64_t reload_stub(const uint64_t *a)
{
	(void)a;
	return syscall(SYS_delete_module, "ioasidfd_stub", O_NONBLOCK);
}

static int64_t parameter(const uint64_t *a)
{
	char text[30];

	snprintf(text, sizeof(text), "%u", (unsigned int)(a[1] % 8));
	if (a[0] % 2)
		return file_write("/sys/module/ioasidfd/parameters/pasids_per_user", text);
	return file_write("/sys/module/ioasidfd/parameters/allow_unsafe_interrupts",
			  a[1] % 2 ? "Y" : "N");
}

static int mock_node(uint64_t which)
{
	unsigned int number;
	char path[100];

	if (!machine_is_mock(which, &number))
		return -1;
	snprintf(path, sizeof(path), "/dev/ioasid-mock/%u", number);
	return open(path, O_RDWR | O_CLOEXEC);
}

static struct mock_dma transfer(const uint64_t *a)
{
	return (struct mock_dma){ .op = a[1] & 1 ? MOCK_DMA_FILL : MOCK_DMA_COPY,
				  .flags = a[2] ? MOCK_DMA_PASID : 0,
				  .pasid = a[2],
				  .iova = a[3],
				  .source = a[3] + PAGE,
				  .length = a[4] % 0x10000,
				  .value = a[4] };
}

static int64_t dma(const uint64_t *a)
{
	struct mock_dma dma = transfer(a);
	int fd = mock_node(a[0]), rc;

	if (fd < 0)
		return -1;
	rc = ioctl(fd, MOCK_DMA, &dma);
	close(fd);
	return rc;
}

/* Goes on until the file is closed. */
static int64_t dma_job(const uint64_t *a)
{
	struct mock_job job = { .dma = transfer(a), .flags = MOCK_JOB_REPEAT, .interval_us = 300 };
	int fd = mock_node(a[0]);

	if (fd >= 0)
		ioctl(fd, MOCK_START, &job);
	return fd;
}

/* Not of unmapping, which callers take for impossible. */
static int64_t inject(const uint64_t *a)
{
	static const uint32_t errors[] = { ENOMEM, EBUSY, EIO, EINVAL };
	struct mock_inject inject = { .call = MOCK_CALL_ALLOC + a[0] % 5,
				      .nth = 1 + a[1] % 4,
				      .count = a[2] & 1,
				      .error = errors[a[2] / 2 % 4],
				      .leaves = a[3] % 4 };
	int fd = machine_mock_control(), rc = -1;

	if (fd >= 0)
		rc = ioctl(fd, MOCK_INJECT, &inject);
	close(fd);
	return rc;
}

static int64_t memlock(const uint64_t *a)
{
	struct rlimit limit = { .rlim_cur = a[0], .rlim_max = RLIM_INFINITY };

	return setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* Only this thread: the other one keeps its rights. */
static int64_t become_user(const uint64_t *a)
{
	unsigned int uid = 1001 + a[0] % 2;

	return syscall(SYS_setresuid, uid, uid, uid);
}

static int64_t wait_ms(const uint64_t *a)
{
	return usleep(a[0] % 13 * 1000);
}

#define FD_OF_CONTEXT                \
	{                            \
		"file", KIND_CONTEXT \
	}
#define FD_OF_DEVICE                \
	{                           \
		"file", KIND_DEVICE \
	}
#define IOASID_ARGUMENT               \
	{                             \
		"ioasid", KIND_IOASID \
	}

/* clang-format off */
const struct operation operations[] = {
	{ "open_context", KIND_CONTEXT, 3, open_context, { { "blocking", KIND_SMALL } } },
	{ "open_device", KIND_DEVICE, 8, open_device, { { "which", KIND_WHICH } } },
	{ "close", KIND_NONE, 8, close_file, { { "file", KIND_FILE } } },
	{ "dup", KIND_FILE, 3, dup_file, { { "file", KIND_FILE } } },
	{ "get_info", KIND_NONE, 2, get_info, { FD_OF_CONTEXT, { "flags", KIND_RARE } } },
	{ "alloc", KIND_IOASID, 8, alloc,
	  { FD_OF_CONTEXT, { "flags", KIND_FLAG }, { "reserved", KIND_RARE } } },
	{ "free", KIND_NONE, 6, free_ioasid,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "flags", KIND_RARE } } },
	{ "map", KIND_IOVA, 30, map,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "flags", KIND_MAP_FLAGS }, { "va", KIND_MEMORY },
	    { "length", KIND_LENGTH }, { "iova", KIND_IOVA }, { "keep_iova", KIND_RARE } } },
	{ "unmap", KIND_NONE, 18, unmap,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "flags", KIND_RARE }, { "iova", KIND_IOVA },
	    { "length", KIND_LENGTH } } },
	{ "unmap_all", KIND_NONE, 4, unmap_all, { FD_OF_CONTEXT, IOASID_ARGUMENT } },
	{ "iova_ranges", KIND_NONE, 3, iova_ranges,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "ranges", KIND_RARE }, { "num", KIND_SMALL } } },
	{ "query", KIND_NONE, 4, query,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "flags", KIND_FLAG }, { "iova", KIND_IOVA } } },
	{ "copy", KIND_IOVA, 14, copy,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "from_ioasid", KIND_IOASID },
	    { "flags", KIND_MAP_FLAGS }, { "from", KIND_IOVA }, { "length", KIND_LENGTH },
	    { "iova", KIND_IOVA } } },
	{ "memfd", KIND_MEMFD, 3, new_memfd, { { "bytes", KIND_LENGTH }, { "huge", KIND_FLAG } } },
	{ "seal", KIND_NONE, 1, seal, { { "memfd", KIND_MEMFD }, { "seals", KIND_SMALL } } },
	{ "shrink", KIND_NONE, 1, shrink, { { "memfd", KIND_MEMFD }, { "bytes", KIND_LENGTH } } },
	{ "map_file", KIND_IOVA, 10, map_file,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "memfd", KIND_MEMFD }, { "flags", KIND_MAP_FLAGS },
	    { "offset", KIND_OFFSET }, { "length", KIND_LENGTH }, { "iova", KIND_IOVA } } },
	{ "sync", KIND_NONE, 5, sync_ioasid, { FD_OF_CONTEXT, IOASID_ARGUMENT } },
	{ "batch", KIND_NONE, 12, batch,
	  { FD_OF_CONTEXT, IOASID_ARGUMENT, { "num", KIND_NUMBER }, { "entry_size", KIND_RARE },
	    { "operations", KIND_NUMBER }, { "flags", KIND_MAP_FLAGS },
	    { "from_ioasid", KIND_IOASID }, { "start", KIND_MEMORY }, { "length", KIND_LENGTH },
	    { "iova", KIND_IOVA }, { "same", KIND_FLAG } } },
	{ "device_info", KIND_NONE, 2, device_info, { FD_OF_DEVICE, { "flags", KIND_RARE } } },
	{ "device_region", KIND_NONE, 2, device_region, { FD_OF_DEVICE, { "index", KIND_SMALL } } },
	{ "device_owner", KIND_NONE, 4, device_owner, { FD_OF_DEVICE, { "flags", KIND_RARE } } },
	{ "bind", KIND_NONE, 14, bind_device,
	  { FD_OF_DEVICE, { "context", KIND_CONTEXT }, { "flags", KIND_FLAG } } },
	{ "unbind", KIND_NONE, 5, unbind_device, { FD_OF_DEVICE, { "flags", KIND_RARE } } },
	{ "allow", KIND_NONE, 8, allow,
	  { FD_OF_DEVICE, IOASID_ARGUMENT, { "flags", KIND_PASID_FLAGS },
	    { "pasid", KIND_PASID } } },
	{ "allow_pasid", KIND_PASID, 8, allow_pasid,
	  { FD_OF_DEVICE, IOASID_ARGUMENT, { "pasid", KIND_PASID } } },
	{ "disallow", KIND_NONE, 8, disallow,
	  { FD_OF_DEVICE, IOASID_ARGUMENT, { "pasid", KIND_PASID } } },
	{ "replace", KIND_NONE, 8, replace,
	  { FD_OF_DEVICE, { "from", KIND_IOASID }, IOASID_ARGUMENT, { "pasid", KIND_PASID },
	    { "group", KIND_FLAG } } },
	{ "raw", KIND_NONE, 6, raw,
	  { { "file", KIND_FILE }, { "command", KIND_COMMAND }, { "seed", KIND_NUMBER },
	    { "size", KIND_SIZE }, { "sparse", KIND_FLAG } } },
	{ "ioctl", KIND_NONE, 1, other_ioctl,
	  { { "file", KIND_FILE }, { "request", KIND_NUMBER }, { "argument", KIND_MEMORY } } },
	{ "read", KIND_NONE, 4, read_events,
	  { { "file", KIND_FILE }, { "bytes", KIND_SIZE }, { "wait", KIND_SMALL },
	    { "buffer", KIND_RARE } } },
	{ "poll", KIND_NONE, 2, poll_file, { { "file", KIND_FILE }, { "ms", KIND_SMALL } } },
	{ "fdinfo", KIND_NONE, 3, fdinfo, { { "file", KIND_FILE } } },
	{ "owners", KIND_NONE, 2, owners, { { NULL, 0 } } },
	{ "map_region", KIND_MEMORY, 3, map_region,
	  { FD_OF_DEVICE, { "index", KIND_SMALL }, { "offset", KIND_OFFSET },
	    { "length", KIND_LENGTH }, { "read_only", KIND_FLAG }, { "private", KIND_FLAG } } },
	{ "touch", KIND_NONE, 3, touch, { { "va", KIND_MEMORY }, { "write", KIND_FLAG } } },
	{ "change_memory", KIND_NONE, 3, change_memory,
	  { { "va", KIND_MEMORY }, { "length", KIND_LENGTH }, { "how", KIND_SMALL } } },
	{ "fork", KIND_NONE, 2, fork_process, { { "ms", KIND_SMALL }, { "killed", KIND_FLAG } } },
	{ "kill", KIND_NONE, 1, kill_self, { { "ms", KIND_SMALL } } },
	{ "socket", KIND_SOCKET, 1, new_socket, { { NULL, 0 } } },
	{ "send", KIND_NONE, 2, send_file, { { "socket", KIND_SOCKET }, { "file", KIND_FILE } } },
	{ "receive", KIND_FILE, 2, receive_file, { { "socket", KIND_SOCKET } } },
	{ "unplug", KIND_NONE, 3, unplug, { { "which", KIND_WHICH } } },
	{ "plug", KIND_NONE, 3, plug, { { "which", KIND_WHICH } } },
	{ "add_sibling", KIND_NONE, 1, add_sibling, { { "which", KIND_WHICH } } },
	{ "give", KIND_NONE, 3, give, { { "which", KIND_WHICH }, { "driver", KIND_SMALL } } },
	{ "reload_stub", KIND_NONE, 1, reload_stub, { { NULL, 0 } } },
	{ "parameter", KIND_NONE, 1, parameter,
	  { { "which", KIND_SMALL }, { "value", KIND_SMALL } } },
	{ "dma", KIND_NONE, 6, dma,
	  { { "which", KIND_WHICH }, { "how", KIND_FLAG }, { "pasid", KIND_PASID },
	    { "iova", KIND_IOVA }, { "length", KIND_LENGTH } } },
	{ "dma_job", KIND_FILE, 3, dma_job,
	  { { "which", KIND_WHICH }, { "how", KIND_FLAG }, { "pasid", KIND_PASID },
	    { "iova", KIND_IOVA }, { "length", KIND_LENGTH } } },
	{ "inject", KIND_NONE, 5, inject,
	  { { "call", KIND_SMALL }, { "nth", KIND_SMALL }, { "how", KIND_SMALL },
	    { "leaves", KIND_SMALL } } },
	{ "memlock", KIND_NONE, 1, memlock, { { "bytes", KIND_LENGTH } } },
	{ "become_user", KIND_NONE, 1, become_user, { { "which", KIND_SMALL } } },
	{ "wait", KIND_NONE, 1, wait_ms, { { "ms", KIND_SMALL } } },
};
/* clang-format on */

const unsigned int nr_operations = ARRAY_SIZE(operations);
