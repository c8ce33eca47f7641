// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU driver: the callbacks of the IOMMU core, and registration.
 *
 * The core refuses operations in a module's memory without an owner, and with one it counts every
 * device as a user of the module, which then could not be unloaded with its own devices in place.
 * So the operations are copied to the heap, and have no owner; instead every paging domain counts
 * as a user.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "device.h"
#include "inject.h"
#include "iommu.h"
#include "journal.h"
#include "mmu.h"
#include "mock_compat.h"
#include "page_request.h"

#define MAX_PASID_BITS 20

static struct iommu_device mock_iommu;
static struct iommu_ops *mock_ops;
static const struct iommu_domain_ops paging_ops;

static struct mock_device *to_mock_device(struct device *dev)
{
	return dev_iommu_priv_get(dev);
}

static bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	return mock_compat_capable(cap);
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	struct mock_device *mock = mock_find(dev);
	int rc;

	if (!mock)
		return ERR_PTR(-ENODEV);
	rc = inject(MOCK_CALL_PROBE, true, NULL);
	log_event(MOCK_CALL_PROBE, mock->mmu.number, 0, 0, 0, 0, rc);
	if (rc) {
		mock_put(mock);
		return ERR_PTR(rc);
	}
	dev_iommu_priv_set(dev, mock);
	mock_connected(mock, dev);
	return &mock_iommu;
}

static void mock_probe_finalize(struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	if (mock->pci_name[0])
		mock_compat_set_max_pasids(dev, mock_max_pasids(mock));
	page_request_start(mock, dev);
}

/* Whoever takes devices of a group away one by one may leave the rest attached, but not nobody. */
static void check_release(struct mock_device *mock, bool last)
{
	if (!last)
		return;
	if (mmu_is_paging(mock->mmu.rid.domain))
		report_violation(
			"device %u, last of its group, removed while attached to domain %u",
			mock->mmu.number, mmu_domain_number(mock->mmu.rid.domain));
	if (mock->mmu.nr_pasids)
		report_violation("device %u, last of its group, removed with %u PASIDs attached",
				 mock->mmu.number, mock->mmu.nr_pasids);
}

static void mock_release_device(struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	log_event(MOCK_CALL_RELEASE, mock->mmu.number, 0, 0, 0, 0, 0);
	page_request_stop(mock, dev);
	check_release(mock, mock_leave_group(mock));
	if (mmu_is_paging(mock->mmu.rid.domain))
		count(detach);
	mmu_device_clear(&mock->mmu);
	mock_disconnected(mock);
	mock_put(mock);
}

static struct iommu_group *mock_device_group(struct device *dev)
{
	return mock_join_group(to_mock_device(dev));
}

static int mock_def_domain_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

static void mock_get_resv_regions(struct device *dev, struct list_head *list)
{
	static const enum iommu_resv_type types[] = {
		[MOCK_REGION_RESERVED] = IOMMU_RESV_RESERVED,
		[MOCK_REGION_DIRECT] = IOMMU_RESV_DIRECT,
		[MOCK_REGION_MSI] = IOMMU_RESV_MSI,
	};
	const struct mock_device *mock = to_mock_device(dev);
	struct iommu_resv_region *region;

	if (!mock->region_type)
		return;
	region = iommu_alloc_resv_region(mock->region_start, mock->region_length,
					 IOMMU_READ | IOMMU_WRITE, types[mock->region_type],
					 GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, list);
}

/*
 * A RID goes from @old to @new; what is counted and logged is the part that concerns paging
 * domains.
 */
static void note_rid(struct mock_device *mock, struct iommu_domain *old, struct iommu_domain *new)
{
	u32 number = mock->mmu.number;

	if (old == new)
		return;
	if (mmu_is_paging(new)) {
		if (!mmu_is_paging(old))
			count(attach);
		log_event(MOCK_CALL_ATTACH, number, 0, mmu_domain_number(new), 0, 0, 0);
	} else if (mmu_is_paging(old)) {
		count(detach);
		log_event(MOCK_CALL_DETACH, number, 0, mmu_domain_number(old), 0, 0, 0);
	}
}

static bool attach_can_fail(const struct iommu_domain *domain)
{
	return mmu_is_paging(domain) || (domain->type == IOMMU_DOMAIN_BLOCKED &&
					 READ_ONCE(journal_options) & MOCK_OPTION_BLOCK_FAILS);
}

static MOCK_ATTACH_DEV(mock_attach_dev)
{
	struct mock_device *mock = to_mock_device(dev);
	int rc = 0;

	if (attach_can_fail(domain))
		rc = inject(MOCK_CALL_ATTACH, true, NULL);
	if (rc) {
		log_event(MOCK_CALL_ATTACH, mock->mmu.number, 0, mmu_domain_number(domain), 0, 0,
			  rc);
		return rc;
	}
	note_rid(mock, mmu_set_rid(&mock->mmu, domain), domain);
	return 0;
}

#if MOCK_HAS_PASID
static int mock_set_dev_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
			      struct iommu_domain *old)
{
	struct mock_device *mock = to_mock_device(dev);
	int rc;

	rc = inject(MOCK_CALL_SET_PASID, true, NULL);
	if (!rc)
		rc = mmu_set_pasid(&mock->mmu, pasid, domain, old);
	log_event(MOCK_CALL_SET_PASID, mock->mmu.number, pasid, mmu_domain_number(domain), 0, 0,
		  rc);
	return rc;
}

static void remove_pasid(struct device *dev, ioasid_t pasid, struct iommu_domain *domain)
{
	struct mock_device *mock = to_mock_device(dev);

	mmu_remove_pasid(&mock->mmu, pasid, domain);
	log_event(MOCK_CALL_REMOVE_PASID, mock->mmu.number, pasid, mmu_domain_number(domain), 0, 0,
		  0);
}
#endif

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
			  size_t size, size_t nr, int prot, gfp_t gfp, size_t *mapped)
{
	struct mmu_domain *to = to_mmu_domain(domain);
	size_t done = 0, wanted = nr;
	unsigned int leaves = 0;
	int rc, injected;

	injected = inject(MOCK_CALL_MAP, gfpflags_allow_blocking(gfp), &leaves);
	if (injected)
		wanted = min_t(size_t, nr, leaves);
	rc = wanted ? page_table_map(&to->table, iova, paddr, size, wanted, prot, gfp, &done) : 0;
	rc = rc ?: injected;
	*mapped += done;
	count(map);
	count_by(map_bytes, done);
	log_event(MOCK_CALL_MAP, MOCK_NO_DEVICE, 0, to->number, iova, iova + nr * size - 1, rc);
	return rc;
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t size,
			       size_t nr, struct iommu_iotlb_gather *gather)
{
	struct mmu_domain *from = to_mmu_domain(domain);
	size_t done = 0;
	int rc;

	rc = inject(MOCK_CALL_UNMAP, false, NULL);
	if (!rc)
		done = page_table_unmap(&from->table, iova, size * nr,
					READ_ONCE(from->nr_contexts));
	if (done)
		iommu_iotlb_gather_add_range(gather, iova, done);
	count(unmap);
	count_by(unmap_bytes, done);
	log_event(MOCK_CALL_UNMAP, MOCK_NO_DEVICE, 0, from->number, iova, iova + nr * size - 1, rc);
	return done;
}

static void mock_flush_iotlb_all(struct iommu_domain *domain)
{
	struct mmu_domain *of = to_mmu_domain(domain);

	mmu_invalidate(of, 0, PAGE_TABLE_LAST);
	count(flush_all);
	log_event(MOCK_CALL_FLUSH_ALL, MOCK_NO_DEVICE, 0, of->number, 0, PAGE_TABLE_LAST, 0);
}

/* The core asks for an invalidation even when nothing was unmapped. */
static void mock_iotlb_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	struct mmu_domain *of = to_mmu_domain(domain);

	if (gather->start > gather->end)
		return;
	mmu_invalidate(of, gather->start, gather->end);
	count(sync);
	log_event(MOCK_CALL_SYNC, MOCK_NO_DEVICE, 0, of->number, gather->start, gather->end, 0);
}

static int sync_map(struct mmu_domain *of, unsigned long iova, size_t size)
{
	int rc = MOCK_SYNC_MAP_CAN_FAIL ? inject(MOCK_CALL_SYNC_MAP, true, NULL) : 0;

	count(sync_map);
	log_event(MOCK_CALL_SYNC_MAP, MOCK_NO_DEVICE, 0, of->number, iova, iova + size - 1, rc);
	return rc;
}

#if MOCK_SYNC_MAP_CAN_FAIL
static int mock_iotlb_sync_map(struct iommu_domain *domain, unsigned long iova, size_t size)
{
	return sync_map(to_mmu_domain(domain), iova, size);
}
#else
static void mock_iotlb_sync_map(struct iommu_domain *domain, unsigned long iova, size_t size)
{
	sync_map(to_mmu_domain(domain), iova, size);
}
#endif

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	struct translation to;

	if (!page_table_walk(&to_mmu_domain(domain)->table, iova, &to))
		return 0;
	return PFN_PHYS(to.pfn) + offset_in_page(iova);
}

static struct iommu_domain *mock_alloc_paging(void)
{
	struct mmu_domain *domain = NULL;
	int rc;

	rc = inject(MOCK_CALL_ALLOC, true, NULL);
	if (!rc) {
		domain = mmu_domain_create();
		rc = domain ? 0 : -ENOMEM;
	}
	log_event(MOCK_CALL_ALLOC, MOCK_NO_DEVICE, 0, domain ? domain->number : 0, 0, 0, rc);
	if (rc)
		return ERR_PTR(rc);
	domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	domain->domain.ops = &paging_ops;
	__module_get(THIS_MODULE);
	return &domain->domain;
}

static void mock_free_paging(struct iommu_domain *domain)
{
	log_event(MOCK_CALL_FREE, MOCK_NO_DEVICE, 0, mmu_domain_number(domain), 0, 0, 0);
	mmu_domain_destroy(to_mmu_domain(domain));
	module_put(THIS_MODULE);
}

static const struct iommu_domain_ops paging_ops = {
	.attach_dev = mock_attach_dev,
#if MOCK_HAS_PASID
	.set_dev_pasid = mock_set_dev_pasid,
#endif
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.flush_iotlb_all = mock_flush_iotlb_all,
	.iotlb_sync = mock_iotlb_sync,
	.iotlb_sync_map = mock_iotlb_sync_map,
	.iova_to_phys = mock_iova_to_phys,
	.free = mock_free_paging,
};

/*
 * How often 6.1 holds the static domains. It lets go of a group's when the group itself is let go
 * of, which may be after its last device is gone, and calls us to do so.
 */
static atomic_t static_domains_held;

#if MOCK_ONE_DRIVER
static void mock_free_static(struct iommu_domain *domain)
{
	atomic_dec(&static_domains_held);
}
#endif

#if MOCK_BLOCKING_REMOVES_PASID
static int mock_block_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
			    struct iommu_domain *old)
{
	remove_pasid(dev, pasid, old);
	return 0;
}
#endif

static const struct iommu_domain_ops identity_ops = {
	.attach_dev = mock_attach_dev,
#if MOCK_ONE_DRIVER
	.free = mock_free_static,
#endif
};

static const struct iommu_domain_ops blocked_ops = {
	.attach_dev = mock_attach_dev,
#if MOCK_BLOCKING_REMOVES_PASID
	.set_dev_pasid = mock_block_pasid,
#endif
#if MOCK_ONE_DRIVER
	.free = mock_free_static,
#endif
};

static struct iommu_domain identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &identity_ops,
};

static struct iommu_domain blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &blocked_ops,
};

#if MOCK_ONE_DRIVER
static struct iommu_domain *hold_static(struct iommu_domain *domain)
{
	atomic_inc(&static_domains_held);
	return domain;
}

static struct iommu_domain *mock_domain_alloc(unsigned int type)
{
	struct iommu_domain *domain;

	switch (type) {
	case IOMMU_DOMAIN_IDENTITY:
		return hold_static(&identity_domain);
	case IOMMU_DOMAIN_BLOCKED:
		return hold_static(&blocked_domain);
	case IOMMU_DOMAIN_UNMANAGED:
		domain = mock_alloc_paging();
		return IS_ERR(domain) ? NULL : domain;
	default:
		return NULL;
	}
}
#elif MOCK_HAS_ALLOC_FLAGS
static struct iommu_domain *mock_domain_alloc_flags(struct device *dev, u32 flags,
						    const struct iommu_user_data *user_data)
{
	struct iommu_domain *domain;

	if (flags & ~IOMMU_HWPT_ALLOC_PASID || user_data)
		return ERR_PTR(-EOPNOTSUPP);
	domain = mock_alloc_paging();
	if (!IS_ERR(domain))
		domain->ops = &paging_ops;
	return domain;
}
#else
static struct iommu_domain *mock_domain_alloc_paging(struct device *dev)
{
	return mock_alloc_paging();
}
#endif

static const struct iommu_ops mock_ops_template = {
	.capable = mock_capable,
	.probe_device = mock_probe_device,
	.probe_finalize = mock_probe_finalize,
	.release_device = mock_release_device,
	.device_group = mock_device_group,
	.def_domain_type = mock_def_domain_type,
	.get_resv_regions = mock_get_resv_regions,
/* The drivers of VT-d and AMD-Vi, whose domains differ, have none of these either. */
#if !MOCK_HAS_ALLOC_FLAGS
	.default_domain_ops = &paging_ops,
#endif
#if MOCK_ONE_DRIVER
	.domain_alloc = mock_domain_alloc,
	.pgsize_bitmap = PAGE_TABLE_SIZES,
#else
	.identity_domain = &identity_domain,
	.blocked_domain = &blocked_domain,
#if MOCK_HAS_ALLOC_FLAGS
	.domain_alloc_paging_flags = mock_domain_alloc_flags,
#else
	.domain_alloc_paging = mock_domain_alloc_paging,
#endif
#endif
#if MOCK_HAS_PASID && !MOCK_BLOCKING_REMOVES_PASID
	.remove_dev_pasid = remove_pasid,
#endif
#if MOCK_HAS_PAGE_REQUESTS
	.page_response = page_request_answered,
#endif
};

struct fwnode_handle *mock_iommu_fwnode(void)
{
	return mock_iommu.fwnode;
}

struct device *mock_iommu_device(void)
{
	return mock_iommu.dev;
}

/*
 * Without a firmware node it would be taken for the one driver of devices that firmware says
 * nothing about, and could not exist next to VT-d or AMD-Vi.
 */
static int create_fwnode(void)
{
	struct fwnode_handle *fwnode;

	if (MOCK_ONE_DRIVER)
		return 0;
	fwnode = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(fwnode))
		return PTR_ERR(fwnode);
	mock_iommu.fwnode = fwnode;
	return 0;
}

static void remove_fwnode(void)
{
	if (mock_iommu.fwnode)
		fwnode_remove_software_node(mock_iommu.fwnode);
}

int mock_iommu_init(void)
{
	int rc;

	mock_ops = kmemdup(&mock_ops_template, sizeof(mock_ops_template), GFP_KERNEL);
	if (!mock_ops)
		return -ENOMEM;
	mock_iommu.max_pasids = 1 << MAX_PASID_BITS;
	rc = create_fwnode();
	if (rc)
		goto err_ops;
	rc = iommu_device_sysfs_add(&mock_iommu, NULL, NULL, "ioasid-mock-iommu");
	if (rc)
		goto err_fwnode;
	rc = iommu_device_register(&mock_iommu, mock_ops, NULL);
	if (rc)
		goto err_sysfs;
	return 0;

err_sysfs:
	mock_compat_forget_driver(mock_ops);
	iommu_device_sysfs_remove(&mock_iommu);
err_fwnode:
	remove_fwnode();
err_ops:
	kfree(mock_ops);
	return rc;
}

static void wait_for_groups(void)
{
	unsigned int tenths;

	for (tenths = 1; atomic_read(&static_domains_held); tenths++) {
		if (tenths % 100 == 0)
			pr_err("ioasidfd_mock: somebody still holds a group, cannot unload yet\n");
		msleep(100);
	}
}

void mock_iommu_exit(void)
{
	wait_for_groups();
	iommu_device_unregister(&mock_iommu);
	mock_compat_forget_driver(mock_ops);
	iommu_device_sysfs_remove(&mock_iommu);
	remove_fwnode();
	kfree(mock_ops);
}
