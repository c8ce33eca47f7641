/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every file of the test build sees before anything else: calls that can fail ask first
 * whether they are to, what is allocated is noted until it is freed, and named points can hold
 * whoever comes by.
 *
 * It knows what the kernel's functions return when there is no memory, and nothing about who calls
 * them. What is a macro on some kernel is wrapped by a function that was compiled before its name
 * was taken; a macro that has the name of a function can call it.
 */
#ifndef IOASIDFD_FAULTS_H
#define IOASIDFD_FAULTS_H

#include <linux/types.h>

/* Is this call to fail? */
bool faults_hit(const char *call, const char *caller);

/* Note an object until it is freed; returns it. NULL is none, and what is not noted is no error. */
void *faults_track(void *object, const char *call, const char *caller);
void faults_forget(const void *object);

/* About to be freed at once: whoever still reads it does not find what it looks for. */
void faults_poison(const void *object);

/* What is wrong is counted if a test wants it to be, or else said as ever. */
bool faults_warn(bool wrong, const char *what);

/* May sleep. The busy one does not, and keeps its processor. */
void faults_point(const char *name);
void faults_busy_point(const char *name);

#ifndef FAULTS_THEMSELVES

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/idr.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/* Declares functions that are wrapped here. */
#include "src/compat/iommu_private.h"

#undef WARN_ON
#define WARN_ON(condition) faults_warn(!!(condition), #condition)

#define delay_point(name) faults_point(name)
#define busy_point(name) faults_busy_point(name)

static inline void *faults_kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static inline void *faults_kzalloc(size_t size, gfp_t gfp)
{
	return kzalloc(size, gfp);
}

static inline void *faults_kcalloc(size_t nr, size_t size, gfp_t gfp)
{
	return kcalloc(nr, size, gfp);
}

static inline void *faults_kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp);
}

/* It fails, or frees the old one. */
static inline void *faults_krealloc(const void *old, size_t size, gfp_t gfp)
{
	void *new = krealloc(old, size, gfp);

	if (new)
		faults_forget(old);
	return new;
}

static inline void *faults_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp);
}

static inline struct kmem_cache *faults_cache_create(const char *name, unsigned int size,
						     unsigned int align, slab_flags_t flags,
						     void (*ctor)(void *object))
{
	return kmem_cache_create(name, size, align, flags, ctor);
}

static inline struct workqueue_struct *faults_workqueue(const char *name, unsigned int flags,
							int max_active)
{
	return alloc_workqueue("%s", flags, max_active, name);
}

static inline void faults_cache_free_bulk(struct kmem_cache *cache, size_t nr, void **object)
{
	size_t i;

	for (i = 0; i < nr; i++)
		faults_forget(object[i]);
	kmem_cache_free_bulk(cache, nr, object);
}

static inline void faults_kfree(const void *object)
{
	faults_forget(object);
	faults_poison(object);
	kfree(object);
}

static inline void faults_kvfree(const void *object)
{
	faults_forget(object);
	kvfree(object);
}

static inline void faults_cache_free(struct kmem_cache *cache, void *object)
{
	faults_forget(object);
	kmem_cache_free(cache, object);
}

#undef kmalloc
#undef kzalloc
#undef kcalloc
#undef kvmalloc
#undef krealloc
#undef kmem_cache_alloc
#undef kmem_cache_zalloc
#undef kmem_cache_create
#undef alloc_workqueue
#undef kfree_rcu

#define FAULTS_OR(failure, call, result) (faults_hit(call, __func__) ? (failure) : (result))
#define FAULTS_OBJECT(call, object) FAULTS_OR(NULL, call, faults_track(object, call, __func__))

#define kmalloc(...) FAULTS_OBJECT("kmalloc", faults_kmalloc(__VA_ARGS__))
#define kzalloc(...) FAULTS_OBJECT("kzalloc", faults_kzalloc(__VA_ARGS__))
#define kcalloc(...) FAULTS_OBJECT("kcalloc", faults_kcalloc(__VA_ARGS__))
#define kvmalloc(...) FAULTS_OBJECT("kvmalloc", faults_kvmalloc(__VA_ARGS__))
#define kmem_cache_alloc(...) FAULTS_OBJECT("kmem_cache_alloc", faults_cache_alloc(__VA_ARGS__))
#define kmem_cache_zalloc(cache, gfp) kmem_cache_alloc(cache, (gfp) | __GFP_ZERO)
#define krealloc(...) FAULTS_OBJECT("krealloc", faults_krealloc(__VA_ARGS__))
#define kmem_cache_create(...) \
	FAULTS_OR(NULL, "kmem_cache_create", faults_cache_create(__VA_ARGS__))
#define alloc_workqueue(...) FAULTS_OR(NULL, "alloc_workqueue", faults_workqueue(__VA_ARGS__))

#define kfree(object) faults_kfree(object)
#define kvfree(object) faults_kvfree(object)
#define kmem_cache_free(...) faults_cache_free(__VA_ARGS__)
#define kmem_cache_free_bulk(...) faults_cache_free_bulk(__VA_ARGS__)
#define kfree_rcu(object, head)                 \
	do {                                    \
		faults_forget(object);          \
		kvfree_rcu_arg_2(object, head); \
	} while (0)

#define FAULTS_INT(function, ...) FAULTS_OR(-ENOMEM, #function, function(__VA_ARGS__))
#define FAULTS_NULL(function, ...) FAULTS_OR(NULL, #function, function(__VA_ARGS__))
#define FAULTS_POINTER(function, ...) FAULTS_OR(ERR_PTR(-ENOMEM), #function, function(__VA_ARGS__))

#define xa_insert(...) FAULTS_INT(xa_insert, __VA_ARGS__)
#define xa_reserve(...) FAULTS_INT(xa_reserve, __VA_ARGS__)
#define xa_alloc_cyclic(...) FAULTS_INT(xa_alloc_cyclic, __VA_ARGS__)
/* Without leave to allocate there is room already. */
#define xa_store(array, index, entry, gfp)                               \
	((gfp) && faults_hit("xa_store", __func__) ? XA_ERROR(-ENOMEM) : \
						     xa_store(array, index, entry, gfp))
#define idr_alloc(...) FAULTS_INT(idr_alloc, __VA_ARGS__)
#define __devres_alloc_node(...) FAULTS_NULL(__devres_alloc_node, __VA_ARGS__)

#define misc_register(...) FAULTS_INT(misc_register, __VA_ARGS__)
#define proc_create_single_data(...) FAULTS_NULL(proc_create_single_data, __VA_ARGS__)
#define bus_register_notifier(...) FAULTS_INT(bus_register_notifier, __VA_ARGS__)
#define register_kretprobe(...) FAULTS_INT(register_kretprobe, __VA_ARGS__)
#define alloc_chrdev_region(...) FAULTS_INT(alloc_chrdev_region, __VA_ARGS__)
#define cdev_add(...) FAULTS_INT(cdev_add, __VA_ARGS__)
#define device_create(...) FAULTS_POINTER(device_create, __VA_ARGS__)
#ifdef class_create
#define __class_create(...) FAULTS_POINTER(__class_create, __VA_ARGS__)
#else
#define class_create(...) FAULTS_POINTER(class_create, __VA_ARGS__)
#endif
#define __platform_driver_register(...) FAULTS_INT(__platform_driver_register, __VA_ARGS__)
#define __pci_register_driver(...) FAULTS_INT(__pci_register_driver, __VA_ARGS__)

#define pin_user_pages_fast(...) FAULTS_INT(pin_user_pages_fast, __VA_ARGS__)
#define memfd_pin_folios(...) FAULTS_INT(memfd_pin_folios, __VA_ARGS__)

#define iommu_domain_alloc(...) FAULTS_NULL(iommu_domain_alloc, __VA_ARGS__)
#define iommu_paging_domain_alloc(...) FAULTS_POINTER(iommu_paging_domain_alloc, __VA_ARGS__)
#define iommu_map(...) FAULTS_INT(iommu_map, __VA_ARGS__)
#define iommu_group_claim_dma_owner(...) FAULTS_INT(iommu_group_claim_dma_owner, __VA_ARGS__)
#define iommu_get_group_resv_regions(...) FAULTS_INT(iommu_get_group_resv_regions, __VA_ARGS__)
#define iommu_attach_group(...) FAULTS_INT(iommu_attach_group, __VA_ARGS__)
#define iommu_attach_group_handle(...) FAULTS_INT(iommu_attach_group_handle, __VA_ARGS__)
#define iommu_replace_group_handle(...) FAULTS_INT(iommu_replace_group_handle, __VA_ARGS__)
#define iommu_attach_device_pasid(...) FAULTS_INT(iommu_attach_device_pasid, __VA_ARGS__)
#define iommu_replace_device_pasid(...) FAULTS_INT(iommu_replace_device_pasid, __VA_ARGS__)
/* Whoever may use the reserves is given memory. */
#define iommu_alloc_global_pasid(...)                                                          \
	(!(current->flags & PF_MEMALLOC) && faults_hit("iommu_alloc_global_pasid", __func__) ? \
		 IOMMU_PASID_INVALID :                                                         \
		 iommu_alloc_global_pasid(__VA_ARGS__))

#endif
#endif
