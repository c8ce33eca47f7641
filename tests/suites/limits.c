// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who pays for the memory that the kernel keeps for a user: the user's memory cgroup, as much as it
 * says itself.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "call.h"
#include "memory.h"
#include "sysfs.h"
#include "test.h"

#define ROOT "/tmp/cgroup"
#define GROUP ROOT "/user"
#define AT 0x1000000ull
#define NR 32768
#define PAGES 64

static int ctx;
static uint32_t id[NR];
static char *memory;
static struct ioasid_batch_entry *entry;

/* Everything that the caller itself touches from here on is there already. */
static void enter_group(void)
{
	/* One that failed may have left them. */
	mkdir(ROOT, 0755);
	ck_assert(!mount("none", ROOT, "cgroup2", 0, NULL) || errno == EBUSY);
	ck_assert_int_eq(file_write(ROOT "/cgroup.subtree_control", "+memory"), 0);
	ck_assert(!mkdir(GROUP, 0755) || errno == EEXIST);
	ck_assert_int_eq(file_write(GROUP "/cgroup.procs", "0"), 0);
}

static void leave_group(void)
{
	ck_assert_int_eq(file_write(ROOT "/cgroup.procs", "0"), 0);
	ck_assert_int_eq(rmdir(GROUP), 0);
	ck_assert_int_eq(umount(ROOT), 0);
}

static long long charged(void)
{
	char text[32];

	ck_assert_int_eq(file_read(GROUP "/memory.current", text, sizeof(text)), 0);
	return atoll(text);
}

static void make_mappings(void)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		entry[i] = (struct ioasid_batch_entry){
			.op = IOASID_BATCH_MAP,
			.ioasid = id[0],
			.flags = RW | FIXED,
			.start = va(memory) + i % PAGES * PAGE,
			.length = PAGE,
			.iova = AT + i * PAGE,
		};
	ok_batch(ctx, .entries = va(entry), .num_entries = NR, .entry_size = sizeof(*entry));
}

static void drop_mappings(void)
{
	ok_unmap(ctx, .ioasid = id[0], .flags = IOASID_UNMAP_ALL);
}

static void make_ioasids(void)
{
	unsigned int i;

	for (i = 1; i < NR; i++)
		id[i] = ok_alloc(ctx).out_ioasid;
}

static void drop_ioasids(void)
{
	unsigned int i;

	for (i = 1; i < NR; i++)
		ok_free(ctx, .ioasid = id[i]);
}

/* @bytes: of each, at the least */
static const struct thing {
	struct test_row row;
	void (*make)(void);
	void (*drop)(void);
	unsigned int bytes;
} things[] = {
	{ { "mappings", "" }, make_mappings, drop_mappings, 100 },
	{ { "ioasids", "" }, make_ioasids, drop_ioasids, 200 },
};

IOASID_TEST(limits, charged, .needs = "none", TEST_ROWS(things))
{
	const struct thing *thing = &things[row];
	long long before, with;

	memory = mem_new(PAGES * PAGE);
	entry = mem_new(NR * sizeof(*entry));
	memset(id, 0xff, sizeof(id));
	ctx = context_open();
	id[0] = ok_alloc(ctx).out_ioasid;
	enter_group();
	before = charged();
	thing->make();
	with = charged();
	ck_assert_int_ge(with - before, (long long)NR * thing->bytes);
	thing->drop();
	/* It may have to wait for others to be done with it. */
	while (charged() - before >= (with - before) / 2)
		usleep(10000);
	leave_group();
}
