// SPDX-License-Identifier: GPL-2.0-only
/* GET_INFO: what it says about the module and about the context. */
#include <sys/resource.h>
#include <sys/utsname.h>

#include "call.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

/* What each kernel can do, as the README's table says it. */
static uint64_t expected_capabilities(void)
{
	uint64_t caps = IOASID_CAP_RID | IOASID_CAP_REFUSALS | IOASID_CAP_DEFERRED_FLUSH;
	struct utsname name;
	unsigned int major, minor;

	test_require(!uname(&name) && sscanf(name.release, "%u.%u", &major, &minor) == 2, "uname");
	if (major > 6 || minor >= 12)
		caps |= IOASID_CAP_MAP_FILE | IOASID_CAP_PASID | IOASID_CAP_REPLACE_RID;
	if (major > 6)
		caps |= IOASID_CAP_REPLACE_PASID;
	return caps;
}

IOASID_TEST(info, constants)
{
	struct ioasid_info info = ok_info(context_open());

	ck_assert_uint_eq(info.out_abi_version, IOASID_ABI_VERSION);
	ck_assert_uint_eq(info.out_capabilities, expected_capabilities());
	ck_assert_uint_eq(info.out_iova_alignment, PAGE);
	ck_assert_uint_gt(info.out_max_ioasids, 0);
}

IOASID_TEST(info, use)
{
	int ctx = context_open();
	uint32_t a = ioasid_new(ctx), b = ioasid_new(ctx);
	uint64_t locked = ok_info(ctx).out_locked_bytes;
	char *memory = mem_new(8 * PAGE);
	struct ioasid_info info;
	struct fdinfo fdinfo;
	int at;

	ok_map(ctx, .ioasid = a, .flags = RW, .user_va = va(memory), .length = 3 * PAGE);
	ok_map(ctx, .ioasid = b, .flags = RW, .user_va = va(memory), .length = 5 * PAGE);
	ok_map(ctx, .ioasid = b, .flags = RW, .user_va = va(memory), .length = PAGE);
	info = ok_info(ctx);
	ck_assert_uint_eq(info.out_ioasids, 2);
	ck_assert_uint_eq(info.out_mappings, 3);
	ck_assert_uint_eq(info.out_mapped_bytes, 9 * PAGE);
	ck_assert_uint_eq(info.out_locked_bytes, locked + 9 * PAGE);
	ck_assert_int_eq(vm_pinned(getpid()), 9 * PAGE);
	ck_assert_int_eq(pins_now(), 9);
	fdinfo = fdinfo_read(ctx);
	at = fdinfo_find(&fdinfo, b);
	ck_assert_int_ge(at, 0);
	ck_assert_uint_eq(fdinfo.ioasid[at].mappings, 2);
	ck_assert_uint_eq(fdinfo.ioasid[at].bytes, 6 * PAGE);
	ok_unmap(ctx, .ioasid = b, .flags = IOASID_UNMAP_ALL);
	info = ok_info(ctx);
	ck_assert_uint_eq(info.out_mappings, 1);
	ck_assert_uint_eq(info.out_mapped_bytes, 3 * PAGE);
	ck_assert_uint_eq(info.out_locked_bytes, locked + 3 * PAGE);
}

/* What counts is the limit of who asks, not of who opened. */
IOASID_TEST(info, limit_is_the_callers)
{
	int ctx = context_open();
	pid_t child;

	ck_assert_uint_eq(ok_info(ctx).out_locked_limit_bytes, ~0ull);
	child = child_fork();
	if (!child) {
		become_user(USER_1, 3 * PAGE + 100);
		ck_assert_uint_eq(ok_info(ctx).out_locked_limit_bytes / PAGE, 3);
		ck_assert_uint_eq(ok_info(ctx).out_locked_bytes, 0);
		set_memlock(10 * PAGE);
		ck_assert_uint_eq(ok_info(ctx).out_locked_limit_bytes, 10 * PAGE);
		child_done();
	}
	child_join(child);
}

/* Each open is a context of its own; dup() is not an open. */
IOASID_TEST(info, contexts_are_private)
{
	int a = context_open(), b = context_open(), a_again = dup(a);

	ioasid_new(a);
	ioasid_new(a);
	ck_assert_uint_eq(ok_info(a).out_ioasids, 2);
	ck_assert_uint_eq(ok_info(a_again).out_ioasids, 2);
	ck_assert_uint_eq(ok_info(b).out_ioasids, 0);
}
