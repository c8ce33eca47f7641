/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the iommu core exports for iommufd, in the namespace IOMMUFD_INTERNAL: the prototypes are in
 * a header that is not installed. Read in drivers/iommu/iommu-priv.h of 6.12 and 7.2.
 */
#ifndef IOASIDFD_COMPAT_IOMMU_PRIVATE_H
#define IOASIDFD_COMPAT_IOMMU_PRIVATE_H

#include <linux/iommu.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
int iommu_replace_group_handle(struct iommu_group *group, struct iommu_domain *new_domain,
			       struct iommu_attach_handle *handle);
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
int iommu_attach_group_handle(struct iommu_domain *domain, struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain, struct iommu_group *group);
int iommu_replace_device_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
			       struct iommu_attach_handle *handle);
#endif

#endif
