// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device nodes of the stub drivers, see node.h.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../compat/compat.h"
#include "../delay_point.h"
#include "node.h"

/* Each region has a window of this size in the file, whatever its own size. */
#define REGION_SHIFT 40

/**
 * struct node - see node.h
 * @ref: references
 * @device: what the core knows it as, fixed
 * @minor: minor number, once it is published
 * @chardev: the device in /sys/class/ioasid-dev, or NULL before
 * @region: registers, fixed
 * @access_lock: protects what follows
 * @accessible: registers may be mapped into processes
 * @inode: whose address space all files share, so that every memory mapping is found; held while
 *	files are open
 * @nr_files: open files; table lock
 */
struct node {
	struct kref ref;
	struct ioasidfd_device *device;
	int minor;
	struct device *chardev;
	struct node_region region[NODE_MAX_REGIONS];
	struct mutex access_lock;
	bool accessible;
	struct inode *inode;
	unsigned int nr_files;
};

/**
 * struct node_file - an open file
 * @node: the node; holds a reference
 * @device_file: what the core knows it as
 */
struct node_file {
	struct node *node;
	struct ioasidfd_device_file *device_file;
};

static DEFINE_MUTEX(nodes_lock);
static DEFINE_IDR(nodes);
static dev_t first_number;
static struct cdev nodes_cdev;
static struct class *nodes_class;

static void node_free(struct kref *ref)
{
	kfree(container_of(ref, struct node, ref));
}

/*
 * Files of one node may have been opened through different inodes; the first one lends its address
 * space to all.
 */
static void share_mapping(struct node *node, struct inode *inode, struct file *filp)
{
	lockdep_assert_held(&nodes_lock);
	if (!node->nr_files++) {
		ihold(inode);
		node->inode = inode;
	}
	filp->f_mapping = node->inode->i_mapping;
}

static void unshare_mapping(struct node *node)
{
	struct inode *inode = NULL;

	mutex_lock(&nodes_lock);
	if (!--node->nr_files) {
		mutex_lock(&node->access_lock);
		inode = node->inode;
		node->inode = NULL;
		mutex_unlock(&node->access_lock);
	}
	mutex_unlock(&nodes_lock);
	iput(inode);
}

static int open_locked(struct inode *inode, struct file *filp)
{
	struct node *node = idr_find(&nodes, iminor(inode));
	struct node_file *file;

	lockdep_assert_held(&nodes_lock);
	if (!node)
		return -ENODEV;
	file = kmalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	file->device_file = ioasidfd_device_open(node->device);
	if (IS_ERR(file->device_file)) {
		int rc = PTR_ERR(file->device_file);

		kfree(file);
		return rc;
	}
	kref_get(&node->ref);
	file->node = node;
	share_mapping(node, inode, filp);
	filp->private_data = file;
	return 0;
}

static int node_file_open(struct inode *inode, struct file *filp)
{
	int rc;

	mutex_lock(&nodes_lock);
	rc = open_locked(inode, filp);
	mutex_unlock(&nodes_lock);
	return rc ?: nonseekable_open(inode, filp);
}

static int node_file_release(struct inode *inode, struct file *filp)
{
	struct node_file *file = filp->private_data;

	ioasidfd_device_release(file->device_file);
	unshare_mapping(file->node);
	kref_put(&file->node->ref, node_free);
	kfree(file);
	return 0;
}

static long node_file_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct node_file *file = filp->private_data;

	return ioasidfd_device_ioctl(file->device_file, cmd, arg);
}

static __poll_t node_file_poll(struct file *filp, poll_table *wait)
{
	struct node_file *file = filp->private_data;

	return ioasidfd_device_poll(file->device_file, filp, wait);
}

/*
 * Pages come one by one as they are touched: that is when it matters whether access is still
 * granted.
 */
static vm_fault_t node_fault(struct vm_fault *vmf)
{
	struct node_file *file = vmf->vma->vm_file->private_data;
	struct node *node = file->node;
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	const struct node_region *region = &node->region[offset >> REGION_SHIFT];
	vm_fault_t rc = VM_FAULT_SIGBUS;

	offset &= (1ULL << REGION_SHIFT) - 1;
	mutex_lock(&node->access_lock);
	if (node->accessible && ioasidfd_device_is_bound(file->device_file))
		rc = vmf_insert_pfn(vmf->vma, vmf->address, PHYS_PFN(region->start + offset));
	mutex_unlock(&node->access_lock);
	return rc;
}

static const struct vm_operations_struct node_vm_ops = {
	.fault = node_fault,
};

static int node_file_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct node_file *file = filp->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 index = offset >> REGION_SHIFT;
	u64 length = vma->vm_end - vma->vm_start;
	const struct node_region *region;

	if (index >= NODE_MAX_REGIONS || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	region = &file->node->region[index];
	offset &= (1ULL << REGION_SHIFT) - 1;
	if (!region->can_mmap || offset >= region->length || length > region->length - offset)
		return -EINVAL;
	if (!ioasidfd_device_is_bound(file->device_file))
		return -ENODEV;

	vma->vm_page_prot = pgprot_decrypted(pgprot_noncached(vma->vm_page_prot));
	compat_vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &node_vm_ops;
	return 0;
}

static const struct file_operations node_file_ops = {
	.owner = THIS_MODULE,
	.open = node_file_open,
	.release = node_file_release,
	.unlocked_ioctl = node_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = node_file_poll,
	.mmap = node_file_mmap,
};

void node_grant_access(struct node *node)
{
	mutex_lock(&node->access_lock);
	node->accessible = true;
	mutex_unlock(&node->access_lock);
}

void node_revoke_access(struct node *node)
{
	mutex_lock(&node->access_lock);
	node->accessible = false;
	if (node->inode)
		unmap_mapping_range(node->inode->i_mapping, 0, 0, true);
	mutex_unlock(&node->access_lock);
}

void node_region_init(struct node_region *region, const struct resource *resource)
{
	region->start = resource->start;
	region->length = resource_size(resource);
	region->can_mmap = PAGE_ALIGNED(region->start) && PAGE_ALIGNED(region->length);
}

int node_get_region(const struct node *node, struct ioasid_device_region *region)
{
	const struct node_region *from;

	if (region->index >= NODE_MAX_REGIONS)
		return -ENOENT;
	from = &node->region[region->index];
	region->out_offset = (u64)region->index << REGION_SHIFT;
	region->out_length = from->length;
	region->out_region_flags = from->can_mmap ? IOASID_REGION_MMAP : 0;
	return 0;
}

static void unpublish(struct node *node)
{
	mutex_lock(&nodes_lock);
	idr_remove(&nodes, node->minor);
	mutex_unlock(&nodes_lock);
}

int node_publish(struct node *node, struct device *dev)
{
	struct device *chardev;
	int rc;

	mutex_lock(&nodes_lock);
	rc = idr_alloc(&nodes, node, 0, MINORMASK + 1, GFP_KERNEL);
	mutex_unlock(&nodes_lock);
	if (rc < 0)
		return rc;
	node->minor = rc;
	/* The driver core turns "!" into a folder. */
	chardev = device_create(nodes_class, dev, MKDEV(MAJOR(first_number), node->minor), NULL,
				"ioasid-dev!%s", dev_name(dev));
	if (IS_ERR(chardev)) {
		unpublish(node);
		return PTR_ERR(chardev);
	}
	node->chardev = chardev;
	delay_point("node-published");
	return 0;
}

struct node *node_create(struct device *dev, const struct ioasidfd_device_ops *ops, void *private,
			 const struct node_region *regions)
{
	struct node *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return ERR_PTR(-ENOMEM);
	kref_init(&node->ref);
	mutex_init(&node->access_lock);
	memcpy(node->region, regions, sizeof(node->region));
	node->device = ioasidfd_device_register(dev, ops, private);
	if (IS_ERR(node->device)) {
		int rc = PTR_ERR(node->device);

		kref_put(&node->ref, node_free);
		return ERR_PTR(rc);
	}
	return node;
}

void node_destroy(struct node *node)
{
	if (node->chardev) {
		unpublish(node);
		device_unregister(node->chardev);
	}
	ioasidfd_device_unregister(node->device);
	kref_put(&node->ref, node_free);
}

int node_init(void)
{
	int rc;

	rc = alloc_chrdev_region(&first_number, 0, MINORMASK + 1, "ioasid-dev");
	if (rc)
		return rc;
	nodes_class = compat_class_create("ioasid-dev");
	if (IS_ERR(nodes_class)) {
		rc = PTR_ERR(nodes_class);
		goto err_region;
	}
	cdev_init(&nodes_cdev, &node_file_ops);
	nodes_cdev.owner = THIS_MODULE;
	rc = cdev_add(&nodes_cdev, first_number, MINORMASK + 1);
	if (rc)
		goto err_class;
	return 0;

err_class:
	class_destroy(nodes_class);
err_region:
	unregister_chrdev_region(first_number, MINORMASK + 1);
	return rc;
}

void node_exit(void)
{
	cdev_del(&nodes_cdev);
	class_destroy(nodes_class);
	unregister_chrdev_region(first_number, MINORMASK + 1);
	idr_destroy(&nodes);
}
