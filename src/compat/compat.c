// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of compat.h that are too long for a header.
 */
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/irqdomain.h>
#include <linux/shmem_fs.h>
#include <uapi/linux/falloc.h>

#include "compat.h"

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
	/* What comes after the first page may be private again. */
	return own > 0 ? own : pin_user_pages_fast(va, 1, FOLL_LONGTERM, pages);
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

/* memfd_pin_folios() exists since 6.11. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
bool compat_can_pin_files(void)
{
	return false;
}

int compat_check_pinnable_file(struct file *file, bool write)
{
	return -EOPNOTSUPP;
}

int compat_fill_file(struct file *file, u64 start, u64 last, unsigned int max)
{
	return -EOPNOTSUPP;
}

long compat_pin_file(struct file *file, u64 start, u64 last, struct folio **folios,
		     unsigned int max, u64 *offset)
{
	return -EOPNOTSUPP;
}

void compat_unpin_file_pages(struct page *page, unsigned long nr, bool dirty)
{
}
#else
bool compat_can_pin_files(void)
{
	return true;
}

static unsigned int file_seals(struct file *file)
{
#ifdef CONFIG_HUGETLBFS
	if (is_file_hugepages(file))
		return HUGETLBFS_I(file_inode(file))->seals;
#endif
	return SHMEM_I(file_inode(file))->seals;
}

int compat_check_pinnable_file(struct file *file, bool write)
{
	if (!shmem_mapping(file->f_mapping) && !is_file_hugepages(file))
		return -EOPNOTSUPP;
	if (write && file_seals(file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EFAULT;
	return 0;
}

#ifdef CONFIG_HUGETLBFS
/* Of the first @max that are in the range. */
static bool huge_page_missing(struct file *file, u64 start, u64 last, unsigned int max)
{
	unsigned long step;
	struct folio *folio;
	u64 at;

	if (!is_file_hugepages(file))
		return false;
	step = huge_page_size(hstate_file(file));
	for (at = round_down(start, step); at <= last && max--; at += step) {
		folio = __filemap_get_folio(file->f_mapping, at >> PAGE_SHIFT, 0, 0);
		if (IS_ERR(folio))
			return true;
		folio_put(folio);
	}
	return false;
}
#else
static bool huge_page_missing(struct file *file, u64 start, u64 last, unsigned int max)
{
	return false;
}
#endif

int compat_fill_file(struct file *file, u64 start, u64 last, unsigned int max)
{
	int rc;

	/* What is beyond the end of the file is refused when it is to be pinned. */
	if (last >= i_size_read(file_inode(file)) || !huge_page_missing(file, start, last, max))
		return 0;
	rc = vfs_fallocate(file, FALLOC_FL_KEEP_SIZE, start, last - start + 1);
	switch (rc) {
	case -ENOSPC:
		return -ENOMEM;
	case -EINTR:
	case 0:
		return rc;
	default:
		return -EFAULT;
	}
}

long compat_pin_file(struct file *file, u64 start, u64 last, struct folio **folios,
		     unsigned int max, u64 *offset)
{
	pgoff_t first = 0;
	long rc;

	/*
	 * On 6.12 memfd_pin_folios() would take one from the reserve, although nobody reserved it,
	 * and the count of what is reserved drops below zero.
	 */
	if (huge_page_missing(file, start, last, max))
		return -EFAULT;
	rc = memfd_pin_folios(file, start, last, folios, max, &first);
	*offset = first;
	return rc;
}

void compat_unpin_file_pages(struct page *page, unsigned long nr, bool dirty)
{
	while (nr) {
		struct folio *folio = page_folio(page);
		unsigned long used = folio_nr_pages(folio) - folio_page_idx(folio, page);

		used = min(used, nr);
		if (dirty) {
			folio_lock(folio);
			folio_mark_dirty(folio);
			folio_unlock(folio);
		}
		unpin_user_folio(folio, 1);
		page += used;
		nr -= used;
		cond_resched();
	}
}
#endif
