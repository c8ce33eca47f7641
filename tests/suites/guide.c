// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the documentation tells people to type and to run, run: the guide's commands, one after the
 * other, and the programs that it explains.
 */
#include <stdarg.h>

#include "ordinary.h"
#include "sysfs.h"
#include "test.h"

#define SCRIPT "/tmp/documented.sh"
#define OUTPUT "/tmp/documented.out"

/*
 * A person's shell: one without sudo; PID is a process that has a context. What goes on until
 * somebody stops it is stopped, and to be told that something has to be done is no failure.
 */
static const char shell[] = "sudo() { \"$@\"; }\n"
			    "ioasidctl() {\n"
			    "	case $1 in\n"
			    "	watch) command ioasidctl \"$@\" & sleep 1; kill $! ;;\n"
			    "	explain) command ioasidctl \"$@\" || [ $? = 7 ] ;;\n"
			    "	*) command ioasidctl \"$@\" ;;\n"
			    "	esac\n"
			    "}\n"
			    "exec 9<>/dev/ioasid\n"
			    "PID=$$\n"
			    ". " SCRIPT "\n";

static void expect_success(const char *format, ...)
{
	char command[1000];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	status = system(command);
	if (status)
		(void)!system("cat " OUTPUT " >&2 && rm " OUTPUT);
	ck_assert_msg(!status, "%s: status %d", command, status);
}

/* Blocks of shell that say they are for here, in one shell. */
static void run_document(const char *path)
{
	expect_success(
		"awk '/^<!-- run: vm/ { on = 1 } /^```$/ { on = 0 } on && !/^(```|<)/' %s >%s",
		path, SCRIPT);
	ck_assert(!setenv("IOASIDFD_SHELL", shell, 1));
	expect_success("sh -euxc \"$IOASIDFD_SHELL\" >" OUTPUT " 2>&1");
}

static void expect_said(const char *text)
{
	expect_success("grep -q '%s' " OUTPUT, text);
}

IOASID_TEST(guide, commands, .needs = NEEDS_BIND, .timeout = 120)
{
	const char *driver = strdup(pci_driver(EDU));

	run_document("/doc/guide.md");
	expect_said("^ *driver  *do ");
	expect_said("^the device finds our page at IOVA 0x");
	expect_said("the device reaches the page of domain ");
	ck_assert_str_eq(pci_driver(EDU), driver);
}

IOASID_TEST(guide, readme, .needs = NEEDS_BIND " nvme", .timeout = 120)
{
	run_document("/doc/README.md");
	expect_said("^ioasidfd  *loaded ");
	expect_said("^context of pid .* fd 9 ");
	expect_said(" /dev/ioasid-dev/" NVME "$");
	ck_assert(pci_driven_by(NVME, "nvme"));
	ordinary_disk_works(NVME);
}

IOASID_TEST(guide, viommu, .needs = NEEDS_BIND)
{
	ck_assert(pci_give(EDU, STUB_DRIVER));
	expect_success("viommu " EDU);
}
