// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_FILE: memory of files that nobody needs to have mapped. On a kernel that cannot do it, the
 * call says so, and that is all there is to test.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "oracle.h"
#include "process.h"
#include "test.h"

#define AT 0x400000ull
#define PAGES 8

#define RAMFS_MAGIC 0x858458f6
#define TMPFS_MAGIC 0x01021994

static int map_file(int ctx, uint32_t ioasid, int fd, uint32_t flags, uint64_t offset,
		    uint64_t length)
{
	return t_map_file(ctx, .ioasid = ioasid, .fd = fd, .flags = flags | FIXED, .offset = offset,
			  .length = length, .iova = AT);
}

static void *view(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert_msg(p != MAP_FAILED, "mmap of the file: %m");
	return p;
}

/* An IOASID in a context, or none if there are no files to map. */
struct space {
	int ctx;
	uint32_t id;
	uint64_t locked;
};

static bool space_new(struct space *s)
{
	s->ctx = context_open();
	s->id = ioasid_new(s->ctx);
	s->locked = ok_info(s->ctx).out_locked_bytes;
	return can_map_files(s->ctx);
}

static bool files_rig(struct rig *rig)
{
	rig_open(rig, EDU);
	return can_map_files(rig->ctx);
}

static void expect_use(const struct space *s, uint64_t mappings, uint64_t pages)
{
	struct ioasid_info info = ok_info(s->ctx);

	ck_assert_uint_eq(info.out_mappings, mappings);
	ck_assert_uint_eq(info.out_mapped_bytes, pages * PAGE);
	ck_assert_uint_eq(info.out_locked_bytes, s->locked + pages * PAGE);
	ck_assert_int_eq(vm_pinned(getpid()), pages * PAGE);
}

static void expect_nothing(const struct space *s)
{
	expect_use(s, 0, 0);
	ck_assert_str_eq(ioasid_listing(s->ctx, s->id), "");
	ck_assert_int_eq(pins_settled(0), 0);
}

/* Kernels since 6.11 can. */
IOASID_TEST(mapfile, capability)
{
	int major, minor, fd = mem_file(PAGE);
	struct utsname name;
	struct space s;
	bool can;

	ck_assert(!uname(&name) && sscanf(name.release, "%d.%d", &major, &minor) == 2);
	can = space_new(&s);
	ck_assert_int_eq(can, major > 6 || (major == 6 && minor >= 11));
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGE), can ? 0 : -EOPNOTSUPP);
	if (!can)
		expect_nothing(&s);
}

static const struct {
	struct test_row row;
	uint64_t offset;
	uint64_t pages;
	int error;
} ranges[] = {
	{ { "all", "" }, 0, PAGES, 0 },
	{ { "first page", "" }, 0, 1, 0 },
	{ { "last page", "" }, 7 * PAGE, 1, 0 },
	{ { "middle", "" }, 2 * PAGE, 5, 0 },
	{ { "one too many", "" }, 0, PAGES + 1, EFAULT },
	{ { "one beyond the end", "" }, 7 * PAGE, 2, EFAULT },
	{ { "at the end", "" }, 8 * PAGE, 1, EFAULT },
	{ { "far behind the end", "" }, 1ull << 40, 1, EFAULT },
	{ { "largest offset of a file", "" }, 0x7ffffffffffff000, 1, EFAULT },
	{ { "negative offset", "" }, 0x8000000000000000, 1, EFAULT },
	{ { "last page of all", "" }, 0 - PAGE, 1, EFAULT },
	{ { "wraps", "" }, 0 - PAGE, 2, EOVERFLOW },
	{ { "long", "" }, 0, 1ull << 40, EFAULT },
	{ { "nothing", "" }, 0, 0, EINVAL },
	{ { "unaligned", "" }, 512, 1, EINVAL },
};

IOASID_TEST(mapfile, range, TEST_ROWS(ranges))
{
	uint64_t pages = ranges[row].pages;
	struct ioasid_query q;
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = mem_file(PAGES * PAGE);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, ranges[row].offset, pages * PAGE),
			 -ranges[row].error);
	if (ranges[row].error) {
		expect_nothing(&s);
		return;
	}
	expect_use(&s, 1, pages);
	ck_assert_int_eq(pins_settled(pages), pages);
	q = ok_query(s.ctx, .ioasid = s.id, .iova = AT);
	ck_assert_uint_eq(q.out_range.start, AT);
	ck_assert_uint_eq(q.out_range.last, AT + pages * PAGE - 1);
	ck_assert_uint_eq(q.out_user_va, ranges[row].offset);
	ck_assert_uint_eq(q.out_map_flags, RW);
	ok_unmap(s.ctx, .ioasid = s.id, .iova = AT, .length = pages * PAGE);
	expect_nothing(&s);
}

/* A file that ends within a page does not hold all of that page. */
IOASID_TEST(mapfile, end_within_a_page)
{
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = mem_file(PAGE + 1000);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, 2 * PAGE), -EFAULT);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, PAGE, PAGE), -EFAULT);
	expect_nothing(&s);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGE), 0);
	ck_assert_int_eq(map_file(s.ctx, s.id, mem_file(0), RW, 0, PAGE), -EFAULT);
}

IOASID_TEST(mapfile, arguments)
{
	int fd = mem_file(PAGES * PAGE);
	struct ioasid_map_file m;
	struct space s;

	if (!space_new(&s))
		return;
	err_map_file(EINVAL, s.ctx, .ioasid = s.id, .fd = fd, .length = PAGE);
	err_map_file(EINVAL, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW, .length = PAGE,
		     .iova = AT);
	err_map_file(EINVAL, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW | FIXED, .length = PAGE,
		     .iova = AT + 1);
	err_map_file(EINVAL, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW, .length = PAGE + 1);
	err_map_file(EOVERFLOW, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW | FIXED,
		     .length = 2 * PAGE, .iova = 0 - PAGE);
	err_map_file(ENOENT, s.ctx, .ioasid = s.id + 1, .fd = fd, .flags = RW, .length = PAGE);
	expect_nothing(&s);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, 2 * PAGE), 0);
	m = err_map_file(EEXIST, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW | FIXED,
			 .length = 2 * PAGE, .iova = AT + PAGE);
	ck_assert_uint_eq(m.out_range.start, AT);
	ck_assert_uint_eq(m.out_range.last, AT + 2 * PAGE - 1);
	expect_use(&s, 1, 2);
	ck_assert_int_eq(pins_settled(2), 2);
}

static int plain_file(const char *path, int mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0 && !ftruncate(fd, PAGES * PAGE), "%s: %m", path);
	close(fd);
	fd = open(path, mode | O_CLOEXEC);
	unlink(path);
	return fd;
}

/* The guest's root may be one that can be mapped or not: whatever it is, the answer fits it. */
static int expected_on_root(void)
{
	struct statfs fs;

	ck_assert(!statfs("/", &fs));
	return fs.f_type == TMPFS_MAGIC ? 0 : -EOPNOTSUPP;
}

IOASID_TEST(mapfile, other_files)
{
	const char *paths[] = {
		"/dev/null", "/dev/zero",    "/dev/ioasid",  "/proc/self/maps",
		"/",	     "/dev/nvme0n1", "/bin/busybox", "/sys/kernel/vmcoreinfo"
	};
	int pipes[2], sockets[2], fd;
	struct statfs fs;
	struct space s;
	unsigned int i;

	if (!space_new(&s))
		return;
	ck_assert(!pipe(pipes) && !socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ck_assert_int_eq(map_file(s.ctx, s.id, pipes[0], IOASID_MAP_READ, 0, PAGE), -EOPNOTSUPP);
	ck_assert_int_eq(map_file(s.ctx, s.id, sockets[0], RW, 0, PAGE), -EOPNOTSUPP);
	ck_assert_int_eq(map_file(s.ctx, s.id, s.ctx, RW, 0, PAGE), -EOPNOTSUPP);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstatfs(fd, &fs) || (fs.f_type == TMPFS_MAGIC && i == 6))
			continue;
		ck_assert_msg(map_file(s.ctx, s.id, fd, IOASID_MAP_READ, 0, PAGE) == -EOPNOTSUPP,
			      "%s is not refused", paths[i]);
		close(fd);
	}
	fd = syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd >= 0) {
		ck_assert(!ftruncate(fd, PAGE));
		ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGE), -EOPNOTSUPP);
	}
	expect_nothing(&s);
	fd = plain_file("/ioasid-test", O_RDWR);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGE), expected_on_root());
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	fd = plain_file("/dev/shm/ioasid-test", O_RDWR);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGE), 0);
}

IOASID_TEST(mapfile, bad_descriptors)
{
	int closed = mem_file(PAGE), path = open("/dev/shm", O_PATH | O_CLOEXEC);
	struct space s;

	close(closed);
	if (!space_new(&s))
		return;
	ck_assert_int_eq(map_file(s.ctx, s.id, -1, RW, 0, PAGE), -EBADF);
	ck_assert_int_eq(map_file(s.ctx, s.id, closed == s.ctx ? 1000 : closed, RW, 0, PAGE),
			 -EBADF);
	ck_assert_int_eq(map_file(s.ctx, s.id, 0x7fffffff, RW, 0, PAGE), -EBADF);
	ck_assert_int_eq(map_file(s.ctx, s.id, path, RW, 0, PAGE), -EBADF);
	expect_nothing(&s);
}

static const struct {
	struct test_row row;
	int mode;
	uint32_t flags;
	int error;
} modes[] = {
	{ { "ro for r", "" }, O_RDONLY, IOASID_MAP_READ, 0 },
	{ { "ro for w", "" }, O_RDONLY, IOASID_MAP_WRITE, EFAULT },
	{ { "ro for rw", "" }, O_RDONLY, RW, EFAULT },
	{ { "wo for r", "" }, O_WRONLY, IOASID_MAP_READ, EFAULT },
	{ { "wo for w", "" }, O_WRONLY, IOASID_MAP_WRITE, EFAULT },
	{ { "rw for r", "" }, O_RDWR, IOASID_MAP_READ, 0 },
	{ { "rw for rw", "" }, O_RDWR, RW, 0 },
};

IOASID_TEST(mapfile, open_mode, TEST_ROWS(modes))
{
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = plain_file("/dev/shm/ioasid-test", modes[row].mode);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, modes[row].flags, 0, PAGES * PAGE),
			 -modes[row].error);
	if (modes[row].error)
		expect_nothing(&s);
}

static int sealable(size_t bytes, unsigned int flags, int seals)
{
	int fd = memfd_create("ioasid-test", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	ck_assert_msg(fd >= 0 && !ftruncate(fd, bytes), "memfd: %m");
	ck_assert(!fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static const struct {
	struct test_row row;
	unsigned int memfd;
	int seals;
	uint32_t flags;
	int error;
} sealed[] = {
	{ { "shrink and grow", "" }, 0, F_SEAL_SHRINK | F_SEAL_GROW, RW, 0 },
	{ { "write, for r", "" }, 0, F_SEAL_WRITE, IOASID_MAP_READ, 0 },
	{ { "write, for w", "" }, 0, F_SEAL_WRITE, IOASID_MAP_WRITE, EFAULT },
	{ { "write, for rw", "" }, 0, F_SEAL_WRITE, RW, EFAULT },
	{ { "future write, for r", "" }, 0, F_SEAL_FUTURE_WRITE, IOASID_MAP_READ, 0 },
	{ { "future write, for rw", "" }, 0, F_SEAL_FUTURE_WRITE, RW, EFAULT },
	{ { "huge, write, for r", "" }, MFD_HUGETLB, F_SEAL_WRITE, IOASID_MAP_READ, 0 },
	{ { "huge, write, for rw", "" }, MFD_HUGETLB, F_SEAL_WRITE, RW, EFAULT },
};

IOASID_TEST(mapfile, seals, TEST_ROWS(sealed))
{
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = sealable(2 * MiB, sealed[row].memfd, sealed[row].seals);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, sealed[row].flags, 0, PAGE), -sealed[row].error);
	if (sealed[row].error)
		expect_nothing(&s);
}

/* What a device may write cannot be sealed against writing, until it is unmapped. */
IOASID_TEST(mapfile, sealing_what_is_mapped)
{
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = sealable(PAGES * PAGE, 0, 0);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGES * PAGE), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EBUSY);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, PAGE), -EFAULT);
}

static struct {
	int fd;
	int rc;
	pthread_barrier_t go, done;
} seal;

static void *seal_it(void *unused)
{
	for (;;) {
		pthread_barrier_wait(&seal.go);
		if (seal.fd < 0)
			return unused;
		seal.rc = fcntl(seal.fd, F_ADD_SEALS, F_SEAL_WRITE);
		pthread_barrier_wait(&seal.done);
	}
}

/* Of sealing and mapping for writing at the same time, at most one succeeds. */
IOASID_TEST(mapfile, sealing_meanwhile)
{
	pthread_t thread;
	struct space s;
	int i, rc;

	if (!space_new(&s))
		return;
	pthread_barrier_init(&seal.go, NULL, 2);
	pthread_barrier_init(&seal.done, NULL, 2);
	ck_assert(!pthread_create(&thread, NULL, seal_it, NULL));
	for (i = 0; i < (int)rounds(60); i++) {
		seal.fd = sealable(PAGE, 0, 0);
		pthread_barrier_wait(&seal.go);
		rc = map_file(s.ctx, s.id, seal.fd, RW, 0, PAGE);
		pthread_barrier_wait(&seal.done);
		ck_assert_msg(rc || seal.rc, "round %d: sealed, and a device may write", i);
		ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
		close(seal.fd);
	}
	seal.fd = -1;
	pthread_barrier_wait(&seal.go);
	pthread_join(thread, NULL);
}

/* Pages that nobody has touched come into being. */
IOASID_TEST(mapfile, untouched_pages)
{
	struct stat st;
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = mem_file(PAGES * PAGE);
	ck_assert(!fstat(fd, &st) && !st.st_blocks);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 2 * PAGE, 3 * PAGE), 0);
	ck_assert(!fstat(fd, &st));
	ck_assert_uint_eq(st.st_blocks * 512, 3 * PAGE);
	ck_assert(mem_is(view(fd, PAGES * PAGE), PAGES * PAGE, 0));
}

IOASID_TEST(mapfile, quota)
{
	struct ioasid_map_file m;
	struct space s;
	bool can;
	int fd;

	can = space_new(&s);
	fd = mem_file(PAGES * PAGE);
	become_user(USER_1, 6 * PAGE);
	if (!can)
		return;
	m = err_map_file(EDQUOT, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW,
			 .length = PAGES * PAGE);
	ck_assert_uint_eq(m.out_locked_bytes, 0);
	ck_assert_uint_eq(m.out_wanted_bytes, PAGES * PAGE);
	ck_assert_uint_eq(m.out_locked_limit_bytes, 6 * PAGE);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, 6 * PAGE), 0);
	m = err_map_file(EDQUOT, s.ctx, .ioasid = s.id, .fd = fd, .flags = RW, .length = PAGE);
	ck_assert_uint_eq(m.out_locked_bytes, 6 * PAGE);
	ck_assert_uint_eq(m.out_wanted_bytes, PAGE);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	ck_assert_uint_eq(ok_info(s.ctx).out_locked_bytes, 0);
	ck_assert_int_eq(vm_pinned(getpid()), 0);
}

/* Both ways, and the processor sees it through a mapping and through read(). */
IOASID_TEST(mapfile, device, .needs = NEEDS_BIND)
{
	char *memory, bytes[EDU_BYTES];
	struct rig rig;
	int fd;

	if (!files_rig(&rig))
		return;
	fd = mem_file(PAGES * PAGE);
	ck_assert_int_eq(map_file(rig.ctx, rig.ioasid, fd, RW, PAGE, 3 * PAGE), 0);
	memory = view(fd, PAGES * PAGE);
	edu_fill(&rig.edu);
	ck_assert(edu_stores(&rig.edu, AT + 2 * PAGE, memory + 3 * PAGE));
	ck_assert_int_eq(pread(fd, bytes, EDU_BYTES, 3 * PAGE), EDU_BYTES);
	ck_assert(mem_has(bytes, EDU_BYTES, rig.edu.seed));
	mem_fill(bytes, EDU_BYTES, 200);
	ck_assert_int_eq(pwrite(fd, bytes, EDU_BYTES, PAGE), EDU_BYTES);
	ck_assert(edu_reads(&rig.edu, AT, 200));
	/* Not where the file goes on. */
	ck_assert(!edu_stores(&rig.edu, AT + 3 * PAGE, memory + 4 * PAGE));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = 3 * PAGE);
	ck_assert(!edu_stores(&rig.edu, AT, memory + PAGE));
}

IOASID_TEST(mapfile, device_may_not_write, .needs = NEEDS_BIND)
{
	char *memory;
	struct rig rig;
	int fd;

	if (!files_rig(&rig))
		return;
	fd = mem_file(PAGE);
	memory = view(fd, PAGE);
	ck_assert_int_eq(map_file(rig.ctx, rig.ioasid, fd, IOASID_MAP_READ, 0, PAGE), 0);
	mem_fill(memory, EDU_BYTES, 201);
	ck_assert(edu_reads(&rig.edu, AT, 201));
	ck_assert(!edu_stores(&rig.edu, AT, memory));
}

/* What takes the pages away from the file leaves them to the device. */
enum loss {
	NO_LOSS,
	TRUNCATE,
	PUNCH,
};

static const struct {
	struct test_row row;
	unsigned int memfd;
	enum loss loss;
} lost[] = {
	{ { "closed", "" }, 0, NO_LOSS },
	{ { "truncated", "" }, 0, TRUNCATE },
	{ { "hole punched", "" }, 0, PUNCH },
	{ { "huge, closed", "" }, MFD_HUGETLB, NO_LOSS },
	{ { "huge, truncated", "" }, MFD_HUGETLB, TRUNCATE },
	{ { "huge, hole punched", "" }, MFD_HUGETLB, PUNCH },
};

static void lose(int fd, size_t bytes, enum loss loss)
{
	if (loss == TRUNCATE)
		ck_assert(!ftruncate(fd, 0) && !ftruncate(fd, bytes));
	else if (loss == PUNCH)
		ck_assert(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes));
}

IOASID_TEST(mapfile, survives, TEST_ROWS(lost), .needs = NEEDS_BIND)
{
	size_t bytes = lost[row].memfd ? 2 * MiB : 2 * PAGE;
	int fd, mine;
	char *memory;
	struct rig rig;

	if (!files_rig(&rig))
		return;
	fd = memfd_create("ioasid-test", MFD_CLOEXEC | lost[row].memfd);
	ck_assert_msg(fd >= 0 && !ftruncate(fd, bytes), "memfd: %m");
	mine = dup(fd);
	memory = view(fd, bytes);
	mem_fill(memory + PAGE, EDU_BYTES, 202);
	ck_assert_int_eq(map_file(rig.ctx, rig.ioasid, fd, RW, 0, bytes), 0);
	munmap(memory, bytes);
	close(fd);
	lose(mine, bytes, lost[row].loss);
	ck_assert(edu_reads(&rig.edu, AT + PAGE, 202));
	edu_store(&rig.edu, AT, EDU_BYTES);
	memory = view(mine, bytes);
	if (lost[row].loss == NO_LOSS)
		ck_assert(mem_has(memory, EDU_BYTES, 202));
	else
		ck_assert(mem_is(memory, bytes, 0));
	ck_assert(edu_reads(&rig.edu, AT, 202));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = bytes);
	ck_assert_int_eq(vm_pinned(getpid()), PAGE);
}

/*
 * A device wrote to pages that no processor ever wrote to: they are not clean, and must not be
 * thought to be, or the kernel drops them when it needs memory.
 */
IOASID_TEST(mapfile, written_pages_are_dirty, .needs = NEEDS_BIND)
{
	char bytes[EDU_BYTES];
	struct rig rig;
	int fd, drop;

	if (!files_rig(&rig))
		return;
	fd = mem_file(PAGES * PAGE);
	ck_assert_int_eq(map_file(rig.ctx, rig.ioasid, fd, RW, 0, PAGES * PAGE), 0);
	edu_fill(&rig.edu);
	edu_store(&rig.edu, AT + 5 * PAGE, EDU_BYTES);
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = PAGES * PAGE);
	drop = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(drop, "1", 1), 1);
	ck_assert_int_eq(pread(fd, bytes, EDU_BYTES, 5 * PAGE), EDU_BYTES);
	ck_assert(mem_has(bytes, EDU_BYTES, rig.edu.seed));
}

/* Huge pages of the file: parts of them, and across their bounds. */
static const struct {
	struct test_row row;
	bool hugetlb;
	uint64_t offset;
	uint64_t pages;
	unsigned int folios;
} huge[] = {
	{ { "hugetlb, whole", "" }, true, 0, 1024, 2 },
	{ { "hugetlb, page within", "" }, true, 5 * PAGE, 1, 1 },
	{ { "hugetlb, end of the first and start of the second", "" }, true, 500 * PAGE, 30, 2 },
	{ { "hugetlb, from within to the end", "" }, true, 513 * PAGE, 511, 1 },
	{ { "tmpfs, whole", "" }, false, 0, 1024, 2 },
	{ { "tmpfs, page within", "" }, false, 5 * PAGE, 1, 1 },
	{ { "tmpfs, end of the first and start of the second", "" }, false, 500 * PAGE, 30, 2 },
};

static int huge_file(bool hugetlb, size_t bytes)
{
	const char *dir = "/tmp/ioasid-test";
	int fd;

	if (hugetlb) {
		fd = memfd_create("ioasid-test", MFD_CLOEXEC | MFD_HUGETLB);
	} else {
		mkdir(dir, 0700);
		ck_assert_msg(!mount("ioasid-test", dir, "tmpfs", 0, "huge=always"), "mount: %m");
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		umount2(dir, MNT_DETACH);
		rmdir(dir);
	}
	ck_assert_msg(fd >= 0 && !ftruncate(fd, bytes), "file of huge pages: %m");
	return fd;
}

IOASID_TEST(mapfile, huge_pages, TEST_ROWS(huge), .needs = NEEDS_BIND)
{
	uint64_t offset = huge[row].offset, bytes = huge[row].pages * PAGE;
	uint64_t last = bytes - EDU_BYTES;
	char *memory;
	struct rig rig;
	int fd;

	if (!files_rig(&rig))
		return;
	fd = huge_file(huge[row].hugetlb, 4 * MiB);
	memory = view(fd, 4 * MiB);
	if (!huge[row].hugetlb)
		memset(memory, 1, 4 * MiB);
	ck_assert_int_eq(map_file(rig.ctx, rig.ioasid, fd, RW, offset, bytes), 0);
	/* The scratch page is one. */
	ck_assert_int_eq(vm_pinned(getpid()), bytes + PAGE);
	if (huge[row].hugetlb)
		ck_assert_int_eq(pins_settled(1 + huge[row].folios), 1 + huge[row].folios);
	edu_fill(&rig.edu);
	ck_assert(edu_stores(&rig.edu, AT, memory + offset));
	ck_assert(edu_stores(&rig.edu, AT + last, memory + offset + last));
	if (offset + bytes < 4 * MiB)
		ck_assert(!edu_stores(&rig.edu, AT + bytes, memory + offset + bytes));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = bytes);
	ck_assert_int_eq(pins_settled(1), 1);
}

/* Pages in no order: more runs than fit into one step. */
IOASID_TEST(mapfile, scattered_pages, .needs = NEEDS_BIND)
{
	enum {
		SCATTERED = 2500,
	};
	const unsigned int look[] = { 0, 511, 1999, SCATTERED - 1 };
	struct rig rig;
	unsigned int i;
	char *memory;
	int fd;

	if (!files_rig(&rig))
		return;
	fd = mem_file(SCATTERED * PAGE);
	memory = view(fd, SCATTERED * PAGE);
	for (i = 0; i < SCATTERED; i++)
		memory[(i * 701 % SCATTERED) * PAGE] = 1;
	ck_assert_int_eq(map_file(rig.ctx, rig.ioasid, fd, RW, 0, SCATTERED * PAGE), 0);
	ck_assert_int_eq(pins_settled(1 + SCATTERED), 1 + SCATTERED);
	edu_fill(&rig.edu);
	for (i = 0; i < ARRAY_SIZE(look); i++)
		ck_assert(edu_stores(&rig.edu, AT + look[i] * PAGE, memory + look[i] * PAGE));
	ok_unmap(rig.ctx, .ioasid = rig.ioasid, .iova = AT, .length = SCATTERED * PAGE);
	ck_assert_int_eq(pins_settled(1), 1);
}

static long huge_pages(const char *what)
{
	char line[100];
	long n = -1;
	FILE *f;

	f = fopen("/proc/meminfo", "re");
	test_require(f, "/proc/meminfo: %m");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)))
			sscanf(line + strlen(what), ": %ld", &n);
	fclose(f);
	test_require(n >= 0, "%s is not in /proc/meminfo", what);
	return n;
}

/* Nobody reserved the pages that come into being: what others reserved stays theirs. */
IOASID_TEST(mapfile, huge_pages_unreserved)
{
	long reserved = huge_pages("HugePages_Rsvd"), free = huge_pages("HugePages_Free");
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = huge_file(true, 4 * MiB);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, 0, 4 * MiB), 0);
	ck_assert_int_eq(huge_pages("HugePages_Rsvd"), reserved);
	ck_assert_int_eq(huge_pages("HugePages_Free"), free - 2);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	close(fd);
	ck_assert_int_eq(huge_pages("HugePages_Rsvd"), reserved);
	ck_assert_int_eq(huge_pages("HugePages_Free"), free);
}

/* Huge pages that are not there yet come with the right to write to the file. */
IOASID_TEST(mapfile, huge_pages_of_a_file_to_read)
{
	char path[40];
	struct space s;
	int fd, reader;

	if (!space_new(&s))
		return;
	fd = huge_file(true, 4 * MiB);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(reader, 0);
	ck_assert_int_eq(map_file(s.ctx, s.id, reader, IOASID_MAP_READ, 0, 4 * MiB), -EFAULT);
	expect_nothing(&s);
	ck_assert(!fallocate(fd, 0, 0, 4 * MiB));
	ck_assert_int_eq(map_file(s.ctx, s.id, reader, IOASID_MAP_READ, 0, 4 * MiB), 0);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	expect_nothing(&s);
}

/* A copy of a part outlives the mapping; the pins of huge pages are counted right. */
IOASID_TEST(mapfile, copied)
{
	struct space s;
	int fd;

	if (!space_new(&s))
		return;
	fd = huge_file(true, 4 * MiB);
	ck_assert_int_eq(map_file(s.ctx, s.id, fd, RW, MiB, 2 * MiB), 0);
	ok_copy(s.ctx, .ioasid = s.id, .flags = RW | FIXED, .from_ioasid = s.id,
		.from_iova = AT + 200 * PAGE, .length = 100 * PAGE, .iova = 8 * MiB);
	ck_assert_uint_eq(ok_query(s.ctx, .ioasid = s.id, .iova = 8 * MiB).out_user_va,
			  MiB + 200 * PAGE);
	ok_unmap(s.ctx, .ioasid = s.id, .iova = AT, .length = 2 * MiB);
	ck_assert_int_eq(pins_settled(2), 2);
	ck_assert_int_eq(vm_pinned(getpid()), 2 * MiB);
	ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	expect_nothing(&s);
}

/* A long one is killed half-way: nothing of it is left. */
IOASID_TEST(mapfile, killed)
{
	struct space s;
	pid_t pid;
	int fd;

	if (!space_new(&s))
		return;
	fd = mem_file(GiB);
	pid = child_fork();
	if (!pid) {
		map_file(s.ctx, s.id, fd, RW, 0, 256 * MiB);
		pause();
	}
	usleep(20000);
	kill(pid, SIGKILL);
	child_join_killed(pid);
	if (*ioasid_listing(s.ctx, s.id))
		ok_unmap(s.ctx, .ioasid = s.id, .flags = IOASID_UNMAP_ALL);
	ck_assert_uint_eq(ok_info(s.ctx).out_mapped_bytes, 0);
	ck_assert_uint_eq(ok_info(s.ctx).out_locked_bytes, s.locked);
	ck_assert_int_eq(pins_settled(0), 0);
}
