// SPDX-License-Identifier: GPL-2.0-only
/* Tables of an Intel IOMMU, read from outside: see vtd_walk.h. */
#include "host.h"
#include "test.h"
#include "vtd_walk.h"

/* The root table address register of the only IOMMU there is. */
#define ROOT_REGISTER 0xfed90020ull
#define ROOT_MODE(value) ((value) >> 10 & 3)
#define MODE_SCALABLE 1

#define PRESENT 1ull
#define ADDRESS 0xffffffffff000ull

/* Words of 64 bits that one entry of each table consists of. */
#define ROOT_WORDS 2
#define CONTEXT_WORDS 4
#define PASID_WORDS 8

#define PASIDS_PER_TABLE 64
#define CONTEXT_DIRECTORY_ENTRIES(word) (1u << ((word) >> 9 & 7) << 7)
#define CONTEXT_RID_PASID(word) ((word)&0xfffff)

/* Words 0, 1 and 2 of a PASID's entry. */
#define PASID_SECOND_STAGE_WIDTH(word) ((word) >> 2 & 7)
#define PASID_TRANSLATION(word) ((word) >> 6 & 7)
#define PASID_DOMAIN(word) ((word)&0xffff)
#define PASID_FIRST_STAGE_5_LEVELS(word) ((word) >> 2 & 3)

#define ENTRIES_PER_TABLE 512
#define LARGE (1ull << 7)
#define FIRST_STAGE_PRESENT (1ull << 0)
#define FIRST_STAGE_WRITE (1ull << 1)
#define FIRST_STAGE_USER (1ull << 2)
#define SECOND_STAGE_READ (1ull << 0)
#define SECOND_STAGE_WRITE (1ull << 1)

/* The emulator answers slowly: it is asked for whole pages, and for none of them twice. */
#define PAGE_WORDS (HOST_PAGE / 8)
#define NR_PAGES 512

static struct memory_page {
	uint64_t physical;
	uint64_t word[PAGE_WORDS];
} pages[NR_PAGES];

static unsigned int nr_pages;

void vtd_look_again(void)
{
	nr_pages = 0;
}

static const struct memory_page *page_at(uint64_t physical)
{
	struct memory_page *page;

	for (page = pages; page < pages + nr_pages; page++)
		if (page->physical == physical)
			return page;
	test_require(nr_pages < NR_PAGES, "too much to remember");
	page = &pages[nr_pages++];
	page->physical = physical;
	host_read_page(physical, page->word);
	return page;
}

/* Word @index of what starts at @physical. */
static uint64_t word_of(uint64_t physical, uint64_t index)
{
	uint64_t at = physical + index * 8;

	return page_at(at & ADDRESS)->word[at % HOST_PAGE / 8];
}

static uint64_t read_root_register(void)
{
	const char *answer = host_monitor("xp/1gx %#llx", ROOT_REGISTER);
	const char *value = strstr(answer, " 0x");

	test_require(value, "the root register is %s", answer);
	return strtoull(value, NULL, 16);
}

/* A table is half of a page for 16 of the bus' devices. */
static bool find_context(const char *device, uint64_t *low, uint64_t *high)
{
	unsigned int domain, bus, slot, function, index;
	uint64_t root, table;

	test_require(sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4,
		     "'%s' is no PCI device", device);
	root = read_root_register();
	test_require(ROOT_MODE(root) == MODE_SCALABLE, "the IOMMU's root is %#llx",
		     (unsigned long long)root);
	table = word_of(root & ADDRESS, bus * ROOT_WORDS + slot / 16);
	if (!(table & PRESENT))
		return false;
	index = (slot % 16 * 8 + function) * CONTEXT_WORDS;
	*low = word_of(table & ADDRESS, index);
	*high = word_of(table & ADDRESS, index + 1);
	return *low & PRESENT;
}

/* The table that holds a PASID's entry, or 0. */
static uint64_t find_pasid_table(uint64_t context, uint32_t pasid)
{
	uint64_t entry;

	if (pasid / PASIDS_PER_TABLE >= CONTEXT_DIRECTORY_ENTRIES(context))
		return 0;
	entry = word_of(context & ADDRESS, pasid / PASIDS_PER_TABLE);
	return entry & PRESENT ? entry & ADDRESS : 0;
}

static unsigned int second_stage_levels(uint64_t word)
{
	unsigned int width = PASID_SECOND_STAGE_WIDTH(word);

	test_require(width >= 1 && width <= 3, "a page table has width %u", width);
	return width + 2;
}

static unsigned int first_stage_levels(uint64_t word)
{
	unsigned int mode = PASID_FIRST_STAGE_5_LEVELS(word);

	test_require(mode <= 1, "a page table has mode %u", mode);
	return mode + 4;
}

/* What the entry at @at says. */
static struct vtd_entry decode(uint64_t at)
{
	uint64_t low = word_of(at, 0), first;
	struct vtd_entry entry = { .present = low & PRESENT };

	if (!entry.present)
		return entry;
	entry.translation = PASID_TRANSLATION(low);
	entry.domain = PASID_DOMAIN(word_of(at, 1));
	if (entry.translation == VTD_SECOND_STAGE) {
		entry.levels = second_stage_levels(low);
		entry.table = low & ADDRESS;
	} else if (entry.translation == VTD_FIRST_STAGE) {
		first = word_of(at, 2);
		entry.levels = first_stage_levels(first);
		entry.table = first & ADDRESS;
	}
	return entry;
}

struct vtd_entry vtd_find(const char *device, uint32_t pasid)
{
	uint64_t low, high, table;

	if (!find_context(device, &low, &high))
		return (struct vtd_entry){ 0 };
	if (pasid == VTD_RID)
		pasid = CONTEXT_RID_PASID(high);
	table = find_pasid_table(low, pasid);
	if (!table)
		return (struct vtd_entry){ 0 };
	return decode(table + pasid % PASIDS_PER_TABLE * PASID_WORDS * 8);
}

uint32_t vtd_next_pasid(const char *device, uint32_t from)
{
	uint64_t low, high, table;
	uint32_t pasid, nr;

	if (!find_context(device, &low, &high))
		return VTD_NO_PASID;
	nr = CONTEXT_DIRECTORY_ENTRIES(low) * PASIDS_PER_TABLE;
	for (pasid = from; pasid < nr; pasid++) {
		table = find_pasid_table(low, pasid);
		if (!table)
			pasid |= PASIDS_PER_TABLE - 1;
		else if (word_of(table, pasid % PASIDS_PER_TABLE * PASID_WORDS) & PRESENT)
			return pasid;
	}
	return VTD_NO_PASID;
}

/**
 * struct rights - what a table entry and those above it let devices do
 * @read: read
 * @write: write
 */
struct rights {
	bool read;
	bool write;
};

static struct rights rights_of(const struct vtd_entry *entry, uint64_t word)
{
	bool usable;

	if (entry->translation == VTD_SECOND_STAGE)
		return (struct rights){ word & SECOND_STAGE_READ, word & SECOND_STAGE_WRITE };
	usable = word & FIRST_STAGE_PRESENT && word & FIRST_STAGE_USER;
	return (struct rights){ usable, usable && word & FIRST_STAGE_WRITE };
}

static bool is_leaf(uint64_t word, unsigned int level)
{
	return level == 1 || (level <= 3 && word & LARGE);
}

/**
 * struct walk - a search for the first leaf
 * @entry: where the tables are
 * @from: what must not be wholly above the leaf
 * @page: the leaf
 */
struct walk {
	const struct vtd_entry *entry;
	uint64_t from;
	struct vtd_page page;
};

/* The table at @table translates from @iova on. True if the leaf was found. */
static bool walk_table(struct walk *walk, uint64_t table, unsigned int level, uint64_t iova,
		       struct rights above)
{
	uint64_t size = 1ull << (12 + 9 * (level - 1));
	unsigned int i = walk->from > iova ? (walk->from - iova) / size : 0;

	for (; i < ENTRIES_PER_TABLE; i++) {
		uint64_t word = word_of(table, i), at = iova + i * size;
		struct rights rights = rights_of(walk->entry, word);

		rights.read &= above.read;
		rights.write &= above.write;
		if (!rights.read && !rights.write)
			continue;
		if (is_leaf(word, level)) {
			walk->page = (struct vtd_page){
				.iova = at,
				.size = size,
				.physical = word & ADDRESS & ~(size - 1),
				.read = rights.read,
				.write = rights.write,
			};
			return true;
		}
		if (walk_table(walk, word & ADDRESS, level - 1, at, rights))
			return true;
	}
	return false;
}

/* Addresses from 0 on; the upper half of those of a first stage is out of reach of the tests. */
static unsigned int address_bits(const struct vtd_entry *entry)
{
	unsigned int bits = 12 + 9 * entry->levels;

	return entry->translation == VTD_FIRST_STAGE ? bits - 1 : bits;
}

struct vtd_page vtd_next_page(const struct vtd_entry *entry, uint64_t from)
{
	struct walk walk = { .entry = entry, .from = from };

	test_require(entry->table, "translation %u has no table", entry->translation);
	if (!(from >> address_bits(entry)))
		walk_table(&walk, entry->table, entry->levels, 0, (struct rights){ true, true });
	return walk.page;
}

struct vtd_page vtd_translate(const struct vtd_entry *entry, uint64_t iova)
{
	struct vtd_page page = vtd_next_page(entry, iova);

	return page.size && page.iova <= iova ? page : (struct vtd_page){ 0 };
}
