// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasid_floor: what mapping costs when nothing is done but the work itself.
 *
 * Test only, for `make bench`: the figures of ioasidfd are judged against it. Owns one device, one
 * domain, and a flat table of what is pinned, indexed by IOVA. There is no overlap check, no
 * accounting, no locking, no lookup and no permission check, and one user at a time: it shows the
 * price of pin_user_pages_fast(), iommu_map(), iommu_unmap() and unpinning, called in the cheapest
 * way there is, and of an ioctl around them.
 *
 * With FLOOR_DEFERRED an unmap queues its pages; every FLUSH_AFTER unmaps one invalidation of the
 * whole domain lets them go.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "floor.h"

#define SPACE_PAGES (8UL << 30 >> PAGE_SHIFT)
#define CHUNK (PAGE_SIZE / sizeof(struct page *))
#define FLUSH_AFTER 1024

/* A run of contiguous pages, at the index of its first IOVA; nr is 0 where no run starts. */
struct run {
	u64 pfn : 40;
	u64 nr : 24;
};

static char *device = "0000:00:05.0";
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "PCI device whose group is taken");

static struct {
	struct pci_dev *pdev;
	struct iommu_group *group;
	struct iommu_domain *domain;
	struct run *table;
	struct page **pages;
	struct run *pending;
	unsigned int nr_pending;
} the;

static int iommu_map_run(u64 iova, unsigned long pfn, unsigned long nr)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return iommu_map(the.domain, iova, PFN_PHYS(pfn), nr << PAGE_SHIFT,
			 IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE);
#else
	return iommu_map(the.domain, iova, PFN_PHYS(pfn), nr << PAGE_SHIFT,
			 IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE, GFP_KERNEL);
#endif
}

static int map_run(u64 iova, struct page *first, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(first);
	struct run *run = &the.table[iova >> PAGE_SHIFT];

	run->pfn = pfn;
	run->nr = nr;
	return iommu_map_run(iova, pfn, nr);
}

/* struct page is an array, so pages are contiguous where their descriptors are. */
static unsigned int run_length(struct page **pages, unsigned int nr)
{
	struct page *next = pages[0] + 1;
	unsigned int i;

	for (i = 1; i < nr && pages[i] == next; i++)
		next++;
	return i;
}

static int map_pages(u64 iova, struct page **pages, unsigned int nr)
{
	unsigned int at, length;
	int rc;

	for (at = 0; at < nr; at += length) {
		length = run_length(pages + at, nr - at);
		rc = map_run(iova + ((u64)at << PAGE_SHIFT), pages[at], length);
		if (rc)
			return rc;
	}
	return 0;
}

static int floor_map(const struct floor_range *range)
{
	u64 done, left = range->length >> PAGE_SHIFT;
	struct page *one, **pages = left == 1 ? &one : the.pages;
	int nr, rc;

	for (done = 0; left; left -= nr, done += (u64)nr << PAGE_SHIFT) {
		nr = pin_user_pages_fast(range->user_va + done, min_t(u64, left, CHUNK),
					 FOLL_LONGTERM | FOLL_WRITE, pages);
		if (nr <= 0)
			return nr ?: -EFAULT;
		rc = map_pages(range->iova + done, pages, nr);
		if (rc)
			return rc;
		cond_resched();
	}
	return 0;
}

static void unpin_run(const struct run *run)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(run->pfn), run->nr, true);
}

static void floor_flush(void)
{
	unsigned int i;

	iommu_flush_iotlb_all(the.domain);
	for (i = 0; i < the.nr_pending; i++)
		unpin_run(&the.pending[i]);
	the.nr_pending = 0;
}

static void give_back(const struct floor_range *range)
{
	struct run *run = &the.table[range->iova >> PAGE_SHIFT];
	struct run *end = run + (range->length >> PAGE_SHIFT);
	struct run now;

	while (run < end) {
		now = *run;
		run->nr = 0;
		if (range->flags & FLOOR_DEFERRED) {
			the.pending[the.nr_pending++] = now;
			if (the.nr_pending == FLUSH_AFTER)
				floor_flush();
		} else {
			unpin_run(&now);
		}
		run += now.nr;
		cond_resched();
	}
}

static int unmap_strict(const struct floor_range *range)
{
	return iommu_unmap(the.domain, range->iova, range->length) == range->length ? 0 : -EIO;
}

static bool freed_tables(const struct iommu_iotlb_gather *gather)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
	return !list_empty(&gather->freelist);
#else
	return !list_empty(&gather->freelist.pages);
#endif
}

static int unmap_deferred(const struct floor_range *range)
{
	struct iommu_iotlb_gather gather;
	size_t done;

	iommu_iotlb_gather_init(&gather);
	gather.queued = true;
	done = iommu_unmap_fast(the.domain, range->iova, range->length, &gather);
	/* Page tables that became empty wait for an invalidation as well: too rare to be queued. */
	if (freed_tables(&gather)) {
		gather.start = range->iova;
		gather.end = range->iova + range->length - 1;
		iommu_iotlb_sync(the.domain, &gather);
	}
	return done == range->length ? 0 : -EIO;
}

static int floor_unmap(const struct floor_range *range)
{
	int rc = range->flags & FLOOR_DEFERRED ? unmap_deferred(range) : unmap_strict(range);

	if (!rc)
		give_back(range);
	return rc;
}

static bool is_sane(const struct floor_range *range)
{
	u64 pages = range->length >> PAGE_SHIFT;

	return range->size == sizeof(*range) && pages &&
	       (range->iova >> PAGE_SHIFT) + pages <= SPACE_PAGES &&
	       PAGE_ALIGNED(range->iova | range->length | range->user_va);
}

static long floor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct floor_range range;

	if (cmd == FLOOR_EMPTY)
		return 0;
	if (cmd == FLOOR_SYNC) {
		floor_flush();
		return 0;
	}
	if (copy_from_user(&range, (void __user *)arg, sizeof(range)))
		return -EFAULT;
	if (!is_sane(&range))
		return -EINVAL;
	return cmd == FLOOR_MAP ? floor_map(&range) : floor_unmap(&range);
}

static void floor_clear(void)
{
	unsigned long at;

	for (at = 0; at < SPACE_PAGES; at++) {
		struct floor_range range = {
			.iova = at << PAGE_SHIFT,
			.length = (u64)the.table[at].nr << PAGE_SHIFT,
		};

		if (range.length)
			floor_unmap(&range);
		cond_resched();
	}
	floor_flush();
}

static int floor_release(struct inode *inode, struct file *file)
{
	floor_clear();
	return 0;
}

static const struct file_operations floor_ops = {
	.owner = THIS_MODULE,
	.release = floor_release,
	.unlocked_ioctl = floor_ioctl,
};

static struct miscdevice floor_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ioasid-floor",
	.fops = &floor_ops,
	.mode = 0600,
};

static struct iommu_domain *floor_domain(struct device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
#else
	return iommu_paging_domain_alloc(dev);
#endif
}

static int floor_attach(struct device *dev)
{
	int rc;

	the.group = iommu_group_get(dev);
	if (!the.group)
		return -ENODEV;
	rc = iommu_group_claim_dma_owner(the.group, &the);
	if (rc)
		goto err_group;
	the.domain = floor_domain(dev);
	rc = PTR_ERR_OR_ZERO(the.domain);
	if (rc)
		goto err_claim;
	rc = iommu_attach_group(the.domain, the.group);
	if (rc)
		goto err_domain;
	return 0;

err_domain:
	iommu_domain_free(the.domain);
err_claim:
	iommu_group_release_dma_owner(the.group);
err_group:
	iommu_group_put(the.group);
	return rc;
}

static void floor_detach(void)
{
	iommu_detach_group(the.domain, the.group);
	iommu_domain_free(the.domain);
	iommu_group_release_dma_owner(the.group);
	iommu_group_put(the.group);
}

static struct pci_dev *find_device(void)
{
	unsigned int domain, bus, slot, function;

	if (sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
}

static void floor_free(void)
{
	vfree(the.table);
	kfree(the.pages);
	kfree(the.pending);
	pci_dev_put(the.pdev);
}

static int __init floor_init(void)
{
	int rc = -ENOMEM;

	the.pdev = find_device();
	if (!the.pdev)
		return -ENODEV;
	the.table = vzalloc(SPACE_PAGES * sizeof(*the.table));
	the.pages = kmalloc_array(CHUNK, sizeof(*the.pages), GFP_KERNEL);
	the.pending = kmalloc_array(FLUSH_AFTER, sizeof(*the.pending), GFP_KERNEL);
	if (!the.table || !the.pages || !the.pending)
		goto err_free;
	rc = floor_attach(&the.pdev->dev);
	if (rc)
		goto err_free;
	rc = misc_register(&floor_device);
	if (rc)
		goto err_detach;
	return 0;

err_detach:
	floor_detach();
err_free:
	floor_free();
	return rc;
}

static void __exit floor_exit(void)
{
	misc_deregister(&floor_device);
	floor_detach();
	floor_free();
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_DESCRIPTION("the floor of the ioasidfd benchmark, test only");
MODULE_LICENSE("GPL");
