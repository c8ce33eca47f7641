// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping engine, see mapping.h.
 *
 * Long maps go in chunks. The first chunk reserves the whole IOVA range, so that everything about
 * the range is decided before most of the work is done; later chunks take the lock for reading
 * only, and only while they are put into the page tables, not while they are pinned.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <uapi/linux/ioasidfd.h>

#include "mapping.h"
#include "trace.h"

/*
 * Kernel-chosen IOVAs stay clear of 0 and of what a device reaches with a small offset from a null
 * pointer.
 */
#define LOWEST_CHOSEN_IOVA 0x10000

/*
 * MAKING and LEAVING mappings belong to a call under way. Only MAKING becomes MAPPED without the
 * lock, see mapping_commit().
 */
enum mapping_state {
	MAPPING_MAKING,
	MAPPING_MAPPED,
	MAPPING_LEAVING,
};

/**
 * struct mapping - a stretch of memory at a stretch of IOVAs
 * @node: place in &ioas.map
 * @pins: the pages
 * @next: in a list of mappings on their way out
 * @state: one of &enum mapping_state
 * @flags: IOASID_MAP_READ and IOASID_MAP_WRITE
 * @stuck: a driver did not unmap all of it
 */
struct mapping {
	struct iova_node node;
	struct pins *pins;
	struct mapping *next;
	u8 state;
	u8 flags;
	bool stuck;
};

static struct kmem_cache *mapping_cache;

int mapping_init(void)
{
	mapping_cache = kmem_cache_create("ioasidfd_mapping", sizeof(struct mapping), 0,
					  SLAB_ACCOUNT, NULL);
	return mapping_cache ? 0 : -ENOMEM;
}

void mapping_exit(void)
{
	kmem_cache_destroy(mapping_cache);
}

static struct mapping *to_mapping(struct iova_node *node)
{
	return container_of(node, struct mapping, node);
}

/* Complete, and not on its way out. */
static bool is_mapped(const struct mapping *mapping)
{
	/* Pairs with settle(). */
	return smp_load_acquire(&mapping->state) == MAPPING_MAPPED;
}

static int iommu_prot(const struct mapping *mapping)
{
	return IOMMU_CACHE | (mapping->flags & IOASID_MAP_READ ? IOMMU_READ : 0) |
	       (mapping->flags & IOASID_MAP_WRITE ? IOMMU_WRITE : 0);
}

/* What of the mapping is in the page tables. */
static u64 mapped_bytes(const struct mapping *mapping)
{
	return mapping->pins->nr_pinned << PAGE_SHIFT;
}

/*
 * Pages that some device may still reach are never given back to the system: losing memory is the
 * smaller harm.
 */
static void mapping_destroy(struct mapping *mapping)
{
	if (!mapping->stuck)
		pins_free(mapping->pins);
	kmem_cache_free(mapping_cache, mapping);
}

static void destroy_list(struct mapping *mapping)
{
	struct mapping *next;

	for (; mapping; mapping = next) {
		next = mapping->next;
		mapping_destroy(mapping);
	}
}

static void unmap_from_domain(struct domain_unmap *unmap, struct mapping *mapping)
{
	u64 length = mapped_bytes(mapping);

	if (length && !domain_unmap(unmap, mapping->node.start, length))
		mapping->stuck = true;
	cond_resched();
}

/*
 * Clear the page tables for a list of mappings. When this returns, no device reaches their pages.
 */
static void clear_page_tables(struct ioas *ioas, struct mapping *first)
{
	struct domain_unmap unmap;
	struct mapping *mapping;
	struct domain *domain;

	lockdep_assert_held_write(&ioas->lock);
	list_for_each_entry(domain, &ioas->domains.list, node) {
		domain_unmap_begin(&unmap, domain);
		for (mapping = first; mapping; mapping = mapping->next)
			unmap_from_domain(&unmap, mapping);
		domain_unmap_end(&unmap);
	}
}

/* The same for all there are, those included that belong to calls under way. */
static void clear_domain(struct ioas *ioas, struct domain *domain)
{
	struct domain_unmap unmap;
	struct iova_node *node;

	lockdep_assert_held_write(&ioas->lock);
	domain_unmap_begin(&unmap, domain);
	for (node = iova_map_first(&ioas->map, 0, U64_MAX); node;
	     node = iova_map_next(node, U64_MAX))
		unmap_from_domain(&unmap, to_mapping(node));
	domain_unmap_end(&unmap);
}

static void remove_node(struct ioas *ioas, struct mapping *mapping)
{
	iova_map_remove(&ioas->map, &mapping->node);
	ioas->nr_mappings--;
	ioas->nr_mapped_pages -= mapping->pins->nr_pages;
}

/* Take a list of mappings out of the address space and give their memory back. */
static void remove_list(struct ioas *ioas, struct mapping *first)
{
	struct mapping *mapping;

	down_write(&ioas->lock);
	/* After IOASID_FREE the page tables are clear already. */
	if (!ioas->freed)
		clear_page_tables(ioas, first);
	for (mapping = first; mapping; mapping = mapping->next)
		remove_node(ioas, mapping);
	up_write(&ioas->lock);
	destroy_list(first);
}

static bool find_free(struct ioas *ioas, const struct map_request *request, u64 align, u64 *iova)
{
	struct iova_request wanted = {
		.length = request->length,
		.align = align,
		.phase = request->user_va & (align - 1),
		.floor = LOWEST_CHOSEN_IOVA,
	};

	return request->length >= align &&
	       iova_map_find_free(&ioas->map, &ioas->windows, &wanted, iova);
}

/*
 * Huge pages stay huge for the device if the IOVA has the same place in a huge page as the user
 * address.
 */
static int choose_iova(struct ioas *ioas, const struct map_request *request, u64 *iova)
{
	if (find_free(ioas, request, PUD_SIZE, iova) || find_free(ioas, request, PMD_SIZE, iova) ||
	    find_free(ioas, request, PAGE_SIZE, iova))
		return 0;
	return -ENOSPC;
}

static int check_fixed_iova(struct ioas *ioas, const struct map_request *request,
			    struct iova_range *nearest)
{
	u64 last = request->iova + request->length - 1;

	if (iova_windows_contain(&ioas->windows, request->iova, last))
		return 0;
	iova_windows_nearest(&ioas->windows, request->iova, request->length, nearest);
	return -EADDRNOTAVAIL;
}

/* Reserve the IOVA range: put the mapping into the map. */
static int place(struct ioas *ioas, struct mapping *mapping, const struct map_request *request,
		 struct iova_range *range)
{
	struct iova_node *obstacle;
	u64 iova = request->iova;
	int rc;

	lockdep_assert_held_write(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	rc = request->fixed ? check_fixed_iova(ioas, request, range) :
			      choose_iova(ioas, request, &iova);
	if (rc)
		return rc;

	mapping->node.start = iova;
	mapping->node.last = iova + request->length - 1;
	obstacle = iova_map_insert(&ioas->map, &mapping->node);
	if (obstacle) {
		range->start = obstacle->start;
		range->last = obstacle->last;
		return -EEXIST;
	}
	ioas->nr_mappings++;
	ioas->nr_mapped_pages += mapping->pins->nr_pages;
	return 0;
}

static int map_chunk(struct ioas *ioas, struct mapping *mapping, struct pin_buffer *buffer)
{
	u64 iova = mapping->node.start + mapped_bytes(mapping);
	int rc;

	lockdep_assert_held(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	rc = domains_map_buffer(&ioas->domains, iova, buffer, iommu_prot(mapping));
	if (!rc)
		pin_buffer_commit(buffer, mapping->pins);
	return rc;
}

static int pin_chunk(struct mapping *mapping, struct pin_buffer *buffer)
{
	int rc = pin_buffer_fill(buffer, mapping->pins);

	return rc ?: pin_buffer_reserve(buffer, mapping->pins);
}

static int map_first_chunk(struct ioas *ioas, struct mapping *mapping,
			   const struct map_request *request, struct pin_buffer *buffer,
			   struct iova_range *range)
{
	int rc = pin_chunk(mapping, buffer);

	if (rc)
		return rc;
	down_write(&ioas->lock);
	rc = place(ioas, mapping, request, range);
	if (!rc) {
		rc = map_chunk(ioas, mapping, buffer);
		if (rc)
			remove_node(ioas, mapping);
	}
	up_write(&ioas->lock);
	return rc;
}

static int map_other_chunks(struct ioas *ioas, struct mapping *mapping, struct pin_buffer *buffer)
{
	int rc;

	while (mapping->pins->nr_pinned < mapping->pins->nr_pages) {
		rc = pin_chunk(mapping, buffer);
		if (rc)
			return rc;
		down_read(&ioas->lock);
		rc = map_chunk(ioas, mapping, buffer);
		up_read(&ioas->lock);
		if (rc)
			return rc;
		cond_resched();
	}
	return 0;
}

static struct mapping *mapping_create(struct ioas *ioas, const struct map_request *request,
				      struct pin_quota *quota)
{
	struct pin_charge *charge;
	struct mapping *mapping;
	int rc = -ENOMEM;

	mapping = kmem_cache_zalloc(mapping_cache, GFP_KERNEL);
	if (!mapping)
		return ERR_PTR(rc);
	charge = context_get_charge(ioas->ctx);
	if (!charge)
		goto err_free;
	mapping->pins = pins_alloc(charge, request->user_va, request->length >> PAGE_SHIFT,
				   request->flags & IOASID_MAP_WRITE, quota);
	if (IS_ERR(mapping->pins)) {
		rc = PTR_ERR(mapping->pins);
		goto err_free;
	}
	mapping->state = MAPPING_MAKING;
	mapping->flags = request->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE);
	return mapping;

err_free:
	kmem_cache_free(mapping_cache, mapping);
	return ERR_PTR(rc);
}

struct mapping *mapping_begin(struct ioas *ioas, const struct map_request *request,
			      struct map_refusal *refusal)
{
	struct pin_buffer buffer;
	struct mapping *mapping;
	int rc;

	mapping = mapping_create(ioas, request, &refusal->quota);
	if (IS_ERR(mapping))
		return mapping;
	rc = pin_buffer_init(&buffer, mapping->pins->nr_pages);
	if (rc)
		goto err_destroy;

	rc = map_first_chunk(ioas, mapping, request, &buffer, &refusal->range);
	if (rc)
		goto err_buffer;
	rc = map_other_chunks(ioas, mapping, &buffer);
	pin_buffer_destroy(&buffer);
	if (rc) {
		mapping_abort(ioas, mapping);
		return ERR_PTR(rc);
	}
	return mapping;

err_buffer:
	pin_buffer_destroy(&buffer);
err_destroy:
	mapping_destroy(mapping);
	return ERR_PTR(rc);
}

u64 mapping_iova(const struct mapping *mapping)
{
	return mapping->node.start;
}

/* Select the settled mappings in [start, last] and make them the caller's. */
static struct mapping *select_mappings(struct ioas *ioas, u64 start, u64 last, u64 *bytes)
{
	struct mapping *first = NULL, **tail = &first;
	struct iova_node *node;

	lockdep_assert_held_write(&ioas->lock);
	for (node = iova_map_first(&ioas->map, start, last); node;
	     node = iova_map_next(node, last)) {
		struct mapping *mapping = to_mapping(node);

		if (!is_mapped(mapping))
			continue;
		mapping->state = MAPPING_LEAVING;
		mapping->next = NULL;
		*tail = mapping;
		tail = &mapping->next;
		*bytes += node->last - node->start + 1;
		cond_resched();
	}
	return first;
}

/* After IOASID_FREE: take out what no call under way cares for. */
static void sweep(struct ioas *ioas)
{
	struct mapping *first;
	u64 bytes = 0;

	down_write(&ioas->lock);
	first = select_mappings(ioas, 0, U64_MAX, &bytes);
	up_write(&ioas->lock);
	if (first)
		remove_list(ioas, first);
}

/*
 * Let go of a mapping that this call owned. It may be removed, and its memory be gone, as soon as
 * the state is set. mapping_end() leaves it to its owner if it still sees it owned, and then the
 * owner sees here that the address space was freed: each writes, has a barrier, and reads what the
 * other wrote.
 */
static void settle(struct mapping *mapping)
{
	/* Pairs with is_mapped(): who sees the state sees the pages. */
	smp_store_release(&mapping->state, MAPPING_MAPPED);
}

static void sweep_if_freed(struct ioas *ioas)
{
	/* Pairs with the one in mapping_end(). */
	smp_mb();
	if (READ_ONCE(ioas->freed))
		sweep(ioas);
}

void mapping_commit(struct ioas *ioas, struct mapping *mapping)
{
	trace_ioasidfd_map(ioas->id, mapping->node.start, mapping->node.last, mapping->flags);
	settle(mapping);
	sweep_if_freed(ioas);
}

void mapping_abort(struct ioas *ioas, struct mapping *mapping)
{
	remove_list(ioas, mapping);
}

static bool reaches_out(const struct iova_node *node, u64 start, u64 last)
{
	return node->start < start || node->last > last;
}

/*
 * A range is cut, if at all, at its first or its last mapping; to the caller those being made are
 * not there.
 */
static struct mapping *find_cut(struct ioas *ioas, u64 start, u64 last)
{
	u64 ends[] = { start, last };
	struct iova_node *node;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		node = iova_map_first(&ioas->map, ends[i], ends[i]);
		if (node && reaches_out(node, start, last) && is_mapped(to_mapping(node)))
			return to_mapping(node);
	}
	return NULL;
}

int unmapping_begin(struct ioas *ioas, u64 start, u64 last, struct unmapping *unmapping)
{
	struct mapping *cut;
	int rc = 0;

	memset(unmapping, 0, sizeof(*unmapping));
	down_write(&ioas->lock);
	cut = find_cut(ioas, start, last);
	if (cut) {
		unmapping->cut.start = cut->node.start;
		unmapping->cut.last = cut->node.last;
		rc = -EINVAL;
	} else {
		unmapping->first = select_mappings(ioas, start, last, &unmapping->bytes);
		if (!unmapping->first)
			rc = -ENOENT;
	}
	up_write(&ioas->lock);
	return rc;
}

void unmapping_commit(struct ioas *ioas, struct unmapping *unmapping)
{
	trace_ioasidfd_unmap(ioas->id, unmapping->first->node.start, unmapping->bytes);
	remove_list(ioas, unmapping->first);
}

void unmapping_abort(struct ioas *ioas, struct unmapping *unmapping)
{
	struct mapping *mapping, *next;

	for (mapping = unmapping->first; mapping; mapping = next) {
		next = mapping->next;
		settle(mapping);
	}
	sweep_if_freed(ioas);
}

int mapping_query(struct ioas *ioas, u64 start, u64 last, struct mapping_view *view)
{
	struct iova_node *node;
	int rc = -ENOENT;

	down_read(&ioas->lock);
	for (node = iova_map_first(&ioas->map, start, last); node;
	     node = iova_map_next(node, last)) {
		struct mapping *mapping = to_mapping(node);

		/*
		 * One on its way out is still there; MAKING becomes MAPPED only once, so this
		 * cannot mistake it.
		 */
		if (!is_mapped(mapping) && mapping->state == MAPPING_MAKING)
			continue;
		view->range.start = node->start;
		view->range.last = node->last;
		view->user_va = mapping->pins->user_va;
		view->flags = mapping->flags;
		rc = 0;
		break;
	}
	up_read(&ioas->lock);
	return rc;
}

bool mapping_end(struct ioas *ioas)
{
	struct domain *domain;

	down_write(&ioas->lock);
	if (ioas->freed) {
		up_write(&ioas->lock);
		return false;
	}
	list_for_each_entry(domain, &ioas->domains.list, node)
		clear_domain(ioas, domain);
	WRITE_ONCE(ioas->freed, true);
	up_write(&ioas->lock);
	/* Pairs with the one in sweep_if_freed(). */
	smp_mb();
	sweep(ioas);
	return true;
}

int mapping_fill_domain(struct ioas *ioas, struct domain *domain)
{
	struct iova_node *node, *failed;
	struct domain_unmap unmap;
	int rc = 0;

	lockdep_assert_held_write(&ioas->lock);
	for (node = iova_map_first(&ioas->map, 0, U64_MAX); node;
	     node = iova_map_next(node, U64_MAX)) {
		struct mapping *mapping = to_mapping(node);

		rc = fatal_signal_pending(current) ?
			     -EINTR :
			     domain_map_pins(domain, node->start, mapping->pins,
					     mapping->pins->nr_pinned, iommu_prot(mapping));
		if (rc)
			break;
	}
	if (!rc)
		return 0;

	failed = node;
	domain_unmap_begin(&unmap, domain);
	for (node = iova_map_first(&ioas->map, 0, U64_MAX); node != failed;
	     node = iova_map_next(node, U64_MAX))
		unmap_from_domain(&unmap, to_mapping(node));
	domain_unmap_end(&unmap);
	return rc;
}

void mapping_empty_domain(struct ioas *ioas, struct domain *domain)
{
	if (!ioas->freed)
		clear_domain(ioas, domain);
}
