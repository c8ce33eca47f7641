/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a PCI function says about itself in its configuration space. Beyond the first 64 bytes the
 * kernel shows it to root only: then nothing is known of capabilities, and that is said.
 */
#ifndef IOASIDCTL_PCI_H
#define IOASIDCTL_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

/* Access control services: bits of pci_facts.acs_on and .acs_able. */
#define PCI_ACS_SOURCE_VALIDATION 0x01
#define PCI_ACS_REQUEST_REDIRECT 0x04
#define PCI_ACS_COMPLETION_REDIRECT 0x08
#define PCI_ACS_UPSTREAM_FORWARDING 0x10
#define PCI_ACS_ISOLATES                                                                      \
	(PCI_ACS_SOURCE_VALIDATION | PCI_ACS_REQUEST_REDIRECT | PCI_ACS_COMPLETION_REDIRECT | \
	 PCI_ACS_UPSTREAM_FORWARDING)

/**
 * struct pci_facts - capabilities
 * @known: capabilities could be read
 * @express: a PCI Express function
 * @multifunction: there are more functions in its slot
 * @acs: has ACS, as have the following
 * @acs_able: what it can do
 * @acs_on: what is switched on
 * @ats: address translation service
 * @ats_on: switched on
 * @pri: page requests
 * @pri_on: switched on
 * @pasid: process address space IDs
 * @pasid_on: switched on
 * @pasid_width: bits of a PASID
 * @flr: the function can be reset alone
 */
struct pci_facts {
	bool known;
	bool express;
	bool multifunction;
	bool acs;
	uint16_t acs_able;
	uint16_t acs_on;
	bool ats;
	bool ats_on;
	bool pri;
	bool pri_on;
	bool pasid;
	bool pasid_on;
	unsigned int pasid_width;
	bool flr;
};

struct pci_facts pci_read(const struct device *dev);

/* The bridge above it; false if it is on a root bus. */
bool pci_upstream(const struct device *dev, struct device *bridge);

#endif
