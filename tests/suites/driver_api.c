// SPDX-License-Identifier: GPL-2.0-only
/*
 * The in-kernel API, through a driver that uses it for itself (tests/kmod/consumer.c): what it is
 * given, what it is refused, and that it does not matter in which order everything ends.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "call.h"
#include "memory.h"
#include "mock.h"
#include "module.h"
#include "oracle.h"
#include "sysfs.h"
#include "test.h"

#include "../kmod/consumer.h"

#define AT 0x10000000ull
#define CONSUMER "ioasidfd_consumer"

/* A context with two address spaces, one page at AT each, and a device with the driver. */
struct scene {
	int ctx;
	int node;
	uint32_t ioasid[2];
	char *page[2];
	struct mock mock;
	struct consumer_order last;
};

static int order(struct scene *scene, struct consumer_order order)
{
	int rc;

	scene->last = order;
	rc = ioctl(scene->node, CONSUMER_ORDER, &scene->last) ? -errno : 0;
	return rc;
}

#define obeys(scene, ...) ck_assert_int_eq(order(scene, (struct consumer_order){ __VA_ARGS__ }), 0)
#define refuses(error, scene, ...) \
	ck_assert_int_eq(order(scene, (struct consumer_order){ __VA_ARGS__ }), -(error))

static void scene_open(struct scene *scene)
{
	int i, rc;

	rc = module_insert(CONSUMER, "");
	test_require(!rc, "loading " CONSUMER ": %s", strerror(-rc));
	ck_assert(pci_give(MOCK_NAME(0), CONSUMER));
	scene->node = open("/dev/ioasidfd-consumer", O_RDWR | O_CLOEXEC);
	test_require(scene->node >= 0, "/dev/ioasidfd-consumer: %m");
	mock_open_node(&scene->mock, MOCK_0);
	scene->ctx = context_open();
	for (i = 0; i < 2; i++) {
		scene->ioasid[i] = ioasid_new(scene->ctx);
		scene->page[i] = mem_new(PAGE);
		ok_map(scene->ctx, .ioasid = scene->ioasid[i], .flags = RW | FIXED,
		       .user_va = va(scene->page[i]), .length = PAGE, .iova = AT);
	}
}

static void scene_close(struct scene *scene)
{
	int rc;

	pci_unbind(MOCK_NAME(0));
	close(scene->node);
	rc = module_delete(CONSUMER);
	test_require(!rc, "unloading " CONSUMER ": %s", strerror(-rc));
}

static void take_both(struct scene *scene)
{
	obeys(scene, .op = CONSUMER_CONTEXT_GET, .fd = scene->ctx);
	obeys(scene, .op = CONSUMER_IOAS_GET, .slot = 0, .ioasid = scene->ioasid[0]);
	obeys(scene, .op = CONSUMER_IOAS_GET, .slot = 1, .ioasid = scene->ioasid[1]);
}

/* Which descriptors and numbers are taken for what they are. */
IOASID_TEST(driver_api, lookups, .needs = "mock")
{
	int other_kind = open("/dev/null", O_RDWR | O_CLOEXEC), other = context_open();
	struct scene scene;

	scene_open(&scene);
	refuses(EBADF, &scene, .op = CONSUMER_CONTEXT_GET, .fd = -1);
	refuses(EBADF, &scene, .op = CONSUMER_CONTEXT_GET, .fd = other_kind);
	refuses(EBADF, &scene, .op = CONSUMER_CONTEXT_GET, .fd = scene.node);
	obeys(&scene, .op = CONSUMER_CONTEXT_GET, .fd = other);
	refuses(ENOENT, &scene, .op = CONSUMER_IOAS_GET, .ioasid = scene.ioasid[0]);
	obeys(&scene, .op = CONSUMER_CONTEXT_PUT);
	take_both(&scene);
	ok_free(scene.ctx, .ioasid = scene.ioasid[0]);
	refuses(ENOENT, &scene, .op = CONSUMER_IOAS_GET, .slot = 2, .ioasid = scene.ioasid[0]);
	/* A reference keeps the number, so it means nothing else. */
	ck_assert_uint_ne(ioasid_new(scene.ctx), scene.ioasid[0]);
	scene_close(&scene);
}

/* The RID, PASIDs of both kinds, replacing, and taking away: by what the device reaches. */
IOASID_TEST(driver_api, uses, .needs = "mock")
{
	struct scene scene;
	struct mock tagged;
	bool pasids;

	scene_open(&scene);
	pasids = ok_info(scene.ctx).out_capabilities & IOASID_CAP_PASID;
	take_both(&scene);
	refuses(EINVAL, &scene, .op = CONSUMER_ALLOW, .slot = 0);
	obeys(&scene, .op = CONSUMER_BIND);
	ck_assert_uint_eq(scene.last.out_enabled, 1);
	refuses(EBUSY, &scene, .op = CONSUMER_BIND);
	obeys(&scene, .op = CONSUMER_ALLOW, .slot = 0);
	ck_assert(mock_writes(&scene.mock, AT, scene.page[0]));
	refuses(EEXIST, &scene, .op = CONSUMER_ALLOW, .slot = 1);
	obeys(&scene, .op = CONSUMER_REPLACE, .slot = 0, .other = 1);
	ck_assert(mock_writes(&scene.mock, AT, scene.page[1]));
	refuses(ENOENT, &scene, .op = CONSUMER_DISALLOW, .slot = 0);
	refuses(EINVAL, &scene, .op = CONSUMER_DISALLOW, .slot = 1, .pasid = 3);
	/* The bit after those that have a meaning. */
	refuses(EINVAL, &scene, .op = CONSUMER_ALLOW, .slot = 0,
		.flags = IOASID_ALLOW_FIXED_PASID << 1);
	refuses(EINVAL, &scene, .op = CONSUMER_REPLACE, .slot = 1, .other = 0,
		.flags = IOASID_REPLACE_GROUP << 1);
	refuses(EINVAL, &scene, .op = CONSUMER_DISALLOW, .slot = 1,
		.flags = IOASID_DISALLOW_PASID << 1);
	if (pasids) {
		obeys(&scene, .op = CONSUMER_ALLOW, .slot = 0, .flags = IOASID_ALLOW_PASID);
		tagged = mock_tagged(&scene.mock, scene.last.pasid);
		ck_assert(mock_writes(&tagged, AT, scene.page[0]));
		obeys(&scene, .op = CONSUMER_REPLACE, .slot = 0, .other = 1, .pasid = tagged.pasid,
		      .flags = IOASID_REPLACE_PASID);
		ck_assert(mock_writes(&tagged, AT, scene.page[1]));
		obeys(&scene, .op = CONSUMER_ALLOW, .slot = 0, .pasid = 500,
		      .flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
		refuses(EINVAL, &scene, .op = CONSUMER_ALLOW, .slot = 0, .pasid = 501,
			.flags = IOASID_ALLOW_FIXED_PASID);
		refuses(EINVAL, &scene, .op = CONSUMER_ALLOW, .slot = 0, .pasid = 1 << 20,
			.flags = IOASID_ALLOW_PASID | IOASID_ALLOW_FIXED_PASID);
		obeys(&scene, .op = CONSUMER_DISALLOW, .slot = 1, .pasid = tagged.pasid,
		      .flags = IOASID_DISALLOW_PASID);
		mock_expect_fault(&tagged, AT, scene.page[1], MOCK_FAULT_NO_CONTEXT);
	}
	obeys(&scene, .op = CONSUMER_DISALLOW, .slot = 1);
	mock_expect_fault(&scene.mock, AT, scene.page[1], MOCK_FAULT_BLOCKED);
	obeys(&scene, .op = CONSUMER_UNBIND);
	ck_assert_uint_eq(scene.last.out_quiesced, 1);
	refuses(EINVAL, &scene, .op = CONSUMER_UNBIND);
	scene_close(&scene);
}

/* An address space of another context than the one that owns the device. */
IOASID_TEST(driver_api, foreign_space, .needs = "mock")
{
	struct scene scene;
	int other = context_open();

	scene_open(&scene);
	take_both(&scene);
	obeys(&scene, .op = CONSUMER_CONTEXT_PUT);
	obeys(&scene, .op = CONSUMER_CONTEXT_GET, .fd = other);
	obeys(&scene, .op = CONSUMER_BIND);
	refuses(ENOENT, &scene, .op = CONSUMER_ALLOW, .slot = 0);
	/* It has the number of the first one's. */
	ck_assert_uint_eq(ioasid_new(other), scene.ioasid[0]);
	obeys(&scene, .op = CONSUMER_IOAS_GET, .slot = 2, .ioasid = scene.ioasid[0]);
	obeys(&scene, .op = CONSUMER_IOAS_GET, .slot = 3, .ioasid = ioasid_new(other));
	obeys(&scene, .op = CONSUMER_ALLOW, .slot = 2);
	refuses(ENOENT, &scene, .op = CONSUMER_REPLACE, .slot = 2, .other = 0);
	refuses(ENOENT, &scene, .op = CONSUMER_REPLACE, .slot = 0, .other = 3);
	refuses(ENOENT, &scene, .op = CONSUMER_DISALLOW, .slot = 0);
	obeys(&scene, .op = CONSUMER_REPLACE, .slot = 2, .other = 3);
	scene_close(&scene);
}

/* User space goes first: what the driver holds is empty, and all it can do is to let go. */
IOASID_TEST(driver_api, context_closed, .needs = "mock")
{
	struct scene scene;

	scene_open(&scene);
	take_both(&scene);
	obeys(&scene, .op = CONSUMER_BIND);
	obeys(&scene, .op = CONSUMER_ALLOW, .slot = 0);
	close(scene.ctx);
	mock_expect_fault(&scene.mock, AT, scene.page[0], MOCK_FAULT_NOT_MAPPED);
	ck_assert_int_eq(pins_settled(0), 0);
	refuses(ENOENT, &scene, .op = CONSUMER_REPLACE, .slot = 0, .other = 1);
	obeys(&scene, .op = CONSUMER_DISALLOW, .slot = 0);
	refuses(ENOENT, &scene, .op = CONSUMER_ALLOW, .slot = 1);
	obeys(&scene, .op = CONSUMER_IOAS_PUT, .slot = 0);
	obeys(&scene, .op = CONSUMER_CONTEXT_PUT);
	obeys(&scene, .op = CONSUMER_UNBIND);
	scene_close(&scene);
}

/* The device goes first, with everything in use: the driver is told, and drops it all. */
IOASID_TEST(driver_api, device_removed, .needs = "mock")
{
	struct scene scene;
	uint32_t job;

	scene_open(&scene);
	take_both(&scene);
	obeys(&scene, .op = CONSUMER_BIND);
	obeys(&scene, .op = CONSUMER_ALLOW, .slot = 0);
	job = mock_start(&scene.mock, AT, 50);
	mock_wait_runs(&scene.mock, job, 3);
	mock_remove(MOCK_0);
	refuses(ENXIO, &scene, .op = CONSUMER_STATE);
	ok_unmap(scene.ctx, .ioasid = scene.ioasid[0], .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(pins_settled(1), 1);
	close(scene.node);
	ck_assert_int_eq(module_delete(CONSUMER), 0);
}

/* The driver is unbound with everything in use, and the next one gets the device. */
IOASID_TEST(driver_api, driver_unbound, .needs = "mock")
{
	struct scene scene;
	struct mock mock;

	scene_open(&scene);
	take_both(&scene);
	obeys(&scene, .op = CONSUMER_BIND);
	obeys(&scene, .op = CONSUMER_ALLOW, .slot = 0);
	scene_close(&scene);
	mock_open(&mock, MOCK_0);
	ok_bind(mock.fd, .context_fd = scene.ctx);
	ok_allow(mock.fd, .ioasid = scene.ioasid[1]);
	ck_assert(mock_writes(&mock, AT, scene.page[1]));
}
