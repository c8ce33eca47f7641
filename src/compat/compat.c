// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of compat.h that are too long for a header.
 */
#include <linux/irqdomain.h>

#include "compat.h"

/* iommu_domain_alloc() was the only way until 6.11, and went away afterwards. */
struct iommu_domain *compat_domain_alloc(struct device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
#else
	return iommu_paging_domain_alloc(dev);
#endif
}

/* iommu_map() takes allocation flags since 6.3. */
int compat_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr, size_t size,
	       int prot)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return iommu_map(domain, iova, paddr, size, prot);
#else
	return iommu_map(domain, iova, paddr, size, prot, GFP_KERNEL_ACCOUNT);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static int lacks_interrupt_remapping(struct device *dev, void *unused)
{
	return !device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

/* iommu_group_has_isolated_msi() exists since 6.3. */
bool compat_group_has_isolated_msi(struct iommu_group *group)
{
	return irq_domain_check_msi_remap() ||
	       !iommu_group_for_each_dev(group, NULL, lacks_interrupt_remapping);
}
#else
bool compat_group_has_isolated_msi(struct iommu_group *group)
{
	return iommu_group_has_isolated_msi(group);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/*
 * A long-term pin for reading does not unshare every private page before 6.2; one for writing does,
 * by force if the memory is mapped read-only. Force also overcomes missing read permission, so that
 * is asked for first. Shared memory that is mapped read-only refuses even force, and needs none.
 */
static int pin_for_reading(unsigned long va, int nr, struct page **pages)
{
	int own, readable = pin_user_pages_fast(va, nr, FOLL_LONGTERM, pages);

	if (readable <= 0)
		return readable;
	unpin_user_pages(pages, readable);
	own = pin_user_pages_fast(va, readable, FOLL_LONGTERM | FOLL_WRITE | FOLL_FORCE, pages);
	return own > 0 ? own : pin_user_pages_fast(va, readable, FOLL_LONGTERM, pages);
}
#else
static int pin_for_reading(unsigned long va, int nr, struct page **pages)
{
	return pin_user_pages_fast(va, nr, FOLL_LONGTERM, pages);
}
#endif

int compat_pin_user_pages(unsigned long va, int nr, bool write, struct page **pages)
{
	if (write)
		return pin_user_pages_fast(va, nr, FOLL_LONGTERM | FOLL_WRITE, pages);
	return pin_for_reading(va, nr, pages);
}
