// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules that hold for every ioctl: sizes, reserved members, flags, pointers, which file takes
 * which call, and that a call that fails has changed nothing. The tests run over the list of calls
 * that the modules dispatch by (src/core/ioctl_list.h), so that no call can be without them.
 */
#include <sys/ioctl.h>

#include "../../src/core/ioctl_list.h"
#include "call.h"
#include "memory.h"
#include "oracle.h"
#include "sysfs.h"
#include "test.h"

#define MAPPED_IOVA 0x100000ull
#define FREE_IOVA 0x200000ull
#define POISON 0xa5

/* What a valid call finds. */
struct env {
	int ctx;
	int dev;
	bool works;
	uint32_t ioasid;
	uint32_t other;
	char *memory;
	struct ioasid_range *ranges;
	int file;
	struct ioasid_batch_entry *entries;
};

struct contract {
	struct test_row row;
	unsigned long request;
	size_t size;
	uint32_t flags;
	size_t reserved;
	size_t out_start;
	size_t out_size;
	bool on_device;
	bool bound;
	bool allowed;
	bool changes;
	uint64_t capability;
	void (*fill)(const struct env *env, void *argument);
};

/* The members that a valid call of each kind sets, besides @size. */
#define FILL(name, type, ...)                                                                  \
	static void fill_##name(const struct env *env __attribute__((unused)), void *argument) \
	{                                                                                      \
		*(struct type *)argument =                                                     \
			(struct type){ .size = sizeof(struct type), __VA_ARGS__ };             \
	}

FILL(info, ioasid_info)
FILL(alloc, ioasid_alloc)
FILL(free, ioasid_free, .ioasid = env->ioasid)
#define FREE_PAGE .flags = RW | FIXED, .length = PAGE, .iova = FREE_IOVA
FILL(map, ioasid_map, .ioasid = env->ioasid, .user_va = va(env->memory), FREE_PAGE)
FILL(unmap, ioasid_unmap, .ioasid = env->ioasid, .iova = MAPPED_IOVA, .length = PAGE)
FILL(ranges, ioasid_iova_ranges, .ioasid = env->ioasid, .num_ranges = 8, .ranges = va(env->ranges))
FILL(query, ioasid_query, .ioasid = env->ioasid, .iova = MAPPED_IOVA)
#define FROM .from_ioasid = env->ioasid, .from_iova = MAPPED_IOVA
FILL(copy, ioasid_copy, .ioasid = env->ioasid, FROM, FREE_PAGE)
FILL(map_file, ioasid_map_file, .ioasid = env->ioasid, .fd = env->file, FREE_PAGE)
FILL(sync, ioasid_sync, .ioasid = env->ioasid)
#define ENTRIES .entries = va(env->entries), .num_entries = 1, .entry_size = sizeof(*env->entries)
FILL(batch, ioasid_batch, ENTRIES)
FILL(dev_info, ioasid_device_info)
FILL(dev_region, ioasid_device_region, .index = 0)
FILL(dev_owner, ioasid_device_owner)
FILL(bind, ioasid_device_bind, .context_fd = env->ctx)
FILL(unbind, ioasid_device_unbind)
FILL(allow, ioasid_device_allow, .ioasid = env->ioasid)
FILL(disallow, ioasid_device_disallow, .ioasid = env->ioasid)
FILL(replace, ioasid_device_replace, .from_ioasid = env->ioasid, .ioasid = env->other)

/*
 * What the one list does not say: what a valid call is, which file it goes to, what has to be done
 * before it, and whether anything is different after it. A call that is added to the list and not
 * here does not compile.
 */
#define IS_GET_INFO .row.needs = "", .fill = fill_info
#define IS_ALLOC .row.needs = "", .fill = fill_alloc, .changes = true
#define IS_FREE .row.needs = "", .fill = fill_free, .changes = true
#define IS_MAP .row.needs = "", .fill = fill_map, .changes = true
#define IS_UNMAP .row.needs = "", .fill = fill_unmap, .changes = true
#define IS_IOVA_RANGES .row.needs = "", .fill = fill_ranges
#define IS_QUERY .row.needs = "", .fill = fill_query
#define IS_COPY .row.needs = "", .fill = fill_copy, .changes = true
#define IS_MAP_FILE \
	.row.needs = "", .fill = fill_map_file, .changes = true, .capability = IOASID_CAP_MAP_FILE
#define IS_SYNC .row.needs = "", .fill = fill_sync
#define IS_BATCH .row.needs = "", .fill = fill_batch, .changes = true
#define IS_DEVICE_GET_INFO .row.needs = "edu", .fill = fill_dev_info, .on_device = true
#define IS_DEVICE_GET_REGION .row.needs = "edu", .fill = fill_dev_region, .on_device = true
#define IS_DEVICE_GET_OWNER .row.needs = "edu", .fill = fill_dev_owner, .on_device = true
#define IS_DEVICE_BIND \
	.row.needs = NEEDS_BIND, .fill = fill_bind, .on_device = true, .changes = true
#define IS_DEVICE_UNBIND                                                                \
	.row.needs = NEEDS_BIND, .fill = fill_unbind, .on_device = true, .bound = true, \
	.changes = true
#define IS_DEVICE_ALLOW                                                                \
	.row.needs = NEEDS_BIND, .fill = fill_allow, .on_device = true, .bound = true, \
	.changes = true
#define IS_DEVICE_DISALLOW                                                                \
	.row.needs = NEEDS_BIND, .fill = fill_disallow, .on_device = true, .bound = true, \
	.allowed = true, .changes = true
#define IS_DEVICE_REPLACE                                                                \
	.row.needs = NEEDS_BIND, .fill = fill_replace, .on_device = true, .bound = true, \
	.allowed = true, .changes = true

#define END_OF(type, member) (offsetof(struct type, member) + sizeof(((struct type *)0)->member))
/* clang-format off */
#define ROW(NAME, type, handler, last, mask, res, first_out, last_out) { \
	.row.name = #NAME, \
	.request = IOASID_##NAME, \
	.size = END_OF(type, last), \
	.flags = (mask), \
	.reserved = (res), \
	.out_start = offsetof(struct type, first_out), \
	.out_size = offsetof(struct type, first_out) ? \
		    END_OF(type, last_out) - offsetof(struct type, first_out) : 0, \
	IS_##NAME \
},

/* From the list that the modules dispatch by; what it says about sizes is checked further down. */
static const struct contract contracts[] = {
	IOASIDFD_CONTEXT_IOCTLS(ROW)
	IOASIDFD_DEVICE_IOCTLS(ROW)
};
/* clang-format on */

#define COUNT(name, type, request) 1 +
_Static_assert(ARRAY_SIZE(contracts) == IOASID_CALLS(COUNT) 0, "call.h lacks a call");

/*
 * Layout, for callers that were compiled long ago, and for 32-bit callers: no padding, no member
 * that has another size or place there. What follows is the ABI and is never edited, only added to.
 */
#define AT(type, member, offset) \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member " moved")
#define ENDS(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " changed its size")

AT(ioasid_range, start, 0);
AT(ioasid_range, last, 8);
ENDS(ioasid_range, 16);
AT(ioasid_info, size, 0);
AT(ioasid_info, flags, 4);
AT(ioasid_info, out_abi_version, 8);
AT(ioasid_info, out_max_ioasids, 12);
AT(ioasid_info, out_capabilities, 16);
AT(ioasid_info, out_iova_alignment, 24);
AT(ioasid_info, out_ioasids, 32);
AT(ioasid_info, out_mappings, 40);
AT(ioasid_info, out_mapped_bytes, 48);
AT(ioasid_info, out_locked_bytes, 56);
AT(ioasid_info, out_locked_limit_bytes, 64);
ENDS(ioasid_info, 72);
AT(ioasid_alloc, size, 0);
AT(ioasid_alloc, flags, 4);
AT(ioasid_alloc, out_ioasid, 8);
AT(ioasid_alloc, __reserved, 12);
ENDS(ioasid_alloc, 16);
AT(ioasid_free, size, 0);
AT(ioasid_free, flags, 4);
AT(ioasid_free, ioasid, 8);
AT(ioasid_free, __reserved, 12);
ENDS(ioasid_free, 16);
AT(ioasid_map, size, 0);
AT(ioasid_map, flags, 4);
AT(ioasid_map, ioasid, 8);
AT(ioasid_map, __reserved, 12);
AT(ioasid_map, user_va, 16);
AT(ioasid_map, length, 24);
AT(ioasid_map, iova, 32);
AT(ioasid_map, out_iova, 40);
AT(ioasid_map, out_range, 48);
AT(ioasid_map, out_locked_bytes, 64);
AT(ioasid_map, out_wanted_bytes, 72);
AT(ioasid_map, out_locked_limit_bytes, 80);
ENDS(ioasid_map, 88);
AT(ioasid_unmap, size, 0);
AT(ioasid_unmap, flags, 4);
AT(ioasid_unmap, ioasid, 8);
AT(ioasid_unmap, __reserved, 12);
AT(ioasid_unmap, iova, 16);
AT(ioasid_unmap, length, 24);
AT(ioasid_unmap, out_unmapped_bytes, 32);
AT(ioasid_unmap, out_range, 40);
ENDS(ioasid_unmap, 56);
AT(ioasid_iova_ranges, size, 0);
AT(ioasid_iova_ranges, flags, 4);
AT(ioasid_iova_ranges, ioasid, 8);
AT(ioasid_iova_ranges, num_ranges, 12);
AT(ioasid_iova_ranges, ranges, 16);
AT(ioasid_iova_ranges, out_iova_alignment, 24);
AT(ioasid_iova_ranges, out_num_ranges, 32);
AT(ioasid_iova_ranges, __reserved, 36);
ENDS(ioasid_iova_ranges, 40);
AT(ioasid_query, size, 0);
AT(ioasid_query, flags, 4);
AT(ioasid_query, ioasid, 8);
AT(ioasid_query, __reserved, 12);
AT(ioasid_query, iova, 16);
AT(ioasid_query, out_range, 24);
AT(ioasid_query, out_user_va, 40);
AT(ioasid_query, out_map_flags, 48);
ENDS(ioasid_query, 56);
AT(ioasid_copy, size, 0);
AT(ioasid_copy, flags, 4);
AT(ioasid_copy, ioasid, 8);
AT(ioasid_copy, from_ioasid, 12);
AT(ioasid_copy, from_iova, 16);
AT(ioasid_copy, length, 24);
AT(ioasid_copy, iova, 32);
AT(ioasid_copy, out_iova, 40);
AT(ioasid_copy, out_range, 48);
ENDS(ioasid_copy, 64);
AT(ioasid_map_file, size, 0);
AT(ioasid_map_file, flags, 4);
AT(ioasid_map_file, ioasid, 8);
AT(ioasid_map_file, fd, 12);
AT(ioasid_map_file, offset, 16);
AT(ioasid_map_file, length, 24);
AT(ioasid_map_file, iova, 32);
AT(ioasid_map_file, out_iova, 40);
AT(ioasid_map_file, out_range, 48);
AT(ioasid_map_file, out_locked_bytes, 64);
AT(ioasid_map_file, out_wanted_bytes, 72);
AT(ioasid_map_file, out_locked_limit_bytes, 80);
ENDS(ioasid_map_file, 88);
AT(ioasid_sync, size, 0);
AT(ioasid_sync, flags, 4);
AT(ioasid_sync, ioasid, 8);
AT(ioasid_sync, __reserved, 12);
ENDS(ioasid_sync, 16);
AT(ioasid_batch_entry, op, 0);
AT(ioasid_batch_entry, flags, 4);
AT(ioasid_batch_entry, ioasid, 8);
AT(ioasid_batch_entry, from_ioasid, 12);
AT(ioasid_batch_entry, start, 16);
AT(ioasid_batch_entry, length, 24);
AT(ioasid_batch_entry, iova, 32);
AT(ioasid_batch_entry, out_iova, 40);
ENDS(ioasid_batch_entry, 48);
AT(ioasid_batch, size, 0);
AT(ioasid_batch, flags, 4);
AT(ioasid_batch, entries, 8);
AT(ioasid_batch, num_entries, 16);
AT(ioasid_batch, entry_size, 20);
AT(ioasid_batch, out_num_done, 24);
AT(ioasid_batch, out_reserved, 28);
AT(ioasid_batch, out_range, 32);
AT(ioasid_batch, out_locked_bytes, 48);
AT(ioasid_batch, out_wanted_bytes, 56);
AT(ioasid_batch, out_locked_limit_bytes, 64);
ENDS(ioasid_batch, 72);
AT(ioasid_device_info, size, 0);
AT(ioasid_device_info, flags, 4);
AT(ioasid_device_info, out_capabilities, 8);
AT(ioasid_device_info, out_bus, 16);
AT(ioasid_device_info, out_group, 20);
AT(ioasid_device_info, out_num_regions, 24);
AT(ioasid_device_info, out_pci_vendor, 28);
AT(ioasid_device_info, out_pci_device, 30);
AT(ioasid_device_info, out_pci_class, 32);
AT(ioasid_device_info, out_pci_revision, 36);
AT(ioasid_device_info, out_name, 40);
AT(ioasid_device_info, out_max_pasids, 104);
AT(ioasid_device_info, out_reserved, 108);
ENDS(ioasid_device_info, 112);
AT(ioasid_device_region, size, 0);
AT(ioasid_device_region, flags, 4);
AT(ioasid_device_region, index, 8);
AT(ioasid_device_region, out_region_flags, 12);
AT(ioasid_device_region, out_offset, 16);
AT(ioasid_device_region, out_length, 24);
ENDS(ioasid_device_region, 32);
AT(ioasid_device_owner, size, 0);
AT(ioasid_device_owner, flags, 4);
AT(ioasid_device_owner, out_owner, 8);
AT(ioasid_device_owner, out_owner_flags, 12);
AT(ioasid_device_owner, out_group, 16);
AT(ioasid_device_owner, out_pid, 20);
AT(ioasid_device_owner, out_command, 24);
AT(ioasid_device_owner, out_device, 40);
AT(ioasid_device_owner, out_driver, 104);
AT(ioasid_device_owner, out_num_refused, 168);
AT(ioasid_device_owner, out_refused_time_ns, 176);
AT(ioasid_device_owner, out_refused_device, 184);
AT(ioasid_device_owner, out_refused_driver, 248);
AT(ioasid_device_owner, out_num_pasids, 312);
AT(ioasid_device_owner, out_reserved, 316);
ENDS(ioasid_device_owner, 320);
AT(ioasid_device_bind, size, 0);
AT(ioasid_device_bind, flags, 4);
AT(ioasid_device_bind, context_fd, 8);
AT(ioasid_device_bind, out_refusal, 12);
ENDS(ioasid_device_bind, 16);
AT(ioasid_device_unbind, size, 0);
AT(ioasid_device_unbind, flags, 4);
ENDS(ioasid_device_unbind, 8);
AT(ioasid_device_allow, size, 0);
AT(ioasid_device_allow, flags, 4);
AT(ioasid_device_allow, ioasid, 8);
AT(ioasid_device_allow, pasid, 12);
AT(ioasid_device_allow, out_range, 16);
AT(ioasid_device_allow, out_pasid, 32);
AT(ioasid_device_allow, out_num_pasids, 36);
AT(ioasid_device_allow, out_pasid_limit, 40);
AT(ioasid_device_allow, out_reserved, 44);
ENDS(ioasid_device_allow, 48);
AT(ioasid_device_disallow, size, 0);
AT(ioasid_device_disallow, flags, 4);
AT(ioasid_device_disallow, ioasid, 8);
AT(ioasid_device_disallow, pasid, 12);
ENDS(ioasid_device_disallow, 16);
AT(ioasid_device_replace, size, 0);
AT(ioasid_device_replace, flags, 4);
AT(ioasid_device_replace, from_ioasid, 8);
AT(ioasid_device_replace, ioasid, 12);
AT(ioasid_device_replace, pasid, 16);
AT(ioasid_device_replace, out_replace_flags, 20);
AT(ioasid_device_replace, out_range, 24);
ENDS(ioasid_device_replace, 40);

/* The first version is the only one so far, so the list must ask for all of it. */
#define WHOLE(NAME, type, handler, last, mask, res, first_out, last_out) \
	_Static_assert(END_OF(type, last) == sizeof(struct type), #NAME " asks for less");
IOASIDFD_CONTEXT_IOCTLS(WHOLE)
IOASIDFD_DEVICE_IOCTLS(WHOLE)

/*
 * A device structure holds 64-bit members at multiples of 8 even where the compiler would not ask
 * for it.
 */
_Static_assert(_Alignof(struct ioasid_map) == 8, "alignment");
_Static_assert(_IOC_TYPE(IOASID_MAP) == 0xD1 && _IOC_NR(IOASID_QUERY) == 6, "numbers");
_Static_assert(_IOC_NR(IOASID_COPY) == 7 && _IOC_NR(IOASID_MAP_FILE) == 8, "numbers");
_Static_assert(_IOC_NR(IOASID_SYNC) == 9 && _IOC_NR(IOASID_BATCH) == 10, "numbers");
_Static_assert(_IOC_NR(IOASID_DEVICE_GET_INFO) == 0x40, "numbers");
_Static_assert(_IOC_NR(IOASID_DEVICE_DISALLOW) == 0x46, "numbers");
_Static_assert(_IOC_NR(IOASID_DEVICE_REPLACE) == 0x47, "numbers");

/* Room for an argument of any size that is looked at, and a page more. */
static unsigned char *room;

static void env_open(struct env *env, const struct contract *c)
{
	*env = (struct env){ .dev = -1 };
	room = mem_new(4 * PAGE);
	env->ctx = context_open();
	env->works = !c->capability || ok_info(env->ctx).out_capabilities & c->capability;
	env->ioasid = ioasid_new(env->ctx);
	env->other = ioasid_new(env->ctx);
	env->memory = mem_new(PAGE);
	env->ranges = mem_new(PAGE);
	env->file = mem_file(PAGE);
	env->entries = mem_new(PAGE);
	env->entries[0] = (struct ioasid_batch_entry){
		.op = IOASID_BATCH_MAP,
		.ioasid = env->ioasid,
		.start = va(env->memory),
		FREE_PAGE,
	};
	ok_map(env->ctx, .ioasid = env->ioasid, .flags = RW | FIXED, .user_va = va(env->memory),
	       .length = PAGE, .iova = MAPPED_IOVA);
	if (c->on_device)
		env->dev = stub_open(EDU);
	if (c->bound)
		ok_bind(env->dev, .context_fd = env->ctx);
	if (c->allowed)
		ok_allow(env->dev, .ioasid = env->ioasid);
}

static int file_of(const struct env *env, const struct contract *c)
{
	return c->on_device ? env->dev : env->ctx;
}

static int call(const struct env *env, const struct contract *c, void *argument)
{
	return call_raw(file_of(env, c), c->request, argument);
}

/* All that a call could have changed, as text. */
static void snapshot(const struct env *env, char *text, size_t size)
{
	struct fdinfo info = fdinfo_read(env->ctx);
	int i, used;

	used = snprintf(text, size, "pinned %lld+%lld count %d\n", (long long)vm_pinned(getpid()),
			(long long)pins_now(), info.count);
	for (i = 0; i < info.nr; i++)
		used += snprintf(text + used, size - used, "%u: %llu %llu %llu %d\n",
				 info.ioasid[i].ioasid, (unsigned long long)info.ioasid[i].mappings,
				 (unsigned long long)info.ioasid[i].bytes,
				 (unsigned long long)info.ioasid[i].devices, info.ioasid[i].freed);
	used += snprintf(text + used, size - used, "%s", ioasid_listing(env->ctx, env->ioasid));
	if (env->dev >= 0) {
		struct ioasid_device_owner owner = ok_dev_owner(env->dev);

		snprintf(text + used, size - used, "owner %u %#x %u bus master %d\n",
			 owner.out_owner, owner.out_owner_flags, owner.out_pid,
			 pci_bus_master(EDU));
	}
}

struct watch {
	const struct env *env;
	char before[2000];
	char after[2000];
};

static void watch_start(struct watch *watch, const struct env *env)
{
	watch->env = env;
	snapshot(env, watch->before, sizeof(watch->before));
}

static bool watch_same(struct watch *watch)
{
	snapshot(watch->env, watch->after, sizeof(watch->after));
	return !strcmp(watch->before, watch->after);
}

#define expect_rc(wanted, got, ...)                                                          \
	do {                                                                                 \
		int got_ = (got);                                                            \
		if (got_ != (wanted)) {                                                      \
			char what_[200];                                                     \
			snprintf(what_, sizeof(what_), __VA_ARGS__);                         \
			test_fail("%s: expected %s, got %s", what_, call_errname(-(wanted)), \
				  call_errname(-got_));                                      \
		}                                                                            \
	} while (0)

#define expect_same(watch)                                                                  \
	do {                                                                                \
		if (!watch_same(watch))                                                     \
			test_fail("a failed call changed something: before:\n%safter:\n%s", \
				  (watch)->before, (watch)->after);                         \
	} while (0)

/* What the kernel must answer to a valid call: not every kernel has every one. */
static int valid_rc(const struct env *env)
{
	return env->works ? 0 : -EOPNOTSUPP;
}

static bool changes(const struct env *env, const struct contract *c)
{
	return env->works && c->changes;
}

/* A kernel that lacks the call has nothing to write back, so may not notice that it could not. */
static int fault_rc(const struct env *env, int rc)
{
	return !env->works && rc == valid_rc(env) ? rc : -EFAULT;
}

/* The corrected call: succeeds, and does what it is for. */
static void expect_works(const struct env *env, const struct contract *c, struct watch *watch)
{
	c->fill(env, room);
	expect_rc(valid_rc(env), call(env, c, room), "%s, corrected", c->row.name);
	if (watch_same(watch) == changes(env, c))
		test_fail("%s: effect on the state is not as it should be:\n%s", c->row.name,
			  watch->after);
}

static void poison_out(const struct contract *c, unsigned char *argument)
{
	memset(argument + c->out_start, POISON, c->out_size);
}

IOASID_TEST(contract, accepted, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	unsigned char before[512], after[512];
	_Static_assert(sizeof(struct ioasid_device_owner) <= sizeof(before), "room");
	struct watch watch;
	struct env env;
	unsigned int i;

	env_open(&env, c);
	watch_start(&watch, &env);
	c->fill(&env, room);
	poison_out(c, room);
	memcpy(before, room, c->size);
	expect_rc(valid_rc(&env), call(&env, c, room), "with garbage in out_ members");
	memcpy(after, room, c->size);
	for (i = 0; i + 4 <= c->out_size; i += 4)
		ck_assert_msg(!mem_is(after + c->out_start + i, 4, POISON),
			      "output at %zu was not written", c->out_start + i);
	memset(before + c->out_start, 0, c->out_size);
	memset(after + c->out_start, 0, c->out_size);
	ck_assert_msg(!memcmp(before, after, c->size), "a member that is not out_ was written");
	ck_assert(watch_same(&watch) != changes(&env, c));
}

IOASID_TEST(contract, too_short, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	const uint32_t sizes[] = { 0, 1, 4, 7, c->size - 1, c->size / 2 };
	struct watch watch;
	struct env env;
	unsigned int i;

	env_open(&env, c);
	watch_start(&watch, &env);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		c->fill(&env, room);
		memcpy(room, &sizes[i], 4);
		expect_rc(-EINVAL, call(&env, c, room), "size %u", sizes[i]);
	}
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

IOASID_TEST(contract, unknown_tail, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	const uint32_t sizes[] = { c->size + 1, c->size + 8, c->size + 200, PAGE };
	struct watch watch;
	struct env env;
	unsigned int i;

	env_open(&env, c);
	watch_start(&watch, &env);
	for (i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i / 2];

		memset(room, 0, 2 * PAGE);
		c->fill(&env, room);
		memcpy(room, &size, 4);
		room[i % 2 ? c->size : size - 1] = 1;
		expect_rc(-E2BIG, call(&env, c, room), "garbage in %u bytes", size);
	}
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

IOASID_TEST(contract, zero_tail, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	const uint32_t sizes[] = { c->size + 1, c->size + 8, PAGE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct env env;

		env_open(&env, c);
		c->fill(&env, room);
		memcpy(room, &sizes[i], 4);
		/* Beyond the size there may be anything. */
		room[sizes[i]] = 1;
		expect_rc(valid_rc(&env), call(&env, c, room), "%u bytes, the last ones zero",
			  sizes[i]);
		ck_assert(mem_is(room + c->size, sizes[i] - c->size, 0));
		close(env.dev);
		close(env.ctx);
	}
}

IOASID_TEST(contract, too_long, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	const uint32_t sizes[] = { PAGE + 1, 2 * PAGE, 0x7fffffff, 0x80000000, 0xffffffff };
	struct watch watch;
	struct env env;
	unsigned int i;

	env_open(&env, c);
	watch_start(&watch, &env);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		c->fill(&env, room);
		memcpy(room, &sizes[i], 4);
		expect_rc(-E2BIG, call(&env, c, room), "size %#x", sizes[i]);
	}
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

IOASID_TEST(contract, reserved, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	struct watch watch;
	struct env env;
	size_t byte;

	env_open(&env, c);
	watch_start(&watch, &env);
	for (byte = c->reserved; c->reserved && byte < c->reserved + 4; byte++) {
		c->fill(&env, room);
		room[byte] = 0x80;
		expect_rc(-EOPNOTSUPP, call(&env, c, room), "reserved byte %zu", byte);
	}
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

IOASID_TEST(contract, unknown_flags, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	struct watch watch;
	struct env env;
	uint32_t flags;
	int bit;

	env_open(&env, c);
	watch_start(&watch, &env);
	for (bit = 0; bit < 32; bit++) {
		if (c->flags & (1u << bit))
			continue;
		c->fill(&env, room);
		memcpy(&flags, room + 4, 4);
		flags |= 1u << bit;
		memcpy(room + 4, &flags, 4);
		expect_rc(-EOPNOTSUPP, call(&env, c, room), "flag bit %d", bit);
	}
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

/* An error that needs no explanation leaves zeroes, not what happened to be there. */
IOASID_TEST(contract, out_is_zero_after_error, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	struct env env;

	env_open(&env, c);
	c->fill(&env, room);
	poison_out(c, room);
	room[7] = 0x80;
	expect_rc(-EOPNOTSUPP, call(&env, c, room), "flag bit 31");
	ck_assert_msg(mem_is(room + c->out_start, c->out_size, 0), "an output is not zero");
}

IOASID_TEST(contract, bad_pointer, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	unsigned char *gone = mem_new(2 * PAGE);
	const uint64_t bad[] = {
		0,
		1,
		va(gone),
		va(gone) + PAGE - 4,
		0x7fffffffe000,
		0x800000000000,
		0xdead000000000000,
		0xffff888000000000,
		0xffffffffffffffff,
	};
	struct watch watch;
	struct env env;
	unsigned int i;

	env_open(&env, c);
	munmap(gone, 2 * PAGE);
	watch_start(&watch, &env);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_rc(-EFAULT, call(&env, c, (void *)bad[i]), "argument at %#llx",
			  (unsigned long long)bad[i]);
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

/* The argument is readable up to a point, and nothing is behind it. */
IOASID_TEST(contract, cut_argument, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	const size_t present[] = { 3, 4, 7, c->size / 2, c->size - 1 };
	unsigned char *end = (unsigned char *)mem_new_before_hole(PAGE) + PAGE;
	struct watch watch;
	struct env env;
	unsigned int i;
	uint32_t size;
	int rc;

	env_open(&env, c);
	watch_start(&watch, &env);
	for (i = 0; i < ARRAY_SIZE(present); i++) {
		c->fill(&env, room);
		memcpy(end - present[i], room, present[i]);
		rc = call(&env, c, end - present[i]);
		expect_rc(fault_rc(&env, rc), rc, "%zu bytes present", present[i]);
	}
	/* Here the structure is there, and the longer one that is announced is not. */
	c->fill(&env, end - c->size);
	size = c->size + 8;
	memcpy(end - c->size, &size, 4);
	expect_rc(-EFAULT, call(&env, c, end - c->size), "tail missing");
	expect_same(&watch);
	/* Right before the hole it works. */
	c->fill(&env, end - c->size);
	expect_rc(valid_rc(&env), call(&env, c, end - c->size), "%s before a hole", c->row.name);
}

/* The reply cannot be written: the call must not have happened. */
IOASID_TEST(contract, read_only_argument, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	unsigned char *page = mem_new(PAGE);
	struct watch watch;
	struct env env;
	int rc;

	env_open(&env, c);
	watch_start(&watch, &env);
	c->fill(&env, page);
	ck_assert(!mprotect(page, PAGE, PROT_READ));
	rc = call(&env, c, page);
	if (c->out_size)
		expect_rc(fault_rc(&env, rc), rc, "read-only argument");
	/* A call that has nothing to reply may as well succeed, but then it must have happened. */
	if (!rc) {
		ck_assert(watch_same(&watch) != c->changes);
		return;
	}
	expect_rc(fault_rc(&env, rc), rc, "read-only argument");
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

/* The out_ members straddle a page that cannot be written. */
IOASID_TEST(contract, half_read_only_argument, TEST_ROWS(contracts))
{
	const struct contract *c = &contracts[row];
	unsigned char *pages = mem_new(2 * PAGE);
	unsigned char *argument = pages + PAGE - 8;
	struct watch watch;
	struct env env;
	int rc;

	env_open(&env, c);
	watch_start(&watch, &env);
	c->fill(&env, argument);
	ck_assert(!mprotect(pages + PAGE, PAGE, PROT_READ));
	rc = call(&env, c, argument);
	if (c->out_size)
		expect_rc(fault_rc(&env, rc), rc, "read-only second half");
	if (!rc)
		return;
	expect_same(&watch);
	expect_works(&env, c, &watch);
}

static void close_all(const struct env *env)
{
	close(env->ctx);
	if (env->dev >= 0)
		close(env->dev);
}

IOASID_TEST(contract, wrong_file, TEST_ROWS(contracts), .needs = "edu")
{
	const struct contract *c = &contracts[row];
	int null = open("/dev/null", O_RDWR), stub, ctx;
	struct env env;

	env_open(&env, c);
	c->fill(&env, room);
	expect_rc(-ENOTTY, call_raw(null, c->request, room), "on /dev/null");
	if (c->on_device) {
		expect_rc(-ENOTTY, call_raw(env.ctx, c->request, room), "on /dev/ioasid");
	} else {
		stub = stub_open(EDU);
		expect_rc(-ENOTTY, call_raw(stub, c->request, room), "on a device file");
		close(stub);
	}
	ctx = context_open();
	if (c->on_device)
		expect_rc(-ENOTTY, call_raw(ctx, c->request, room), "on a fresh /dev/ioasid");
	expect_rc(valid_rc(&env), call(&env, c, room), "on the right file");
	close_all(&env);
}

static bool known(unsigned int nr, bool on_device)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(contracts); i++)
		if (_IOC_NR(contracts[i].request) == nr && contracts[i].on_device == on_device)
			return true;
	return false;
}

static void try_unknown(int fd, bool on_device)
{
	uint32_t argument[64] = { sizeof(argument) };
	unsigned int nr;

	for (nr = 0; nr < 256; nr++) {
		if (!known(nr, on_device))
			expect_rc(-ENOTTY, call_raw(fd, _IO(IOASID_IOC_TYPE, nr), argument),
				  "number %#x", nr);
		expect_rc(-ENOTTY, call_raw(fd, _IO(0x3b, nr), argument), "type 0x3b, %#x", nr);
		expect_rc(-ENOTTY, call_raw(fd, _IOWR(IOASID_IOC_TYPE, nr, uint64_t), argument),
			  "number %#x with a direction and a size", nr);
	}
}

IOASID_TEST(contract, unknown_numbers_context)
{
	try_unknown(context_open(), false);
}

IOASID_TEST(contract, unknown_numbers_device, .needs = "edu")
{
	try_unknown(stub_open(EDU), true);
}

/* The other file operations of both files fail, or do nothing. */
IOASID_TEST(contract, other_operations)
{
	int ctx = context_open();
	char byte = 0;
	void *p;

	ck_assert_int_eq(write(ctx, &byte, 1), -1);
	ck_assert_int_eq(read(ctx, &byte, 1), -1);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ctx, 0);
	ck_assert(p == MAP_FAILED);
	ck_assert_int_eq(pread(ctx, &byte, 1, 0), -1);
}
