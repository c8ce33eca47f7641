// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching domains on the supported kernels, see attach.h.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>

#include "attach.h"
#include "iommu_private.h"

/* iommu_domain_alloc() was the only way until 6.11, and went away afterwards. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
struct iommu_domain *compat_domain_alloc(struct device *dev, enum compat_domain_kind kind)
{
	if (kind != COMPAT_DOMAIN_UNFINISHED)
		return ERR_PTR(-EINVAL);
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
}

void compat_domain_kind_works(struct device *dev, enum compat_domain_kind kind)
{
}
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
static const struct iommu_ops *iommu_ops_of(struct device *dev)
{
	return dev->iommu->iommu_dev->ops;
}

/*
 * Drivers that had not learned yet to allocate for a device when there is only the type to go by do
 * so when it is for user space.
 */
static struct iommu_domain *domain_alloc_user(struct device *dev)
{
	const struct iommu_ops *ops = iommu_ops_of(dev);
	struct iommu_domain *domain = ops->domain_alloc_user(dev, 0, NULL, NULL);

	if (IS_ERR_OR_NULL(domain))
		return domain ?: ERR_PTR(-ENOMEM);
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->owner = ops;
	if (!domain->ops)
		domain->ops = ops->default_domain_ops;
	if (!domain->pgsize_bitmap)
		domain->pgsize_bitmap = ops->pgsize_bitmap;
	return domain;
}

/* Never followed; it may have gone, and another one be in its place. */
static const struct iommu_device *unfinished_only;

void compat_domain_kind_works(struct device *dev, enum compat_domain_kind kind)
{
	if (kind == COMPAT_DOMAIN_UNFINISHED)
		WRITE_ONCE(unfinished_only, dev->iommu->iommu_dev);
}

struct iommu_domain *compat_domain_alloc(struct device *dev, enum compat_domain_kind kind)
{
	const struct iommu_ops *ops = iommu_ops_of(dev);
	bool complete = kind == COMPAT_DOMAIN_COMPLETE;

	if (complete && READ_ONCE(unfinished_only) == dev->iommu->iommu_dev)
		return ERR_PTR(-EINVAL);
	if (complete && ops->domain_alloc_user)
		return domain_alloc_user(dev);
	if (complete == !ops->domain_alloc_paging)
		return ERR_PTR(-EINVAL);
	return iommu_paging_domain_alloc(dev);
}
#else
struct iommu_domain *compat_domain_alloc(struct device *dev, enum compat_domain_kind kind)
{
	if (kind != COMPAT_DOMAIN_COMPLETE)
		return ERR_PTR(-EINVAL);
	return iommu_paging_domain_alloc(dev);
}

void compat_domain_kind_works(struct device *dev, enum compat_domain_kind kind)
{
}
#endif

/* iommu_attach_device_pasid() takes a handle since 6.11, and the core checks widths since 6.12. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
bool compat_has_pasids(void)
{
	return false;
}

u32 compat_pasid_limit(struct device *dev)
{
	return 0;
}

u32 compat_max_pasids(struct device *dev)
{
	return 0;
}

int compat_alloc_pasid(struct device *dev, u32 *pasid)
{
	return -ENOSPC;
}

void compat_free_pasid(u32 pasid)
{
}

int compat_attach(struct iommu_domain *domain, const struct compat_source *source,
		  struct compat_handle *handle)
{
	if (source->pasid != COMPAT_NO_PASID)
		return -EOPNOTSUPP;
	return iommu_attach_group(domain, source->group);
}

void compat_detach(struct iommu_domain *domain, const struct compat_source *source)
{
	iommu_detach_group(domain, source->group);
}

bool compat_can_replace(u32 pasid)
{
	return false;
}

int compat_replace(struct iommu_domain *domain, const struct compat_source *source,
		   struct compat_handle *handle)
{
	return -EOPNOTSUPP;
}

int compat_member_attach(struct iommu_domain *domain, const struct compat_source *source)
{
	return -EOPNOTSUPP;
}

void compat_member_detach(struct iommu_domain *domain, const struct compat_source *source)
{
}

u32 compat_hide_pasids(struct device *dev)
{
	return 0;
}

void compat_restore_pasids(struct device *dev, u32 max_pasids)
{
}
#else

/* MODULE_IMPORT_NS() wants quotes on some kernels and none on others. */
MODULE_INFO(import_ns, "IOMMUFD_INTERNAL");

/* Replacing needs handles since 6.15, and what was attached with one is detached by other calls. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
static struct iommu_attach_handle *core_handle(struct compat_handle *handle)
{
	return NULL;
}

static int attach_rids(struct iommu_domain *domain, struct iommu_group *group,
		       struct compat_handle *handle)
{
	return iommu_attach_group(domain, group);
}

static void detach_rids(struct iommu_domain *domain, struct iommu_group *group)
{
	iommu_detach_group(domain, group);
}

static int replace_pasid(struct iommu_domain *domain, const struct compat_source *source,
			 struct compat_handle *handle)
{
	return -EOPNOTSUPP;
}

bool compat_can_replace(u32 pasid)
{
	return pasid == COMPAT_NO_PASID;
}

static void remove_pasid(struct iommu_domain *domain, struct device *dev, u32 pasid)
{
	dev->iommu->iommu_dev->ops->remove_dev_pasid(dev, pasid, domain);
}

static bool can_remove_pasid(struct device *dev)
{
	return dev->iommu->iommu_dev->ops->remove_dev_pasid;
}
#else
static struct iommu_attach_handle *core_handle(struct compat_handle *handle)
{
	return &handle->core;
}

static int attach_rids(struct iommu_domain *domain, struct iommu_group *group,
		       struct compat_handle *handle)
{
	return iommu_attach_group_handle(domain, group, core_handle(handle));
}

static void detach_rids(struct iommu_domain *domain, struct iommu_group *group)
{
	iommu_detach_group_handle(domain, group);
}

static int replace_pasid(struct iommu_domain *domain, const struct compat_source *source,
			 struct compat_handle *handle)
{
	return iommu_replace_device_pasid(domain, source->dev, source->pasid, core_handle(handle));
}

bool compat_can_replace(u32 pasid)
{
	return true;
}

static void remove_pasid(struct iommu_domain *domain, struct device *dev, u32 pasid)
{
	struct iommu_domain *blocked = dev->iommu->iommu_dev->ops->blocked_domain;

	blocked->ops->set_dev_pasid(blocked, dev, pasid, domain);
}

static bool can_remove_pasid(struct device *dev)
{
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;

	return ops->blocked_domain && ops->blocked_domain->ops->set_dev_pasid;
}
#endif

bool compat_has_pasids(void)
{
	return true;
}

static bool sends_pasids(struct device *dev)
{
#ifdef CONFIG_PCI_PASID
	if (dev_is_pci(dev))
		return to_pci_dev(dev)->pasid_enabled;
#endif
	return true;
}

u32 compat_pasid_limit(struct device *dev)
{
	const struct iommu_domain_ops *ops;

	if (!dev->iommu || !dev->iommu->iommu_dev)
		return 0;
	if (!sends_pasids(dev) || !can_remove_pasid(dev))
		return 0;
	/* Drivers that know several formats of page tables need not have operations of them all. */
	ops = dev->iommu->iommu_dev->ops->default_domain_ops;
	if (ops && !ops->set_dev_pasid)
		return 0;
	return dev->iommu->max_pasids;
}

u32 compat_max_pasids(struct device *dev)
{
	u32 limit = compat_pasid_limit(dev);
	struct iommu_domain *domain;

	if (!limit || dev->iommu->iommu_dev->ops->default_domain_ops)
		return limit;
	domain = compat_domain_alloc(dev, COMPAT_DOMAIN_COMPLETE);
	if (IS_ERR(domain))
		return 0;
	if (!domain->ops->set_dev_pasid)
		limit = 0;
	iommu_domain_free(domain);
	return limit;
}

/*
 * The kernel does not say whether it ran out of numbers or of memory. If there is a number once
 * memory is no question, it was memory; the reserves are not for users, though.
 */
static int why_no_pasid(struct device *dev)
{
	unsigned int flags = memalloc_noreclaim_save();
	ioasid_t pasid = iommu_alloc_global_pasid(dev);

	memalloc_noreclaim_restore(flags);
	if (pasid == IOMMU_PASID_INVALID)
		return -ENOSPC;
	iommu_free_global_pasid(pasid);
	return -ENOMEM;
}

int compat_alloc_pasid(struct device *dev, u32 *pasid)
{
	*pasid = iommu_alloc_global_pasid(dev);
	return *pasid == IOMMU_PASID_INVALID ? why_no_pasid(dev) : 0;
}

void compat_free_pasid(u32 pasid)
{
	iommu_free_global_pasid(pasid);
}

int compat_attach(struct iommu_domain *domain, const struct compat_source *source,
		  struct compat_handle *handle)
{
	if (source->pasid == COMPAT_NO_PASID)
		return attach_rids(domain, source->group, handle);
	return iommu_attach_device_pasid(domain, source->dev, source->pasid, core_handle(handle));
}

void compat_detach(struct iommu_domain *domain, const struct compat_source *source)
{
	if (source->pasid == COMPAT_NO_PASID)
		detach_rids(domain, source->group);
	else
		iommu_detach_device_pasid(domain, source->dev, source->pasid);
}

int compat_replace(struct iommu_domain *domain, const struct compat_source *source,
		   struct compat_handle *handle)
{
	if (source->pasid != COMPAT_NO_PASID)
		return replace_pasid(domain, source, handle);
	return iommu_replace_group_handle(source->group, domain, core_handle(handle));
}

/**
 * struct member_visit - what to do with one device of a group
 * @domain: the domain
 * @source: the device and the PASID
 * @rc: the outcome
 */
struct member_visit {
	struct iommu_domain *domain;
	const struct compat_source *source;
	int rc;
};

/* The iommu core holds the group's mutex, as it does when it attaches itself. */
static int attach_if_member(struct device *dev, void *data)
{
	struct member_visit *visit = data;
	u32 pasid = visit->source->pasid;

	if (dev != visit->source->dev || !dev->iommu->max_pasids)
		return 0;
	visit->rc = pasid < dev->iommu->max_pasids ?
			    visit->domain->ops->set_dev_pasid(visit->domain, dev, pasid, NULL) :
			    -EINVAL;
	return 0;
}

static int detach_if_member(struct device *dev, void *data)
{
	struct member_visit *visit = data;

	if (dev == visit->source->dev && dev->iommu->max_pasids)
		remove_pasid(visit->domain, dev, visit->source->pasid);
	return 0;
}

int compat_member_attach(struct iommu_domain *domain, const struct compat_source *source)
{
	struct member_visit visit = { .domain = domain, .source = source };

	iommu_group_for_each_dev(source->group, &visit, attach_if_member);
	return visit.rc;
}

void compat_member_detach(struct iommu_domain *domain, const struct compat_source *source)
{
	struct member_visit visit = { .domain = domain, .source = source };

	iommu_group_for_each_dev(source->group, &visit, detach_if_member);
}

u32 compat_hide_pasids(struct device *dev)
{
	u32 max_pasids = dev->iommu->max_pasids;

	dev->iommu->max_pasids = 0;
	return max_pasids;
}

void compat_restore_pasids(struct device *dev, u32 max_pasids)
{
	dev->iommu->max_pasids = max_pasids;
}
#endif
