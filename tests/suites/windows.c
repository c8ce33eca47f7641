// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two calls that meet at the worst moment: one stands still at a named point (src/delay_point.h)
 * while the other one is made, as long as that does not have to wait for it. Whoever comes second
 * gets the answer that it would get a moment later, no device reaches what it lost, and nothing is
 * left in the end.
 *
 * The modules are the test build (lib/faults.h).
 */
#include <pthread.h>
#include <sched.h>

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
#define PAGES 20

/**
 * struct scene - what both act on
 * @ctx: a context
 * @id: an address space, with a page at AT
 * @other: another one, with another page there
 * @page: the one of @id
 * @other_page: the one of @other
 * @memory: to be mapped
 * @mock: a device, bound and allowed @id
 * @second: a device of another context's group
 * @second_ctx: that context
 * @second_id: an address space there
 * @third: number of another device of that group, if there is one
 * @joining: the task that adds one
 * @pasid: the PASID of @id, if it has one
 */
struct scene {
	int ctx;
	uint32_t id;
	uint32_t other;
	char *page;
	char *other_page;
	char *memory;
	struct mock mock;
	struct mock second;
	int second_ctx;
	uint32_t second_id;
	unsigned int third;
	pthread_t joining;
	uint32_t pasid;
};

/**
 * struct meeting - who meets whom where
 * @name: for people
 * @point: where the first stands still
 * @first: the first call: 0 or -errno
 * @first_rc: what it is told
 * @second: the second call, made while the first stands still
 * @second_rc: what that is told
 * @after: what must be true then, or NULL
 * @bare: without a scene
 * @tagged: only where there are PASIDs
 * @apart: the second has nothing to do with the first, and does not wait for it
 */
struct meeting {
	const char *name;
	const char *point;
	int (*first)(struct scene *scene);
	int first_rc;
	int (*second)(struct scene *scene);
	int second_rc;
	void (*after)(struct scene *scene);
	bool bare;
	bool tagged;
	bool apart;
};

static char *map_new(int ctx, uint32_t id)
{
	char *page = mem_new(PAGE);

	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(page), .length = PAGE,
	       .iova = AT);
	return page;
}

static void set(struct scene *scene)
{
	scene->memory = mem_scattered(PAGES);
	scene->ctx = context_open_nonblock();
	scene->id = ioasid_new(scene->ctx);
	scene->other = ioasid_new(scene->ctx);
	scene->page = map_new(scene->ctx, scene->id);
	scene->other_page = map_new(scene->ctx, scene->other);
	mock_open(&scene->mock, MOCK_0);
	ok_bind(scene->mock.fd, .context_fd = scene->ctx);
	ok_allow(scene->mock.fd, .ioasid = scene->id);
	mock_open(&scene->second, MOCK_PAIR_0);
	scene->second_ctx = context_open();
	ok_bind(scene->second.fd, .context_fd = scene->second_ctx);
	scene->second_id = ioasid_new(scene->second_ctx);
}

static void strike(struct scene *scene)
{
	mock_close(&scene->mock);
	mock_close(&scene->second);
	if (scene->ctx >= 0)
		close(scene->ctx);
	if (scene->second_ctx >= 0)
		close(scene->second_ctx);
}

/* Calls. */

static int map_page(struct scene *scene)
{
	return t_map(scene->ctx, .ioasid = scene->id, .flags = RW, .user_va = va(scene->memory),
		     .length = PAGE);
}

static int map_pages(struct scene *scene)
{
	return t_map(scene->ctx, .ioasid = scene->id, .flags = RW, .user_va = va(scene->memory),
		     .length = PAGES * PAGE);
}

/* What is unmapped is flushed by a timer, unless somebody is faster. */
static int unmap_deferred(struct scene *scene)
{
	scene->id = ok_alloc(scene->ctx, .flags = IOASID_ALLOC_DEFERRED_FLUSH).out_ioasid;
	map_page(scene);
	return t_unmap(scene->ctx, .ioasid = scene->id, .flags = IOASID_UNMAP_ALL);
}

/* Only pages of the scene are left, one in each of its first two. */
static int sync_gives_back(struct scene *scene)
{
	int rc = t_sync(scene->ctx, .ioasid = scene->id);

	return rc ?: vm_pinned(getpid()) == 2 * PAGE ? 0 : -EBUSY;
}

static int unmap_all(struct scene *scene)
{
	return t_unmap(scene->ctx, .ioasid = scene->id, .flags = IOASID_UNMAP_ALL);
}

static int free_id(struct scene *scene)
{
	return t_free(scene->ctx, .ioasid = scene->id);
}

static int free_other(struct scene *scene)
{
	return t_free(scene->ctx, .ioasid = scene->other);
}

static int allow(struct scene *scene)
{
	return t_allow(scene->mock.fd, .ioasid = scene->id);
}

static int disallow(struct scene *scene)
{
	return t_disallow(scene->mock.fd, .ioasid = scene->id);
}

/* What an allow() is up against is not allowed yet. */
static int disallowed_and_allowed(struct scene *scene)
{
	ck_assert_int_eq(disallow(scene), 0);
	return allow(scene);
}

static int replace(struct scene *scene)
{
	return t_replace(scene->mock.fd, .from_ioasid = scene->id, .ioasid = scene->other);
}

static int bind_again(struct scene *scene)
{
	ok_unbind(scene->mock.fd);
	return t_bind(scene->mock.fd, .context_fd = scene->ctx);
}

static int unbind(struct scene *scene)
{
	return t_unbind(scene->mock.fd);
}

static int unplug(struct scene *scene)
{
	mock_remove(scene->mock.number);
	return 0;
}

static int close_context(struct scene *scene)
{
	int fd = scene->ctx;

	scene->ctx = -1;
	return close(fd);
}

static int close_device(struct scene *scene)
{
	int fd = scene->mock.fd;

	scene->mock.fd = -1;
	return close(fd);
}

/* The context waits for a group. */
static int watch(struct scene *scene)
{
	struct mock pair;

	mock_open(&pair, MOCK_PAIR_1);
	err_bind(EBUSY, pair.fd, .context_fd = scene->ctx, .flags = IOASID_BIND_WATCH);
	mock_close(&pair);
	return 0;
}

static int watch_and_close(struct scene *scene)
{
	watch(scene);
	return close_context(scene);
}

static int release_group(struct scene *scene)
{
	return t_unbind(scene->second.fd);
}

static int watch_and_release_group(struct scene *scene)
{
	watch(scene);
	return release_group(scene);
}

#define TAG 100

static int allow_second(struct scene *scene)
{
	return t_allow(scene->second.fd, .ioasid = scene->second_id);
}

static int tag_second(struct scene *scene)
{
	return t_allow(scene->second.fd, .ioasid = scene->second_id,
		       .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID, .pasid = TAG);
}

static int untag_second(struct scene *scene)
{
	return t_disallow(scene->second.fd, .ioasid = scene->second_id,
			  .flags = IOASID_DISALLOW_PASID, .pasid = TAG);
}

static int bind_and_tag_second(struct scene *scene)
{
	return t_bind(scene->second.fd, .context_fd = scene->second_ctx) ?: tag_second(scene);
}

static void third_joins(struct scene *scene)
{
	scene->third =
		mock_add((struct mock_add_device){ .sibling = MOCK_PAIR_0, .pasid_bits = 16 });
}

static int third_leaves(struct scene *scene)
{
	third_joins(scene);
	mock_remove(scene->third);
	return 0;
}

static int third_leaves_tagged(struct scene *scene)
{
	return tag_second(scene) ?: third_leaves(scene);
}

static int third_leaves_nobody(struct scene *scene)
{
	return t_unbind(scene->second.fd) ?: third_leaves(scene);
}

static void *join(void *scene)
{
	third_joins(scene);
	return NULL;
}

/* Meanwhile others bind devices of other groups. */
static int join_and_bind(struct scene *scene)
{
	ck_assert_int_eq(pthread_create(&scene->joining, NULL, join, scene), 0);
	usleep(50000);
	return bind_again(scene);
}

static int ask(struct scene *scene)
{
	return t_dev_owner(scene->second.fd);
}

static int open_context(struct scene *scene)
{
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);

	(void)scene;
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int unload_core(struct scene *scene)
{
	(void)scene;
	return module_delete(CORE);
}

static int unload_stub(struct scene *scene)
{
	(void)scene;
	return module_delete(STUB);
}

/* The workers have seen a driver go. */
static int see_driver_go(struct scene *scene)
{
	(void)scene;
	stub_node(MOCK_NAME(0));
	pci_unbind(MOCK_NAME(0));
	return 0;
}

/* The driver's probe() puts it there. */
static int make_node(struct scene *scene)
{
	(void)scene;
	pci_unbind(MOCK_NAME(0));
	stub_node(MOCK_NAME(0));
	return 0;
}

static int ask_node(struct scene *scene)
{
	int rc, fd = open("/dev/ioasid-dev/" MOCK_NAME(0), O_RDWR | O_CLOEXEC);

	(void)scene;
	if (fd < 0)
		return -errno;
	rc = t_dev_info(fd) ?: t_dev_region(fd);
	close(fd);
	return rc;
}

static int unload_both(struct scene *scene)
{
	return unload_stub(scene) ?: unload_core(scene);
}

/* A reader that does not sleep keeps its processor from the others. */
static void run_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* No device uses it any more, and it has a PASID. */
static void tag(struct scene *scene)
{
	struct ioasid_device_allow allow;

	ck_assert_int_eq(disallow(scene), 0);
	allow = ok_allow(scene->mock.fd, .ioasid = scene->id, .flags = IOASID_ALLOW_PASID);
	scene->pasid = allow.out_pasid;
	ok_disallow(scene->mock.fd, .ioasid = scene->id, .flags = IOASID_DISALLOW_PASID,
		    .pasid = scene->pasid);
}

/* Is the PASID told that it has, or none? Anything else is somebody else's memory. */
static int read_pasid(struct scene *scene, uint32_t wanted)
{
	struct fdinfo info = fdinfo_read(scene->ctx);
	int index = fdinfo_find(&info, scene->id);

	if (index >= 0 && info.ioasid[index].pasid != wanted)
		fprintf(stderr, "windows: PASID %u instead of %u\n", info.ioasid[index].pasid,
			wanted);
	return index < 0 || info.ioasid[index].pasid == wanted ? 0 : -ESTALE;
}

static int tag_and_read(struct scene *scene)
{
	run_on(1);
	tag(scene);
	return read_pasid(scene, scene->pasid);
}

static int tag_and_free(struct scene *scene)
{
	tag(scene);
	return free_id(scene);
}

static int read_none(struct scene *scene)
{
	return read_pasid(scene, 0);
}

/* Outcomes. */

static void is_blocked(struct scene *scene)
{
	mock_expect_fault(&scene->mock, AT, scene->page, MOCK_FAULT_BLOCKED);
}

static void reaches_nothing(struct scene *scene)
{
	mock_expect_fault(&scene->mock, AT, scene->page, MOCK_FAULT_NOT_MAPPED);
}

static void reaches_its_page(struct scene *scene)
{
	ck_assert(mock_writes(&scene->mock, AT, scene->page));
}

static void reaches_the_other(struct scene *scene)
{
	ck_assert(mock_writes(&scene->mock, AT, scene->other_page));
}

static void has_nothing_mapped(struct scene *scene)
{
	reaches_nothing(scene);
	/* The page of the other one. */
	ck_assert_int_eq(pins_now(), 1);
}

static void is_gone(struct scene *scene)
{
	err_dev_owner(ENODEV, scene->mock.fd);
	ck_assert(!pci_present(MOCK_NAME(0)));
}

static void is_unowned(struct scene *scene)
{
	struct ioasid_device_owner owner;

	mock_open(&scene->mock, MOCK_0);
	owner = ok_dev_owner(scene->mock.fd);
	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_NONE);
}

static void has_joined(struct scene *scene)
{
	pthread_join(scene->joining, NULL);
	mock_remove(scene->third);
}

static void is_tagged(struct scene *scene)
{
	ck_assert_uint_eq(mock_info(MOCK_PAIR_0).out_num_pasids, 1);
	ck_assert_uint_eq(mock_info(MOCK_PAIR_1).out_num_pasids, 1);
	ck_assert_uint_eq(mock_stats().live_pasids, 2);
	ck_assert_int_eq(untag_second(scene), 0);
	ck_assert_uint_eq(mock_stats().live_pasids, 0);
	ck_assert_uint_eq(mock_stats().violation, 0);
}

static void is_not_tagged(struct scene *scene)
{
	(void)scene;
	ck_assert_uint_eq(mock_stats().live_pasids, 0);
	ck_assert_uint_eq(mock_stats().violation, 0);
}

static void is_orphaned(struct scene *scene)
{
	ck_assert_uint_eq(ok_dev_owner(scene->mock.fd).out_owner_flags & IOASID_OWNER_CLOSED,
			  IOASID_OWNER_CLOSED);
	is_blocked(scene);
	err_allow(ENOENT, scene->mock.fd, .ioasid = scene->id);
}

static const struct meeting meetings[] = {
	{ "a map of a page and a free", "map-pinned", map_page, -ENOENT, free_id, 0,
	  .after = has_nothing_mapped },
	{ "a map in chunks and a free", "map-chunk", map_pages, -ENOENT, free_id, 0,
	  .after = has_nothing_mapped },
	{ "a map that is done and a free", "map-commit", map_pages, 0, free_id, 0,
	  .after = has_nothing_mapped },
	{ "a map that is there and a free", "map-settled", map_pages, 0, free_id, 0,
	  .after = has_nothing_mapped },
	{ "an unmap and a free", "unmap-commit", unmap_all, 0, free_id, 0,
	  .after = has_nothing_mapped },
	{ "a flush by the timer and a sync", "flush-taken", unmap_deferred, 0, sync_gives_back, 0,
	  .after = NULL },
	{ "an unmap and a map", "unmap-cleared", unmap_all, 0, map_pages, 0, .after = NULL },
	{ "a free and a free", "free-marked", free_id, 0, free_id, -ENOENT,
	  .after = has_nothing_mapped },
	{ "a free and a map", "free-marked", free_id, 0, map_pages, -ENOENT,
	  .after = has_nothing_mapped },
	{ "a free and a disallow", "free-marked", free_id, 0, disallow, 0, .after = is_blocked },
	{ "an allow and an unplug", "allow-commit", disallowed_and_allowed, -ENODEV, unplug, 0,
	  .after = is_gone },
	{ "an attach and an unplug", "attach", disallowed_and_allowed, 0, unplug, 0,
	  .after = is_gone },
	{ "an allow and an unbind", "allow-commit", disallowed_and_allowed, -EINVAL, unbind, 0,
	  .after = NULL },
	{ "an allow and a free", "allow-commit", disallowed_and_allowed, -ENOENT, free_id, 0,
	  .after = is_blocked },
	{ "an attach and a free", "attach", disallowed_and_allowed, -ENOENT, free_id, 0,
	  .after = is_blocked },
	{ "an unbind and an allow", "unbind-quiesced", unbind, 0, allow, -EINVAL, .after = NULL },
	{ "an unbind and a map", "unbind-quiesced", unbind, 0, map_pages, 0, .after = NULL },
	{ "a replace and a free of what comes", "replace-found", replace, -ENOENT, free_other, 0,
	  .after = reaches_its_page },
	{ "a replace and a free of what goes", "replace-found", replace, 0, free_id, 0,
	  .after = reaches_the_other },
	{ "a replace that is done and a free", "replace-attached", replace, 0, free_other, 0,
	  .after = reaches_nothing },
	{ "a replace and an unplug", "replace-attached", replace, 0, unplug, 0, .after = is_gone },
	{ "a detach and a close", "attachment-detached", disallow, 0, close_context, 0,
	  .after = is_blocked },
	{ "a bind and a close", "context-got", bind_again, 0, close_context, 0,
	  .after = is_orphaned },
	{ "a close and an event", "context-closed", watch_and_close, 0, release_group, 0,
	  .after = NULL },
	{ "an event and a close", "watch-free", watch_and_release_group, 0, close_context, 0,
	  .after = NULL },
	{ "a close and an unbind", "context-unwatched", close_context, 0, unbind, 0,
	  .after = NULL },
	{ "a close of the device and an unplug", "device-release", close_device, 0, unplug, 0,
	  .after = NULL },
	{ "a release and a question", "group-release", close_device, 0, ask, 0,
	  .after = is_unowned },
	{ "an unplug and a close", "notified-late", unplug, 0, close_context, 0, .after = NULL },
	{ "the end of an unplug and a close", "notified-early", unplug, 0, close_context, 0,
	  .after = NULL },
	{ "an unplug and a disallow", "notified-late", unplug, 0, disallow, 0, .after = is_gone },
	{ "an allow, a join, and a bind elsewhere", "attach", allow_second, 0, join_and_bind, 0,
	  .after = has_joined, .apart = true },
	{ "the end of a member and an allow", "member-removed", third_leaves, 0, tag_second, 0,
	  .after = is_tagged, .tagged = true },
	{ "the end of a member and a disallow", "member-removed", third_leaves_tagged, 0,
	  untag_second, 0, .after = is_not_tagged, .tagged = true },
	{ "the end of a member and a bind", "member-removed", third_leaves_nobody, 0,
	  bind_and_tag_second, 0, .after = is_tagged, .tagged = true },
	{ "a reader of a PASID and a free", "pasid-seen", tag_and_read, 0, free_id, 0,
	  .tagged = true },
	{ "a free and a reader of a PASID", "pasid-drop", tag_and_free, 0, read_none, 0,
	  .tagged = true },
	{ "a probe and questions", "node-published", make_node, 0, ask_node, 0, .bare = true,
	  .apart = true },
	{ "an open and an unload", "context-open", open_context, 0, unload_both, -EAGAIN,
	  .bare = true },
	{ "the observer and an unload", "observer-work", see_driver_go, 0, unload_both, 0,
	  .bare = true },
};

struct caller {
	pthread_t thread;
	int (*call)(struct scene *scene);
	struct scene *scene;
	int rc;
	volatile bool done;
};

static void *run_caller(void *arg)
{
	struct caller *caller = arg;

	caller->rc = caller->call(caller->scene);
	caller->done = true;
	return NULL;
}

static void start(struct caller *caller)
{
	ck_assert_int_eq(pthread_create(&caller->thread, NULL, run_caller, caller), 0);
}

/* For the meetings to come. */
static void bring_back(void)
{
	struct mock_add_device add = { .sibling = MOCK_NO_DEVICE, .pasid_bits = 16 };

	if (!module_loaded(CORE))
		ck_assert_int_eq(faults_insert(CORE), 0);
	if (!module_loaded(STUB))
		ck_assert_int_eq(faults_insert(STUB), 0);
	if (!pci_present(MOCK_NAME(0)))
		ck_assert_uint_eq(mock_add(add), MOCK_0);
}

/* What the first does may be done by others for it, after it. */
static void wait_until_held(const struct meeting *meeting)
{
	int tries;

	for (tries = 0; !faults_is_held(); tries++) {
		ck_assert_msg(tries < 5000, "%s: nobody comes by", meeting->name);
		usleep(1000);
	}
}

static bool has_pasids(void)
{
	int ctx = context_open();
	bool has = ok_info(ctx).out_capabilities & IOASID_CAP_PASID;

	close(ctx);
	return has;
}

static void meet(const void *arg)
{
	const struct meeting *meeting = arg;
	struct scene scene = { .ctx = -1, .second_ctx = -1 };
	struct caller first = { .call = meeting->first, .scene = &scene };
	struct caller second = { .call = meeting->second, .scene = &scene };
	int tries;

	if (meeting->tagged && !has_pasids())
		return;
	/* The other one is for whoever does not sleep. */
	if (meeting->tagged)
		run_on(0);
	scene.mock.fd = -1;
	scene.mock.node = -1;
	scene.second = scene.mock;
	if (!meeting->bare)
		set(&scene);
	faults_hold(meeting->point);
	start(&first);
	wait_until_held(meeting);
	start(&second);
	/* It may have to wait for the first. */
	for (tries = 0; !second.done && tries < 300; tries++)
		usleep(1000);
	ck_assert_msg(second.done || !meeting->apart, "%s: it waits", meeting->name);
	faults_let_go();
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	ck_assert_msg(first.rc == meeting->first_rc && second.rc == meeting->second_rc,
		      "%s: %s, %s", meeting->name, call_errname(-first.rc),
		      call_errname(-second.rc));
	if (meeting->after)
		meeting->after(&scene);
	strike(&scene);
	bring_back();
	ck_assert_msg(!pins_settled(0), "%s: pages are still pinned", meeting->name);
}

IOASID_TEST(windows, meetings, .needs = "mock", .timeout = 300)
{
	faults_run(meet, meetings, ARRAY_SIZE(meetings), sizeof(meetings[0]));
}
