// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the documentation tells people to type and to run, run: the guide's commands, one after the
 * other, and the programs that it explains.
 */
#include "sysfs.h"
#include "test.h"

#define GUIDE "/doc/guide.md"

static void expect_success(const char *command)
{
	int status = system(command);

	if (status)
		(void)!system("cat /tmp/guide.out >&2 && rm /tmp/guide.out");
	ck_assert_msg(!status, "%s: status %d", command, status);
}

/* Blocks of shell that say they are for here. Their commands are those of a person without sudo. */
IOASID_TEST(guide, commands, .needs = NEEDS_BIND, .timeout = 120)
{
	const char *driver = strdup(pci_driver(EDU));

	expect_success(
		"awk '/^<!-- run: vm/ { on = 1 } /^```$/ { on = 0 } on && !/^(```|<)/' " GUIDE
		" >/tmp/guide.sh");
	expect_success("grep -q drivers_probe /tmp/guide.sh && grep -q viommu /tmp/guide.sh");
	expect_success("sh -euxc 'sudo() { \"$@\"; }; . /tmp/guide.sh' >/tmp/guide.out 2>&1");
	expect_success("grep -q '^the device finds our page at IOVA 0x' /tmp/guide.out");
	ck_assert_str_eq(pci_driver(EDU), driver);
}

IOASID_TEST(guide, viommu, .needs = NEEDS_BIND)
{
	ck_assert(pci_give(EDU, STUB_DRIVER));
	expect_success("viommu " EDU);
}
