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

#include "call.h"
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
#define SEVERAL 20 /* pages, more than fit on the stack of a call */
#define MANY 1200 /* runs of several blocks, in several chunks */
#define MAX_POINTS 500

/**
 * struct scene - what a flow acts on; new for each failure
 * @ctx: context, or -1
 * @id: address space, or 0
 * @other: another one
 * @mock: device, its files are -1 if they are not open
 * @second: another one
 * @extra: device that was added, or MOCK_NO_DEVICE
 * @fd: what the flow opened, or -1
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
	uint64_t no_way_back;
};

#define CALL(name) (1u << MOCK_CALL_##name)

/* Pages that are there before the modules come, and that a call pins. */
static char *few, *several, *many;

static void make_memory(void)
{
	few = mem_new(4 * PAGE);
	several = mem_scattered(SEVERAL);
	many = mem_scattered(MANY);
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
	int rc;

	if (!can_map_files(scene->ctx))
		return 0;
	if (scene->fd < 0)
		scene->fd = mem_file(SEVERAL * PAGE);
	rc = t_map_file(scene->ctx, .ioasid = scene->id, .flags = RW, .fd = scene->fd,
			.length = SEVERAL * PAGE);
	return rc;
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
	struct ioasid_event event;

	ck_assert_int_eq(read(scene->ctx, &event, sizeof(event)), sizeof(event));
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
 */
struct fault {
	int call;
	bool all;
};

static uint64_t injected_before;

static void arm(const struct fault *fault, unsigned int nth)
{
	if (fault->call < 0) {
		faults_arm(nth, fault->all);
		return;
	}
	injected_before = mock_stats().injected;
	mock_fail(fault->call, nth, EIO);
}

static unsigned int disarm(const struct fault *fault)
{
	if (fault->call < 0)
		return faults_disarm();
	mock_inject((struct mock_inject){ .call = fault->call });
	return mock_stats().injected - injected_before;
}

/* Kernels before 6.11 do not say why there is no domain; the one for PASIDs never says why. */
static bool is_right(const struct fault *fault, int rc)
{
	if (fault->call >= 0)
		return rc == -EIO || (fault->call == MOCK_CALL_ALLOC && rc == -ENOMEM);
	return rc == -ENOMEM;
}

static const char *where(const struct flow *flow, const struct fault *fault, unsigned int nth)
{
	static char text[300];

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
	unsigned int nth = 1;

	while (fail_nth(flow, fault, nth, survived))
		ck_assert_uint_lt(++nth, MAX_POINTS);
	return nth - 1;
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
	struct fault fault = { .call = -1 };
	unsigned int points, survived = 0, calls = 0;

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
	printf("# faults: %s: %u points, %u calls of the IOMMU; survived %u\n", flow->name, points,
	       calls, survived);
}

static void give_up(const void *arg)
{
	const struct flow *flow = arg;
	struct scene scene;
	int rc;

	if (!is_possible(flow))
		return;
	make_memory();
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
	GROUP("giving up", give_up, ends),
};

IOASID_TEST(faults, sweep, .needs = "mock", .timeout = 300, TEST_ROWS(groups))
{
	const struct group *group = &groups[row];

	faults_run(group->body, group->flows, group->nr, group->size);
}
