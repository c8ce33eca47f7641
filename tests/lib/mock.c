// SPDX-License-Identifier: GPL-2.0-only
/* The mock IOMMU and its devices: see mock.h. */
#include <limits.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>

#include "call.h"
#include "memory.h"
#include "mock.h"
#include "sysfs.h"
#include "test.h"

#define CONTROL "/dev/ioasid-mock/control"
#define NR_DEVICES 4
#define MAX_DEVICES 64 /* more than a test adds */
#define PATIENCE_MS 20000

static int control(void)
{
	static int fd = -1;

	if (fd < 0) {
		fd = open(CONTROL, O_RDWR | O_CLOEXEC);
		test_require(fd >= 0, CONTROL ": %m");
		mock_set_options(0);
	}
	return fd;
}

#define CONTROL_CALL(request, argument) \
	test_require(!ioctl(control(), request, argument), #request ": %m")

void mock_open_node(struct mock *mock, unsigned int number)
{
	char path[PATH_MAX];

	*mock = (struct mock){ .number = number, .fd = -1, .pasid = MOCK_RID };
	snprintf(mock->name, sizeof(mock->name), "ioasid-mock.%u", number);
	snprintf(path, sizeof(path), "/dev/ioasid-mock/%u", number);
	/* Options are set with the first use of the control node. */
	control();
	mock->node = open(path, O_RDWR | O_CLOEXEC);
	test_require(mock->node >= 0, "%s: %m", path);
}

void mock_open(struct mock *mock, unsigned int number)
{
	mock_open_node(mock, number);
	mock->fd = stub_open(mock->name);
}

void mock_close(struct mock *mock)
{
	if (mock->fd >= 0)
		close(mock->fd);
	if (mock->node >= 0)
		close(mock->node);
	mock->fd = -1;
	mock->node = -1;
}

struct mock mock_tagged(const struct mock *mock, uint32_t pasid)
{
	struct mock tagged = *mock;

	tagged.pasid = pasid;
	return tagged;
}

static void tag(const struct mock *mock, struct mock_dma *dma)
{
	if (mock->pasid == MOCK_RID)
		return;
	dma->flags |= MOCK_DMA_PASID;
	dma->pasid = mock->pasid;
}

bool mock_transfer(struct mock *mock, struct mock_dma dma)
{
	tag(mock, &dma);
	mock->dma = dma;
	test_require(!ioctl(mock->node, MOCK_DMA, &mock->dma), "%s: MOCK_DMA: %m", mock->name);
	return !mock->dma.out_fault.reason;
}

bool mock_store(struct mock *mock, uint64_t iova, const void *from, size_t bytes)
{
	return mock_transfer(mock, (struct mock_dma){ .op = MOCK_DMA_WRITE,
						      .iova = iova,
						      .length = bytes,
						      .buffer = va(from) });
}

bool mock_load(struct mock *mock, uint64_t iova, void *to, size_t bytes)
{
	return mock_transfer(mock, (struct mock_dma){ .op = MOCK_DMA_READ,
						      .iova = iova,
						      .length = bytes,
						      .buffer = va(to) });
}

bool mock_copy(struct mock *mock, uint64_t from, uint64_t to, size_t bytes)
{
	return mock_transfer(
		mock, (struct mock_dma){
			      .op = MOCK_DMA_COPY, .source = from, .iova = to, .length = bytes });
}

bool mock_cas(struct mock *mock, uint64_t iova, uint64_t expected, uint64_t wanted)
{
	return mock_transfer(mock, (struct mock_dma){ .op = MOCK_DMA_CAS,
						      .iova = iova,
						      .length = 8,
						      .compare = expected,
						      .value = wanted });
}

uint32_t mock_fault(const struct mock *mock)
{
	return mock->dma.out_fault.reason;
}

static unsigned int new_seed(void)
{
	static unsigned int seed;

	return ++seed;
}

bool mock_writes(struct mock *mock, uint64_t iova, void *memory)
{
	unsigned char before[MOCK_BYTES], pattern[MOCK_BYTES];
	bool done;

	mem_fill(pattern, sizeof(pattern), new_seed());
	memcpy(before, memory, sizeof(before));
	done = mock_store(mock, iova, pattern, sizeof(pattern));
	test_require(!memcmp(memory, done ? pattern : before, sizeof(pattern)),
		     "%s: a store to %#llx %s, but memory says otherwise", mock->name,
		     (unsigned long long)iova, done ? "went through" : "was stopped");
	return done;
}

bool mock_reads(struct mock *mock, uint64_t iova, void *memory)
{
	unsigned char read[MOCK_BYTES] = { 0 };
	bool done;

	mem_fill(memory, sizeof(read), new_seed());
	done = mock_load(mock, iova, read, sizeof(read));
	test_require(done ? !memcmp(memory, read, sizeof(read)) : mem_is(read, sizeof(read), 0),
		     "%s: a load of %#llx %s, but gave something else", mock->name,
		     (unsigned long long)iova, done ? "went through" : "was stopped");
	return done;
}

void mock_expect_fault(struct mock *mock, uint64_t iova, void *memory, uint32_t reason)
{
	test_require(!mock_writes(mock, iova, memory) && mock_fault(mock) == reason,
		     "%s: a store to %#llx ended with %u, not %u", mock->name,
		     (unsigned long long)iova, mock_fault(mock), reason);
	test_require(!mock_reads(mock, iova, memory) && mock_fault(mock) == reason,
		     "%s: a load of %#llx ended with %u, not %u", mock->name,
		     (unsigned long long)iova, mock_fault(mock), reason);
}

uint32_t mock_start(struct mock *mock, uint64_t iova, unsigned int interval_us)
{
	struct mock_job job = {
		.dma = { .op = MOCK_DMA_COUNT, .iova = iova, .value = 1 },
		.flags = MOCK_JOB_REPEAT,
		.interval_us = interval_us,
	};

	tag(mock, &job.dma);
	test_require(!ioctl(mock->node, MOCK_START, &job), "%s: MOCK_START: %m", mock->name);
	return job.out_job;
}

static struct mock_job_status job_status(const struct mock *mock, uint32_t job, uint32_t flags)
{
	struct mock_job_status status = { .job = job, .flags = flags };

	test_require(!ioctl(mock->node, MOCK_JOB_STATUS, &status), "%s: MOCK_JOB_STATUS: %m",
		     mock->name);
	return status;
}

struct mock_job_status mock_status(const struct mock *mock, uint32_t job)
{
	return job_status(mock, job, 0);
}

struct mock_job_status mock_stop(const struct mock *mock, uint32_t job)
{
	return job_status(mock, job, MOCK_JOB_STOP);
}

static void wait_more(const struct mock *mock, uint32_t job, unsigned int runs, unsigned int faults)
{
	struct mock_job_status first = mock_status(mock, job), now = first;
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms++) {
		if (now.out_runs - first.out_runs >= runs &&
		    now.out_faults - first.out_faults >= faults)
			return;
		usleep(1000);
		now = mock_status(mock, job);
	}
	test_fail("%s: DMA without end: %llu went through, %llu stopped; wanted %u and %u more",
		  mock->name, (unsigned long long)(now.out_runs - first.out_runs),
		  (unsigned long long)(now.out_faults - first.out_faults), runs, faults);
}

void mock_wait_runs(const struct mock *mock, uint32_t job, unsigned int more)
{
	wait_more(mock, job, more, 0);
}

void mock_wait_faults(const struct mock *mock, uint32_t job, unsigned int more)
{
	wait_more(mock, job, 0, more);
}

uint64_t mock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

struct mock_device_info mock_info(unsigned int number)
{
	struct mock_device_info info = { .device = number };

	CONTROL_CALL(MOCK_DEVICE_INFO, &info);
	return info;
}

struct mock_stats mock_stats(void)
{
	struct mock_stats stats;

	CONTROL_CALL(MOCK_GET_STATS, &stats);
	return stats;
}

void mock_set_options(unsigned int options)
{
	CONTROL_CALL(MOCK_SET_OPTIONS, options | MOCK_OPTION_PINNED);
}

void mock_inject(struct mock_inject inject)
{
	CONTROL_CALL(MOCK_INJECT, &inject);
}

void mock_fail(enum mock_call call, unsigned int nth, int error)
{
	mock_inject((struct mock_inject){ .call = call, .nth = nth, .error = error });
}

unsigned int mock_add(struct mock_add_device add)
{
	CONTROL_CALL(MOCK_ADD_DEVICE, &add);
	return add.out_device;
}

void mock_remove(unsigned int number)
{
	CONTROL_CALL(MOCK_REMOVE_DEVICE, number);
}

void mock_journal_start(void)
{
	CONTROL_CALL(MOCK_CLEAR, MOCK_CLEAR_LOG);
}

const struct mock_journal *mock_journal(void)
{
	static struct mock_journal journal;
	struct mock_log log = {
		.events = va(journal.event),
		.num_events = ARRAY_SIZE(journal.event),
	};

	CONTROL_CALL(MOCK_READ_LOG, &log);
	journal.nr = log.out_num_events;
	test_require(journal.nr < ARRAY_SIZE(journal.event), "the journal is full");
	return &journal;
}

unsigned int mock_count(const struct mock_journal *journal, enum mock_call call)
{
	unsigned int i, nr = 0;

	for (i = 0; i < journal->nr; i++)
		nr += journal->event[i].call == (uint32_t)call;
	return nr;
}

int mock_find(const struct mock_journal *journal, enum mock_call call, unsigned int from)
{
	unsigned int i;

	for (i = from; i < journal->nr; i++)
		if (journal->event[i].call == (uint32_t)call)
			return i;
	return -1;
}

unsigned int mock_count_flushes(const struct mock_journal *journal)
{
	return mock_count(journal, MOCK_CALL_SYNC) + mock_count(journal, MOCK_CALL_FLUSH_ALL);
}

void mock_rig_open(struct mock_rig *rig, unsigned int number, uint32_t alloc_flags)
{
	rig->ctx = context_open();
	rig->ioasid = ok_alloc(rig->ctx, .flags = alloc_flags).out_ioasid;
	mock_open(&rig->mock, number);
	ok_bind(rig->mock.fd, .context_fd = rig->ctx);
	ok_allow(rig->mock.fd, .ioasid = rig->ioasid);
}

void mock_map(const struct mock_rig *rig, uint64_t iova, void *memory, size_t bytes)
{
	ok_map(rig->ctx, .ioasid = rig->ioasid, .flags = RW | FIXED, .user_va = va(memory),
	       .length = bytes, .iova = iova);
}

void mock_unmap(const struct mock_rig *rig, uint64_t iova, size_t bytes)
{
	ok_unmap(rig->ctx, .ioasid = rig->ioasid, .iova = iova, .length = bytes);
}

/*
 * The runner's part. It has no test to fail, so nothing here may use what does.
 */
static void __attribute__((format(printf, 3, 4)))
complain(char *why, size_t size, const char *format, ...)
{
	size_t used = strlen(why);
	va_list args;

	va_start(args, format);
	used += snprintf(why + used, size - used, "\nafter the test: the mock IOMMU ");
	if (used < size)
		vsnprintf(why + used, size - used, format, args);
	va_end(args);
}

static bool holds_something(const struct mock_stats *stats)
{
	return stats->live_domains || stats->live_leaves || stats->live_pasids ||
	       stats->unmapped_unsynced;
}

/* Whoever was killed may not be done with letting go. */
static struct mock_stats settled_stats(int fd)
{
	struct mock_stats stats;
	int tries;

	for (tries = 0; !ioctl(fd, MOCK_GET_STATS, &stats); tries++) {
		if (!holds_something(&stats) || tries == 40)
			return stats;
		usleep(100000);
	}
	return (struct mock_stats){ .violation = ~0ull };
}

/* The words of the control node, one line for each violation. */
static void quote_violations(int fd, char *why, size_t size)
{
	static char text[16384];
	char *line, *save;
	ssize_t got;

	got = pread(fd, text, sizeof(text) - 1, 0);
	text[got < 0 ? 0 : got] = '\0';
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "violation:", 10))
			complain(why, size, "reports a %s", line);
}

/* Those that were there at first, and no others. The pair's first of two is the other's sibling. */
static void restore_devices(int fd)
{
	struct mock_device_info info = { 0 };
	struct mock_add_device add = { .pasid_bits = 16 };
	unsigned int i;

	for (i = 0; i < NR_DEVICES; i++) {
		info.device = i;
		if (!ioctl(fd, MOCK_DEVICE_INFO, &info))
			continue;
		ioctl(fd, MOCK_REMOVE_DEVICE, i);
		info.device = MOCK_PAIR_0 + MOCK_PAIR_1 - i;
		add.sibling = i < MOCK_PAIR_0 || ioctl(fd, MOCK_DEVICE_INFO, &info) ?
				      MOCK_NO_DEVICE :
				      info.device;
		ioctl(fd, MOCK_ADD_DEVICE, &add);
	}
	for (; i < MAX_DEVICES; i++)
		ioctl(fd, MOCK_REMOVE_DEVICE, i);
}

void mock_judge(char *why, size_t size)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	struct mock_stats stats;

	if (fd < 0)
		return;
	ioctl(fd, MOCK_CLEAR, MOCK_CLEAR_INJECTIONS);
	ioctl(fd, MOCK_SET_OPTIONS, 0);
	restore_devices(fd);
	stats = settled_stats(fd);
	if (holds_something(&stats))
		complain(why, size, "holds %llu domains, %llu leaves, %llu PASIDs, %llu unsynced",
			 (unsigned long long)stats.live_domains,
			 (unsigned long long)stats.live_leaves,
			 (unsigned long long)stats.live_pasids,
			 (unsigned long long)stats.unmapped_unsynced);
	if (stats.violation)
		quote_violations(fd, why, size);
	ioctl(fd, MOCK_CLEAR, MOCK_CLEAR_VIOLATIONS);
	close(fd);
}
