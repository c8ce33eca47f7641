/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains and what they are attached to, where supported kernels differ: behind names and meanings
 * of our own, like everything in compat.h.
 */
#ifndef IOASIDFD_COMPAT_ATTACH_H
#define IOASIDFD_COMPAT_ATTACH_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/version.h>

/**
 * enum compat_domain_kind - how an IOMMU driver makes a page table, in the order to try
 * @COMPAT_DOMAIN_COMPLETE: page sizes and aperture are final, and it can be filled, before it is
 *                          attached
 * @COMPAT_DOMAIN_UNFINISHED: the first attach makes it what it is; some drivers cannot map earlier
 * @COMPAT_NR_DOMAIN_KINDS: how many there are
 *
 * A driver may have both and attach only one of them: the complete ones of VT-d on 6.12 have
 * second-stage tables, which not every IOMMU can walk.
 */
enum compat_domain_kind {
	COMPAT_DOMAIN_COMPLETE,
	COMPAT_DOMAIN_UNFINISHED,
	COMPAT_NR_DOMAIN_KINDS,
};

/**
 * compat_domain_alloc() - allocate an empty page table that a device's IOMMU can use
 * @dev: device with an IOMMU group
 * @kind: what is wanted
 *
 * Free with iommu_domain_free().
 *
 * Context: may sleep.
 * Return: the domain, or an ERR_PTR; -EINVAL if the driver makes none of this kind.
 */
struct iommu_domain *compat_domain_alloc(struct device *dev, enum compat_domain_kind kind);

/**
 * compat_domain_kind_works() - say what could be attached, after kinds before it could not
 * @dev: the device
 * @kind: the first kind that could
 *
 * compat_domain_alloc() then offers no other one for the device's IOMMU, until another IOMMU takes
 * its place in what is remembered: drivers complain in the kernel's log when one is tried in vain.
 */
void compat_domain_kind_works(struct device *dev, enum compat_domain_kind kind);

/* What stands for "no PASID": the DMA of a RID. */
#define COMPAT_NO_PASID 0

/**
 * struct compat_source - whose DMA a domain translates
 * @group: the group; the caller owns its DMA
 * @dev: a device of the group that is not on its way out
 * @pasid: a PASID of all its devices that have any, or COMPAT_NO_PASID for the RIDs
 */
struct compat_source {
	struct iommu_group *group;
	struct device *dev;
	u32 pasid;
};

/**
 * struct compat_handle - what the iommu core keeps of one attachment
 *
 * Lives as long as the attachment, and is never used for a second one. Empty before 6.15.
 */
struct compat_handle {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	struct iommu_attach_handle core;
#endif
};

/**
 * compat_attach() - let a domain translate the DMA of a source that is blocked
 * @domain: the domain
 * @source: the source
 * @handle: new
 *
 * Context: may sleep; takes the group's mutex in the iommu core.
 * Return: 0 or a negative errno: -EINVAL if the domain does not suit the device, -EOPNOTSUPP.
 */
int compat_attach(struct iommu_domain *domain, const struct compat_source *source,
		  struct compat_handle *handle);

/**
 * compat_detach() - block the DMA of a source
 * @domain: the domain it is attached to
 * @source: the source; @dev may be another device of the group now
 *
 * Context: as compat_attach().
 */
void compat_detach(struct iommu_domain *domain, const struct compat_source *source);

/**
 * compat_can_replace() - can another domain be attached without blocking the source meanwhile?
 * @pasid: of the source
 *
 * For RIDs since 6.2, for PASIDs since 6.15.
 */
bool compat_can_replace(u32 pasid);

/**
 * compat_replace() - attach another domain to a source
 * @domain: the other domain
 * @source: the source, which is attached to some domain
 * @handle: new; on success the former one is not used any more
 *
 * Context: as compat_attach().
 * Return: 0, or a negative errno and nothing has changed: -EOPNOTSUPP without compat_can_replace().
 */
int compat_replace(struct iommu_domain *domain, const struct compat_source *source,
		   struct compat_handle *handle);

/**
 * compat_has_pasids() - can this kernel attach domains to PASIDs?
 *
 * Since 6.12.
 */
bool compat_has_pasids(void);

/**
 * compat_pasid_limit() - which PASIDs may be tried for a device
 * @dev: device with an IOMMU group
 *
 * Return: one more than the highest PASID; 0 if the device sends none. The iommu core does not
 * check that: it reports success. If it is the IOMMU driver that cannot attach a domain to a PASID,
 * this is 0, or compat_attach() says -EOPNOTSUPP.
 */
u32 compat_pasid_limit(struct device *dev);

/**
 * compat_max_pasids() - how many PASIDs can be attached for a device
 * @dev: device with an IOMMU group
 *
 * Context: may sleep; may allocate a domain, to look at it.
 * Return: compat_pasid_limit(), or 0 if the IOMMU driver cannot attach a domain to a PASID.
 */
u32 compat_max_pasids(struct device *dev);

/**
 * compat_alloc_pasid() - take a number out of the kernel's global PASIDs
 * @dev: the device that shall be able to use it
 * @pasid: where to put the number; no PASID after an error
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if none is left, -ENOMEM.
 */
int compat_alloc_pasid(struct device *dev, u32 *pasid);
void compat_free_pasid(u32 pasid);

/**
 * compat_member_attach() - give a PASID of a group to a device that joined it
 * @domain: what the PASID is attached to
 * @source: the PASID, and the device as @dev
 *
 * The iommu core does not do that.
 *
 * Context: may sleep; takes the group's mutex in the iommu core.
 * Return: 0 or a negative errno; 0 for a device without PASIDs.
 */
int compat_member_attach(struct iommu_domain *domain, const struct compat_source *source);

/* The reverse, for a device that leaves while its group keeps the PASID. */
void compat_member_detach(struct iommu_domain *domain, const struct compat_source *source);

/**
 * compat_hide_pasids() - make the iommu core treat a device as one without PASIDs
 * @dev: device of a group that the caller owns, with no PASID attached
 *
 * Return: what compat_restore_pasids() undoes it with, while the device is in a group.
 */
u32 compat_hide_pasids(struct device *dev);
void compat_restore_pasids(struct device *dev, u32 max_pasids);

#endif
