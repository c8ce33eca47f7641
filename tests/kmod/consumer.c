// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioasidfd_consumer: a driver that uses the address spaces of user space by itself, as one for an
 * accelerator would that gives its clients queues rather than the device.
 *
 * For tests, and as an example of include/linux/ioasidfd.h: it is bound to one platform device and
 * makes one call of that API for each order that comes through its node. It opens a file of the
 * device for itself, so that binding belongs to the driver and not to a process. A real driver
 * would decide itself, and order DMA.
 *
 * Lifetimes: the driver holds what it was told to take until it is told to drop it, or the device
 * goes: in which order the rest of the world ends does not matter to it.
 */
#include <linux/err.h>
#include <linux/ioasidfd.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "consumer.h"
#include "mock_compat.h"

/**
 * struct consumer - the device
 * @ref: references: of the driver, while it is bound, and of the order under way
 * @lock: one order at a time; never taken inside the device lock, which some calls take
 * @device: what ioasidfd knows it as; until remove()
 * @file: the driver's own file of it
 * @ctx: the context that was taken, or NULL
 * @ioas: the address spaces that were taken
 * @enabled: calls of enable()
 * @quiesced: calls of quiesce()
 */
struct consumer {
	struct kref ref;
	struct mutex lock;
	struct ioasidfd_device *device;
	struct ioasidfd_device_file *file;
	struct ioasidfd_context *ctx;
	struct ioas *ioas[CONSUMER_SLOTS];
	u32 enabled;
	u32 quiesced;
};

/* Protects @consumer: the one that is there. */
static DEFINE_MUTEX(consumer_lock);
static struct consumer *consumer;

static int consumer_enable(void *private)
{
	((struct consumer *)private)->enabled++;
	return 0;
}

static void consumer_quiesce(void *private)
{
	((struct consumer *)private)->quiesced++;
}

static void consumer_get_info(void *private, struct ioasid_device_info *info)
{
}

static int consumer_get_region(void *private, struct ioasid_device_region *region)
{
	return -ENOENT;
}

static const struct ioasidfd_device_ops consumer_ops = {
	.enable = consumer_enable,
	.quiesce = consumer_quiesce,
	.get_info = consumer_get_info,
	.get_region = consumer_get_region,
};

static int take_context(struct consumer *c, int fd)
{
	struct ioasidfd_context *ctx;

	if (c->ctx)
		return -EBUSY;
	ctx = ioasidfd_context_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	c->ctx = ctx;
	return 0;
}

static void drop_context(struct consumer *c)
{
	if (c->ctx)
		ioasidfd_context_put(c->ctx);
	c->ctx = NULL;
}

static int take_ioas(struct consumer *c, unsigned int slot, u32 ioasid)
{
	struct ioas *ioas;

	if (!c->ctx || c->ioas[slot])
		return -EBUSY;
	ioas = ioasidfd_ioas_get(c->ctx, ioasid);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	c->ioas[slot] = ioas;
	return 0;
}

static void drop_ioas(struct consumer *c, unsigned int slot)
{
	if (c->ioas[slot])
		ioasidfd_ioas_put(c->ioas[slot]);
	c->ioas[slot] = NULL;
}

static int obey_with_ioas(struct consumer *c, struct consumer_order *order)
{
	struct ioas *ioas = c->ioas[order->slot], *other = c->ioas[order->other];

	if (!ioas || (order->op == CONSUMER_REPLACE && !other))
		return -EBADSLT;
	if (order->op == CONSUMER_ALLOW)
		return ioasidfd_device_allow(c->file, ioas, order->flags, &order->pasid);
	if (order->op == CONSUMER_REPLACE)
		return ioasidfd_device_replace(c->file, ioas, other, order->flags, order->pasid,
					       &order->out_replaced);
	return ioasidfd_device_disallow(c->file, ioas, order->flags, order->pasid);
}

static int obey(struct consumer *c, struct consumer_order *order)
{
	if (order->slot >= CONSUMER_SLOTS || order->other >= CONSUMER_SLOTS)
		return -EBADSLT;
	switch (order->op) {
	case CONSUMER_CONTEXT_GET:
		return take_context(c, order->fd);
	case CONSUMER_CONTEXT_PUT:
		drop_context(c);
		return 0;
	case CONSUMER_IOAS_GET:
		return take_ioas(c, order->slot, order->ioasid);
	case CONSUMER_IOAS_PUT:
		drop_ioas(c, order->slot);
		return 0;
	case CONSUMER_BIND:
		return c->ctx ? ioasidfd_device_bind(c->file, c->ctx) : -EBADSLT;
	case CONSUMER_UNBIND:
		return ioasidfd_device_unbind(c->file);
	case CONSUMER_STATE:
		return 0;
	default:
		return obey_with_ioas(c, order);
	}
}

/* With the last reference everything that was taken is dropped, in remove() or after it. */
static void consumer_free(struct kref *ref)
{
	struct consumer *c = container_of(ref, struct consumer, ref);
	unsigned int i;

	for (i = 0; i < CONSUMER_SLOTS; i++)
		drop_ioas(c, i);
	drop_context(c);
	ioasidfd_device_release(c->file);
	kfree(c);
}

static struct consumer *get_consumer(void)
{
	struct consumer *c;

	mutex_lock(&consumer_lock);
	c = consumer;
	if (c)
		kref_get(&c->ref);
	mutex_unlock(&consumer_lock);
	return c;
}

static long consumer_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct consumer_order order;
	struct consumer *c;
	int rc;

	if (cmd != CONSUMER_ORDER)
		return -ENOTTY;
	if (copy_from_user(&order, (void __user *)arg, sizeof(order)))
		return -EFAULT;
	c = get_consumer();
	if (!c)
		return -ENXIO;
	mutex_lock(&c->lock);
	rc = obey(c, &order);
	mutex_unlock(&c->lock);
	order.out_enabled = c->enabled;
	order.out_quiesced = c->quiesced;
	kref_put(&c->ref, consumer_free);
	return copy_to_user((void __user *)arg, &order, sizeof(order)) ? -EFAULT : rc;
}

static const struct file_operations consumer_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = consumer_ioctl,
};

static struct miscdevice consumer_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ioasidfd-consumer",
	.fops = &consumer_fops,
	.mode = 0600,
};

static struct consumer *consumer_create(struct device *dev)
{
	struct consumer *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int rc;

	if (!c)
		return ERR_PTR(-ENOMEM);
	kref_init(&c->ref);
	mutex_init(&c->lock);
	c->device = ioasidfd_device_register(dev, &consumer_ops, c);
	if (IS_ERR(c->device)) {
		rc = PTR_ERR(c->device);
		goto err_free;
	}
	c->file = ioasidfd_device_open(c->device);
	if (IS_ERR(c->file)) {
		rc = PTR_ERR(c->file);
		goto err_unregister;
	}
	return c;

err_unregister:
	ioasidfd_device_unregister(c->device);
err_free:
	kfree(c);
	return ERR_PTR(rc);
}

/* The callbacks are over when this returns, and so is a binding. */
static void consumer_destroy(struct consumer *c)
{
	ioasidfd_device_unregister(c->device);
	kref_put(&c->ref, consumer_free);
}

static int consumer_probe(struct platform_device *pdev)
{
	struct consumer *c = consumer_create(&pdev->dev);
	bool second;

	if (IS_ERR(c))
		return PTR_ERR(c);
	mutex_lock(&consumer_lock);
	second = consumer;
	if (!second)
		consumer = c;
	mutex_unlock(&consumer_lock);
	if (second) {
		consumer_destroy(c);
		return -EBUSY;
	}
	platform_set_drvdata(pdev, c);
	return 0;
}

static void consumer_remove(struct platform_device *pdev)
{
	mutex_lock(&consumer_lock);
	consumer = NULL;
	mutex_unlock(&consumer_lock);
	consumer_destroy(platform_get_drvdata(pdev));
}

MOCK_COMPAT_PLATFORM_REMOVE(consumer_remove)

static struct platform_driver consumer_driver = {
	.probe = consumer_probe,
	.remove = mock_compat_consumer_remove,
	.driver_managed_dma = true,
	.driver.name = "ioasidfd_consumer",
};

static int __init consumer_init(void)
{
	int rc = platform_driver_register(&consumer_driver);

	if (rc)
		return rc;
	rc = misc_register(&consumer_node);
	if (rc)
		platform_driver_unregister(&consumer_driver);
	return rc;
}

static void __exit consumer_exit(void)
{
	misc_deregister(&consumer_node);
	platform_driver_unregister(&consumer_driver);
}

module_init(consumer_init);
module_exit(consumer_exit);
MODULE_DESCRIPTION("A driver that uses ioasidfd, for its tests");
MODULE_LICENSE("GPL");
