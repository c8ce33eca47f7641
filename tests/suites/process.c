// SPDX-License-Identifier: GPL-2.0-only
/* Processes that share a context, hand it over, replace themselves and die. */
#include <sys/socket.h>
#include <time.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x100000ull

static int ctx;
static uint32_t id;

static void prepare(void)
{
	ctx = context_open();
	id = ioasid_new(ctx);
}

static void map(uint64_t iova, void *memory, uint64_t pages)
{
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory),
	       .length = pages * PAGE, .iova = iova);
}

/* A child uses the file it inherited; what it mapped outlives it. */
IOASID_TEST(process, fork_and_map)
{
	void *memory = mem_new(4 * PAGE);
	pid_t pid;

	prepare();
	map(AT, memory, 4);
	pid = child_fork();
	if (!pid) {
		void *own = mem_new(8 * PAGE);

		ok_query(ctx, .ioasid = id, .iova = AT);
		map(2 * AT, own, 8);
		/* What was pinned stays in the account of the process that pinned it. */
		ck_assert_int_eq(vm_pinned(getpid()), 8 * PAGE);
		ck_assert_int_eq(vm_pinned(getppid()), 4 * PAGE);
		child_done();
	}
	child_join(pid);
	ck_assert_uint_eq(ok_info(ctx).out_mapped_bytes, 12 * PAGE);
	ck_assert_int_eq(pins_now(), 12);
	ck_assert_int_eq(vm_pinned(getpid()), 4 * PAGE);
	munmap(memory, 4 * PAGE);
	ck_assert_int_eq(pins_now(), 12);
	ck_assert_uint_eq(
		ok_unmap(ctx, .ioasid = id, .iova = 2 * AT, .length = 8 * PAGE).out_unmapped_bytes,
		8 * PAGE);
	ck_assert_int_eq(pins_settled(4), 4);
}

/* A child removes what its parent mapped, and frees it. */
IOASID_TEST(process, fork_and_unmap)
{
	void *memory = mem_new(4 * PAGE);
	pid_t pid;

	prepare();
	map(AT, memory, 4);
	pid = child_fork();
	if (!pid) {
		ok_unmap(ctx, .ioasid = id, .iova = AT, .length = 4 * PAGE);
		ok_free(ctx, .ioasid = id);
		child_done();
	}
	child_join(pid);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
	ck_assert_int_eq(pins_settled(0), 0);
	err_query(ENOENT, ctx, .ioasid = id, .iova = AT);
}

/* The parent closes; the child has the context for itself. */
IOASID_TEST(process, parent_closes)
{
	void *memory = mem_new(4 * PAGE);
	struct gate closed;
	pid_t pid;

	gate_init(&closed);
	prepare();
	map(AT, memory, 4);
	pid = child_fork();
	if (!pid) {
		gate_wait(&closed);
		ok_query(ctx, .ioasid = id, .iova = AT);
		map(2 * AT, memory, 4);
		ck_assert_int_eq(pins_now(), 8);
		child_done();
	}
	close(ctx);
	ck_assert_int_eq(vm_pinned(getpid()), 4 * PAGE);
	gate_open(&closed);
	child_join(pid);
	ck_assert_int_eq(pins_settled(0), 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
}

/*
 * What is left of this program after exec: a file, an id, and the mapping of memory that is gone.
 */
int test_helper(int argc, char **argv)
{
	void *memory = mem_new(2 * PAGE);

	if (argc != 3 || strcmp(argv[0], "after-exec"))
		return 2;
	ctx = atoi(argv[1]);
	id = atoi(argv[2]);
	test_require(pins_now() == 4, "pages did not stay pinned over exec");
	test_require(ok_query(ctx, .ioasid = id, .iova = AT).out_range.last == AT + 4 * PAGE - 1,
		     "another mapping");
	test_require(vm_pinned(getpid()) == 0, "the account was inherited");
	map(2 * AT, memory, 2);
	test_require(vm_pinned(getpid()) == 2 * (int64_t)PAGE, "the map was not charged");
	ok_unmap(ctx, .ioasid = id, .iova = AT, .length = 4 * PAGE);
	test_require(pins_now() == 2, "the old pages were not released");
	return 0;
}

IOASID_TEST(process, exec)
{
	char fd[20], number[20];
	void *memory;
	pid_t pid;

	pid = child_fork();
	if (!pid) {
		memory = mem_new(4 * PAGE);
		prepare();
		map(AT, memory, 4);
		fcntl(ctx, F_SETFD, 0);
		snprintf(fd, sizeof(fd), "%d", ctx);
		snprintf(number, sizeof(number), "%u", id);
		execl("/proc/self/exe", "ioasid-tests", "--helper", "after-exec", fd, number, NULL);
		test_fail("exec: %m");
	}
	child_join(pid);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* Without being inherited, the context ends at exec. */
IOASID_TEST(process, exec_closes)
{
	struct gate ready;
	pid_t pid;

	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		void *memory = mem_new(4 * PAGE);

		prepare();
		map(AT, memory, 4);
		gate_open(&ready);
		execl("/bin/busybox", "busybox", "sleep", "60", NULL);
		test_fail("exec: %m");
	}
	gate_wait(&ready);
	ck_assert_int_eq(pins_settled(0), 0);
	ck_assert_int_eq(vm_pinned(pid), 0);
	kill(pid, SIGKILL);
	child_join_killed(pid);
}

/* Over a socket to a process that was never near the context; it maps its own memory. */
IOASID_TEST(process, over_a_socket)
{
	int pair[2];
	pid_t pid;

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = child_fork();
	if (!pid) {
		char *own = mem_new(3 * PAGE);

		ctx = fd_receive(pair[1]);
		ck_assert_int_eq(read(pair[1], &id, sizeof(id)), sizeof(id));
		map(AT, own, 3);
		ck_assert_int_eq(vm_pinned(getpid()), 3 * PAGE);
		child_done();
	}
	prepare();
	fd_send(pair[0], ctx);
	ck_assert_int_eq(write(pair[0], &id, sizeof(id)), sizeof(id));
	child_join(pid);
	ck_assert_uint_eq(ok_query(ctx, .ioasid = id, .iova = AT).out_range.last,
			  AT + 3 * PAGE - 1);
	ck_assert_int_eq(pins_now(), 3);
	ok_free(ctx, .ioasid = id);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* The file is in flight when its last holder dies. */
IOASID_TEST(process, lost_in_a_socket)
{
	void *memory = mem_new(3 * PAGE);
	int pair[2];

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	prepare();
	map(AT, memory, 3);
	fd_send(pair[0], ctx);
	close(ctx);
	ck_assert_int_eq(pins_now(), 3);
	close(pair[0]);
	close(pair[1]);
	ck_assert_int_eq(pins_settled(0), 0);
}

/* Two processes with a context each and the same numbers in them. */
IOASID_TEST(process, two_contexts)
{
	struct gate mapped, looked;
	void *memory = mem_new(2 * PAGE);
	pid_t pid;

	gate_init(&mapped);
	gate_init(&looked);
	pid = child_fork();
	if (!pid) {
		prepare();
		map(AT, memory, 2);
		gate_open(&mapped);
		gate_wait(&looked);
		ck_assert_uint_eq(ok_info(ctx).out_mapped_bytes, 2 * PAGE);
		ok_query(ctx, .ioasid = id, .iova = AT);
		child_done();
	}
	gate_wait(&mapped);
	prepare();
	err_query(ENOENT, ctx, .ioasid = id, .iova = AT);
	map(AT, memory, 2);
	ok_unmap(ctx, .ioasid = id, .flags = IOASID_UNMAP_ALL);
	ok_free(ctx, .ioasid = id);
	ck_assert_int_eq(pins_settled(2), 2);
	gate_open(&looked);
	child_join(pid);
	ck_assert_int_eq(pins_settled(0), 0);
}

#define BIG (128 * MiB)

static void sleep_us(long us)
{
	struct timespec t = { .tv_nsec = us * 1000 };

	nanosleep(&t, NULL);
}

/*
 * EINTR: killed in the middle of a map, in a context that lives on. Whatever was reached, either
 * all of it is there or nothing, and the same call then succeeds.
 */
IOASID_TEST(process, killed_while_mapping, .timeout = 240)
{
	struct gate ready;
	int i, undone = 0;

	gate_init(&ready);
	prepare();
	for (i = 0; i < 12; i++) {
		int64_t pins;
		pid_t pid;
		int rc;

		pid = child_fork();
		if (!pid) {
			/* Untouched, so that there is enough to do. */
			void *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			gate_open(&ready);
			for (;;) {
				map(AT, big, BIG / PAGE);
				ok_unmap(ctx, .ioasid = id, .iova = AT, .length = BIG);
			}
		}
		gate_wait(&ready);
		sleep_us(1000 + i * 7001);
		kill(pid, SIGKILL);
		child_join_killed(pid);
		rc = t_query(ctx, .ioasid = id, .iova = AT);
		ck_assert(rc == 0 || rc == -ENOENT);
		undone += rc != 0;
		pins = rc ? 0 : (int64_t)(BIG / PAGE);
		ck_assert_int_eq(pins_settled(pins), pins);
		if (!rc)
			ok_unmap(ctx, .ioasid = id, .iova = AT, .length = BIG);
	}
	ck_assert_msg(undone > 0, "no child was killed in the middle");
	map(AT, mem_new(PAGE), 1);
}

/* The same, and the context dies with the process. */
IOASID_TEST(process, killed_with_its_context, .timeout = 240)
{
	struct gate ready;
	pid_t pid;
	int i;

	gate_init(&ready);
	for (i = 0; i < 10; i++) {
		pid = child_fork();
		if (!pid) {
			void *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			prepare();
			gate_open(&ready);
			for (;;) {
				map(AT, big, BIG / PAGE);
				ok_unmap(ctx, .ioasid = id, .iova = AT, .length = BIG);
			}
		}
		gate_wait(&ready);
		sleep_us(1000 + i * 5003);
		kill(pid, SIGKILL);
		child_join_killed(pid);
		ck_assert_int_eq(pins_settled(0), 0);
	}
}

/* Killed with a device that moves bytes at that moment. */
IOASID_TEST(process, killed_with_a_device, .needs = NEEDS_BIND, .timeout = 120)
{
	struct gate ready;
	struct rig rig;
	pid_t pid;
	int i;

	gate_init(&ready);
	for (i = 0; i < 3; i++) {
		pid = child_fork();
		if (!pid) {
			rig_open(&rig, EDU);
			edu_fill(&rig.edu);
			edu_store_start(&rig.edu, EDU_SCRATCH_IOVA, EDU_BYTES);
			gate_open(&ready);
			pause();
		}
		gate_wait(&ready);
		kill(pid, SIGKILL);
		child_join_killed(pid);
		ck_assert_int_eq(pins_settled(0), 0);
	}
	rig_open(&rig, EDU);
	ck_assert(edu_writes(&rig.edu, EDU_SCRATCH_IOVA, rig.edu.scratch));
}
