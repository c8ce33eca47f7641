// SPDX-License-Identifier: GPL-2.0-only
/* What a PCI function says about itself: see pci.h. Names are those of the PCI specifications. */
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "files.h"
#include "pci.h"

#define CONFIG_SIZE 4096

/**
 * struct config - a configuration space
 * @bytes: its contents
 * @size: how much of it could be read
 */
struct config {
	uint8_t bytes[CONFIG_SIZE];
	unsigned int size;
};

static uint8_t read8(const struct config *config, unsigned int at)
{
	return at < config->size ? config->bytes[at] : 0;
}

static uint16_t read16(const struct config *config, unsigned int at)
{
	return read8(config, at) | read8(config, at + 1) << 8;
}

static uint32_t read32(const struct config *config, unsigned int at)
{
	return read16(config, at) | (uint32_t)read16(config, at + 2) << 16;
}

static void load(struct config *config, const struct device *dev)
{
	int fd = open(device_path(dev, "config"), O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;

	if (fd >= 0) {
		got = pread(fd, config->bytes, CONFIG_SIZE, 0);
		close(fd);
	}
	config->size = got > 0 ? got : 0;
}

/* A broken device may have a list without end. */
#define MAX_CAPABILITIES 96

static unsigned int find(const struct config *config, uint8_t id)
{
	unsigned int at = read8(config, PCI_CAPABILITY_LIST) & ~3, left = MAX_CAPABILITIES;

	if (!(read16(config, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	for (; at && left; left--) {
		if (read8(config, at) == id)
			return at;
		at = read8(config, at + PCI_CAP_LIST_NEXT) & ~3;
	}
	return 0;
}

static unsigned int find_extended(const struct config *config, uint16_t id)
{
	unsigned int at = PCI_CFG_SPACE_SIZE, left = MAX_CAPABILITIES;

	for (; at && left; left--) {
		uint32_t header = read32(config, at);

		/* All ones: the device is gone. */
		if (!header || header == ~0u)
			return 0;
		if (PCI_EXT_CAP_ID(header) == id)
			return at;
		at = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

static void read_acs(const struct config *config, struct pci_facts *facts)
{
	unsigned int at = find_extended(config, PCI_EXT_CAP_ID_ACS);

	facts->acs = at;
	if (!at)
		return;
	facts->acs_able = read16(config, at + PCI_ACS_CAP);
	facts->acs_on = read16(config, at + PCI_ACS_CTRL);
}

static void read_pasid(const struct config *config, struct pci_facts *facts)
{
	unsigned int at = find_extended(config, PCI_EXT_CAP_ID_PASID);

	facts->pasid = at;
	if (!at)
		return;
	facts->pasid_width = read16(config, at + PCI_PASID_CAP) >> 8 & 0x1f;
	facts->pasid_on = read16(config, at + PCI_PASID_CTRL) & PCI_PASID_CTRL_ENABLE;
}

static void read_ats(const struct config *config, struct pci_facts *facts)
{
	unsigned int at = find_extended(config, PCI_EXT_CAP_ID_ATS);

	facts->ats = at;
	facts->ats_on = at && read16(config, at + PCI_ATS_CTRL) & PCI_ATS_CTRL_ENABLE;
	at = find_extended(config, PCI_EXT_CAP_ID_PRI);
	facts->pri = at;
	facts->pri_on = at && read16(config, at + PCI_PRI_CTRL) & PCI_PRI_CTRL_ENABLE;
}

static bool can_reset(const struct config *config)
{
	unsigned int express = find(config, PCI_CAP_ID_EXP), af = find(config, PCI_CAP_ID_AF);

	return (express && read32(config, express + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR) ||
	       (af && read8(config, af + PCI_AF_CAP) & PCI_AF_CAP_FLR);
}

struct pci_facts pci_read(const struct device *dev)
{
	struct pci_facts facts = { 0 };
	struct config config;

	load(&config, dev);
	facts.known = config.size > PCI_STD_HEADER_SIZEOF;
	facts.multifunction = read8(&config, PCI_HEADER_TYPE) & 0x80;
	if (!facts.known)
		return facts;
	facts.express = find(&config, PCI_CAP_ID_EXP);
	facts.flr = can_reset(&config);
	read_acs(&config, &facts);
	read_pasid(&config, &facts);
	read_ats(&config, &facts);
	return facts;
}

/* The directory of a device is inside that of the bridge above it. */
bool pci_upstream(const struct device *dev, struct device *bridge)
{
	char real[PATH_MAX], *above;

	if (!real_path(device_path(dev, ""), real))
		return false;
	above = basename(dirname(real));
	if (!strncmp(above, "pci", 3) || !strchr(above, ':'))
		return false;
	if (!file_exists(path_of("/sys/bus/pci/devices/%s", above)))
		return false;
	*bridge = device_named(above);
	return true;
}
