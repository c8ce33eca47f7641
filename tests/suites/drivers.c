// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ordinary drivers of the distribution against owned groups: each is let in while nobody owns the
 * group, is what keeps it from being owned, is refused by name while it is, and works again after.
 * Two functions of one device share a group: one is for us, the other one for the driver.
 */
#include "call.h"
#include "event.h"
#include "sysfs.h"
#include "test.h"

/**
 * struct contest - who wants what
 * @ours: the function that the stub driver gets
 * @theirs: the function that the driver gets
 * @driver: name of the driver
 * @module: its module; may be built in
 */
static const struct contest {
	const char *ours;
	const char *theirs;
	const char *driver;
	const char *module;
} ahci = { "0000:00:1f.3", "0000:00:1f.2", "ahci", "ahci" },
  virtio = { "0000:00:0b.1", "0000:00:0b.0", "virtio-pci", "virtio-pci" };

static void expect_in_the_way(const struct contest *contest, int ctx, int dev)
{
	struct ioasid_device_owner owner = ok_dev_owner(dev);

	ck_assert_uint_eq(owner.out_owner, IOASID_OWNER_KERNEL);
	ck_assert_str_eq((char *)owner.out_device, contest->theirs);
	ck_assert_str_eq((char *)owner.out_driver, contest->driver);
	ck_assert_uint_eq(
		err_bind(EBUSY, dev, .context_fd = ctx, .flags = IOASID_BIND_WATCH).out_refusal,
		IOASID_REFUSAL_OWNED);
}

static void fight(const struct contest *contest)
{
	int ctx = context_open_nonblock(), dev;

	/* Not there if it is built in. */
	module_load(contest->module);
	ck_assert(pci_give(contest->theirs, contest->driver));
	dev = stub_open(contest->ours);
	ck_assert_int_eq(pci_group(contest->ours), pci_group(contest->theirs));
	expect_in_the_way(contest, ctx, dev);
	event_expect_none(ctx);

	pci_unbind(contest->theirs);
	event_expect(ctx, IOASID_EVENT_GROUP_FREE, "", "");
	ok_bind(dev, .context_fd = ctx);
	ck_assert(!pci_give(contest->theirs, contest->driver));
	event_expect(ctx, IOASID_EVENT_REFUSED, contest->theirs, contest->driver);
	ck_assert_str_eq((char *)ok_dev_owner(dev).out_refused_driver, contest->driver);

	ok_unbind(dev);
	ck_assert(pci_give(contest->theirs, contest->driver));
	ck_assert(pci_driven_by(contest->theirs, contest->driver));
	pci_unbind(contest->theirs);
	pci_give_back(contest->theirs, "");
	close(dev);
	pci_give_back(contest->ours, "");
}

IOASID_TEST(drivers, ahci, .needs = "iommu group !late-group !no-msi-isolation", .timeout = 60)
{
	fight(&ahci);
}

IOASID_TEST(drivers, virtio, .needs = "iommu group !late-group !no-msi-isolation", .timeout = 60)
{
	fight(&virtio);
}
