/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PCI stub driver: makes a PCI function available to user space.
 *
 * Owns what is particular to PCI: BARs, bus mastering, reset. It is bound through driver_override
 * only.
 */
#ifndef IOASIDFD_STUB_PCI_H
#define IOASIDFD_STUB_PCI_H

#ifdef CONFIG_PCI
int pci_stub_init(void);
void pci_stub_exit(void);
#else
static inline int pci_stub_init(void)
{
	return 0;
}

static inline void pci_stub_exit(void)
{
}
#endif

#endif
