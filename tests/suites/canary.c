// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that never stops to tell its device to write, everywhere, while the device is taken
 * from it in every way there is. No byte may change outside of its own page: not around it, not in
 * another process, not in the kernel.
 *
 * The IOMMU is told to let the device reach all of memory when nobody owns it, so that only the
 * module stands between: a write that is late or that is still possible arrives. The program's
 * page has an IOVA that is the physical address of somebody else's memory.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sched.h>
#include <sys/socket.h>

#include "call.h"
#include "chance.h"
#include "edu.h"
#include "memory.h"
#include "physical.h"
#include "process.h"
#include "sysfs.h"
#include "test.h"

#define AREA_BYTES (64 * MiB)
#define AREA_WORDS (AREA_BYTES / 8)
#define TARGETS 64
#define EDU_COMMAND 0x98
#define FENCE 16 /* pages on each side */
#define FENCE_SEED 0x77u
#define ROUNDS 4 /* of each way */

/* A transfer takes 100 ms; so that one that was started is over, on a slow machine too. */
#define OVER_US 350000

enum way {
	WAY_UNBIND,
	WAY_UNBIND_OTHER,
	WAY_CLOSE,
	WAY_KILL,
	WAY_DRIVER,
	WAY_REMOVE,
	WAY_DISALLOW,
	WAY_FREE,
	WAY_UNMAP,
	NR_WAYS
};

static const char *const ways[] = {
	"unbind",	  "unbind by another process",
	"close",	  "kill -9",
	"driver unbound", "remove",
	"disallow",	  "free",
	"unmap",
};

/**
 * struct shared - what both processes see
 * @victim: physical addresses in the area of the other process
 * @kernel: where the kernel is
 * @kernel_bytes: how much
 * @iova: of the program's page
 * @phase: counts up; what the program is to do, and has done
 * @started: transfers
 * @touched: the program's page was written, so transfers do happen
 * @broken: the program's fences were
 */
struct shared {
	uint64_t victim[TARGETS];
	uint64_t kernel;
	uint64_t kernel_bytes;
	uint64_t iova;
	atomic_int phase;
	atomic_uint started;
	atomic_bool touched;
	atomic_bool broken;
};

enum phase {
	PHASE_START,
	PHASE_RUNS,
	PHASE_LET_GO, /* by the program itself */
	PHASE_GONE,
	PHASE_CHECK,
	PHASE_CHECKED
};

/**
 * struct program - the one with the device
 * @rig: context and device
 * @shared: see above
 * @memory: fence, page, fence
 * @page: the one that is mapped
 * @own: physical addresses of the fence
 */
struct program {
	struct rig rig;
	struct shared *shared;
	unsigned char *memory;
	unsigned char *page;
	uint64_t own[2 * FENCE + 1];
};

static uint64_t area_word(size_t i)
{
	return (i + 1) * 0x9E3779B97F4A7C15ull;
}

static uint64_t *area_new(void)
{
	uint64_t *area = mem_new(AREA_BYTES);
	size_t i;

	for (i = 0; i < AREA_WORDS; i++)
		area[i] = area_word(i);
	test_require(!mlock(area, AREA_BYTES), "mlock: %m");
	return area;
}

static void area_check(const uint64_t *area, const char *when)
{
	size_t i;

	for (i = 0; i < AREA_WORDS; i++)
		if (area[i] != area_word(i))
			test_fail("after '%s' (IOASIDFD_SEED=%llu): foreign byte %zu changed", when,
				  (unsigned long long)chance_seed(), i * 8);
}

/* One that an IOVA can be. */
static void choose_targets(struct shared *shared, const uint64_t *area)
{
	int i;

	for (i = 0; i < TARGETS; i++)
		do {
			const uint64_t *page = area + chance(AREA_BYTES / PAGE) * (PAGE / 8);

			shared->victim[i] = physical_of(page);
		} while (shared->victim[i] == EDU_SCRATCH_IOVA);
	shared->iova = shared->victim[0];
}

/* The program's own page most often, and what is next to it, and all that is none of its. */
static uint64_t aim(const struct program *program)
{
	const struct shared *shared = program->shared;
	uint64_t around = (chance(2 * FENCE) + 1) * PAGE;

	switch (chance(8)) {
	default:
		return shared->iova;
	case 2:
		return shared->iova + around;
	case 3:
		return shared->iova - around;
	case 4:
		/* Half of it is beyond the page. */
		return shared->iova + PAGE - EDU_BYTES / 2;
	case 5:
		return shared->victim[chance(TARGETS)] + chance(8) * EDU_BYTES;
	case 6:
		return program->own[chance(ARRAY_SIZE(program->own))];
	case 7:
		if (chance(2))
			return chance(MiB / EDU_BYTES) * EDU_BYTES;
		return shared->kernel + chance(shared->kernel_bytes / EDU_BYTES) * EDU_BYTES;
	}
}

static sigjmp_buf gone;

static void on_signal(int signal __attribute__((unused)))
{
	siglongjmp(gone, 1);
}

/* Until the end of the process, registers or not. */
static void *shoot(void *argument)
{
	struct program *program = argument;
	struct edu *edu = &program->rig.edu;

	chance_of(1);
	if (sigsetjmp(gone, 1))
		usleep(1000);
	for (;;) {
		edu_store_start(edu, aim(program), EDU_BYTES);
		program->shared->started++;
		while (edu->bar[EDU_COMMAND / 4] & 1)
			sched_yield();
		if (!mem_is(program->page, PAGE, 0))
			program->shared->touched = true;
	}
	return NULL;
}

static void program_open(struct program *program)
{
	struct rig *rig = &program->rig;
	size_t bytes = (2 * FENCE + 1) * PAGE;
	unsigned int i;

	program->memory = mem_new(bytes);
	program->page = program->memory + FENCE * PAGE;
	mem_fill(program->memory, bytes, FENCE_SEED);
	memset(program->page, 0, PAGE);
	test_require(!mlock(program->memory, bytes), "mlock: %m");
	for (i = 0; i < ARRAY_SIZE(program->own); i++)
		program->own[i] = physical_of(program->memory + i * PAGE);
	rig_open(rig, EDU);
	ok_map(rig->ctx, .ioasid = rig->ioasid, .flags = RW | FIXED, .user_va = va(program->page),
	       .length = PAGE, .iova = program->shared->iova);
	edu_wait(&rig->edu);
	edu_fill(&rig->edu);
}

static bool fences_hold(const struct program *program)
{
	static unsigned char expected[(2 * FENCE + 1) * PAGE];

	mem_fill(expected, sizeof(expected), FENCE_SEED);
	return !memcmp(program->memory, expected, FENCE * PAGE) &&
	       !memcmp(program->page + PAGE, expected + (FENCE + 1) * PAGE, FENCE * PAGE);
}

static void let_go(struct program *program, enum way way)
{
	struct rig *rig = &program->rig;
	struct edu *edu = &rig->edu;

	switch (way) {
	case WAY_UNBIND:
		ok_unbind(edu->fd);
		break;
	case WAY_CLOSE:
		/* The thread goes on at the same address, where nothing is. */
		test_require(mmap((void *)edu->bar, edu->bar_length, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED,
			     "mmap: %m");
		close(edu->fd);
		break;
	case WAY_DISALLOW:
		ok_disallow(edu->fd, .ioasid = rig->ioasid);
		break;
	case WAY_FREE:
		ok_free(rig->ctx, .ioasid = rig->ioasid);
		break;
	case WAY_UNMAP:
		ok_unmap(rig->ctx, .ioasid = rig->ioasid, .flags = IOASID_UNMAP_ALL);
		break;
	default:
		break;
	}
}

static void wait_phase(struct shared *shared, enum phase phase)
{
	int i;

	for (i = 0; shared->phase != (int)phase; i++) {
		test_require(i < 30000, "phase %d does not come", phase);
		usleep(1000);
	}
}

static bool by_itself(enum way way)
{
	return way == WAY_UNBIND || way == WAY_CLOSE || way >= WAY_DISALLOW;
}

/* After it let go its page must stay as it is: what is looked at is the fences and the page. */
static void __attribute__((noreturn)) be_program(struct shared *shared, enum way way, int socket)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct program program = { .shared = shared };
	unsigned char then[PAGE];
	pthread_t thread;

	program_open(&program);
	if (way == WAY_UNBIND_OTHER)
		fd_send(socket, program.rig.edu.fd);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	test_require(!pthread_create(&thread, NULL, shoot, &program), "pthread_create");
	shared->phase = PHASE_RUNS;
	if (by_itself(way)) {
		wait_phase(shared, PHASE_LET_GO);
		let_go(&program, way);
		memcpy(then, program.page, PAGE);
		shared->phase = PHASE_GONE;
	}
	wait_phase(shared, PHASE_CHECK);
	if (!fences_hold(&program) || (by_itself(way) && memcmp(then, program.page, PAGE)))
		shared->broken = true;
	shared->phase = PHASE_CHECKED;
	for (;;)
		pause();
}

static void take_away(struct shared *shared, enum way way, pid_t pid, int fd)
{
	switch (way) {
	case WAY_KILL:
		kill(pid, SIGKILL);
		break;
	case WAY_DRIVER:
		pci_unbind(EDU);
		break;
	case WAY_REMOVE:
		pci_remove(EDU);
		usleep(chance(2) * OVER_US);
		pci_rescan();
		break;
	case WAY_UNBIND_OTHER:
		ok_unbind(fd);
		close(fd);
		break;
	default:
		shared->phase = PHASE_LET_GO;
		wait_phase(shared, PHASE_GONE);
	}
}

/* Several transfers, one of which went where it may. */
static void let_it_shoot(struct shared *shared)
{
	int i;

	for (i = 0; !shared->touched || shared->started < 3; i++) {
		test_require(i < 3000, "the device does not write (%u transfers)", shared->started);
		usleep(10000);
	}
	/* Any moment of a transfer. */
	usleep(chance(150000));
}

static void prepare_device(bool *all_of_memory)
{
	*all_of_memory = group_set_default(EDU, "identity");
	test_require(pci_give(EDU, STUB_DRIVER), "%s is not given to us", EDU);
}

static void round_of(struct shared *shared, uint64_t *area, enum way way)
{
	bool all_of_memory;
	int sockets[2], fd = -1;
	pid_t pid;

	prepare_device(&all_of_memory);
	memset(shared, 0, sizeof(*shared));
	shared->kernel = physical_kernel(&shared->kernel_bytes);
	choose_targets(shared, area);
	fprintf(stderr, "canary: %s%s\n", ways[way], all_of_memory ? "" : " (no identity)");
	test_require(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair: %m");
	pid = child_fork();
	if (!pid)
		be_program(shared, way, sockets[0]);
	if (way == WAY_UNBIND_OTHER)
		fd = fd_receive(sockets[1]);
	wait_phase(shared, PHASE_RUNS);
	let_it_shoot(shared);
	take_away(shared, way, pid, fd);
	usleep(OVER_US);
	if (way != WAY_KILL) {
		shared->phase = PHASE_CHECK;
		wait_phase(shared, PHASE_CHECKED);
		kill(pid, SIGKILL);
	}
	child_join_killed(pid);
	usleep(chance(2) * OVER_US);
	area_check(area, ways[way]);
	ck_assert_msg(!shared->broken, "after '%s' (IOASIDFD_SEED=%llu): the program's memory",
		      ways[way], (unsigned long long)chance_seed());
	close(sockets[0]);
	close(sockets[1]);
}

/* Every way so many times, in any order. */
static void shuffle(enum way *order, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		order[i] = i % NR_WAYS;
	for (i = nr - 1; i > 0; i--) {
		int j = chance(i + 1);
		enum way t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

IOASID_TEST(canary, taken_away, .needs = NEEDS_BIND, .timeout = 400)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	enum way order[ROUNDS * NR_WAYS];
	const unsigned int nr = rounds(ROUNDS) * NR_WAYS;
	uint64_t *area = area_new();
	unsigned int i;

	ck_assert(shared != MAP_FAILED);
	shuffle(order, nr);
	for (i = 0; i < nr; i++)
		round_of(shared, area, order[i]);
	group_set_default(EDU, "auto");
}
