// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever can fail does, once each: every allocation and every call of the kernel that a flow
 * makes, alone and with all that come after it, and every call of the IOMMU's driver. After each
 * failure the errno is right, everybody says that the state is what it was, trying again works, and
 * in the end nothing is left. What gives something up never asks for anything.
 *
 * The modules are the test build (lib/faults.h).
 */
#include <stdarg.h>
#include <sys/ioctl.h>

#include "../kmod/consumer.h"
#include "call.h"
#include "chance.h"
#include "event.h"
#include "faults.h"
#include "memory.h"
#include "mock.h"
#include "module.h"
#include "oracle.h"
#include "sysfs.h"
#include "test.h"

#define AT 0x10000000ull
#define PASID 77
#define CONSUMER "ioasidfd_consumer"
#define SEVERAL 20 /* pages, more than fit on the stack of a call */
#define MANY 1200 /* runs of several blocks, in several chunks */
#define MAX_POINTS 500

/* Of as many, one is tried on slow kernels. */
#define SPARSE 8

/**
 * struct scene - what a flow acts on; new for each failure
 * @ctx: context, or -1
 * @id: address space, or 0
 * @other: another one
 * @mock: device, its files are -1 if they are not open
 * @second: another one
 * @extra: device that was added, or MOCK_NO_DEVICE
 * @fd: what the flow opened, or -1
 * @driver: the node of a driver that uses the in-kernel API, or -1
 * @made: what the flow was given, an IOASID or an IOVA
 */
struct scene {
	int ctx;
	uint32_t id;
	uint32_t other;
	struct mock mock;
	struct mock second;
	unsigned int extra;
	int fd;
	int driver;
	uint64_t made;
};

/**
 * struct flow - something that can be done and undone
 * @name: for people
 * @tagged: only where there are PASIDs
 * @prepare: set the scene
 * @act: do it: 0 or -errno
 * @undo: the reverse; or NULL
 * @leaves_number: the address space keeps its PASID
 * @calls: of the IOMMU's driver that it makes, as bits
 * @after_failure: instead of trying again, or NULL
 * @no_way_back: on kernels without this capability, going back may fail as well
 */
struct flow {
	const char *name;
	bool tagged;
	void (*prepare)(struct scene *scene);
	int (*act)(struct scene *scene);
	void (*undo)(struct scene *scene);
	unsigned int calls;
	bool leaves_number;
	void (*after_failure)(struct scene *scene);
	uint64_t no_way_back;
};

#define CALL(name) (1u << MOCK_CALL_##name)

/* Pages that are there before the modules come, and that a call pins. */
static char *few, *several, *many;
static int file;

static void make_memory(void)
{
	few = mem_new(4 * PAGE);
	several = mem_scattered(SEVERAL);
	many = mem_scattered(MANY);
	file = mem_file(SEVERAL * PAGE);
	ck_assert_int_eq(pwrite(file, several, SEVERAL * PAGE, 0), SEVERAL * PAGE);
}

/* Setting the scene. */

static void nobody(struct scene *scene)
{
	(void)scene;
}

static void context(struct scene *scene)
{
	scene->ctx = context_open_nonblock();
}

static void spaces(struct scene *scene)
{
	context(scene);
	scene->id = ioasid_new(scene->ctx);
	scene->other = ioasid_new(scene->ctx);
}

static int map_at(struct scene *scene, uint32_t id, void *memory, unsigned int pages)
{
	return t_map(scene->ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory),
		     .length = pages * PAGE, .iova = AT);
}

static void filled(struct scene *scene)
{
	spaces(scene);
	ck_assert_int_eq(map_at(scene, scene->id, several, SEVERAL), 0);
	ck_assert_int_eq(map_at(scene, scene->other, several, SEVERAL), 0);
}

static void device(struct scene *scene)
{
	spaces(scene);
	mock_open(&scene->mock, MOCK_0);
}

static void claimable(struct scene *scene)
{
	device(scene);
	mock_set_options(MOCK_OPTION_BLOCK_FAILS);
}

static void bound(struct scene *scene)
{
	filled(scene);
	mock_open(&scene->mock, MOCK_0);
	ok_bind(scene->mock.fd, .context_fd = scene->ctx);
}

static void attached_rid(struct scene *scene)
{
	spaces(scene);
	mock_open(&scene->mock, MOCK_0);
	ok_bind(scene->mock.fd, .context_fd = scene->ctx);
	ok_allow(scene->mock.fd, .ioasid = scene->id);
}

static void filled_and_allowed(struct scene *scene)
{
	bound(scene);
	ok_allow(scene->mock.fd, .ioasid = scene->id);
}

static void filled_and_tagged(struct scene *scene)
{
	bound(scene);
	ok_allow(scene->mock.fd, .ioasid = scene->id, .pasid = PASID,
		 .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
}

/* Two devices of a group. */
static void bound_pair(struct scene *scene)
{
	filled(scene);
	mock_open(&scene->mock, MOCK_PAIR_0);
	mock_open(&scene->second, MOCK_PAIR_1);
	ok_bind(scene->mock.fd, .context_fd = scene->ctx);
	ok_bind(scene->second.fd, .context_fd = scene->ctx);
}

static void allowed_pair(struct scene *scene)
{
	bound_pair(scene);
	ok_allow(scene->mock.fd, .ioasid = scene->id);
	ok_allow(scene->second.fd, .ioasid = scene->id);
}

static void tagged_pair(struct scene *scene)
{
	bound_pair(scene);
	ok_allow(scene->mock.fd, .ioasid = scene->id, .pasid = PASID,
		 .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
	ok_allow(scene->second.fd, .ioasid = scene->id, .pasid = PASID,
		 .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
}

/* Somebody else, whose reserved region needs room in the table of windows, is to join. */
static void in_use_elsewhere(struct scene *scene)
{
	struct mock_add_device add = {
		.sibling = MOCK_NO_DEVICE,
		.pasid_bits = 16,
		.region_type = MOCK_REGION_RESERVED,
		.region_start = 0xf0000000,
		.region_length = 0x100000,
	};

	filled_and_allowed(scene);
	scene->extra = mock_add(add);
	mock_open(&scene->second, scene->extra);
	ok_bind(scene->second.fd, .context_fd = scene->ctx);
}

/* Two devices share a group, which belongs to somebody else. */
static void watching(struct scene *scene)
{
	spaces(scene);
	mock_open(&scene->mock, MOCK_PAIR_0);
	mock_open(&scene->second, MOCK_PAIR_1);
	scene->fd = context_open();
	ok_bind(scene->mock.fd, .context_fd = scene->fd);
	err_bind(EBUSY, scene->second.fd, .context_fd = scene->ctx, .flags = IOASID_BIND_WATCH);
}

static void told(struct scene *scene)
{
	watching(scene);
	ok_unbind(scene->mock.fd);
	ck_assert(event_ready(scene->ctx, 5000));
}

static void deferring(struct scene *scene)
{
	context(scene);
	scene->id = ioasid_new_deferred(scene->ctx);
	mock_open(&scene->mock, MOCK_0);
	ok_bind(scene->mock.fd, .context_fd = scene->ctx);
	ok_allow(scene->mock.fd, .ioasid = scene->id);
	ck_assert_int_eq(map_at(scene, scene->id, several, SEVERAL), 0);
}

static void deferred(struct scene *scene)
{
	deferring(scene);
	ok_unmap(scene->ctx, .ioasid = scene->id, .flags = IOASID_UNMAP_ALL);
}

/* Doing it, and undoing it. */

static int open_to(struct scene *scene, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	scene->fd = fd;
	return 0;
}

static int open_context(struct scene *scene)
{
	return open_to(scene, "/dev/ioasid");
}

static int open_device(struct scene *scene)
{
	return open_to(scene, "/dev/ioasid-dev/" MOCK_NAME(0));
}

static void close_it(struct scene *scene)
{
	close(scene->fd);
	scene->fd = -1;
}

static int alloc_with(struct scene *scene, uint32_t flags)
{
	struct ioasid_alloc alloc = { .size = sizeof(alloc), .flags = flags };
	int rc = call_alloc(scene->ctx, &alloc);

	scene->made = alloc.out_ioasid;
	return rc;
}

static int alloc(struct scene *scene)
{
	return alloc_with(scene, 0);
}

static int alloc_deferred(struct scene *scene)
{
	return alloc_with(scene, IOASID_ALLOC_DEFERRED_FLUSH);
}

static void free_made(struct scene *scene)
{
	ok_free(scene->ctx, .ioasid = scene->made);
}

static int map_page(struct scene *scene)
{
	return map_at(scene, scene->id, few, 1);
}

static int map_few(struct scene *scene)
{
	return map_at(scene, scene->id, few, 4);
}

static int map_several(struct scene *scene)
{
	return map_at(scene, scene->id, several, SEVERAL);
}

static int map_many(struct scene *scene)
{
	return map_at(scene, scene->id, many, MANY);
}

static int map_to_read(struct scene *scene)
{
	return t_map(scene->ctx, .ioasid = scene->id, .flags = IOASID_MAP_READ | FIXED,
		     .user_va = va(several), .length = SEVERAL * PAGE, .iova = AT);
}

static int map_anywhere(struct scene *scene)
{
	return t_map(scene->ctx, .ioasid = scene->id, .flags = RW, .user_va = va(several),
		     .length = SEVERAL * PAGE);
}

static int map_file(struct scene *scene)
{
	if (!can_map_files(scene->ctx))
		return 0;
	return t_map_file(scene->ctx, .ioasid = scene->id, .flags = RW, .fd = file,
			  .length = SEVERAL * PAGE);
}

static void unmap(struct scene *scene)
{
	ok_unmap(scene->ctx, .ioasid = scene->id, .flags = IOASID_UNMAP_ALL);
}

static int copy(struct scene *scene)
{
	return t_copy(scene->ctx, .ioasid = scene->id, .from_ioasid = scene->other,
		      .flags = RW | FIXED, .from_iova = AT, .length = SEVERAL * PAGE, .iova = AT);
}

static void source(struct scene *scene)
{
	spaces(scene);
	ck_assert_int_eq(map_at(scene, scene->other, several, SEVERAL), 0);
}

static void attached_and_source(struct scene *scene)
{
	attached_rid(scene);
	ck_assert_int_eq(map_at(scene, scene->other, several, SEVERAL), 0);
}

/* Entries that were done stay: they are taken out again before anybody compares. */
static int batch(struct scene *scene)
{
	struct ioasid_batch_entry entry[6];
	struct ioasid_batch batch = {
		.size = sizeof(batch),
		.entries = va(entry),
		.num_entries = ARRAY_SIZE(entry),
		.entry_size = sizeof(entry[0]),
	};
	unsigned int i;
	int rc;

	memset(entry, 0, sizeof(entry));
	for (i = 0; i < 4; i++)
		entry[i] = (struct ioasid_batch_entry){
			.op = IOASID_BATCH_MAP,
			.flags = RW | FIXED,
			.ioasid = scene->id,
			.start = va(few) + i * PAGE,
			.length = PAGE,
			.iova = AT + (i + 100) * PAGE,
		};
	entry[4] = entry[0];
	entry[4].flags = RW;
	entry[4].length = 2 * PAGE;
	entry[4].iova = 0;
	entry[5] = (struct ioasid_batch_entry){
		.op = IOASID_BATCH_COPY,
		.flags = RW | FIXED,
		.ioasid = scene->id,
		.from_ioasid = scene->other,
		.start = AT,
		.length = PAGE,
		.iova = AT,
	};
	rc = call_batch(scene->ctx, &batch);
	ck_assert_uint_eq(fdinfo_read(scene->ctx).ioasid[0].mappings, batch.out_num_done);
	ck_assert_int_eq(batch.out_num_done == ARRAY_SIZE(entry), !rc);
	if (rc)
		unmap(scene);
	return rc;
}

static int bind(struct scene *scene)
{
	return t_bind(scene->mock.fd, .context_fd = scene->ctx);
}

static int bind_watching(struct scene *scene)
{
	return t_bind(scene->mock.fd, .context_fd = scene->ctx, .flags = IOASID_BIND_WATCH);
}

static void unbind(struct scene *scene)
{
	ok_unbind(scene->mock.fd);
}

static int allow(struct scene *scene)
{
	return t_allow(scene->mock.fd, .ioasid = scene->id);
}

static void disallow(struct scene *scene)
{
	ok_disallow(scene->mock.fd, .ioasid = scene->id);
}

static int allow_second(struct scene *scene)
{
	return t_allow(scene->second.fd, .ioasid = scene->id);
}

static void disallow_second(struct scene *scene)
{
	ok_disallow(scene->second.fd, .ioasid = scene->id);
}

static int allow_tagged(struct scene *scene)
{
	struct ioasid_device_allow arg = {
		.size = sizeof(arg),
		.ioasid = scene->id,
		.flags = IOASID_ALLOW_PASID,
	};
	int rc = call_allow(scene->mock.fd, &arg);

	scene->made = arg.out_pasid;
	ck_assert_int_eq(!rc, !!arg.out_pasid);
	return rc;
}

static int allow_fixed(struct scene *scene)
{
	scene->made = PASID;
	return t_allow(scene->mock.fd, .ioasid = scene->id, .pasid = PASID,
		       .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
}

static void disallow_made(struct scene *scene)
{
	ok_disallow(scene->mock.fd, .ioasid = scene->id, .pasid = scene->made,
		    .flags = IOASID_DISALLOW_PASID);
}

static int replace(struct scene *scene)
{
	return t_replace(scene->mock.fd, .from_ioasid = scene->id, .ioasid = scene->other);
}

static void replace_back(struct scene *scene)
{
	ok_replace(scene->mock.fd, .from_ioasid = scene->other, .ioasid = scene->id);
}

static int replace_tagged(struct scene *scene)
{
	return t_replace(scene->mock.fd, .from_ioasid = scene->id, .ioasid = scene->other,
			 .pasid = PASID, .flags = IOASID_REPLACE_PASID);
}

static void replace_tagged_back(struct scene *scene)
{
	ok_replace(scene->mock.fd, .from_ioasid = scene->other, .ioasid = scene->id, .pasid = PASID,
		   .flags = IOASID_REPLACE_PASID);
}

static int replace_of(struct scene *scene, uint32_t from, uint32_t to, uint32_t flags)
{
	return t_replace(scene->mock.fd, .from_ioasid = from, .ioasid = to,
			 .flags = flags | IOASID_REPLACE_GROUP,
			 .pasid = flags & IOASID_REPLACE_PASID ? PASID : 0);
}

static int replace_pair(struct scene *scene)
{
	return replace_of(scene, scene->id, scene->other, 0);
}

static void replace_pair_back(struct scene *scene)
{
	ck_assert_int_eq(replace_of(scene, scene->other, scene->id, 0), 0);
}

static int replace_tagged_pair(struct scene *scene)
{
	return replace_of(scene, scene->id, scene->other, IOASID_REPLACE_PASID);
}

static void replace_tagged_pair_back(struct scene *scene)
{
	ck_assert_int_eq(replace_of(scene, scene->other, scene->id, IOASID_REPLACE_PASID), 0);
}

/* What was to come has no user and goes at once; what was to go stays until the last device. */
static void free_both(struct scene *scene, uint32_t pasid, uint32_t flags)
{
	struct fdinfo info;

	ok_free(scene->ctx, .ioasid = scene->other);
	ok_free(scene->ctx, .ioasid = scene->id);
	info = fdinfo_read(scene->ctx);
	ck_assert_int_eq(fdinfo_find(&info, scene->other), -1);
	ck_assert_int_eq(info.nr, 1);
	ck_assert(info.ioasid[0].freed);
	ck_assert_uint_eq(info.ioasid[0].devices, 2);
	ok_disallow(scene->mock.fd, .ioasid = scene->id, .pasid = pasid, .flags = flags);
	ck_assert_int_eq(fdinfo_read(scene->ctx).nr, 1);
	ok_disallow(scene->second.fd, .ioasid = scene->id, .pasid = pasid, .flags = flags);
	ck_assert_int_eq(fdinfo_read(scene->ctx).nr, 0);
	ck_assert_uint_eq(mock_stats().live_domains, 0);
	scene->id = 0;
	scene->other = 0;
}

static void free_after_pair(struct scene *scene)
{
	free_both(scene, 0, 0);
}

static void free_after_tagged_pair(struct scene *scene)
{
	free_both(scene, PASID, IOASID_DISALLOW_PASID);
}

static int ranges(struct scene *scene)
{
	struct ioasid_range range[4];

	return t_ranges(scene->ctx, .ioasid = scene->id, .ranges = va(range),
			.num_ranges = ARRAY_SIZE(range));
}

static int get_owner(struct scene *scene)
{
	return t_dev_owner(scene->mock.fd);
}

static int read_all(const char *path)
{
	char text[4096];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	do
		got = read(fd, text, sizeof(text));
	while (got > 0);
	got = got < 0 ? -errno : 0;
	close(fd);
	return got;
}

static int read_owners(struct scene *scene)
{
	(void)scene;
	return read_all("/proc/ioasidfd");
}

/* Giving up. */

static int unmap_all(struct scene *scene)
{
	return t_unmap(scene->ctx, .ioasid = scene->id, .flags = IOASID_UNMAP_ALL);
}

static int unmap_it(struct scene *scene)
{
	return t_unmap(scene->ctx, .ioasid = scene->id, .iova = AT, .length = SEVERAL * PAGE);
}

static int sync_it(struct scene *scene)
{
	return t_sync(scene->ctx, .ioasid = scene->id);
}

static int free_it(struct scene *scene)
{
	return t_free(scene->ctx, .ioasid = scene->id);
}

static int disallow_it(struct scene *scene)
{
	return t_disallow(scene->mock.fd, .ioasid = scene->id);
}

static int disallow_tagged(struct scene *scene)
{
	return t_disallow(scene->mock.fd, .ioasid = scene->id, .pasid = PASID,
			  .flags = IOASID_DISALLOW_PASID);
}

static int unbind_it(struct scene *scene)
{
	return t_unbind(scene->mock.fd);
}

static int close_context(struct scene *scene)
{
	close(scene->ctx);
	scene->ctx = -1;
	return 0;
}

static int close_device(struct scene *scene)
{
	close(scene->mock.fd);
	scene->mock.fd = -1;
	return 0;
}

static int lose_device(struct scene *scene)
{
	mock_remove(scene->mock.number);
	return 0;
}

static int read_events(struct scene *scene)
{
	void *volatile nowhere = NULL;
	struct ioasid_event event;

	/* One that cannot be delivered is still there. */
	ck_assert_int_eq(read(scene->ctx, nowhere, sizeof(event)), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(read(scene->ctx, &event, sizeof(event)), sizeof(event));
	return 0;
}

/* A driver that uses the in-kernel API. */

static int order(struct scene *scene, struct consumer_order order)
{
	int rc = ioctl(scene->driver, CONSUMER_ORDER, &order) ? -errno : 0;

	scene->made = order.pasid;
	return rc;
}

#define obeys(scene, ...) ck_assert_int_eq(order(scene, (struct consumer_order){ __VA_ARGS__ }), 0)

static void with_driver(struct scene *scene)
{
	filled(scene);
	pci_give_back(MOCK_NAME(0), "");
	if (!module_loaded(CONSUMER))
		ck_assert_int_eq(faults_insert(CONSUMER), 0);
}

static int driver_probes(struct scene *scene)
{
	(void)scene;
	return pci_bind(MOCK_NAME(0), CONSUMER);
}

static void driver_leaves(struct scene *scene)
{
	(void)scene;
	pci_unbind(MOCK_NAME(0));
}

static void with_context(struct scene *scene)
{
	with_driver(scene);
	ck_assert_int_eq(driver_probes(scene), 0);
	scene->driver = open("/dev/ioasidfd-consumer", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(scene->driver, 0);
	obeys(scene, .op = CONSUMER_CONTEXT_GET, .fd = scene->ctx);
	mock_set_options(MOCK_OPTION_BLOCK_FAILS);
}

static void with_spaces(struct scene *scene)
{
	with_context(scene);
	obeys(scene, .op = CONSUMER_IOAS_GET, .slot = 0, .ioasid = scene->id);
	obeys(scene, .op = CONSUMER_IOAS_GET, .slot = 1, .ioasid = scene->other);
	obeys(scene, .op = CONSUMER_BIND);
	mock_set_options(0);
}

static void driver_allowed(struct scene *scene)
{
	with_spaces(scene);
	obeys(scene, .op = CONSUMER_ALLOW, .slot = 0);
}

static void driver_tagged(struct scene *scene)
{
	with_spaces(scene);
	obeys(scene, .op = CONSUMER_ALLOW, .slot = 0, .pasid = PASID,
	      .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
}

static int driver_gets(struct scene *scene)
{
	return order(scene,
		     (struct consumer_order){ .op = CONSUMER_IOAS_GET, .ioasid = scene->id });
}

static void driver_puts(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_IOAS_PUT);
}

static int driver_binds(struct scene *scene)
{
	return order(scene, (struct consumer_order){ .op = CONSUMER_BIND });
}

static void driver_unbinds(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_UNBIND);
}

static int driver_allows(struct scene *scene)
{
	return order(scene, (struct consumer_order){ .op = CONSUMER_ALLOW });
}

static void driver_disallows(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_DISALLOW);
}

static int driver_tags(struct scene *scene)
{
	const struct consumer_order tag = { .op = CONSUMER_ALLOW, .flags = IOASID_ALLOW_PASID };
	int rc = order(scene, tag);

	ck_assert_int_eq(!rc, !!scene->made);
	return rc;
}

static void driver_untags(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_DISALLOW, .flags = IOASID_DISALLOW_PASID, .pasid = scene->made);
}

static int driver_replaces(struct scene *scene)
{
	return order(scene, (struct consumer_order){ .op = CONSUMER_REPLACE, .other = 1 });
}

static void driver_replaces_back(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_REPLACE, .slot = 1);
}

static int driver_replaces_tagged(struct scene *scene)
{
	return order(scene, (struct consumer_order){ .op = CONSUMER_REPLACE,
						     .other = 1,
						     .pasid = PASID,
						     .flags = IOASID_REPLACE_PASID });
}

static void driver_replaces_tagged_back(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_REPLACE, .slot = 1, .pasid = PASID,
	      .flags = IOASID_REPLACE_PASID);
}

static int driver_lets_go(struct scene *scene)
{
	driver_disallows(scene);
	driver_unbinds(scene);
	return 0;
}

/* The modules, and who has devices. */

static void remove_module(const char *name)
{
	int rc = module_loaded(name) ? module_delete(name) : 0;

	ck_assert_msg(!rc, "unloading %s: %s", name, call_errname(-rc));
}

static void without_stub(struct scene *scene)
{
	(void)scene;
	remove_module(STUB);
}

static void without_modules(struct scene *scene)
{
	without_stub(scene);
	remove_module(CORE);
}

static int load_core(struct scene *scene)
{
	(void)scene;
	return faults_insert(CORE);
}

static void unload_core(struct scene *scene)
{
	(void)scene;
	remove_module(CORE);
}

static int load_stub(struct scene *scene)
{
	(void)scene;
	return faults_insert(STUB);
}

static void load_what_is_missing(void)
{
	if (!module_loaded(CORE))
		ck_assert_int_eq(faults_insert(CORE), 0);
	if (!module_loaded(STUB))
		ck_assert_int_eq(faults_insert(STUB), 0);
}

static void without_driver(struct scene *scene)
{
	(void)scene;
	pci_give_back(MOCK_NAME(0), "");
	pci_give_back(EDU, "");
}

static int probe_platform(struct scene *scene)
{
	(void)scene;
	return pci_bind(MOCK_NAME(0), PLATFORM_STUB_DRIVER);
}

static int probe_pci(struct scene *scene)
{
	(void)scene;
	return pci_bind(EDU, STUB_DRIVER);
}

static void leave_driver(struct scene *scene)
{
	(void)scene;
	pci_unbind(MOCK_NAME(0));
	pci_unbind(EDU);
}

/* A device joins an owned group: it does, with or without what the others have. */
static int join(struct scene *scene)
{
	struct mock_add_device add = { .sibling = MOCK_0, .pasid_bits = 16 };

	scene->extra = mock_add(add);
	return 0;
}

static void leave(struct scene *scene)
{
	mock_remove(scene->extra);
	scene->extra = MOCK_NO_DEVICE;
}

#define MAP_CALLS (CALL(MAP) | CALL(SYNC_MAP))
#define RID_CALLS (MAP_CALLS | CALL(ALLOC) | CALL(ATTACH))
#define PASID_CALLS (MAP_CALLS | CALL(ALLOC) | CALL(SET_PASID))

static const struct flow of_contexts[] = {
	{ "open", false, nobody, open_context, close_it, .calls = 0 },
	{ "open device", false, device, open_device, close_it, .calls = 0 },
	{ "alloc", false, context, alloc, free_made, .calls = 0 },
	{ "alloc deferred", false, context, alloc_deferred, free_made, .calls = 0 },
	{ "map page", false, spaces, map_page, unmap, .calls = 0 },
	{ "map few", false, spaces, map_few, unmap, .calls = 0 },
	{ "map several", false, spaces, map_several, unmap, .calls = 0 },
	{ "map many", false, spaces, map_many, unmap, .calls = 0 },
	{ "map to read", false, spaces, map_to_read, unmap, .calls = 0 },
	{ "map anywhere", false, spaces, map_anywhere, unmap, .calls = 0 },
	{ "map file", false, spaces, map_file, unmap, .calls = 0 },
	{ "copy", false, source, copy, unmap, .calls = 0 },
};

static const struct flow of_maps[] = {
	{ "map page to device", false, attached_rid, map_page, unmap, .calls = MAP_CALLS },
	{ "map several to device", false, attached_rid, map_several, unmap, .calls = MAP_CALLS },
	{ "map file to device", false, attached_rid, map_file, unmap, .calls = MAP_CALLS },
	{ "copy to device", false, attached_and_source, copy, unmap, .calls = MAP_CALLS },
	{ "batch", false, attached_and_source, batch, unmap, .calls = MAP_CALLS },
};

static const struct flow of_devices[] = {
	{ "bind", false, claimable, bind, unbind, .calls = CALL(ATTACH) },
	{ "bind watching", false, claimable, bind_watching, unbind, .calls = CALL(ATTACH) },
	{ "allow", false, bound, allow, disallow, .calls = RID_CALLS },
	{ "allow second device", false, in_use_elsewhere, allow_second, disallow_second,
	  .calls = RID_CALLS },
	{ "allow PASID", true, bound, allow_tagged, disallow_made, .calls = PASID_CALLS,
	  .leaves_number = true },
	{ "allow fixed PASID", true, bound, allow_fixed, disallow_made, .calls = PASID_CALLS },
	{ "replace", false, filled_and_allowed, replace, replace_back, .calls = RID_CALLS,
	  .no_way_back = IOASID_CAP_REPLACE_RID },
	{ "replace PASID", true, filled_and_tagged, replace_tagged, replace_tagged_back,
	  .calls = PASID_CALLS, .no_way_back = IOASID_CAP_REPLACE_PASID },
	{ "replace group", false, allowed_pair, replace_pair, replace_pair_back, .calls = RID_CALLS,
	  .no_way_back = IOASID_CAP_REPLACE_RID },
	{ "replace group, then free", false, allowed_pair, replace_pair, NULL, .calls = RID_CALLS,
	  .no_way_back = IOASID_CAP_REPLACE_RID, .after_failure = free_after_pair },
	{ "replace PASID of group", true, tagged_pair, replace_tagged_pair,
	  replace_tagged_pair_back, .calls = PASID_CALLS, .no_way_back = IOASID_CAP_REPLACE_PASID },
	{ "replace PASID of group, then free", true, tagged_pair, replace_tagged_pair, NULL,
	  .calls = PASID_CALLS, .no_way_back = IOASID_CAP_REPLACE_PASID,
	  .after_failure = free_after_tagged_pair },
	{ "join a group", true, filled_and_tagged, join, leave, .calls = CALL(SET_PASID) },
	{ "ranges", false, spaces, ranges, NULL, .calls = 0 },
	{ "owner", false, device, get_owner, NULL, .calls = 0 },
	{ "ownership table", false, device, read_owners, NULL, .calls = 0 },
};

static const struct flow of_modules[] = {
	{ "load core", false, without_modules, load_core, .undo = unload_core },
	{ "load stub", false, without_stub, load_stub, .undo = NULL },
	{ "probe platform", false, without_driver, probe_platform, leave_driver, .calls = 0 },
	{ "probe PCI", false, without_driver, probe_pci, leave_driver, .calls = 0 },
};

static const struct flow of_drivers[] = {
	{ "driver's probe", false, with_driver, driver_probes, driver_leaves, .calls = 0 },
	{ "driver's bind", false, with_context, driver_binds, driver_unbinds,
	  .calls = CALL(ATTACH) },
	{ "driver's lookup", false, with_context, driver_gets, driver_puts, .calls = 0 },
	{ "driver's allow", false, with_spaces, driver_allows, driver_disallows,
	  .calls = RID_CALLS },
	{ "driver's allow PASID", true, with_spaces, driver_tags, driver_untags,
	  .calls = PASID_CALLS, .leaves_number = true },
	{ "driver's replace", false, driver_allowed, driver_replaces, driver_replaces_back,
	  .calls = RID_CALLS, .no_way_back = IOASID_CAP_REPLACE_RID },
	{ "driver's replace PASID", true, driver_tagged, driver_replaces_tagged,
	  driver_replaces_tagged_back, .calls = PASID_CALLS,
	  .no_way_back = IOASID_CAP_REPLACE_PASID },
};

/* What gives something up. */
static const struct flow ends[] = {
	{ "unmap", false, filled_and_allowed, .act = unmap_it },
	{ "unmap all", false, filled_and_allowed, .act = unmap_all },
	{ "unmap deferred", false, deferring, .act = unmap_it },
	{ "sync", false, deferred, .act = sync_it },
	{ "free", false, filled_and_allowed, .act = free_it },
	{ "disallow", false, filled_and_allowed, .act = disallow_it },
	{ "disallow PASID", true, filled_and_tagged, .act = disallow_tagged },
	{ "unbind", false, filled_and_allowed, .act = unbind_it },
	{ "group becomes free", false, watching, .act = unbind_it },
	{ "read events", false, told, .act = read_events },
	{ "close context", false, filled_and_allowed, .act = close_context },
	{ "close device", false, filled_and_allowed, .act = close_device },
	{ "lose device", false, filled_and_allowed, .act = lose_device },
	{ "driver lets go", false, driver_allowed, .act = driver_lets_go },
};

/* A group of flows goes on after one that failed, and libcheck tells of one failure only. */
static void __attribute__((noreturn, format(printf, 2, 3)))
complain(int line, const char *format, ...)
{
	char text[8000], *rest = text, *part;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	while ((part = strsep(&rest, "\n")))
		printf("# faults: %s\n", part);
	fflush(stdout);
	test_fail_at(__FILE__, line, "%.500s", text);
}

#define expect(condition, ...)                           \
	do {                                             \
		if (!(condition))                        \
			complain(__LINE__, __VA_ARGS__); \
	} while (0)

/* What everybody says: the module in its several ways, the kernel, the IOMMU. */

struct picture {
	size_t length;
	char text[16384];
};

static void __attribute__((format(printf, 2, 3)))
add(struct picture *picture, const char *format, ...)
{
	size_t room = sizeof(picture->text) - picture->length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(picture->text + picture->length, room, format, args);
	va_end(args);
	ck_assert(length >= 0 && (size_t)length < room);
	picture->length += length;
}

static void add_file(struct picture *picture, const char *path, unsigned int skipped)
{
	FILE *file = fopen(path, "re");
	char line[400];

	add(picture, "%s:\n", path);
	while (file && fgets(line, sizeof(line), file))
		if (skipped)
			skipped--;
		else
			add(picture, "%s", line);
	if (file)
		fclose(file);
}

static void add_space(struct picture *picture, const struct scene *scene, uint32_t id)
{
	struct ioasid_range range[8];
	struct ioasid_iova_ranges ranges = { 0 };
	unsigned int i;

	if (!id)
		return;
	ranges = ok_ranges(scene->ctx, .ioasid = id, .ranges = va(range),
			   .num_ranges = ARRAY_SIZE(range));
	for (i = 0; i < ranges.out_num_ranges && i < ARRAY_SIZE(range); i++)
		add(picture, "window %#llx-%#llx\n", (unsigned long long)range[i].start,
		    (unsigned long long)range[i].last);
	add(picture, "%s", ioasid_listing(scene->ctx, id));
}

static void add_context(struct picture *picture, const struct scene *scene)
{
	struct ioasid_info info = ok_info(scene->ctx);
	char path[100];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", scene->ctx);
	add_file(picture, path, 0);
	add(picture, "ioasids %llu mappings %llu bytes %llu locked %llu\n",
	    (unsigned long long)info.out_ioasids, (unsigned long long)info.out_mappings,
	    (unsigned long long)info.out_mapped_bytes, (unsigned long long)info.out_locked_bytes);
	add_space(picture, scene, scene->id);
	add_space(picture, scene, scene->other);
}

static void add_device(struct picture *picture, const struct mock *mock)
{
	struct ioasid_device_owner owner;
	struct mock_device_info info;

	if (mock->fd < 0)
		return;
	owner = ok_dev_owner(mock->fd);
	info = mock_info(mock->number);
	add(picture, "%s: owner %u flags %#x PASIDs %u, in the IOMMU %u\n", mock->name,
	    owner.out_owner, owner.out_owner_flags, owner.out_num_pasids, info.out_num_pasids);
}

static void add_iommu(struct picture *picture)
{
	struct mock_stats stats = mock_stats();

	add(picture, "domains %llu leaves %llu PASIDs %llu unsynced %llu violations %llu\n",
	    (unsigned long long)stats.live_domains, (unsigned long long)stats.live_leaves,
	    (unsigned long long)stats.live_pasids, (unsigned long long)stats.unmapped_unsynced,
	    (unsigned long long)stats.violation);
}

static void add_kernel(struct picture *picture)
{
	add(picture, "pinned %lld pages, VmPin %lld, stub with %s and %s\n", (long long)pins_now(),
	    (long long)vm_pinned(getpid()), pci_driver(MOCK_NAME(0)), pci_driver(EDU));
	add(picture, "nodes %d %d %d %d\n", !access("/dev/ioasid", F_OK),
	    !access("/proc/ioasidfd", F_OK), !access("/dev/ioasid-dev/" MOCK_NAME(0), F_OK),
	    !access("/dev/ioasid-dev/" EDU, F_OK));
	/* The first line counts what was seen. */
	add_file(picture, "/proc/ioasidfd", 1);
}

static void take(struct picture *picture, const struct scene *scene)
{
	picture->length = 0;
	if (scene->ctx >= 0)
		add_context(picture, scene);
	add_device(picture, &scene->mock);
	add_device(picture, &scene->second);
	add_iommu(picture);
	add_kernel(picture);
}

/**
 * struct fault - what fails
 * @call: of the IOMMU's driver, or -1 for what the modules ask the kernel for
 * @all: and all that come after it
 * @reply: writing the reply, instead of any call
 * @first: the first one of those that are tried, from 1
 * @step: and from there every so many, 1 but on slow kernels
 */
struct fault {
	int call;
	bool all;
	bool reply;
	unsigned int first, step;
};

static uint64_t injected_before;

/* Those that cannot be written, 0 or 1. */
static unsigned int replies;

static void arm(const struct fault *fault, unsigned int nth)
{
	if (fault->reply) {
		call_next_without_reply(nth == 1);
		replies = nth == 1;
		return;
	}
	if (fault->call < 0) {
		faults_arm(nth, fault->all);
		return;
	}
	injected_before = mock_stats().injected;
	mock_fail(fault->call, nth, EIO);
}

static unsigned int disarm(const struct fault *fault)
{
	if (fault->reply) {
		replies = replies && call_was_without_reply();
		call_next_without_reply(false);
		return replies;
	}
	if (fault->call < 0)
		return faults_disarm();
	mock_inject((struct mock_inject){ .call = fault->call });
	return mock_stats().injected - injected_before;
}

/* Kernels before 6.11 do not say why there is no domain; the one for PASIDs never says why. */
static bool is_right(const struct fault *fault, int rc)
{
	if (fault->reply)
		return rc == -EFAULT;
	if (fault->call >= 0)
		return rc == -EIO || (fault->call == MOCK_CALL_ALLOC && rc == -ENOMEM);
	return rc == -ENOMEM;
}

static const char *where(const struct flow *flow, const struct fault *fault, unsigned int nth)
{
	static char text[300];

	if (fault->reply) {
		snprintf(text, sizeof(text), "%s: the reply", flow->name);
		return text;
	}
	snprintf(text, sizeof(text), "%s: %s %d of the IOMMU, %s%s (%u)", flow->name,
		 fault->call < 0 ? "no call" : "call", fault->call,
		 fault->call < 0 ? faults_last() : "", fault->all ? " and all after" : "", nth);
	return text;
}

static void begin(struct scene *scene, const struct flow *flow)
{
	*scene = (struct scene){
		.ctx = -1,
		.fd = -1,
		.driver = -1,
		.extra = MOCK_NO_DEVICE,
		.mock.fd = -1,
		.mock.node = -1,
		.second.fd = -1,
		.second.node = -1,
	};
	flow->prepare(scene);
}

static void end(struct scene *scene)
{
	mock_close(&scene->mock);
	mock_close(&scene->second);
	if (scene->fd >= 0)
		close(scene->fd);
	if (scene->ctx >= 0)
		close(scene->ctx);
	if (scene->extra != MOCK_NO_DEVICE)
		mock_remove(scene->extra);
	if (scene->driver >= 0)
		close(scene->driver);
	if (pci_driven_by(MOCK_NAME(0), CONSUMER))
		driver_leaves(scene);
	if (!pci_present(MOCK_NAME(0)))
		mock_add((struct mock_add_device){ .sibling = MOCK_NO_DEVICE, .pasid_bits = 16 });
	mock_set_options(0);
	load_what_is_missing();
}

static void expect_same(const struct picture *before, const struct scene *scene, const char *when)
{
	static struct picture after;

	take(&after, scene);
	expect(!strcmp(before->text, after.text), "%s:\n%s\nbefore:\n%s", when, after.text,
	       before->text);
}

/* After the failure: the state is what it was, and it works the next time. */
static void recover(const struct flow *flow, struct scene *scene, const struct picture *before,
		    const char *text)
{
	int rc;

	expect_same(before, scene, text);
	if (flow->after_failure) {
		flow->after_failure(scene);
		return;
	}
	rc = flow->act(scene);
	expect(!rc, "%s: again: %s", text, call_errname(-rc));
}

/* Between two scenes. Some go when RCU lets them, so that the first counts may be too high. */
static unsigned int fewest_live;

/* The nth fails: false if there are not so many. */
static bool fail_nth(const struct flow *flow, const struct fault *fault, unsigned int nth,
		     unsigned int *survived)
{
	static struct picture before;
	unsigned int live, failed;
	struct scene scene;
	const char *text;
	int rc;

	begin(&scene, flow);
	take(&before, &scene);
	arm(fault, nth);
	rc = flow->act(&scene);
	failed = disarm(fault);
	text = where(flow, fault, nth);
	expect(!rc || failed, "%s: nothing failed: %s", text, call_errname(-rc));
	expect(rc || !failed || !fault->reply, "%s: nobody noticed", text);
	expect(!rc || is_right(fault, rc), "%s: %s", text, call_errname(-rc));
	if (rc)
		recover(flow, &scene, &before, text);
	else
		*survived += !!failed;
	if (flow->undo)
		flow->undo(&scene);
	if (flow->undo && !flow->leaves_number)
		expect_same(&before, &scene, text);
	end(&scene);
	live = faults_live_settled(fewest_live);
	expect(live <= fewest_live, "%s: %u objects instead of %u, one by %s", text, live,
	       fewest_live, faults_one());
	fewest_live = live;
	ck_assert_int_eq(pins_now(), 0);
	return failed;
}

static unsigned int sweep(const struct flow *flow, const struct fault *fault,
			  unsigned int *survived)
{
	unsigned int nth, tried = 0;

	for (nth = fault->first; fail_nth(flow, fault, nth, survived); nth += fault->step) {
		ck_assert_uint_lt(nth, MAX_POINTS);
		tried++;
	}
	return tried;
}

static bool has_no_way_back(const struct flow *flow)
{
	int ctx = context_open();
	bool has = ok_info(ctx).out_capabilities & flow->no_way_back;

	close(ctx);
	return flow->no_way_back && !has;
}

/* What is there from the first time on, like a device with its driver, is there before. */
static void warm_up(const struct flow *flow)
{
	struct scene scene;

	make_memory();
	begin(&scene, flow);
	end(&scene);
	fewest_live = faults_live();
}

static bool is_possible(const struct flow *flow)
{
	int ctx = context_open();
	bool has = ok_info(ctx).out_capabilities & IOASID_CAP_PASID;

	close(ctx);
	return !flow->tagged || has;
}

static void sweep_flow(const void *arg)
{
	const struct flow *flow = arg;
	const unsigned int step = SPARSE / rounds(SPARSE);
	struct fault fault = { .call = -1, .first = 1 + chance(step), .step = step };
	unsigned int points, survived = 0, calls = 0, unwritten;

	if (!is_possible(flow))
		return;
	warm_up(flow);
	points = sweep(flow, &fault, &survived);
	/* Loading takes long, and has no way back that could fail. */
	fault.all = flow->prepare != without_modules && flow->prepare != without_stub;
	if (fault.all && !has_no_way_back(flow))
		ck_assert_uint_le(sweep(flow, &fault, &survived), points);
	fault.all = false;
	for (fault.call = 0; fault.call < MOCK_NUM_INJECTABLE; fault.call++)
		if (flow->calls & 1u << fault.call)
			calls += sweep(flow, &fault, &survived);
	fault.reply = true;
	fault.first = fault.step = 1;
	unwritten = sweep(flow, &fault, &survived);
	printf("# faults: %s: %u points, %u calls of the IOMMU, %u replies; survived %u\n",
	       flow->name, points, calls, unwritten, survived);
}

/* What has a reply has done nothing if that cannot be written, and what has none does not care. */
static void give_up_without_reply(const struct flow *flow)
{
	static struct picture before;
	struct scene scene;
	int rc;

	begin(&scene, flow);
	take(&before, &scene);
	call_next_without_reply(true);
	rc = flow->act(&scene);
	call_next_without_reply(false);
	expect(!rc || rc == -EFAULT, "%s: the reply: %s", flow->name, call_errname(-rc));
	if (rc) {
		expect_same(&before, &scene, flow->name);
		expect(!flow->act(&scene), "%s: the reply: again", flow->name);
	}
	end(&scene);
}

static void give_up(const void *arg)
{
	const struct flow *flow = arg;
	struct scene scene;
	int rc;

	if (!is_possible(flow))
		return;
	make_memory();
	give_up_without_reply(flow);
	begin(&scene, flow);
	faults_arm(1, true);
	rc = flow->act(&scene);
	faults_disarm();
	expect(!rc, "%s: %s", flow->name, call_errname(-rc));
	expect(!faults_seen(), "%s asks for something: %s", flow->name, faults_last());
	end(&scene);
}

#define GROUP(name, body, table)                                                 \
	{                                                                        \
		{ name, "" }, body, table, ARRAY_SIZE(table), sizeof((table)[0]) \
	}

/* Flows that need the modules only once: loading them takes longer than most of the rest. */
static const struct group {
	struct test_row row;
	void (*body)(const void *flow);
	const struct flow *flows;
	unsigned int nr;
	size_t size;
} groups[] = {
	GROUP("contexts", sweep_flow, of_contexts), GROUP("maps", sweep_flow, of_maps),
	GROUP("devices", sweep_flow, of_devices),   GROUP("modules", sweep_flow, of_modules),
	GROUP("drivers", sweep_flow, of_drivers),   GROUP("giving up", give_up, ends),
};

IOASID_TEST(faults, sweep, .needs = "mock", .timeout = 300, TEST_ROWS(groups))
{
	const struct group *group = &groups[row];

	faults_run(group->body, group->flows, group->nr, group->size);
}
