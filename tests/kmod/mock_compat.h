/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the tests run on (6.1, 6.12, 7.2), as features with
 * names. Nothing else in this folder asks for a version.
 */
#ifndef MOCK_COMPAT_H
#define MOCK_COMPAT_H

#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#include <uapi/linux/iommufd.h>
#endif

/*
 * 6.1 knows one IOMMU driver in the whole system, which every bus points to, and asks it about
 * each device. Later kernels find the driver through the device's fwspec, and hold blocking and
 * identity domains as objects that are never freed; PASIDs and page requests of the present kind
 * came with them.
 */
#define MOCK_ONE_DRIVER (LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0))
#define MOCK_HAS_PASID (!MOCK_ONE_DRIVER)
#define MOCK_HAS_PAGE_REQUESTS (!MOCK_ONE_DRIVER && IS_ENABLED(CONFIG_IOMMU_IOPF))

/*
 * Since 6.13 a paging domain is asked for with flags, and a PASID is removed by attaching the
 * blocking domain.
 */
#define MOCK_HAS_ALLOC_FLAGS (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))
#define MOCK_BLOCKING_REMOVES_PASID (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0))

/*
 * How a device that no firmware describes finds its reset line: reset_controller_add_lookup(), and
 * since 6.19 a property of a software node.
 */
#define MOCK_HAS_RESET_LOOKUP (LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0))

/* attach_dev() is told what was attached before, since 6.19. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define MOCK_ATTACH_DEV(name) \
	int name(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old)
#else
#define MOCK_ATTACH_DEV(name) int name(struct iommu_domain *domain, struct device *dev)
#endif

/* iotlb_sync_map() returns nothing in 6.1. */
#define MOCK_SYNC_MAP_CAN_FAIL (!MOCK_ONE_DRIVER)

#if MOCK_ONE_DRIVER
/* The pointers stay behind in the buses otherwise, and keep the next driver away. */
static inline void mock_compat_forget_driver(const struct iommu_ops *ops)
{
	if (platform_bus_type.iommu_ops == ops)
		platform_bus_type.iommu_ops = NULL;
	if (pci_bus_type.iommu_ops == ops)
		pci_bus_type.iommu_ops = NULL;
}

static inline int mock_compat_select(struct device *dev, struct fwnode_handle *fwnode)
{
	return 0;
}

static inline void mock_compat_set_max_pasids(struct device *dev, u32 max)
{
}

static inline u32 mock_compat_max_pasids(struct device *dev)
{
	return 0;
}

static inline u32 mock_compat_iommu_max_pasids(struct device *dev)
{
	return 0;
}

static inline bool mock_compat_capable(enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY || cap == IOMMU_CAP_INTR_REMAP;
}

static inline struct iommu_domain *mock_compat_domain_alloc(struct device *dev)
{
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
}

static inline int mock_compat_map(struct iommu_domain *domain, unsigned long iova,
				  phys_addr_t paddr, size_t size, int prot)
{
	return iommu_map(domain, iova, paddr, size, prot);
}

/* INTR_REMAP above is what 6.1 asks for. */
static inline struct irq_domain *mock_compat_isolated_msi(void)
{
	return NULL;
}
#else
static inline void mock_compat_forget_driver(const struct iommu_ops *ops)
{
}

/*
 * Must come before the device is added to its bus, and after the IOMMU was registered. The kernel
 * wants its lock for probing held, which no module can take. Nobody else knows the device yet.
 */
static inline int mock_compat_select(struct device *dev, struct fwnode_handle *fwnode)
{
	int rc;

	lockdep_off();
	rc = iommu_fwspec_init(dev, fwnode);
	lockdep_on();
	return rc;
}

/* A PCI device without the capability has 0 otherwise. */
static inline void mock_compat_set_max_pasids(struct device *dev, u32 max)
{
	dev->iommu->max_pasids = max;
}

static inline u32 mock_compat_max_pasids(struct device *dev)
{
	return dev->iommu ? dev->iommu->max_pasids : 0;
}

/* What its IOMMU says that it can translate. */
static inline u32 mock_compat_iommu_max_pasids(struct device *dev)
{
	return dev->iommu->iommu_dev->max_pasids;
}

static inline bool mock_compat_capable(enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY || cap == IOMMU_CAP_DEFERRED_FLUSH;
}

static inline struct iommu_domain *mock_compat_domain_alloc(struct device *dev)
{
	return iommu_paging_domain_alloc(dev);
}

static inline int mock_compat_map(struct iommu_domain *domain, unsigned long iova,
				  phys_addr_t paddr, size_t size, int prot)
{
	return iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL);
}

/*
 * An interrupt domain that never holds an interrupt, only to say that the messages of the devices
 * below it are isolated. NULL if there is none.
 */
static inline struct irq_domain *mock_compat_isolated_msi(void)
{
	static const struct irq_domain_ops ops;
	struct irq_domain *domain = irq_domain_create_tree(NULL, &ops, NULL);

	if (domain)
		domain->flags |= IRQ_DOMAIN_FLAG_ISOLATED_MSI;
	return domain;
}
#endif

/* A platform driver's remove() returns nothing since 6.11. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define MOCK_COMPAT_PLATFORM_REMOVE(remove)                           \
	static int mock_compat_##remove(struct platform_device *pdev) \
	{                                                             \
		remove(pdev);                                         \
		return 0;                                             \
	}
#else
#define MOCK_COMPAT_PLATFORM_REMOVE(remove)                            \
	static void mock_compat_##remove(struct platform_device *pdev) \
	{                                                              \
		remove(pdev);                                          \
	}
#endif

#endif
