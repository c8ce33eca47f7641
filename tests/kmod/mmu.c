// SPDX-License-Identifier: GPL-2.0-only
/*
 * Translation, see mmu.h.
 */
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "journal.h"
#include "mmu.h"

#define SLOW_ACCESS_US 50 /* see MOCK_OPTION_SLOW */

static DEFINE_SPINLOCK(contexts_lock);

u32 mmu_domain_number(struct iommu_domain *domain)
{
	return mmu_is_paging(domain) ? to_mmu_domain(domain)->number : 0;
}

struct mmu_domain *mmu_domain_create(void)
{
	static atomic_t last_number;
	struct mmu_domain *domain;

	domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (!domain)
		return NULL;
	domain->number = atomic_inc_return(&last_number);
	page_table_init(&domain->table);
	INIT_LIST_HEAD(&domain->contexts);
	domain->domain.pgsize_bitmap = PAGE_TABLE_SIZES;
	domain->domain.geometry.aperture_end = PAGE_TABLE_LAST;
	domain->domain.geometry.force_aperture = true;
	count(domain_alloc);
	count(live_domains);
	return domain;
}

static void context_init(struct mmu_context *context, struct mmu_device *device, u32 pasid)
{
	context->device = device;
	context->pasid = pasid;
	INIT_LIST_HEAD(&context->node);
	xa_init(&context->tlb);
}

static void leave_domain(struct mmu_context *context)
{
	struct mmu_domain *domain;

	lockdep_assert_held(&contexts_lock);
	if (!mmu_is_paging(context->domain))
		return;
	domain = to_mmu_domain(context->domain);
	list_del_init(&context->node);
	WRITE_ONCE(domain->nr_contexts, domain->nr_contexts - 1);
}

static void join_domain(struct mmu_context *context, struct iommu_domain *new)
{
	struct mmu_domain *domain;

	lockdep_assert_held(&contexts_lock);
	context->domain = new;
	if (!mmu_is_paging(new))
		return;
	domain = to_mmu_domain(new);
	list_add_tail(&context->node, &domain->contexts);
	WRITE_ONCE(domain->nr_contexts, domain->nr_contexts + 1);
}

/* One step for the device: an access sees the old domain or the new one. */
static struct iommu_domain *context_set(struct mmu_context *context, struct iommu_domain *new)
{
	struct iommu_domain *old = context->domain;
	unsigned long flags;

	spin_lock_irqsave(&contexts_lock, flags);
	spin_lock(&context->device->lock);
	leave_domain(context);
	join_domain(context, new);
	xa_destroy(&context->tlb);
	spin_unlock(&context->device->lock);
	spin_unlock_irqrestore(&contexts_lock, flags);

	/* Nothing holds translations of a domain that nobody uses. */
	if (mmu_is_paging(old) && !READ_ONCE(to_mmu_domain(old)->nr_contexts))
		page_table_invalidated(&to_mmu_domain(old)->table, 0, PAGE_TABLE_LAST);
	if (mmu_is_paging(old) && mmu_is_paging(new) && old != new)
		count(replace);
	return old;
}

static void evict_contexts(struct mmu_domain *domain)
{
	struct mmu_context *context, *next;
	unsigned long flags;

	spin_lock_irqsave(&contexts_lock, flags);
	list_for_each_entry_safe(context, next, &domain->contexts, node) {
		spin_lock(&context->device->lock);
		leave_domain(context);
		context->domain = NULL;
		xa_destroy(&context->tlb);
		spin_unlock(&context->device->lock);
	}
	spin_unlock_irqrestore(&contexts_lock, flags);
}

void mmu_domain_destroy(struct mmu_domain *domain)
{
	unsigned long nr;

	if (READ_ONCE(domain->nr_contexts)) {
		report_violation("domain %u freed while %u RIDs and PASIDs use it", domain->number,
				 domain->nr_contexts);
		evict_contexts(domain);
	}
	wait_var_event(&domain->reporters, !atomic_read(&domain->reporters));
	nr = page_table_destroy(&domain->table);
	if (nr)
		report_violation("domain %u freed with %lu leaves mapped", domain->number, nr);
	kfree(domain);
	count(domain_free);
	uncount(live_domains);
}

static void forget(struct mmu_context *context, unsigned long first, unsigned long last)
{
	unsigned long page;
	void *entry;

	xa_for_each_range(&context->tlb, page, entry, first, last)
		xa_erase(&context->tlb, page);
}

void mmu_invalidate(struct mmu_domain *domain, u64 first, u64 last)
{
	struct mmu_context *context;
	unsigned long flags;

	spin_lock_irqsave(&contexts_lock, flags);
	list_for_each_entry(context, &domain->contexts, node) {
		spin_lock(&context->device->lock);
		forget(context, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
		spin_unlock(&context->device->lock);
	}
	spin_unlock_irqrestore(&contexts_lock, flags);
	page_table_invalidated(&domain->table, first, last);
}

void mmu_device_init(struct mmu_device *device, u32 number)
{
	device->number = number;
	spin_lock_init(&device->lock);
	xa_init(&device->pasids);
	context_init(&device->rid, device, 0);
}

struct iommu_domain *mmu_set_rid(struct mmu_device *device, struct iommu_domain *domain)
{
	return context_set(&device->rid, domain);
}

static int add_pasid(struct mmu_device *device, u32 pasid, struct iommu_domain *domain)
{
	struct mmu_context *context;
	int rc;

	context = kzalloc(sizeof(*context), GFP_KERNEL);
	if (!context)
		return -ENOMEM;
	context_init(context, device, pasid);
	rc = xa_insert(&device->pasids, pasid, context, GFP_KERNEL);
	if (rc) {
		kfree(context);
		return rc;
	}
	context_set(context, domain);
	WRITE_ONCE(device->nr_pasids, device->nr_pasids + 1);
	count(set_pasid);
	count(live_pasids);
	return 0;
}

int mmu_set_pasid(struct mmu_device *device, u32 pasid, struct iommu_domain *domain,
		  struct iommu_domain *expected)
{
	struct mmu_context *context = xa_load(&device->pasids, pasid);

	if ((context ? context->domain : NULL) != expected) {
		report_violation("device %u PASID %u: attached over domain %u instead of %u",
				 device->number, pasid,
				 context ? mmu_domain_number(context->domain) : 0,
				 mmu_domain_number(expected));
		return -EBUSY;
	}
	if (!context)
		return add_pasid(device, pasid, domain);
	context_set(context, domain);
	return 0;
}

static void drop_pasid(struct mmu_context *context)
{
	struct mmu_device *device = context->device;

	context_set(context, NULL);
	xa_erase(&device->pasids, context->pasid);
	WRITE_ONCE(device->nr_pasids, device->nr_pasids - 1);
	count(remove_pasid);
	uncount(live_pasids);
	/* An access looks for its context with interrupts off, which RCU waits for. */
	kfree_rcu(context, rcu);
}

void mmu_remove_pasid(struct mmu_device *device, u32 pasid, struct iommu_domain *expected)
{
	struct mmu_context *context = xa_load(&device->pasids, pasid);

	if (!context || context->domain != expected)
		report_violation("device %u PASID %u: removed from domain %u, has %u",
				 device->number, pasid, mmu_domain_number(expected),
				 context ? mmu_domain_number(context->domain) : 0);
	if (context)
		drop_pasid(context);
}

void mmu_device_clear(struct mmu_device *device)
{
	struct mmu_context *context;
	unsigned long pasid;

	context_set(&device->rid, NULL);
	xa_for_each(&device->pasids, pasid, context) {
		report_violation("device %u gone with PASID %lu attached to domain %u",
				 device->number, pasid, mmu_domain_number(context->domain));
		drop_pasid(context);
	}
	xa_destroy(&device->pasids);
}

/* A TLB entry as the value in the xarray. */
static void *tlb_entry(const struct translation *to)
{
	return xa_mk_value(to->pfn << 2 | to->write << 1 | to->read);
}

static void read_tlb_entry(const void *entry, struct translation *to)
{
	unsigned long value = xa_to_value(entry);

	to->pfn = value >> 2;
	to->write = value & 2;
	to->read = value & 1;
}

static bool is_memory(unsigned long pfn)
{
	return pfn_valid(pfn) && page_is_ram(pfn);
}

static void note_stale(struct mmu_context *context, struct mmu_access *access)
{
	count(tlb_stale);
	access->seen |= MOCK_DMA_SEEN_STALE;
	if (journal_option(MOCK_OPTION_NO_STALE))
		report_violation("device %u PASID %u: stale translation of %#llx used",
				 context->device->number, context->pasid, access->iova);
}

static enum mock_fault_reason translate_paging(struct mmu_context *context,
					       struct mmu_access *access, struct translation *to)
{
	unsigned long page = access->iova >> PAGE_SHIFT;
	void *entry = xa_load(&context->tlb, page);
	struct translation now;
	bool mapped;

	mapped = page_table_walk(&to_mmu_domain(context->domain)->table, access->iova, &now);
	if (entry) {
		count(tlb_hit);
		read_tlb_entry(entry, to);
		if (!mapped || tlb_entry(&now) != entry)
			note_stale(context, access);
		return MOCK_FAULT_NONE;
	}
	if (!mapped)
		return MOCK_FAULT_NOT_MAPPED;
	if (!is_memory(now.pfn))
		return MOCK_FAULT_NOT_MEMORY;
	count(tlb_miss);
	*to = now;
	if (xa_is_err(xa_store(&context->tlb, page, tlb_entry(to), GFP_ATOMIC)))
		pr_warn_once("ioasidfd_mock: no memory for a TLB entry\n");
	return MOCK_FAULT_NONE;
}

static enum mock_fault_reason translate_identity(struct mmu_access *access, struct translation *to)
{
	count(dma_identity);
	access->seen |= MOCK_DMA_SEEN_IDENTITY;
	if (!access->identity_allowed)
		return MOCK_FAULT_IDENTITY;
	to->pfn = access->iova >> PAGE_SHIFT;
	to->read = true;
	to->write = true;
	return is_memory(to->pfn) ? MOCK_FAULT_NONE : MOCK_FAULT_NOT_MEMORY;
}

static enum mock_fault_reason translate(struct mmu_context *context, struct mmu_access *access,
					struct translation *to)
{
	enum mock_fault_reason reason;

	if (!context || !context->domain)
		return MOCK_FAULT_NO_CONTEXT;
	if (mmu_is_paging(context->domain))
		reason = translate_paging(context, access, to);
	else if (context->domain->type == IOMMU_DOMAIN_IDENTITY)
		reason = translate_identity(access, to);
	else
		reason = MOCK_FAULT_BLOCKED;
	if (reason)
		return reason;
	if (access->write && !to->write)
		return MOCK_FAULT_NO_WRITE;
	if (!access->write && !to->read)
		return MOCK_FAULT_NO_READ;
	return MOCK_FAULT_NONE;
}

/*
 * Is the page still somebody's? Memory of the slab allocator has no reference count of its own in
 * late kernels.
 */
static enum mock_fault_reason check_page(struct mmu_context *context, struct mmu_access *access,
					 unsigned long pfn)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));
	bool paging = mmu_is_paging(context->domain);

	if (!folio_ref_count(folio) && !folio_test_slab(folio)) {
		if (paging)
			report_violation("device %u PASID %u: %#llx leads to free page %#lx",
					 context->device->number, context->pasid, access->iova,
					 pfn);
		return MOCK_FAULT_FREE_PAGE;
	}
	if (paging && journal_option(MOCK_OPTION_PINNED) && !folio_maybe_dma_pinned(folio))
		report_violation(
			"device %u PASID %u: %#llx leads to page %#lx, which is not pinned",
			context->device->number, context->pasid, access->iova, pfn);
	return MOCK_FAULT_NONE;
}

static void access_page(struct mmu_access *access, unsigned long pfn)
{
	void *address = kmap_local_page(pfn_to_page(pfn));

	if (journal_option(MOCK_OPTION_SLOW))
		udelay(SLOW_ACCESS_US);
	access->run(address + offset_in_page(access->iova), access->private);
	kunmap_local(address);
}

enum mock_fault_reason mmu_access(struct mmu_device *device, struct mmu_access *access)
{
	struct mmu_context *context = &device->rid;
	enum mock_fault_reason reason;
	struct translation to;
	unsigned long flags;

	access->reported = NULL;
	spin_lock_irqsave(&device->lock, flags);
	if (access->has_pasid)
		context = xa_load(&device->pasids, access->pasid);
	reason = translate(context, access, &to);
	if (!reason)
		reason = check_page(context, access, to.pfn);
	if (!reason) {
		access_page(access, to.pfn);
	} else if (context && mmu_is_paging(context->domain)) {
		access->reported = to_mmu_domain(context->domain);
		atomic_inc(&access->reported->reporters);
	}
	spin_unlock_irqrestore(&device->lock, flags);
	return reason;
}

void mmu_reported(struct mmu_access *access)
{
	struct mmu_domain *domain = access->reported;

	access->reported = NULL;
	/*
	 * The last word to the variable: afterwards the domain may be freed, waking only compares
	 * the address.
	 */
	if (domain && atomic_dec_and_test(&domain->reporters))
		wake_up_var(&domain->reporters);
}
