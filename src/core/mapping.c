// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping engine, see mapping.h.
 *
 * Long maps go in chunks. The whole IOVA range is reserved before the first page is pinned, so that
 * everything about the range is decided before the work is done; chunks take the lock for reading
 * only, and only while they are put into the page tables, not while they are pinned. Maps of a few
 * pages are pinned first and then need the lock just once. Copies go in chunks as well.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <uapi/linux/ioasidfd.h>

#include "../delay_point.h"
#include "flush.h"
#include "mapping.h"
#include "trace.h"

/*
 * Kernel-chosen IOVAs stay clear of 0 and of what a device reaches with a small offset from a null
 * pointer.
 */
#define LOWEST_CHOSEN_IOVA 0x10000

/*
 * MAKING and LEAVING mappings belong to a call under way. Only MAKING becomes MAPPED without the
 * lock, see settle(). Of a PENDING one only the invalidation is missing.
 */
enum mapping_state {
	MAPPING_MAKING,
	MAPPING_MAPPED,
	MAPPING_LEAVING,
	MAPPING_PENDING,
};

/**
 * struct mapping - a stretch of memory at a stretch of IOVAs
 * @node: place in &ioas.map
 * @origin: the mapping whose pages it uses: itself, or the one it was copied from; holds a
 *	reference then
 * @next: in a list of mappings on their way out
 * @nr_made: while MAKING, pages that are in the page tables
 * @from: first page in the origin's pages
 * @state: one of &enum mapping_state
 * @flags: IOASID_MAP_READ and IOASID_MAP_WRITE
 * @ref: 1 for the map, and one for each copy
 * @stuck: a driver did not unmap all of the pages, from here or from a copy
 * @pins: the pages, if it is its own origin
 *
 * There may be a million of them: it fits in two cache lines.
 */
struct mapping {
	struct iova_node node;
	struct mapping *origin;
	union {
		struct mapping *next;
		u64 nr_made;
	};
	u64 from;
	refcount_t ref;
	u8 state;
	u8 flags;
	bool stuck;
	struct pins pins;
};

static_assert(sizeof(struct mapping) <= 128);

/*
 * An address space keeps so many objects that were used, with their charge: what is unmapped is
 * often mapped again, and the general allocator takes several times as long.
 */
#define MAX_SPARE 64

/* A chunk of a copy takes as long as one of a map. */
#define COPY_CHUNK_RUNS 512

static struct kmem_cache *mapping_cache;

static void mapping_put(struct mapping *mapping);

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

static struct mapping *to_mapping(const struct iova_node *node)
{
	return container_of(node, struct mapping, node);
}

static struct iova_node *lowest_node(struct ioas *ioas)
{
	return iova_map_first(&ioas->map, 0, U64_MAX);
}

static struct iova_node *higher_node(struct iova_node *node)
{
	return iova_map_next(node, U64_MAX);
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

u64 mapping_nr_pages(const struct mapping *mapping)
{
	return (mapping->node.last - mapping->node.start + 1) >> PAGE_SHIFT;
}

void mapping_set_next(struct mapping *mapping, struct mapping *next)
{
	mapping->next = next;
}

/* What of the mapping is in the page tables. */
static u64 nr_pages_in_tables(const struct mapping *mapping)
{
	/* Pairs with settle(). */
	switch (smp_load_acquire(&mapping->state)) {
	case MAPPING_MAKING:
		return mapping->nr_made;
	case MAPPING_PENDING:
		return 0;
	default:
		return mapping_nr_pages(mapping);
	}
}

/*
 * Drop a reference: true if it was the last one, and only the object is left. Pages that some
 * device may still reach are never given back to the system, nor is what was charged for them:
 * losing memory is the smaller harm.
 */
static bool put_pages(struct mapping *mapping)
{
	struct mapping *origin = mapping->origin;

	if (!refcount_dec_and_test(&mapping->ref))
		return false;
	if (origin != mapping)
		mapping_put(origin);
	else if (mapping->stuck)
		mapping->pins.charge = NULL;
	else
		pins_release(&mapping->pins);
	return true;
}

static void mapping_free(struct mapping *mapping)
{
	pin_charge_put(mapping->pins.charge);
	kmem_cache_free(mapping_cache, mapping);
}

static void mapping_put(struct mapping *mapping)
{
	if (put_pages(mapping))
		mapping_free(mapping);
}

/* For loops over mappings: a user may have a million, and each is a matter of an instant. */
static void let_others_run(unsigned int *nr_done)
{
	if (++*nr_done % 64 == 0)
		cond_resched();
}

void mapping_destroy_list(struct mapping *first)
{
	unsigned int nr_done = 0;
	struct mapping *next;

	for (; first; first = next) {
		next = first->next;
		mapping_put(first);
		let_others_run(&nr_done);
	}
}

static struct mapping *take_spare(struct ioas *ioas)
{
	struct mapping *mapping;

	spin_lock(&ioas->spare_lock);
	mapping = ioas->spare;
	if (mapping) {
		ioas->spare = mapping->next;
		WRITE_ONCE(ioas->nr_spare, ioas->nr_spare - 1);
	}
	spin_unlock(&ioas->spare_lock);
	return mapping;
}

static bool keep_spare(struct ioas *ioas, struct mapping *mapping)
{
	bool has_room;

	if (READ_ONCE(ioas->nr_spare) == MAX_SPARE)
		return false;
	spin_lock(&ioas->spare_lock);
	has_room = ioas->nr_spare < MAX_SPARE;
	if (has_room) {
		mapping->next = ioas->spare;
		ioas->spare = mapping;
		WRITE_ONCE(ioas->nr_spare, ioas->nr_spare + 1);
	}
	spin_unlock(&ioas->spare_lock);
	return has_room;
}

/* Objects that were made in a row are freed in a row: many at once take a fraction of the time. */
static noinline void recycle_many(struct ioas *ioas, struct mapping *first)
{
	struct mapping *next;
	unsigned int nr = 0, nr_done = 0;
	void *object[32];

	for (; first; first = next) {
		next = first->next;
		let_others_run(&nr_done);
		if (!put_pages(first) || keep_spare(ioas, first))
			continue;
		pin_charge_put(first->pins.charge);
		object[nr++] = first;
		if (nr == ARRAY_SIZE(object)) {
			kmem_cache_free_bulk(mapping_cache, nr, object);
			nr = 0;
		}
	}
	if (nr)
		kmem_cache_free_bulk(mapping_cache, nr, object);
}

void mapping_recycle_list(struct ioas *ioas, struct mapping *first)
{
	if (!first)
		return;
	if (first->next)
		recycle_many(ioas, first);
	else if (put_pages(first) && !keep_spare(ioas, first))
		mapping_free(first);
}

void mapping_drop_spares(struct ioas *ioas)
{
	struct mapping *spare;

	while ((spare = take_spare(ioas)))
		mapping_free(spare);
}

static void note_stuck(struct mapping *mapping)
{
	WRITE_ONCE(mapping->origin->stuck, true);
}

static void unmap_from_domain(struct domain_unmap *unmap, struct mapping *mapping)
{
	u64 length = nr_pages_in_tables(mapping) << PAGE_SHIFT;

	if (length && !domain_unmap(unmap, mapping->node.start, length))
		note_stuck(mapping);
}

static void unmap_single(struct domain *domain, struct mapping *mapping)
{
	u64 length = nr_pages_in_tables(mapping) << PAGE_SHIFT;

	if (length && !domain_unmap_now(domain, mapping->node.start, length))
		note_stuck(mapping);
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
		if (!first->next) {
			unmap_single(domain, first);
			continue;
		}
		domain_unmap_begin(&unmap, domain);
		for (mapping = first; mapping; mapping = mapping->next) {
			unmap_from_domain(&unmap, mapping);
			if (mapping->next)
				cond_resched();
		}
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
	for (node = lowest_node(ioas); node; node = higher_node(node)) {
		unmap_from_domain(&unmap, to_mapping(node));
		cond_resched();
	}
	domain_unmap_end(&unmap);
}

static void count_out(struct ioas *ioas, const struct mapping *mapping)
{
	ioas->nr_mappings--;
	ioas->nr_mapped_pages -= mapping_nr_pages(mapping);
}

void mapping_forget_list(struct ioas *ioas, struct mapping *first)
{
	unsigned int nr_done = 0;

	lockdep_assert_held_write(&ioas->lock);
	for (; first; first = first->next) {
		iova_map_remove(&ioas->map, &first->node);
		let_others_run(&nr_done);
	}
}

/* Clear the page tables for a list of mappings, and leave the rest to the next flush. */
static void make_pending(struct ioas *ioas, struct mapping *first)
{
	struct mapping *mapping, *next;
	unsigned int nr_done = 0;
	struct domain *domain;

	lockdep_assert_held_write(&ioas->lock);
	for (mapping = first; mapping; mapping = next) {
		u64 length = mapping_nr_pages(mapping) << PAGE_SHIFT;

		next = mapping->next;
		list_for_each_entry(domain, &ioas->domains.list, node)
			if (!domain_unmap_later(domain, mapping->node.start, length))
				note_stuck(mapping);
		mapping->state = MAPPING_PENDING;
		count_out(ioas, mapping);
		flush_add(ioas, mapping);
		let_others_run(&nr_done);
	}
}

/* Take a list of LEAVING mappings out of the address space, and return what can be destroyed. */
static struct mapping *remove_locked(struct ioas *ioas, struct mapping *first, bool flush_later)
{
	unsigned int nr_done = 0;
	struct mapping *mapping;

	lockdep_assert_held_write(&ioas->lock);
	if (flush_later && !ioas->freed) {
		make_pending(ioas, first);
		return flush_is_due(ioas) ? flush_locked(ioas) : NULL;
	}
	/* After IOASID_FREE the page tables are clear already. */
	if (!ioas->freed)
		clear_page_tables(ioas, first);
	for (mapping = first; mapping; mapping = mapping->next) {
		count_out(ioas, mapping);
		let_others_run(&nr_done);
	}
	mapping_forget_list(ioas, first);
	return first;
}

static bool find_free(struct ioas *ioas, const struct map_request *request, u64 align, u64 floor,
		      u64 *iova)
{
	struct iova_request wanted = {
		.length = request->length,
		.align = align,
		.phase = request->start & (align - 1),
		.floor = floor,
	};

	return request->length >= align &&
	       iova_map_find_free(&ioas->map, &ioas->windows, &wanted, iova);
}

/* Huge pages stay huge for the device if the IOVA has the same place in one as the memory has. */
static bool choose_above(struct ioas *ioas, const struct map_request *request, u64 floor, u64 *iova)
{
	return find_free(ioas, request, PUD_SIZE, floor, iova) ||
	       find_free(ioas, request, PMD_SIZE, floor, iova) ||
	       find_free(ioas, request, PAGE_SIZE, floor, iova);
}

/*
 * While invalidation is put off, IOVAs are handed out in ascending order, so that one that is
 * pending is not wanted again before the search starts over; then everything is flushed.
 */
static int choose_iova(struct ioas *ioas, const struct map_request *request, u64 *iova,
		       struct mapping **flushed)
{
	u64 floor = max_t(u64, ioas->next_iova, LOWEST_CHOSEN_IOVA);
	bool found = choose_above(ioas, request, floor, iova);

	if (!found) {
		*flushed = flush_locked(ioas);
		found = choose_above(ioas, request, LOWEST_CHOSEN_IOVA, iova);
	}
	if (found && ioas->flush_later)
		ioas->next_iova = *iova + request->length;
	return found ? 0 : -ENOSPC;
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

/* Put the mapping into the map. What is in the way may only be waiting for its invalidation. */
static int insert(struct ioas *ioas, struct mapping *mapping, struct iova_range *range,
		  struct mapping **flushed)
{
	struct iova_node *obstacle = iova_map_insert(&ioas->map, &mapping->node);

	if (obstacle && ioas->pending) {
		*flushed = flush_locked(ioas);
		obstacle = iova_map_insert(&ioas->map, &mapping->node);
	}
	if (!obstacle)
		return 0;
	range->start = obstacle->start;
	range->last = obstacle->last;
	return -EEXIST;
}

/* Reserve the IOVA range. The caller destroys *@flushed when it has let go of the lock. */
static int place(struct ioas *ioas, struct mapping *mapping, const struct map_request *request,
		 struct iova_range *range, struct mapping **flushed)
{
	u64 iova = request->iova;
	int rc;

	lockdep_assert_held_write(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	rc = request->flags & IOASID_MAP_FIXED_IOVA ? check_fixed_iova(ioas, request, range) :
						      choose_iova(ioas, request, &iova, flushed);
	if (rc)
		return rc;
	mapping->node.start = iova;
	mapping->node.last = iova + request->length - 1;
	rc = insert(ioas, mapping, range, flushed);
	if (rc)
		return rc;
	ioas->nr_mappings++;
	ioas->nr_mapped_pages += mapping_nr_pages(mapping);
	return 0;
}

static void unplace(struct ioas *ioas, struct mapping *mapping)
{
	lockdep_assert_held_write(&ioas->lock);
	count_out(ioas, mapping);
	iova_map_remove(&ioas->map, &mapping->node);
}

static int map_chunk(struct ioas *ioas, struct mapping *mapping, struct pin_buffer *buffer)
{
	u64 iova = mapping->node.start + (mapping->nr_made << PAGE_SHIFT);
	int rc;

	lockdep_assert_held(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	rc = domains_map_buffer(&ioas->domains, iova, buffer, iommu_prot(mapping));
	if (rc)
		return rc;
	mapping->nr_made += buffer->nr_pages;
	pin_buffer_commit(buffer);
	return 0;
}

static int pin_chunk(struct mapping *mapping, struct pin_buffer *buffer)
{
	int rc = pin_buffer_fill(buffer, mapping->nr_made);

	return rc ?: pin_buffer_reserve(buffer);
}

static int place_only(struct ioas *ioas, struct mapping *mapping, const struct map_request *request,
		      struct iova_range *range)
{
	struct mapping *flushed = NULL;
	int rc;

	down_write(&ioas->lock);
	rc = place(ioas, mapping, request, range, &flushed);
	up_write(&ioas->lock);
	mapping_recycle_list(ioas, flushed);
	return rc;
}

static int map_at_once(struct ioas *ioas, struct mapping *mapping,
		       const struct map_request *request, struct pin_buffer *buffer,
		       struct iova_range *range)
{
	struct mapping *flushed = NULL;
	int rc = pin_chunk(mapping, buffer);

	if (rc)
		return rc;
	down_write(&ioas->lock);
	rc = place(ioas, mapping, request, range, &flushed);
	if (!rc) {
		rc = map_chunk(ioas, mapping, buffer);
		if (rc)
			unplace(ioas, mapping);
	}
	up_write(&ioas->lock);
	mapping_recycle_list(ioas, flushed);
	return rc;
}

static int map_chunks(struct ioas *ioas, struct mapping *mapping, struct pin_buffer *buffer)
{
	int rc;

	while (mapping->nr_made < mapping->pins.nr_pages) {
		rc = pin_chunk(mapping, buffer);
		if (rc)
			return rc;
		delay_point("map-chunk");
		down_read(&ioas->lock);
		rc = map_chunk(ioas, mapping, buffer);
		up_read(&ioas->lock);
		if (rc)
			return rc;
	}
	return 0;
}

static struct mapping *mapping_alloc_object(void)
{
	struct mapping *mapping = kmem_cache_alloc(mapping_cache, GFP_KERNEL);

	if (mapping)
		mapping->pins.charge = NULL;
	return mapping;
}

static struct mapping *mapping_alloc(struct ioas *ioas, const struct map_request *request)
{
	struct mapping *mapping = take_spare(ioas) ?: mapping_alloc_object();

	if (!mapping)
		return NULL;
	mapping->origin = mapping;
	mapping->nr_made = 0;
	mapping->from = 0;
	refcount_set(&mapping->ref, 1);
	mapping->state = MAPPING_MAKING;
	mapping->flags = request->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE);
	mapping->stuck = false;
	return mapping;
}

static int charge(struct ioas *ioas, struct pins *pins, struct pin_quota *quota)
{
	int rc;

	if (!pin_charge_is_current(pins->charge)) {
		pin_charge_put(pins->charge);
		pins->charge = context_get_charge(ioas->ctx);
	}
	if (!pins->charge)
		return -ENOMEM;
	rc = pins_init(pins, quota);
	if (rc != -EDQUOT || !ioas->flush_later)
		return rc;
	/* What is pending is still charged, and the caller has no idea of it. */
	flush_now(ioas);
	return pins_init(pins, quota);
}

static struct mapping *mapping_create(struct ioas *ioas, const struct map_request *request,
				      struct pin_quota *quota)
{
	struct mapping *mapping = mapping_alloc(ioas, request);
	int rc;

	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->pins.start = request->start;
	mapping->pins.nr_pages = request->length >> PAGE_SHIFT;
	mapping->pins.write = !!(request->flags & IOASID_MAP_WRITE);
	mapping->pins.by_folio = !!request->file;
	rc = charge(ioas, &mapping->pins, quota);
	if (rc) {
		mapping_free(mapping);
		return ERR_PTR(rc);
	}
	return mapping;
}

/* @state: of the mapping when the lock is free again. */
static int map_single(struct ioas *ioas, struct mapping *mapping, const struct map_request *request,
		      struct iova_range *range, enum mapping_state state)
{
	struct mapping *flushed = NULL;
	int rc = pins_fill_single(&mapping->pins, request->ahead);

	if (rc)
		return rc;
	delay_point("map-pinned");
	down_write(&ioas->lock);
	rc = place(ioas, mapping, request, range, &flushed);
	if (!rc) {
		rc = domains_map_run(&ioas->domains, mapping->node.start, &mapping->pins.first,
				     iommu_prot(mapping), &mapping->stuck);
		mapping->nr_made = 1;
		mapping->state = state;
		if (rc)
			unplace(ioas, mapping);
	}
	up_write(&ioas->lock);
	if (flushed)
		mapping_recycle_list(ioas, flushed);
	return rc;
}

static int map_buffered(struct ioas *ioas, struct mapping *mapping,
			const struct map_request *request, struct iova_range *range, bool *placed)
{
	struct pin_buffer buffer;
	int rc;

	rc = pin_buffer_init(&buffer, &mapping->pins, request->file, &ioas->ctx->scratch);
	if (rc)
		return rc;
	if (pin_buffer_holds_all(&buffer))
		rc = map_at_once(ioas, mapping, request, &buffer, range);
	else
		rc = place_only(ioas, mapping, request, range);
	*placed = !rc;
	if (!rc)
		rc = map_chunks(ioas, mapping, &buffer);
	if (buffer.stuck)
		note_stuck(mapping);
	pin_buffer_destroy(&buffer);
	return rc;
}

static bool is_single(const struct map_request *request)
{
	return request->length == PAGE_SIZE && !request->file;
}

struct mapping *mapping_begin(struct ioas *ioas, const struct map_request *request,
			      struct map_refusal *refusal)
{
	struct mapping *mapping = mapping_create(ioas, request, &refusal->quota);
	bool placed = false;
	int rc;

	if (IS_ERR(mapping))
		return mapping;
	if (is_single(request))
		rc = map_single(ioas, mapping, request, &refusal->range, MAPPING_MAKING);
	else
		rc = map_buffered(ioas, mapping, request, &refusal->range, &placed);
	if (!rc)
		return mapping;
	if (placed)
		mapping_abort(ioas, mapping);
	else
		mapping_put(mapping);
	return ERR_PTR(rc);
}

/* Let @copy use the pages of the mapping that holds [start, last] of @from. */
static int share_pages(struct ioas *from, u64 start, u64 last, struct mapping *copy)
{
	struct iova_node *node = iova_map_first(&from->map, start, start);
	struct mapping *mapping;

	lockdep_assert_held(&from->lock);
	if (!node || !is_mapped(to_mapping(node)))
		return -ENOENT;
	mapping = to_mapping(node);
	if (node->last < last)
		return -EINVAL;
	if (copy->flags & ~mapping->flags & IOASID_MAP_WRITE)
		return -EINVAL;
	refcount_inc(&mapping->origin->ref);
	copy->origin = mapping->origin;
	copy->from = mapping->from + ((start - node->start) >> PAGE_SHIFT);
	return 0;
}

static int map_copy_chunk(struct ioas *ioas, struct mapping *copy, const struct pin_cursor *start,
			  u64 nr_pages)
{
	u64 iova = copy->node.start + (copy->nr_made << PAGE_SHIFT);
	struct domain *domain;
	bool stuck = false;
	int rc;

	lockdep_assert_held(&ioas->lock);
	if (ioas->freed)
		return -ENOENT;
	list_for_each_entry(domain, &ioas->domains.list, node) {
		rc = domain_map_pins(domain, iova, start, nr_pages, iommu_prot(copy), &stuck);
		if (rc)
			goto err_undo;
	}
	copy->nr_made += nr_pages;
	return 0;

err_undo:
	list_for_each_entry_continue_reverse(domain, &ioas->domains.list, node)
		stuck |= !domain_unmap_now(domain, iova, nr_pages << PAGE_SHIFT);
	if (stuck)
		note_stuck(copy);
	return rc;
}

static int map_copy_chunks(struct ioas *ioas, struct mapping *copy)
{
	u64 iova, nr_pages, all = mapping_nr_pages(copy);
	struct pin_cursor cursor, start;
	int rc = 0;

	pin_cursor_init(&cursor, &copy->origin->pins, copy->from);
	while (!rc && copy->nr_made < all) {
		if (fatal_signal_pending(current))
			return -EINTR;
		/* As in pin_buffer_fill(): huge pages stay whole. */
		iova = copy->node.start + (copy->nr_made << PAGE_SHIFT);
		nr_pages = (PUD_SIZE - (iova & ~PUD_MASK)) >> PAGE_SHIFT;
		start = cursor;
		nr_pages = pin_cursor_skip(&cursor, COPY_CHUNK_RUNS,
					   min(nr_pages, all - copy->nr_made));
		down_read(&ioas->lock);
		rc = map_copy_chunk(ioas, copy, &start, nr_pages);
		up_read(&ioas->lock);
		cond_resched();
	}
	return rc;
}

struct mapping *mapping_begin_copy(struct ioas *ioas, struct ioas *from,
				   const struct map_request *request, struct map_refusal *refusal)
{
	struct mapping *copy = mapping_alloc(ioas, request);
	int rc;

	if (!copy)
		return ERR_PTR(-ENOMEM);
	down_read(&from->lock);
	rc = share_pages(from, request->start, request->start + request->length - 1, copy);
	up_read(&from->lock);
	if (rc) {
		mapping_free(copy);
		return ERR_PTR(rc);
	}
	rc = place_only(ioas, copy, request, &refusal->range);
	if (rc) {
		mapping_put(copy);
		return ERR_PTR(rc);
	}
	rc = map_copy_chunks(ioas, copy);
	if (rc) {
		mapping_abort(ioas, copy);
		return ERR_PTR(rc);
	}
	return copy;
}

u64 mapping_iova(const struct mapping *mapping)
{
	return mapping->node.start;
}

/* Select the settled mappings from @node up to @last and make them the caller's. */
static struct mapping *select_mappings(struct ioas *ioas, struct iova_node *node, u64 last,
				       u64 *bytes)
{
	struct mapping *first = NULL, **tail = &first;

	lockdep_assert_held_write(&ioas->lock);
	for (; node; node = iova_map_next(node, last)) {
		struct mapping *mapping = to_mapping(node);

		if (!is_mapped(mapping))
			continue;
		mapping->state = MAPPING_LEAVING;
		mapping->next = NULL;
		*tail = mapping;
		tail = &mapping->next;
		*bytes += node->last - node->start + 1;
		if (node->last < last)
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
	first = select_mappings(ioas, lowest_node(ioas), U64_MAX, &bytes);
	if (first)
		first = remove_locked(ioas, first, false);
	up_write(&ioas->lock);
	mapping_destroy_list(first);
}

/*
 * Let go of a mapping that this call owned. It may be removed, and its memory be gone, as soon as
 * the state is set. mapping_end() leaves it to its owner if it still sees it owned, and then the
 * owner sees in sweep_if_freed() that the address space was freed: each writes, has a barrier, and
 * reads what the other wrote.
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

static int make_single(struct ioas *ioas, const struct map_request *request,
		       struct map_refusal *refusal)
{
	struct mapping *mapping = mapping_create(ioas, request, &refusal->quota);
	int rc;

	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	rc = map_single(ioas, mapping, request, &refusal->range, MAPPING_MAPPED);
	if (rc)
		mapping_put(mapping);
	else
		trace_ioasidfd_map(ioas->id, request->iova, request->iova + PAGE_SIZE - 1,
				   request->flags & (IOASID_MAP_READ | IOASID_MAP_WRITE));
	return rc;
}

int mapping_make(struct ioas *ioas, const struct map_request *request, struct map_refusal *refusal)
{
	struct mapping *mapping;

	if (is_single(request))
		return make_single(ioas, request, refusal);
	mapping = mapping_begin(ioas, request, refusal);
	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	mapping_commit(ioas, mapping);
	return 0;
}

void mapping_commit(struct ioas *ioas, struct mapping *mapping)
{
	trace_ioasidfd_map(ioas->id, mapping->node.start, mapping->node.last, mapping->flags);
	delay_point("map-commit");
	settle(mapping);
	delay_point("map-settled");
	sweep_if_freed(ioas);
}

void mapping_abort(struct ioas *ioas, struct mapping *mapping)
{
	struct domain_unmap unmap;
	struct domain *domain;

	down_write(&ioas->lock);
	if (!ioas->freed) {
		list_for_each_entry(domain, &ioas->domains.list, node) {
			domain_unmap_begin(&unmap, domain);
			unmap_from_domain(&unmap, mapping);
			domain_unmap_end(&unmap);
		}
	}
	unplace(ioas, mapping);
	up_write(&ioas->lock);
	mapping_put(mapping);
}

/* To the caller, mappings that are being made or removed are not there and cannot be cut. */
static bool is_cut(const struct iova_node *node, u64 start, u64 last)
{
	return (node->start < start || node->last > last) && is_mapped(to_mapping(node));
}

/* A range is cut, if at all, at its first or its last mapping. */
static const struct iova_node *find_cut(struct ioas *ioas, const struct iova_node *first, u64 start,
					u64 last)
{
	const struct iova_node *at_end;

	if (is_cut(first, start, last))
		return first;
	if (first->last >= last)
		return NULL;
	at_end = iova_map_first(&ioas->map, last, last);
	return at_end && is_cut(at_end, start, last) ? at_end : NULL;
}

static int select_range(struct ioas *ioas, u64 start, u64 last, struct unmapping *unmapping)
{
	struct iova_node *first = iova_map_first(&ioas->map, start, last);
	const struct iova_node *cut;

	if (!first)
		return -ENOENT;
	cut = find_cut(ioas, first, start, last);
	if (cut) {
		unmapping->cut.start = cut->start;
		unmapping->cut.last = cut->last;
		return -EINVAL;
	}
	unmapping->first = select_mappings(ioas, first, last, &unmapping->bytes);
	return unmapping->first ? 0 : -ENOENT;
}

int unmapping_begin(struct ioas *ioas, u64 start, u64 last, struct unmapping *unmapping)
{
	int rc;

	*unmapping = (struct unmapping){};
	down_write(&ioas->lock);
	rc = select_range(ioas, start, last, unmapping);
	up_write(&ioas->lock);
	return rc;
}

bool unmapping_single(struct ioas *ioas, u64 start, u64 last, bool flush_later)
{
	struct mapping *removed = NULL, *mapping;
	struct iova_node *node;
	bool found;

	down_write(&ioas->lock);
	node = iova_map_first(&ioas->map, start, last);
	found = node && node->start == start && node->last == last && is_mapped(to_mapping(node));
	if (found) {
		mapping = to_mapping(node);
		mapping->state = MAPPING_LEAVING;
		mapping->next = NULL;
		removed = remove_locked(ioas, mapping, flush_later || ioas->flush_later);
	}
	up_write(&ioas->lock);
	if (!found)
		return false;
	trace_ioasidfd_unmap(ioas->id, start, last - start + 1);
	mapping_recycle_list(ioas, removed);
	return true;
}

void unmapping_commit(struct ioas *ioas, struct unmapping *unmapping, bool flush_later)
{
	struct mapping *removed;

	trace_ioasidfd_unmap(ioas->id, unmapping->first->node.start, unmapping->bytes);
	delay_point("unmap-commit");
	down_write(&ioas->lock);
	removed = remove_locked(ioas, unmapping->first, flush_later || ioas->flush_later);
	up_write(&ioas->lock);
	delay_point("unmap-cleared");
	mapping_recycle_list(ioas, removed);
}

void unmapping_abort(struct ioas *ioas, struct unmapping *unmapping)
{
	struct mapping *mapping, *next;

	for (mapping = unmapping->first; mapping; mapping = next) {
		next = mapping->next;
		settle(mapping);
		cond_resched();
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

		/* One on its way out is still there. MAKING may become MAPPED here, once. */
		if (!is_mapped(mapping) && mapping->state != MAPPING_LEAVING)
			continue;
		view->range.start = node->start;
		view->range.last = node->last;
		view->start = mapping->origin->pins.start + (mapping->from << PAGE_SHIFT);
		view->flags = mapping->flags;
		rc = 0;
		break;
	}
	up_read(&ioas->lock);
	return rc;
}

bool mapping_end(struct ioas *ioas)
{
	struct mapping *flushed;
	struct domain *domain;

	down_write(&ioas->lock);
	if (ioas->freed) {
		up_write(&ioas->lock);
		return false;
	}
	flushed = flush_locked(ioas);
	list_for_each_entry(domain, &ioas->domains.list, node)
		clear_domain(ioas, domain);
	WRITE_ONCE(ioas->freed, true);
	up_write(&ioas->lock);
	mapping_recycle_list(ioas, flushed);
	delay_point("free-marked");
	flush_timer_stop(ioas);
	/* Pairs with the one in sweep_if_freed(). */
	smp_mb();
	sweep(ioas);
	return true;
}

static int fill_one(struct domain *domain, struct mapping *mapping)
{
	struct pin_cursor cursor;
	bool stuck = false;
	int rc;

	pin_cursor_init(&cursor, &mapping->origin->pins, mapping->from);
	rc = domain_map_pins(domain, mapping->node.start, &cursor, nr_pages_in_tables(mapping),
			     iommu_prot(mapping), &stuck);
	if (stuck)
		note_stuck(mapping);
	return rc;
}

int mapping_fill_domain(struct ioas *ioas, struct domain *domain)
{
	struct iova_node *node, *failed;
	struct domain_unmap unmap;
	int rc = 0;

	lockdep_assert_held_write(&ioas->lock);
	for (node = lowest_node(ioas); node; node = higher_node(node)) {
		rc = fatal_signal_pending(current) ? -EINTR : fill_one(domain, to_mapping(node));
		if (rc)
			break;
	}
	if (!rc)
		return 0;

	failed = node;
	domain_unmap_begin(&unmap, domain);
	for (node = lowest_node(ioas); node != failed; node = higher_node(node)) {
		unmap_from_domain(&unmap, to_mapping(node));
		cond_resched();
	}
	domain_unmap_end(&unmap);
	return rc;
}

void mapping_empty_domain(struct ioas *ioas, struct domain *domain)
{
	lockdep_assert_held_write(&ioas->lock);
	if (!ioas->freed)
		clear_domain(ioas, domain);
}
