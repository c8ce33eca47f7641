/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver that the IOMMU core sees.
 */
#ifndef MOCK_IOMMU_H
#define MOCK_IOMMU_H

#include <linux/iommu.h>

/* The second must not be called before every device is gone. */
int mock_iommu_init(void);
void mock_iommu_exit(void);

/* What a device is told to be behind, see mock_compat_select(). */
struct fwnode_handle *mock_iommu_fwnode(void);

/* The device that stands for the IOMMU, for those who need a name. */
struct device *mock_iommu_device(void);

#endif
