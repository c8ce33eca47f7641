/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the supported kernels, behind names and meanings of our own.
 *
 * Nothing outside this folder asks for a kernel version. Each entry says which kernel makes it
 * obsolete, so that it can be deleted when that kernel is the oldest one supported.
 */
#ifndef IOASIDFD_COMPAT_H
#define IOASIDFD_COMPAT_H

#include <linux/device.h>
#include <linux/device/bus.h>
#include <linux/device/class.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "ioasidfd needs Linux 6.1 or later: DMA ownership is not complete before it."
#endif

/**
 * compat_map() - iommu_map() with page tables charged to the caller's memory cgroup where the
 * kernel can
 * @domain: attached domain
 * @iova: first address
 * @paddr: first physical address
 * @size: bytes
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 *
 * Context: may sleep. Concurrent calls on ranges that do not overlap are fine.
 * Return: 0 or a negative errno; then nothing of the range is mapped.
 */
int compat_map(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr, size_t size,
	       int prot);

/**
 * compat_gather_range() - say what an invalidation that was put off is about
 * @domain: the domain
 * @gather: what iommu_unmap_fast() was given with &iommu_iotlb_gather.queued set
 * @start: first address
 * @last: last address
 *
 * iommu_iotlb_sync() does it then. Before 6.19, and in drivers with page tables of their own, the
 * driver is also told the smallest page size; the kernel's common page tables know better, and
 * remember something else in its place.
 */
static inline void compat_gather_range(const struct iommu_domain *domain,
				       struct iommu_iotlb_gather *gather, unsigned long start,
				       unsigned long last)
{
	gather->queued = false;
	gather->start = start;
	gather->end = last;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	if (domain->is_iommupt)
		return;
#endif
	gather->pgsize = PAGE_SIZE;
}

/* Did unmapping take out no pages of the tables? */
static inline bool compat_gather_frees_nothing(const struct iommu_iotlb_gather *gather)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
	return list_empty(&gather->freelist);
#else
	return list_empty(&gather->freelist.pages);
#endif
}

/**
 * compat_iotlb_sync() - invalidate what was unmapped
 * @domain: the domain
 * @gather: what iommu_unmap_fast() was given
 * @start: first address
 * @last: last address
 *
 * An invalidation says where, and a power of two how much. Some drivers do not ask what powers the
 * IOMMU takes: VT-d's does not for page tables of the first stage, and an emulated one refuses more
 * than a GiB. What no GiB holds takes the rest of the domain along.
 */
static inline void compat_iotlb_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather,
				     unsigned long start, unsigned long last)
{
	if ((start ^ last) >> 30 && domain->ops->flush_iotlb_all) {
		domain->ops->flush_iotlb_all(domain);
		if (compat_gather_frees_nothing(gather)) {
			iommu_iotlb_gather_init(gather);
			return;
		}
		/* The driver still has pages of its tables to free. */
		if (gather->start < gather->end)
			gather->end = gather->start + PAGE_SIZE - 1;
	}
	iommu_iotlb_sync(domain, gather);
}

/**
 * compat_group_has_isolated_msi() - can no device of the group reach another's interrupts?
 * @group: the group
 *
 * Context: may sleep; takes the group's mutex in the iommu core.
 */
bool compat_group_has_isolated_msi(struct iommu_group *group);

/**
 * compat_pin_user_pages() - pin memory of the current task for a device, for as long as it takes
 * @va: first address, page aligned
 * @nr: number of pages
 * @write: will the device write? The memory must be writable then; it must be readable in any case
 * @pages: where to put the pages
 *
 * The pages are the ones that the task sees, now and after it has written to them: a private page
 * that it shares with another process, with the page cache or with the zero page is made its own
 * first.
 *
 * Context: may sleep; no lock of the memory management is held.
 * Return: how many pages were pinned, from the start; or a negative errno, or 0.
 */
int compat_pin_user_pages(unsigned long va, int nr, bool write, struct page **pages);

/**
 * compat_can_pin_files() - can memory of files be pinned without mapping it?
 *
 * Since 6.11.
 */
bool compat_can_pin_files(void);

/**
 * compat_check_pinnable_file() - can memory of this file be pinned for a device?
 * @file: any file
 * @write: will the device write?
 *
 * Return: 0; -EOPNOTSUPP for other files than those of shmem and hugetlbfs; -EFAULT if the file is
 * sealed against writing.
 */
int compat_check_pinnable_file(struct file *file, bool write);

/**
 * compat_fill_file() - let huge pages of a file come into being
 * @file: file for which compat_check_pinnable_file() said yes
 * @start: first byte
 * @last: last byte, inclusive
 * @max: how many of them matter, from the start: more than compat_pin_file() takes at a time need
 *	not be looked at each time
 *
 * Context: may sleep; takes the lock of the file's inode.
 * Return: 0; -ENOMEM; -EINTR; -EFAULT if pages are missing and the file cannot be written.
 */
int compat_fill_file(struct file *file, u64 start, u64 last, unsigned int max);

/**
 * compat_pin_file() - pin folios of a file of shmem or hugetlbfs
 * @file: file for which compat_check_pinnable_file() said yes
 * @start: first byte
 * @last: last byte, inclusive
 * @folios: where to put the folios, each of them once
 * @max: room in @folios
 * @offset: offset of @start in the first folio, in bytes
 *
 * Context: may sleep; the inode of @file is locked, so that no page gets lost. Pages that are not
 * there yet are allocated, but no huge ones.
 * Return: how many folios were pinned, or a negative errno; -EFAULT if a huge page is missing.
 */
long compat_pin_file(struct file *file, u64 start, u64 last, struct folio **folios,
		     unsigned int max, u64 *offset);

/**
 * compat_unpin_file_pages() - give pages back that one call of compat_pin_file() pinned
 * @page: first page
 * @nr: number of contiguous pages, of which every folio was pinned once
 * @dirty: they were written to
 *
 * Context: may sleep.
 */
void compat_unpin_file_pages(struct page *page, unsigned long nr, bool dirty);

/* Some kernels clear all variables on the stack. Since gcc 12 one can be exempted. */
#if __has_attribute(__uninitialized__)
#define compat_uninitialized __attribute__((__uninitialized__))
#else
#define compat_uninitialized
#endif

/* vm_flags can be assigned to before 6.3 only. */
static inline void compat_vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags |= flags;
#else
	vm_flags_set(vma, flags);
#endif
}

/* Bus types are constant since 6.4. */
static inline int compat_bus_register_notifier(const struct bus_type *bus,
					       struct notifier_block *nb)
{
	return bus_register_notifier((struct bus_type *)bus, nb);
}

static inline int compat_bus_unregister_notifier(const struct bus_type *bus,
						 struct notifier_block *nb)
{
	return bus_unregister_notifier((struct bus_type *)bus, nb);
}

static inline int compat_bus_for_each_dev(const struct bus_type *bus, void *data,
					  int (*visit)(struct device *dev, void *data))
{
	return bus_for_each_dev((struct bus_type *)bus, NULL, data, visit);
}

/*
 * Does this entry of &pci_dev.reset_methods reset the whole bus? Entries are numbers in a table of
 * the PCI core that no header has: "bus" is the sixth, and "cxl_bus", since 6.10, the seventh.
 */
static inline bool compat_pci_resets_bus(u8 method)
{
	return method == 6 || method == 7;
}

/* The owner argument went away in 6.4. */
static inline struct class *compat_class_create(const char *name)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	return class_create(THIS_MODULE, name);
#else
	return class_create(name);
#endif
}

/*
 * A platform driver's remove() returns nothing since 6.11: defines compat_@remove from a @remove
 * that never did.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define COMPAT_PLATFORM_REMOVE(remove)                           \
	static int compat_##remove(struct platform_device *pdev) \
	{                                                        \
		remove(pdev);                                    \
		return 0;                                        \
	}
#else
#define COMPAT_PLATFORM_REMOVE(remove)                            \
	static void compat_##remove(struct platform_device *pdev) \
	{                                                         \
		remove(pdev);                                     \
	}
#endif

#endif
