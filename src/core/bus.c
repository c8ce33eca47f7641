// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buses that enforce DMA ownership, see bus.h.
 */
#include <linux/pci.h>
#include <linux/platform_device.h>
#ifdef CONFIG_ARM_AMBA
#include <linux/amba/bus.h>
#endif
#ifdef CONFIG_FSL_MC_BUS
#include <linux/fsl/mc.h>
#endif
#include <uapi/linux/ioasidfd.h>

#include "bus.h"

#ifdef CONFIG_PCI
static bool pci_manages_dma(const struct device_driver *driver)
{
	return container_of(driver, struct pci_driver, driver)->driver_managed_dma;
}
#endif

static bool platform_manages_dma(const struct device_driver *driver)
{
	return container_of(driver, struct platform_driver, driver)->driver_managed_dma;
}

#ifdef CONFIG_ARM_AMBA
static bool amba_manages_dma(const struct device_driver *driver)
{
	return container_of(driver, struct amba_driver, drv)->driver_managed_dma;
}
#endif

#ifdef CONFIG_FSL_MC_BUS
static bool fsl_mc_manages_dma(const struct device_driver *driver)
{
	return container_of(driver, struct fsl_mc_driver, driver)->driver_managed_dma;
}
#endif

/**
 * struct bus - a bus that enforces DMA ownership
 * @type: the driver core's object
 * @number: one of &enum ioasid_bus
 * @manages_dma: reads driver_managed_dma of a driver
 */
struct bus {
	const struct bus_type *type;
	u32 number;
	bool (*manages_dma)(const struct device_driver *driver);
};

static const struct bus buses[] = {
#ifdef CONFIG_PCI
	{ &pci_bus_type, IOASID_BUS_PCI, pci_manages_dma },
#endif
	{ &platform_bus_type, IOASID_BUS_PLATFORM, platform_manages_dma },
#ifdef CONFIG_ARM_AMBA
	{ &amba_bustype, IOASID_BUS_OTHER, amba_manages_dma },
#endif
#ifdef CONFIG_FSL_MC_BUS
	{ &fsl_mc_bus_type, IOASID_BUS_OTHER, fsl_mc_manages_dma },
#endif
};

static const struct bus *find_bus(const struct device *dev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(buses); i++)
		if (buses[i].type == dev->bus)
			return &buses[i];
	return NULL;
}

bool bus_enforces_ownership(const struct device *dev)
{
	return find_bus(dev);
}

bool bus_driver_manages_dma(const struct device *dev)
{
	const struct bus *bus = find_bus(dev);

	lockdep_assert_held(&dev->mutex);
	return bus && bus->manages_dma(dev->driver);
}

u32 bus_of_device(const struct device *dev)
{
	const struct bus *bus = find_bus(dev);

	return bus ? bus->number : IOASID_BUS_OTHER;
}

unsigned int bus_count(void)
{
	return ARRAY_SIZE(buses);
}

const struct bus_type *bus_type_at(unsigned int index)
{
	return buses[index].type;
}
