// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls as functions: see call.h. Knows the ABI and nothing about devices or tests. */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "call.h"
#include "test.h"

static bool next_without_reply;

void call_next_without_reply(bool wanted)
{
	next_without_reply = wanted;
}

bool call_was_without_reply(void)
{
	return !next_without_reply;
}

static int call_without_reply(int fd, unsigned long request, const void *argument)
{
	size_t size = *(const uint32_t *)argument;
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	test_require(page != MAP_FAILED, "mmap: %m");
	memcpy(page, argument, size);
	test_require(!mprotect(page, size, PROT_READ), "mprotect: %m");
	rc = ioctl(fd, request, page) ? -errno : 0;
	munmap(page, size);
	return rc;
}

int call_raw(int fd, unsigned long request, void *argument)
{
	if (next_without_reply && request != IOASID_GET_INFO) {
		next_without_reply = false;
		return call_without_reply(fd, request, argument);
	}
	return ioctl(fd, request, argument) ? -errno : 0;
}

const char *call_errname(int error)
{
	const char *name = error ? strerrorname_np(error) : "success";

	return name ? name : "an unknown errno";
}

static void expect(const char *file, int line, const char *call, int wanted, int rc)
{
	if (rc != wanted)
		test_fail_at(file, line, "%s: expected %s, got %s", call, call_errname(-wanted),
			     call_errname(-rc));
}

#define X(name, type, request)                                                               \
	int call_##name(int fd, struct type *argument)                                       \
	{                                                                                    \
		return call_raw(fd, request, argument);                                      \
	}                                                                                    \
	struct type call_ok_##name(const char *file, int line, int fd, struct type argument) \
	{                                                                                    \
		expect(file, line, #request, 0, call_##name(fd, &argument));                 \
		return argument;                                                             \
	}                                                                                    \
	struct type call_err_##name(const char *file, int line, int error, int fd,           \
				    struct type argument)                                    \
	{                                                                                    \
		expect(file, line, #request, -error, call_##name(fd, &argument));            \
		return argument;                                                             \
	}
IOASID_CALLS(X)
#undef X

int context_open(void)
{
	int fd = open("/dev/ioasid", O_RDWR | O_CLOEXEC);

	test_require(fd >= 0, "open /dev/ioasid: %m");
	return fd;
}

uint32_t ioasid_new(int fd)
{
	return ok_alloc(fd).out_ioasid;
}

uint32_t ioasid_new_deferred(int fd)
{
	return ok_alloc(fd, .flags = IOASID_ALLOC_DEFERRED_FLUSH).out_ioasid;
}

bool can_map_files(int fd)
{
	return ok_info(fd).out_capabilities & IOASID_CAP_MAP_FILE;
}

const char *ioasid_listing(int fd, uint32_t ioasid)
{
	static char text[2][64 * KiB];
	static int turn;
	struct ioasid_query q;
	size_t used = 0;
	uint64_t iova = 0;
	char *to;

	to = text[turn ^= 1];
	*to = '\0';
	for (;;) {
		q = (struct ioasid_query){
			.size = sizeof(q),
			.flags = IOASID_QUERY_NEXT,
			.ioasid = ioasid,
			.iova = iova,
		};
		if (call_query(fd, &q) || used > sizeof(text[0]) - 200)
			return to;
		used += sprintf(to + used, "%#llx-%#llx flags %llu from %#llx\n", q.out_range.start,
				q.out_range.last, q.out_map_flags, q.out_user_va);
		if (q.out_range.last == UINT64_MAX)
			return to;
		iova = q.out_range.last + 1;
	}
}
