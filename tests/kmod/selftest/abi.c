// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proves the ioctls of ioasidfd_mock from user space, together with ioasidfd and its stub
 * drivers. To be run as root with all modules loaded (ioasidfd with allow_unsafe_interrupts=1,
 * for the PCI device) and the devices unused:
 *   mock-abi [PCI-NAME]	for example mock-abi 0000:00:05.0
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ioasidfd.h>
#include "../mock.h"

#define IOVA 0x10000000ULL
#define PAGE 4096

static int control;
static unsigned int failures;

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition)) {                                                        \
			printf("# line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
			failures++;                                                        \
		}                                                                          \
	} while (0)

static __u64 now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void milliseconds(unsigned int ms)
{
	usleep(ms * 1000);
}

static struct mock_stats get_stats(void)
{
	struct mock_stats stats = {};

	CHECK(!ioctl(control, MOCK_GET_STATS, &stats));
	return stats;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("# %s: errno %d\n", path, errno);
	close(fd);
}

static bool bind_stub(const char *bus, const char *name)
{
	char path[256], stub[64];

	snprintf(stub, sizeof(stub), "ioasidfd_stub_%s", bus);
	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/%s", bus, stub);
	if (access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver_override", bus, name);
	write_file(path, stub);
	snprintf(path, sizeof(path), "/sys/bus/%s/drivers_probe", bus);
	write_file(path, name);
	return true;
}

static void unbind_stub(const char *bus, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver/unbind", bus, name);
	write_file(path, name);
	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver_override", bus, name);
	write_file(path, "\n");
}

static struct mock_dma fill(int node, __u64 iova, __u8 value)
{
	struct mock_dma dma = {
		.op = MOCK_DMA_FILL,
		.iova = iova,
		.length = 1,
		.value = value,
	};

	CHECK(!ioctl(node, MOCK_DMA, &dma));
	return dma;
}

/* A device in our hands, with one page mapped. */
struct user {
	int context;
	int device;
	int node;
	__u32 ioasid;
	__u8 *page;
};

static int allow(struct user *user)
{
	struct ioasid_device_allow arg = { .size = sizeof(arg), .ioasid = user->ioasid };

	return ioctl(user->device, IOASID_DEVICE_ALLOW, &arg);
}

static int disallow(struct user *user)
{
	struct ioasid_device_disallow arg = { .size = sizeof(arg), .ioasid = user->ioasid };

	return ioctl(user->device, IOASID_DEVICE_DISALLOW, &arg);
}

static int map(struct user *user)
{
	struct ioasid_map arg = {
		.size = sizeof(arg),
		.flags = IOASID_MAP_READ | IOASID_MAP_WRITE | IOASID_MAP_FIXED_IOVA,
		.ioasid = user->ioasid,
		.user_va = (unsigned long)user->page,
		.length = PAGE,
		.iova = IOVA,
	};

	return ioctl(user->context, IOASID_MAP, &arg);
}

static int unmap(struct user *user)
{
	struct ioasid_unmap arg = {
		.size = sizeof(arg),
		.ioasid = user->ioasid,
		.iova = IOVA,
		.length = PAGE,
	};

	return ioctl(user->context, IOASID_UNMAP, &arg);
}

static int bind_context(struct user *user)
{
	struct ioasid_device_bind arg = { .size = sizeof(arg), .context_fd = user->context };

	return ioctl(user->device, IOASID_DEVICE_BIND, &arg);
}

static bool user_start(struct user *user, const char *name, unsigned int number)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc) };
	char path[64];

	snprintf(path, sizeof(path), "/dev/ioasid-mock/%u", number);
	user->node = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/dev/ioasid-dev/%s", name);
	user->device = open(path, O_RDWR | O_CLOEXEC);
	user->context = open("/dev/ioasid", O_RDWR | O_CLOEXEC);
	CHECK(user->node >= 0 && user->device >= 0 && user->context >= 0);
	if (user->node < 0 || user->device < 0 || user->context < 0 || bind_context(user)) {
		printf("# %s cannot be used: errno %d\n", name, errno);
		failures++;
		return false;
	}
	CHECK(!ioctl(user->context, IOASID_ALLOC, &alloc));
	user->ioasid = alloc.out_ioasid;
	user->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(!map(user));
	CHECK(!allow(user));
	return true;
}

static void user_stop(struct user *user)
{
	close(user->device);
	close(user->context);
	close(user->node);
	munmap(user->page, PAGE);
}

static __u32 start_counting(int node)
{
	struct mock_job job = {
		.dma = { .op = MOCK_DMA_COUNT, .iova = IOVA + 8, .value = 1 },
		.flags = MOCK_JOB_REPEAT,
		.interval_us = 50,
	};

	CHECK(!ioctl(node, MOCK_START, &job));
	return job.out_job;
}

static struct mock_job_status status_of(int node, __u32 job, __u32 flags)
{
	struct mock_job_status status = { .job = job, .flags = flags };

	CHECK(!ioctl(node, MOCK_JOB_STATUS, &status));
	return status;
}

static __u64 counter(const struct user *user)
{
	return __atomic_load_n((__u64 *)(user->page + 8), __ATOMIC_ACQUIRE);
}

/* An endless job keeps on trying and never gets through again after @cut returned. */
static void check_cut(struct user *user, int (*cut)(struct user *))
{
	__u32 job = start_counting(user->node);
	struct mock_job_status status;
	__u64 time, last;

	milliseconds(50);
	CHECK(counter(user) > 0);
	CHECK(!cut(user));
	time = now_ns();
	last = counter(user);
	milliseconds(50);
	status = status_of(user->node, job, MOCK_JOB_STOP);
	CHECK(counter(user) == last && status.out_counter == last);
	CHECK(status.out_last_run_ns < time && status.out_last_fault_ns > time);
	CHECK(status.out_faults > 0 && status.out_runs > 0 && status.out_state == MOCK_JOB_STOPPED);
	CHECK(ioctl(user->node, MOCK_JOB_STATUS, &status) == -1 && errno == ENOENT);
}

static void check_delayed(struct user *user)
{
	struct mock_job job = {
		.dma = { .op = MOCK_DMA_FILL, .iova = IOVA, .length = 1, .value = 0x77 },
		.delay_ms = 100,
	};
	struct mock_job_status status = { .timeout_ms = 2000 };

	user->page[0] = 0;
	CHECK(!ioctl(user->node, MOCK_START, &job));
	CHECK(user->page[0] == 0 &&
	      status_of(user->node, job.out_job, 0).out_state == MOCK_JOB_WAITING);
	status.job = job.out_job;
	CHECK(!ioctl(user->node, MOCK_JOB_STATUS, &status));
	CHECK(status.out_state == MOCK_JOB_DONE && status.out_runs == 1 && user->page[0] == 0x77);
}

static void check_transfers(struct user *user)
{
	char out[] = "bytes", in[sizeof(out)] = "";
	struct mock_dma dma = {
		.op = MOCK_DMA_WRITE,
		.iova = IOVA + 40,
		.length = sizeof(out),
		.buffer = (unsigned long)out,
	};

	CHECK(!ioctl(user->node, MOCK_DMA, &dma) && dma.out_done == sizeof(out));
	CHECK(!memcmp(user->page + 40, out, sizeof(out)));
	dma.op = MOCK_DMA_READ;
	dma.buffer = (unsigned long)in;
	CHECK(!ioctl(user->node, MOCK_DMA, &dma) && !strcmp(in, out));
	dma.buffer = 8;
	CHECK(ioctl(user->node, MOCK_DMA, &dma) == -1 && errno == EFAULT);
	CHECK(fill(user->node, IOVA + PAGE, 1).out_fault.reason == MOCK_FAULT_NOT_MAPPED);
}

/* Whoever is killed has no DMA afterwards. The mock's node is ours, so its job goes on. */
static void check_kill(const char *name, unsigned int number)
{
	struct mock_job_status status;
	__u64 time;
	char path[64];
	int ready[2], node;
	__u32 job;
	pid_t pid;
	char c;

	snprintf(path, sizeof(path), "/dev/ioasid-mock/%u", number);
	node = open(path, O_RDWR | O_CLOEXEC);
	CHECK(!pipe(ready));
	pid = fork();
	if (pid == 0) {
		struct user user;

		if (user_start(&user, name, number) && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	CHECK(read(ready[0], &c, 1) == 1);
	job = start_counting(node);
	milliseconds(50);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	time = now_ns();
	milliseconds(50);
	status = status_of(node, job, MOCK_JOB_STOP);
	CHECK(status.out_runs > 0 && status.out_last_run_ns < time);
	printf("# after the kill: state %u, fault %u\n", status.out_state,
	       status.out_dma.out_fault.reason);
	close(ready[0]);
	close(ready[1]);
	close(node);
}

static void check_use(const char *bus, const char *name, unsigned int number)
{
	struct user user;

	if (!bind_stub(bus, name)) {
		printf("# no stub driver for the %s bus\n", bus);
		return;
	}
	if (!user_start(&user, name, number))
		return;
	check_transfers(&user);
	check_delayed(&user);
	check_cut(&user, disallow);
	CHECK(!allow(&user));
	check_cut(&user, unmap);
	CHECK(!map(&user));
	CHECK(fill(user.node, IOVA, 3).out_done == 1 && user.page[0] == 3);
	user_stop(&user);
	check_kill(name, number);
	unbind_stub(bus, name);
	printf("# %s %s used\n", bus, name);
}

/* What the module makes of the driver's PASIDs is what the kernel made of them. */
static void check_pasids(struct user *user)
{
	struct ioasid_device_info info = { .size = sizeof(info) };
	struct mock_device_info mock = {};

	CHECK(!ioctl(user->device, IOASID_DEVICE_GET_INFO, &info));
	CHECK(!ioctl(user->node, MOCK_DEVICE_INFO, &mock));
	CHECK(info.out_max_pasids == mock.out_max_pasids);
}

static int remove_device(struct user *user)
{
	struct mock_device_info info = {};

	CHECK(!ioctl(user->node, MOCK_DEVICE_INFO, &info));
	return ioctl(control, MOCK_REMOVE_DEVICE, info.device);
}

static void check_unplug(void)
{
	struct mock_add_device add = { .sibling = MOCK_NO_DEVICE, .pasid_bits = 16 };
	struct mock_job_status status;
	struct user user;
	char name[32];
	__u32 job;

	CHECK(!ioctl(control, MOCK_ADD_DEVICE, &add));
	snprintf(name, sizeof(name), "ioasid-mock.%u", add.out_device);
	if (!bind_stub("platform", name) || !user_start(&user, name, add.out_device)) {
		ioctl(control, MOCK_REMOVE_DEVICE, add.out_device);
		return;
	}
	check_pasids(&user);
	job = start_counting(user.node);
	milliseconds(20);
	CHECK(!remove_device(&user));
	status = status_of(user.node, job, MOCK_JOB_STOP);
	CHECK(status.out_runs > 0);
	CHECK(status.out_state == MOCK_JOB_GONE || status.out_state == MOCK_JOB_RESET);
	CHECK(ioctl(user.node, MOCK_DEVICE_INFO, &status) == -1 && errno == ENODEV);
	user_stop(&user);
	printf("# %s unplugged in use: job state %u\n", name, status.out_state);
}

static void check_control(void)
{
	static struct mock_event events[4096];
	struct mock_inject inject = { .call = MOCK_CALL_ATTACH, .nth = 1, .error = EIO };
	struct mock_log log = { .events = (unsigned long)events, .num_events = 4096 };
	struct mock_device_info info = { .device = 2 };
	char text[8192] = "";

	CHECK(!ioctl(control, MOCK_INJECT, &inject));
	inject.call = MOCK_CALL_FREE;
	CHECK(ioctl(control, MOCK_INJECT, &inject) == -1 && errno == EINVAL);
	CHECK(!ioctl(control, MOCK_CLEAR, MOCK_CLEAR_INJECTIONS));
	CHECK(!ioctl(control, MOCK_DEVICE_INFO, &info));
	CHECK(!strcmp((char *)info.out_name, "ioasid-mock.2") && info.out_rid == MOCK_RID_IDENTITY);
	CHECK(!ioctl(control, MOCK_READ_LOG, &log) && log.out_num_events >= 4);
	CHECK(events[1].number == events[0].number + 1);
	CHECK(read(control, text, sizeof(text) - 1) > 0 && strstr(text, "live_devices "));
	CHECK(ioctl(control, MOCK_REMOVE_DEVICE, 1000) == -1 && errno == ENODEV);
	CHECK(ioctl(control, _IO(MOCK_IOC_TYPE, 0x7f), 0) == -1 && errno == ENOTTY);
}

/* The IOMMU core gives up on a device; nothing is behind anything then, and it can be removed. */
static void check_failed_probe(void)
{
	struct mock_inject inject = { .call = MOCK_CALL_PROBE, .nth = 1, .error = ENOMEM };
	struct mock_add_device add = { .sibling = 2 };
	struct mock_device_info info = {};

	CHECK(!ioctl(control, MOCK_INJECT, &inject));
	CHECK(!ioctl(control, MOCK_ADD_DEVICE, &add));
	info.device = add.out_device;
	CHECK(ioctl(control, MOCK_DEVICE_INFO, &info) == -1 && errno == ENODEV);
	CHECK(!ioctl(control, MOCK_REMOVE_DEVICE, add.out_device));
}

/* Nobody is there to answer, so the kernel says that the request is invalid. */
static void check_page_request(void)
{
	struct mock_page_request request = {
		.flags = MOCK_PAGE_PASID | MOCK_PAGE_LAST | MOCK_PAGE_READ,
		.pasid = 9,
		.group = 3,
		.iova = IOVA,
	};
	struct mock_page_response response = { .timeout_ms = 1000 };
	int node = open("/dev/ioasid-mock/1", O_RDWR | O_CLOEXEC);
	int rc = ioctl(node, MOCK_PAGE_REQUEST, &request);

	if (rc && errno == EOPNOTSUPP) {
		printf("# no page requests\n");
	} else {
		CHECK(!rc && request.out_result == EINVAL);
		CHECK(!ioctl(node, MOCK_PAGE_RESPONSE, &response));
		CHECK(response.out_pasid == 9 && response.out_group == 3 && response.out_code == 1);
		response.timeout_ms = 1;
		CHECK(ioctl(node, MOCK_PAGE_RESPONSE, &response) == -1 && errno == ETIMEDOUT);
	}
	close(node);
}

static void check_pci(const char *name)
{
	struct mock_add_device add = { .sibling = MOCK_NO_DEVICE, .pasid_bits = 16 };

	snprintf((char *)add.pci_name, sizeof(add.pci_name), "%s", name);
	CHECK(!ioctl(control, MOCK_ADOPT_PCI, &add));
	check_use("pci", name, add.out_device);
	CHECK(!ioctl(control, MOCK_REMOVE_DEVICE, add.out_device));
}

int main(int argc, char **argv)
{
	setbuf(stdout, NULL);
	control = open("/dev/ioasid-mock/control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		perror("control node");
		return 1;
	}
	CHECK(!ioctl(control, MOCK_SET_OPTIONS, MOCK_OPTION_PINNED));
	check_control();
	check_failed_probe();
	check_page_request();
	check_use("platform", "ioasid-mock.0", 0);
	check_use("platform", "ioasid-mock.3", 3);
	check_unplug();
	if (argc > 1)
		check_pci(argv[1]);
	CHECK(get_stats().violation == 0 && get_stats().live_domains == 0);
	CHECK(!ioctl(control, MOCK_SET_OPTIONS, 0));
	printf("# %u failed checks\n%s - abi\n", failures, failures ? "not ok" : "ok");
	return failures != 0;
}
