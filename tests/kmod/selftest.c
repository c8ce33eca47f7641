// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_mock_selftest: is the mock as strict as the tests believe? It runs when it is loaded,
 * through the kernel's own IOMMU API, says "ok" or "not ok" for each test in the kernel log, and
 * refuses to load if one failed.
 *
 * It needs the devices that ioasidfd_mock has by default, unused: 0 and 1 alone, 2 and 3 in one
 * group.
 */
#define pr_fmt(fmt) "ioasidfd_mock_selftest: " fmt

#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "mock.h"
#include "mock_compat.h"

#define IOVA 0x7000000UL
#define RW (IOMMU_READ | IOMMU_WRITE)

static unsigned int nr_failures;

#define CHECK(condition)                                               \
	do {                                                           \
		if (!(condition)) {                                    \
			pr_err("line %d: %s\n", __LINE__, #condition); \
			nr_failures++;                                 \
		}                                                      \
	} while (0)

/*
 * The last of a run of violations that were wanted is forgotten, so that the next test starts
 * from 0.
 */
static void expect_violations(unsigned int nr)
{
	struct mock_stats stats;

	ioasidfd_mock_get_stats(&stats);
	if (stats.violation != nr) {
		pr_err("%llu violations, %u expected\n", stats.violation, nr);
		nr_failures++;
	}
	ioasidfd_mock_clear(MOCK_CLEAR_VIOLATIONS);
}

static struct mock_stats get_stats(void)
{
	struct mock_stats stats;

	ioasidfd_mock_get_stats(&stats);
	return stats;
}

/*
 * A group in our hands.
 */
struct owned {
	struct device *dev;
	struct iommu_group *group;
};

static bool take(struct owned *owned, unsigned int device)
{
	owned->dev = ioasidfd_mock_get_device(device);
	owned->group = owned->dev ? iommu_group_get(owned->dev) : NULL;
	if (owned->group && !iommu_group_claim_dma_owner(owned->group, owned))
		return true;
	pr_err("device %u cannot be taken\n", device);
	nr_failures++;
	return false;
}

static void give_back(struct owned *owned)
{
	iommu_group_release_dma_owner(owned->group);
	iommu_group_put(owned->group);
	put_device(owned->dev);
}

/* A domain on the RID of an owned group, with one page at IOVA. */
struct bench {
	struct owned owned;
	struct iommu_domain *domain;
	u8 *page;
};

static bool bench_start(struct bench *bench, unsigned int device, int prot)
{
	if (!take(&bench->owned, device))
		return false;
	bench->domain = mock_compat_domain_alloc(bench->owned.dev);
	bench->page = (u8 *)get_zeroed_page(GFP_KERNEL);
	CHECK(!iommu_attach_group(bench->domain, bench->owned.group));
	CHECK(!mock_compat_map(bench->domain, IOVA, virt_to_phys(bench->page), PAGE_SIZE, prot));
	return true;
}

static void bench_stop(struct bench *bench)
{
	if (iommu_iova_to_phys(bench->domain, IOVA))
		CHECK(iommu_unmap(bench->domain, IOVA, PAGE_SIZE) == PAGE_SIZE);
	iommu_detach_group(bench->domain, bench->owned.group);
	iommu_domain_free(bench->domain);
	free_page((unsigned long)bench->page);
	give_back(&bench->owned);
}

/*
 * DMA. What happened is in the structure that the functions return a copy of.
 */
static struct mock_dma run(unsigned int device, struct mock_dma dma, void *buffer)
{
	CHECK(!ioasidfd_mock_dma(device, &dma, buffer));
	return dma;
}

static struct mock_dma dma_write(unsigned int device, u64 iova, const void *from, u64 length)
{
	const struct mock_dma dma = { .op = MOCK_DMA_WRITE, .iova = iova, .length = length };

	return run(device, dma, (void *)from);
}

static struct mock_dma dma_read(unsigned int device, u64 iova, void *to, u64 length)
{
	const struct mock_dma dma = { .op = MOCK_DMA_READ, .iova = iova, .length = length };

	return run(device, dma, to);
}

static struct mock_dma dma_fill(unsigned int device, u32 pasid, u64 iova, u8 value)
{
	const struct mock_dma dma = {
		.op = MOCK_DMA_FILL,
		.flags = pasid ? MOCK_DMA_PASID : 0,
		.pasid = pasid,
		.iova = iova,
		.length = 1,
		.value = value,
	};

	return run(device, dma, NULL);
}

static bool went_through(struct mock_dma dma)
{
	return dma.out_done == dma.length && !dma.out_fault.reason;
}

static u32 fault_of(struct mock_dma dma)
{
	return dma.out_fault.reason;
}

static void test_ownership(void)
{
	u8 *page = (u8 *)get_zeroed_page(GFP_KERNEL);
	struct mock_dma dma = {
		.op = MOCK_DMA_FILL,
		.iova = virt_to_phys(page),
		.length = 1,
		.value = 7,
	};
	struct owned owned;

	CHECK(fault_of(run(0, dma, NULL)) == MOCK_FAULT_IDENTITY && !*page);
	dma.flags = MOCK_DMA_IDENTITY;
	CHECK(went_through(run(0, dma, NULL)) && *page == 7);
	if (take(&owned, 0)) {
		dma.value = 8;
		CHECK(fault_of(run(0, dma, NULL)) == MOCK_FAULT_BLOCKED && *page == 7);
		give_back(&owned);
	}
	CHECK(went_through(run(0, dma, NULL)) && *page == 8);
	free_page((unsigned long)page);
}

static void test_bytes(void)
{
	static const char text[] = "from one page to the next";
	struct mock_dma copy = {
		.op = MOCK_DMA_COPY,
		.source = IOVA + 100,
		.iova = IOVA + PAGE_SIZE - 5,
		.length = sizeof(text),
	};
	char back[sizeof(text)] = "";
	struct bench bench;
	u8 *second;

	if (!bench_start(&bench, 0, RW))
		return;
	second = (u8 *)get_zeroed_page(GFP_KERNEL);
	CHECK(!mock_compat_map(bench.domain, IOVA + PAGE_SIZE, virt_to_phys(second), PAGE_SIZE,
			       RW));
	CHECK(went_through(dma_write(0, IOVA + 100, text, sizeof(text))));
	CHECK(!memcmp(bench.page + 100, text, sizeof(text)));
	CHECK(went_through(run(0, copy, NULL)));
	CHECK(!memcmp(bench.page + PAGE_SIZE - 5, text, 5));
	CHECK(!memcmp(second, text + 5, sizeof(text) - 5));
	CHECK(went_through(dma_read(0, IOVA + PAGE_SIZE - 5, back, sizeof(back))));
	CHECK(!memcmp(back, text, sizeof(text)));
	CHECK(iommu_unmap(bench.domain, IOVA + PAGE_SIZE, PAGE_SIZE) == PAGE_SIZE);
	free_page((unsigned long)second);
	bench_stop(&bench);
}

static void test_cas(void)
{
	struct mock_dma cas = {
		.op = MOCK_DMA_CAS,
		.iova = IOVA + 8,
		.length = 8,
		.compare = 0,
		.value = 0x1122334455667788,
	};
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	CHECK(run(0, cas, NULL).out_value == 0);
	CHECK(*(u64 *)(bench.page + 8) == cas.value);
	CHECK(run(0, cas, NULL).out_value == cas.value);
	cas.iova = IOVA + 9;
	CHECK(ioasidfd_mock_dma(0, &cas, NULL) == -EINVAL);
	bench_stop(&bench);
}

static void test_faults(void)
{
	struct mock_dma dma;
	struct bench bench;
	char bytes[16] = "";

	if (!bench_start(&bench, 0, IOMMU_READ))
		return;
	dma = dma_read(0, IOVA + PAGE_SIZE - 6, bytes, sizeof(bytes));
	CHECK(dma.out_done == 6 && dma.out_fault.reason == MOCK_FAULT_NOT_MAPPED);
	CHECK(dma.out_fault.iova == IOVA + PAGE_SIZE && !dma.out_fault.write);
	CHECK(!dma.out_fault.has_pasid);
	dma = dma_fill(0, 0, IOVA, 1);
	CHECK(dma.out_fault.reason == MOCK_FAULT_NO_WRITE && dma.out_fault.write && !bench.page[0]);
	CHECK(fault_of(dma_fill(0, 0, 1ULL << 60, 1)) == MOCK_FAULT_NOT_MAPPED);
	CHECK(fault_of(dma_fill(0, 5, IOVA, 1)) == MOCK_FAULT_NO_CONTEXT);
	CHECK(fault_of(dma_fill(1, 0, IOVA, 1)) == MOCK_FAULT_IDENTITY);
	bench_stop(&bench);

	if (!bench_start(&bench, 0, IOMMU_WRITE))
		return;
	CHECK(fault_of(dma_read(0, IOVA, bytes, 1)) == MOCK_FAULT_NO_READ);
	CHECK(went_through(dma_fill(0, 0, IOVA, 1)) && bench.page[0] == 1);
	bench_stop(&bench);
}

/* What is not memory can be mapped, but not accessed here. */
static void test_not_memory(void)
{
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	CHECK(!mock_compat_map(bench.domain, IOVA + SZ_2M, 0xfee00000, PAGE_SIZE, RW));
	CHECK(fault_of(dma_fill(0, 0, IOVA + SZ_2M, 1)) == MOCK_FAULT_NOT_MEMORY);
	CHECK(iommu_unmap(bench.domain, IOVA + SZ_2M, PAGE_SIZE) == PAGE_SIZE);
	bench_stop(&bench);
}

static void unmap_without_sync(struct bench *bench, struct iommu_iotlb_gather *gather)
{
	iommu_iotlb_gather_init(gather);
	CHECK(iommu_unmap_fast(bench->domain, IOVA, PAGE_SIZE, gather) == PAGE_SIZE);
}

static void test_stale(bool whole_domain)
{
	struct iommu_iotlb_gather gather;
	struct mock_stats before;
	struct bench bench;
	struct mock_dma dma;

	if (!bench_start(&bench, 0, RW))
		return;
	CHECK(went_through(dma_fill(0, 0, IOVA, 1)));
	unmap_without_sync(&bench, &gather);
	before = get_stats();
	CHECK(before.unmapped_unsynced == 1);
	dma = dma_fill(0, 0, IOVA, 2);
	CHECK(went_through(dma) && dma.out_seen & MOCK_DMA_SEEN_STALE && bench.page[0] == 2);
	CHECK(get_stats().tlb_stale == before.tlb_stale + 1);

	if (whole_domain)
		iommu_flush_iotlb_all(bench.domain);
	else
		iommu_iotlb_sync(bench.domain, &gather);
	dma = dma_fill(0, 0, IOVA, 3);
	CHECK(fault_of(dma) == MOCK_FAULT_NOT_MAPPED && bench.page[0] == 2);
	CHECK(!get_stats().unmapped_unsynced);
	CHECK(get_stats().sync == before.sync + !whole_domain);
	CHECK(get_stats().flush_all == before.flush_all + whole_domain);
	bench_stop(&bench);
}

static void test_stale_sync(void)
{
	test_stale(false);
}

static void test_stale_flush_all(void)
{
	test_stale(true);
}

/* The TLB is the device's: changing its domain and back again has emptied it. */
static void test_detach_flushes(void)
{
	struct iommu_iotlb_gather gather;
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	CHECK(went_through(dma_fill(0, 0, IOVA, 1)));
	unmap_without_sync(&bench, &gather);
	iommu_detach_group(bench.domain, bench.owned.group);
	CHECK(fault_of(dma_fill(0, 0, IOVA, 2)) == MOCK_FAULT_BLOCKED);
	CHECK(!get_stats().unmapped_unsynced);
	CHECK(!iommu_attach_group(bench.domain, bench.owned.group));
	CHECK(fault_of(dma_fill(0, 0, IOVA, 2)) == MOCK_FAULT_NOT_MAPPED && bench.page[0] == 1);
	bench_stop(&bench);
}

static void test_reuse_before_sync(void)
{
	struct iommu_iotlb_gather gather;
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	unmap_without_sync(&bench, &gather);
	CHECK(!mock_compat_map(bench.domain, IOVA, virt_to_phys(bench.page), PAGE_SIZE, RW));
	expect_violations(1);
	iommu_iotlb_sync(bench.domain, &gather);
	CHECK(went_through(dma_fill(0, 0, IOVA, 1)));
	bench_stop(&bench);
}

static void test_superpage(void)
{
	struct page *huge = alloc_pages(GFP_KERNEL | __GFP_COMP, get_order(SZ_2M));
	struct iommu_domain *domain;
	u64 iova = SZ_1G + SZ_2M;
	struct bench bench;
	u64 leaves;

	if (!huge || !bench_start(&bench, 0, RW))
		return;
	domain = bench.domain;
	leaves = get_stats().live_leaves;
	CHECK(!mock_compat_map(domain, iova, page_to_phys(huge), SZ_2M, RW));
	CHECK(get_stats().live_leaves == leaves + 1);
	CHECK(iommu_iova_to_phys(domain, iova + 0x12345) == page_to_phys(huge) + 0x12345);
	CHECK(went_through(dma_fill(0, 0, iova + 0x12345, 9)));
	CHECK(((u8 *)page_address(huge))[0x12345] == 9);

	/* What is refused from here on is reported, and changes nothing. */
	CHECK(iommu_unmap(domain, iova, PAGE_SIZE) == 0);
	CHECK(iommu_unmap(domain, iova + SZ_1M, SZ_1M) == 0);
	expect_violations(2);
	CHECK(went_through(dma_fill(0, 0, iova, 9)));
	CHECK(iommu_unmap(domain, iova, SZ_2M) == SZ_2M);
	CHECK(fault_of(dma_fill(0, 0, iova, 9)) == MOCK_FAULT_NOT_MAPPED);
	CHECK(get_stats().live_leaves == leaves);
	bench_stop(&bench);
	__free_pages(huge, get_order(SZ_2M));
}

static void test_overlap(void)
{
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	CHECK(mock_compat_map(bench.domain, IOVA, 0, PAGE_SIZE, RW) == -EEXIST);
	CHECK(iommu_iova_to_phys(bench.domain, IOVA) == virt_to_phys(bench.page));
	CHECK(mock_compat_map(bench.domain, ALIGN_DOWN(IOVA, SZ_2M), 0, SZ_2M, RW) == -EEXIST);
	CHECK(mock_compat_map(bench.domain, 1ULL << 48, 0, PAGE_SIZE, RW) == -ERANGE);
	CHECK(mock_compat_map(bench.domain, 0, 0, PAGE_SIZE, 0) == -EINVAL);
	CHECK(iommu_unmap(bench.domain, IOVA + PAGE_SIZE, PAGE_SIZE) == 0);
	expect_violations(5);
	bench_stop(&bench);
}

static void test_left_mapped(void)
{
	struct iommu_domain *domain;
	struct owned owned;

	if (!take(&owned, 0))
		return;
	domain = mock_compat_domain_alloc(owned.dev);
	CHECK(!mock_compat_map(domain, IOVA, 0, PAGE_SIZE, RW));
	iommu_domain_free(domain);
	expect_violations(1);
	CHECK(!get_stats().live_leaves);
	give_back(&owned);
}

static void test_freed_in_use(void)
{
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	CHECK(went_through(dma_fill(0, 0, IOVA, 1)));
	CHECK(iommu_unmap(bench.domain, IOVA, PAGE_SIZE) == PAGE_SIZE);
	iommu_domain_free(bench.domain);
	expect_violations(1);
	CHECK(fault_of(dma_fill(0, 0, IOVA, 2)) == MOCK_FAULT_NO_CONTEXT);
	iommu_detach_group(bench.domain, bench.owned.group);
	CHECK(fault_of(dma_fill(0, 0, IOVA, 2)) == MOCK_FAULT_BLOCKED && bench.page[0] == 1);
	free_page((unsigned long)bench.page);
	give_back(&bench.owned);
}

/*
 * Many pages at once: a single one would be kept at hand and given to whoever asks next, such as
 * the transfer.
 */
static void test_free_page(void)
{
	struct bench bench;
	struct page *pages;
	u8 byte;

	if (!bench_start(&bench, 0, RW))
		return;
	pages = alloc_pages(GFP_KERNEL | __GFP_COMP, 5);
	CHECK(!mock_compat_map(bench.domain, IOVA + PAGE_SIZE, page_to_phys(pages + 31), PAGE_SIZE,
			       RW));
	CHECK(went_through(dma_read(0, IOVA + PAGE_SIZE, &byte, 1)));
	__free_pages(pages, 5);
	CHECK(fault_of(dma_read(0, IOVA + PAGE_SIZE, &byte, 1)) == MOCK_FAULT_FREE_PAGE);
	expect_violations(1);
	CHECK(iommu_unmap(bench.domain, IOVA + PAGE_SIZE, PAGE_SIZE) == PAGE_SIZE);
	bench_stop(&bench);
}

static void order(enum mock_call call, unsigned int nth, unsigned int error, unsigned int leaves)
{
	const struct mock_inject inject = {
		.call = call,
		.nth = nth,
		.error = error,
		.leaves = leaves,
	};

	CHECK(!ioasidfd_mock_inject(&inject));
}

static void test_inject(void)
{
	struct iommu_domain *domain;
	struct bench bench;
	u64 leaves;

	if (!bench_start(&bench, 0, RW))
		return;
	leaves = get_stats().live_leaves;
	order(MOCK_CALL_ALLOC, 1, ENOMEM, 0);
	CHECK(IS_ERR(mock_compat_domain_alloc(bench.owned.dev)));

	order(MOCK_CALL_MAP, 2, ENOSPC, 0);
	CHECK(!mock_compat_map(bench.domain, 0, 0, PAGE_SIZE, RW));
	CHECK(mock_compat_map(bench.domain, SZ_2M, 0, PAGE_SIZE, RW) == -ENOSPC);
	order(MOCK_CALL_MAP, 1, ENOSPC, 3);
	CHECK(mock_compat_map(bench.domain, SZ_2M, SZ_1M, 5 * PAGE_SIZE, RW) == -ENOSPC);
	CHECK(!iommu_iova_to_phys(bench.domain, SZ_2M));
	CHECK(iommu_unmap(bench.domain, 0, PAGE_SIZE) == PAGE_SIZE);
	CHECK(get_stats().live_leaves == leaves);

	domain = mock_compat_domain_alloc(bench.owned.dev);
	iommu_detach_group(bench.domain, bench.owned.group);
	order(MOCK_CALL_ATTACH, 1, EIO, 0);
	CHECK(iommu_attach_group(domain, bench.owned.group) == -EIO);
	CHECK(fault_of(dma_fill(0, 0, IOVA, 1)) == MOCK_FAULT_BLOCKED);
	CHECK(!iommu_attach_group(bench.domain, bench.owned.group));
	CHECK(went_through(dma_fill(0, 0, IOVA, 1)));
	iommu_domain_free(domain);

	order(MOCK_CALL_UNMAP, 1, EIO, 0);
	CHECK(iommu_unmap(bench.domain, IOVA, PAGE_SIZE) == 0);
	bench_stop(&bench);
}

/* The members of a group share the RID's domain; the log and the counters see each of them. */
static void test_group(void)
{
	u64 attached = get_stats().attach;
	struct iommu_group *other;
	struct device *peer;
	struct bench bench;

	if (!bench_start(&bench, 2, RW))
		return;
	peer = ioasidfd_mock_get_device(3);
	other = iommu_group_get(peer);
	CHECK(other == bench.owned.group);
	CHECK(get_stats().attach == attached + 2);
	CHECK(went_through(dma_fill(2, 0, IOVA, 2)) && bench.page[0] == 2);
	CHECK(went_through(dma_fill(3, 0, IOVA, 3)) && bench.page[0] == 3);
	CHECK(fault_of(dma_fill(1, 0, IOVA, 4)) == MOCK_FAULT_IDENTITY && bench.page[0] == 3);

	/* An invalidation reaches both TLBs. */
	CHECK(iommu_unmap(bench.domain, IOVA, PAGE_SIZE) == PAGE_SIZE);
	CHECK(fault_of(dma_fill(2, 0, IOVA, 5)) == MOCK_FAULT_NOT_MAPPED);
	CHECK(fault_of(dma_fill(3, 0, IOVA, 5)) == MOCK_FAULT_NOT_MAPPED && bench.page[0] == 3);
	iommu_group_put(other);
	put_device(peer);
	bench_stop(&bench);
}

static void test_hotplug(void)
{
	struct mock_add_device add = { .sibling = 2, .pasid_bits = 16 };
	u64 devices = get_stats().live_devices;
	struct bench bench;

	if (!bench_start(&bench, 2, RW))
		return;
	CHECK(!ioasidfd_mock_add_device(&add));
	CHECK(went_through(dma_fill(add.out_device, 0, IOVA, 6)) && bench.page[0] == 6);
	CHECK(!ioasidfd_mock_remove_device(add.out_device));
	CHECK(get_stats().live_devices == devices);
	CHECK(went_through(dma_fill(2, 0, IOVA, 7)) && bench.page[0] == 7);
	bench_stop(&bench);
	CHECK(ioasidfd_mock_remove_device(add.out_device) == -ENODEV);
}

/*
 * A device that writes all the time, against a processor that takes the page away and looks
 * whether it stays as it is.
 */
static int write_for_ever(void *unused)
{
	const struct mock_dma fill = {
		.op = MOCK_DMA_FILL,
		.iova = IOVA,
		.length = PAGE_SIZE,
		.value = 0xff,
	};

	while (!kthread_should_stop()) {
		run(0, fill, NULL);
		cond_resched();
	}
	return 0;
}

/* Until the device writes, or for so long. */
static bool stays_clean(u8 *byte, unsigned int us)
{
	ktime_t end = ktime_add_us(ktime_get(), us);

	WRITE_ONCE(*byte, 0);
	do {
		/* Also lets the other processor run, where an emulator has one thread for both. */
		cpu_relax();
	} while (!READ_ONCE(*byte) && ktime_before(ktime_get(), end));
	return !READ_ONCE(*byte);
}

static void test_ordering(void)
{
	unsigned int i, dirty = 0, late = 0;
	struct task_struct *writer;
	struct bench bench;
	u8 *last;

	if (!bench_start(&bench, 0, RW))
		return;
	last = bench.page + PAGE_SIZE - 1;
	ioasidfd_mock_set_options(MOCK_OPTION_SLOW);
	writer = kthread_run(write_for_ever, NULL, "mock-writer");
	for (i = 0; i < 300; i++) {
		dirty += !stays_clean(last, 20000);
		/* To meet every point of the next transfer. */
		udelay(i % 128);
		CHECK(iommu_unmap(bench.domain, IOVA, PAGE_SIZE) == PAGE_SIZE);
		late += !stays_clean(last, 200);
		CHECK(!mock_compat_map(bench.domain, IOVA, virt_to_phys(bench.page), PAGE_SIZE,
				       RW));
		cond_resched();
	}
	kthread_stop(writer);
	ioasidfd_mock_set_options(0);
	pr_info("%u times of %u the device wrote while it could, %u times while it could not\n",
		dirty, i, late);
	CHECK(!late);
	CHECK(dirty);
	bench_stop(&bench);
}

#if MOCK_HAS_PASID
/* One domain with one page, to be put on a PASID. */
struct space {
	struct iommu_domain *domain;
	u8 *page;
};

static void space_create(struct space *space, struct device *dev)
{
	space->domain = iommu_paging_domain_alloc(dev);
	space->page = (u8 *)get_zeroed_page(GFP_KERNEL);
	CHECK(!mock_compat_map(space->domain, IOVA, virt_to_phys(space->page), PAGE_SIZE, RW));
}

static void space_destroy(struct space *space)
{
	CHECK(iommu_unmap(space->domain, IOVA, PAGE_SIZE) == PAGE_SIZE);
	iommu_domain_free(space->domain);
	free_page((unsigned long)space->page);
}

static void test_pasid(void)
{
	struct mock_device_info info = { .device = 0 };
	struct bench bench;
	struct space a, b;
	struct device *dev;

	if (!bench_start(&bench, 0, RW))
		return;
	dev = bench.owned.dev;
	space_create(&a, dev);
	space_create(&b, dev);
	CHECK(!iommu_attach_device_pasid(a.domain, dev, 10, NULL));
	CHECK(!iommu_attach_device_pasid(b.domain, dev, 11, NULL));
	CHECK(iommu_attach_device_pasid(b.domain, dev, 11, NULL) == -EBUSY);
	CHECK(iommu_attach_device_pasid(b.domain, dev, 65536, NULL) == -EINVAL);
	CHECK(!ioasidfd_mock_device_info(&info));
	CHECK(info.out_num_pasids == 2 && info.out_max_pasids == 65536);
	CHECK(info.out_rid == MOCK_RID_PAGING);

	CHECK(went_through(dma_fill(0, 10, IOVA, 10)));
	CHECK(a.page[0] == 10 && !b.page[0] && !bench.page[0]);
	CHECK(went_through(dma_fill(0, 11, IOVA, 11)));
	CHECK(a.page[0] == 10 && b.page[0] == 11 && !bench.page[0]);
	CHECK(went_through(dma_fill(0, 0, IOVA, 12)));
	CHECK(a.page[0] == 10 && b.page[0] == 11 && bench.page[0] == 12);
	CHECK(fault_of(dma_fill(0, 12, IOVA, 13)) == MOCK_FAULT_NO_CONTEXT);

	iommu_detach_device_pasid(a.domain, dev, 10);
	CHECK(fault_of(dma_fill(0, 10, IOVA, 14)) == MOCK_FAULT_NO_CONTEXT && a.page[0] == 10);
	CHECK(went_through(dma_fill(0, 11, IOVA, 15)) && b.page[0] == 15);
	iommu_detach_device_pasid(b.domain, dev, 11);
	space_destroy(&a);
	space_destroy(&b);
	bench_stop(&bench);
}

static void test_pasid_group(void)
{
	struct owned owned;
	struct space space;

	if (!take(&owned, 2))
		return;
	space_create(&space, owned.dev);
	order(MOCK_CALL_SET_PASID, 2, ENOSPC, 0);
	CHECK(iommu_attach_device_pasid(space.domain, owned.dev, 20, NULL) == -ENOSPC);
	CHECK(fault_of(dma_fill(2, 20, IOVA, 1)) == MOCK_FAULT_NO_CONTEXT);
	CHECK(!iommu_attach_device_pasid(space.domain, owned.dev, 20, NULL));
	CHECK(went_through(dma_fill(2, 20, IOVA, 2)) && space.page[0] == 2);
	CHECK(went_through(dma_fill(3, 20, IOVA, 3)) && space.page[0] == 3);
	CHECK(fault_of(dma_fill(3, 0, IOVA, 4)) == MOCK_FAULT_BLOCKED && space.page[0] == 3);
	iommu_detach_device_pasid(space.domain, owned.dev, 20);
	space_destroy(&space);
	give_back(&owned);
}

static void test_many_pasids(void)
{
	ktime_t start = ktime_get();
	struct owned owned;
	struct space space;
	u32 pasid;

	if (!take(&owned, 0))
		return;
	space_create(&space, owned.dev);
	for (pasid = 1; pasid < 65536; pasid++) {
		if (iommu_attach_device_pasid(space.domain, owned.dev, pasid, NULL))
			break;
	}
	CHECK(pasid == 65536);
	CHECK(get_stats().live_pasids == 65535);
	CHECK(went_through(dma_fill(0, 1, IOVA, 1)));
	CHECK(went_through(dma_fill(0, 65535, IOVA, 1)));
	CHECK(iommu_unmap(space.domain, IOVA, PAGE_SIZE) == PAGE_SIZE);
	CHECK(fault_of(dma_fill(0, 65535, IOVA, 1)) == MOCK_FAULT_NOT_MAPPED);
	CHECK(!mock_compat_map(space.domain, IOVA, virt_to_phys(space.page), PAGE_SIZE, RW));
	while (--pasid)
		iommu_detach_device_pasid(space.domain, owned.dev, pasid);
	CHECK(!get_stats().live_pasids);
	space_destroy(&space);
	give_back(&owned);
	pr_info("65535 PASIDs attached and detached in %lld ms\n",
		ktime_ms_delta(ktime_get(), start));
}

static void test_sync_map(void)
{
	struct bench bench;

	if (!bench_start(&bench, 0, RW))
		return;
	order(MOCK_CALL_SYNC_MAP, 1, ENOMEM, 0);
	CHECK(mock_compat_map(bench.domain, 0, SZ_1M, PAGE_SIZE, RW) == -ENOMEM);
	CHECK(!iommu_iova_to_phys(bench.domain, 0));
	bench_stop(&bench);
}
#endif

#if MOCK_HAS_PAGE_REQUESTS
static struct space faulting;
static unsigned int nr_handled;

/* Good addresses are those of the page; it is there when the answer arrives. */
static int handle_fault(struct iopf_group *group)
{
	bool good = group->last_fault.fault.prm.addr == IOVA;

	nr_handled++;
	if (good)
		CHECK(!mock_compat_map(faulting.domain, IOVA, virt_to_phys(faulting.page),
				       PAGE_SIZE, RW));
	iopf_group_response(group, good ? IOMMU_PAGE_RESP_SUCCESS : IOMMU_PAGE_RESP_INVALID);
	iopf_free_group(group);
	return 0;
}

static void test_page_requests(void)
{
	struct iommu_attach_handle handle = {};
	struct mock_dma dma = {
		.op = MOCK_DMA_FILL,
		.flags = MOCK_DMA_PASID | MOCK_DMA_PAGE_REQUEST,
		.pasid = 30,
		.timeout_ms = 1000,
		.iova = IOVA,
		.length = 1,
		.value = 30,
	};
	struct owned owned;

	if (!take(&owned, 0))
		return;
	nr_handled = 0;
	faulting.domain = iommu_paging_domain_alloc(owned.dev);
	faulting.domain->iopf_handler = handle_fault;
	faulting.page = (u8 *)get_zeroed_page(GFP_KERNEL);
	CHECK(fault_of(run(0, dma, NULL)) == MOCK_FAULT_NO_CONTEXT);
	CHECK(!iommu_attach_device_pasid(faulting.domain, owned.dev, 30, &handle));
	dma = run(0, dma, NULL);
	CHECK(went_through(dma) && dma.out_requests == 1 && faulting.page[0] == 30);
	CHECK(nr_handled == 1);
	dma.iova = IOVA + PAGE_SIZE;
	CHECK(fault_of(run(0, dma, NULL)) == MOCK_FAULT_PAGE_REQUEST && nr_handled == 2);
	dma.flags &= ~MOCK_DMA_PAGE_REQUEST;
	CHECK(fault_of(run(0, dma, NULL)) == MOCK_FAULT_NOT_MAPPED && nr_handled == 2);
	iommu_detach_device_pasid(faulting.domain, owned.dev, 30);
	space_destroy(&faulting);
	give_back(&owned);
}
#endif

struct test {
	const char *name;
	void (*run)(void);
};

static const struct test tests[] = {
	{ "ownership", test_ownership },
	{ "bytes", test_bytes },
	{ "cas", test_cas },
	{ "faults", test_faults },
	{ "not-memory", test_not_memory },
	{ "stale-sync", test_stale_sync },
	{ "stale-flush-all", test_stale_flush_all },
	{ "detach-flushes", test_detach_flushes },
	{ "reuse-before-sync", test_reuse_before_sync },
	{ "superpage", test_superpage },
	{ "overlap", test_overlap },
	{ "left-mapped", test_left_mapped },
	{ "freed-in-use", test_freed_in_use },
	{ "free-page", test_free_page },
	{ "inject", test_inject },
	{ "group", test_group },
	{ "hotplug", test_hotplug },
	{ "ordering", test_ordering },
#if MOCK_HAS_PASID
	{ "pasid", test_pasid },
	{ "pasid-group", test_pasid_group },
	{ "many-pasids", test_many_pasids },
	{ "sync-map", test_sync_map },
#endif
#if MOCK_HAS_PAGE_REQUESTS
	{ "page-requests", test_page_requests },
#endif
};

static void run_test(const struct test *test)
{
	unsigned int before = nr_failures;
	struct mock_stats stats;

	ioasidfd_mock_clear(MOCK_CLEAR_VIOLATIONS | MOCK_CLEAR_INJECTIONS);
	test->run();
	expect_violations(0);
	stats = get_stats();
	CHECK(!stats.live_domains && !stats.live_leaves && !stats.live_pasids);
	CHECK(!stats.unmapped_unsynced);
	pr_info("%s - %s\n", nr_failures == before ? "ok" : "not ok", test->name);
}

static int __init selftest_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(&tests[i]);
	pr_info("%zu tests, %u failed checks\n", ARRAY_SIZE(tests), nr_failures);
	return nr_failures ? -EIO : 0;
}

static void __exit selftest_exit(void)
{
}

module_init(selftest_init);
module_exit(selftest_exit);
MODULE_DESCRIPTION("Proves that ioasidfd_mock is strict");
MODULE_LICENSE("GPL");
