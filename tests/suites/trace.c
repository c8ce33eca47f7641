// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints: what events/ioasidfd says of each thing that happens to an address space. */
#include <stdarg.h>
#include <sys/stat.h>

#include "call.h"
#include "edu.h"
#include "memory.h"
#include "mock.h"
#include "sysfs.h"
#include "test.h"

#define TRACE "/sys/kernel/tracing/instances/ioasid-events"
#define AT 0x100000ull

static FILE *lines;

static void trace_start(void)
{
	/* A test that failed may have left its own. */
	rmdir(TRACE);
	ck_assert_msg(!mkdir(TRACE, 0700), TRACE ": %m");
	ck_assert_int_eq(file_write(TRACE "/events/ioasidfd/enable", "1"), 0);
}

static void trace_stop(void)
{
	ck_assert_int_eq(file_write(TRACE "/events/ioasidfd/enable", "0"), 0);
	lines = fopen(TRACE "/trace", "re");
	ck_assert_msg(lines, TRACE "/trace: %m");
}

/* The next event, from its name on: what is before it says who, where and when. */
static const char *next_event(void)
{
	static char line[500];
	char *name;

	while (fgets(line, sizeof(line), lines)) {
		name = strstr(line, "ioasidfd_");
		if (line[0] == '#' || !name)
			continue;
		name[strcspn(name, "\n")] = '\0';
		return name;
	}
	return "";
}

static void __attribute__((format(printf, 1, 2))) expect(const char *format, ...)
{
	char wanted[200];
	va_list args;

	va_start(args, format);
	vsnprintf(wanted, sizeof(wanted), format, args);
	va_end(args);
	ck_assert_str_eq(next_event(), wanted);
}

static void expect_end(void)
{
	ck_assert_str_eq(next_event(), "");
	fclose(lines);
	rmdir(TRACE);
}

IOASID_TEST(trace, mappings)
{
	char *memory = mem_new(2 * PAGE);
	int ctx = context_open();
	uint32_t id;

	trace_start();
	id = ioasid_new(ctx);
	ok_map(ctx, .ioasid = id, .flags = RW | FIXED, .user_va = va(memory), .length = 2 * PAGE,
	       .iova = AT);
	ok_map(ctx, .ioasid = id, .flags = IOASID_MAP_READ | FIXED, .user_va = va(memory),
	       .length = PAGE, .iova = 2 * AT);
	ok_unmap(ctx, .ioasid = id, .iova = AT, .length = 2 * PAGE);
	ok_free(ctx, .ioasid = id);
	trace_stop();
	expect("ioasidfd_alloc: ioasid=%u", id);
	expect("ioasidfd_map: ioasid=%u iova=0x%llx-0x%llx flags=rw", id, AT, AT + 2 * PAGE - 1);
	expect("ioasidfd_map: ioasid=%u iova=0x%llx-0x%llx flags=r", id, 2 * AT, 2 * AT + PAGE - 1);
	expect("ioasidfd_unmap: ioasid=%u first=0x%llx bytes=0x%llx", id, AT,
	       (unsigned long long)(2 * PAGE));
	expect("ioasidfd_free: ioasid=%u", id);
	expect_end();
}

IOASID_TEST(trace, device, .needs = NEEDS_BIND)
{
	int ctx = context_open(), dev = stub_open(EDU), group = pci_group(EDU);
	uint32_t id, other;

	trace_start();
	id = ioasid_new(ctx);
	other = ioasid_new(ctx);
	ok_bind(dev, .context_fd = ctx);
	ok_allow(dev, .ioasid = id);
	ok_disallow(dev, .ioasid = id);
	ok_allow(dev, .ioasid = other);
	close(dev);
	close(ctx);
	trace_stop();
	expect("ioasidfd_alloc: ioasid=%u", id);
	expect("ioasidfd_alloc: ioasid=%u", other);
	expect("ioasidfd_attach: ioasid=%u group=%d pasid=0", id, group);
	expect("ioasidfd_detach: ioasid=%u group=%d pasid=0", id, group);
	expect("ioasidfd_attach: ioasid=%u group=%d pasid=0", other, group);
	expect("ioasidfd_detach: ioasid=%u group=%d pasid=0", other, group);
	expect("ioasidfd_free: ioasid=%u", id);
	expect("ioasidfd_free: ioasid=%u", other);
	expect_end();
}

IOASID_TEST(trace, pasid, .needs = "mock pasid")
{
	struct mock_rig rig;
	uint32_t pasid;
	int group = pci_group(MOCK_NAME(0));

	mock_rig_open(&rig, MOCK_0, 0);
	trace_start();
	pasid = ok_allow(rig.mock.fd, .ioasid = rig.ioasid, .flags = IOASID_ALLOW_PASID).out_pasid;
	ok_disallow(rig.mock.fd, .ioasid = rig.ioasid, .flags = IOASID_ALLOW_PASID, .pasid = pasid);
	trace_stop();
	expect("ioasidfd_attach: ioasid=%u group=%d pasid=%u", rig.ioasid, group, pasid);
	expect("ioasidfd_detach: ioasid=%u group=%d pasid=%u", rig.ioasid, group, pasid);
	expect_end();
}
