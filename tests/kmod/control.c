// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid-mock/control, see control.h.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "control.h"
#include "device.h"
#include "hotplug.h"
#include "inject.h"
#include "journal.h"

#define MAX_LOG_EVENTS 4096

static int control_show(struct seq_file *seq, void *unused)
{
	journal_show(seq);
	return 0;
}

static int control_open(struct inode *inode, struct file *filp)
{
	filp->private_data = NULL;
	return single_open(filp, control_show, NULL);
}

static int control_clear(unsigned long what)
{
	journal_clear(what);
	if (what & MOCK_CLEAR_INJECTIONS)
		inject_clear();
	return 0;
}

static int control_read_log(struct mock_log *log)
{
	unsigned int nr = min_t(u32, log->num_events, MAX_LOG_EVENTS);
	struct mock_event *events;
	int rc = 0;

	events = kvcalloc(nr, sizeof(*events), GFP_KERNEL);
	if (!events)
		return -ENOMEM;
	log->out_num_events = journal_read_log(log->first, events, nr);
	if (copy_to_user(u64_to_user_ptr(log->events), events,
			 log->out_num_events * sizeof(*events)))
		rc = -EFAULT;
	kvfree(events);
	return rc;
}

static int control_device_info(struct mock_device_info *info)
{
	struct mock_device *mock = mock_by_number(info->device);
	int rc;

	if (!mock)
		return -ENODEV;
	rc = mock_get_info(mock, info);
	mock_put(mock);
	return rc;
}

union control_argument {
	struct mock_stats stats;
	struct mock_inject inject;
	struct mock_add_device add;
	struct mock_log log;
	struct mock_device_info info;
};

static int control_dispatch(unsigned int cmd, union control_argument *argument)
{
	switch (cmd) {
	case MOCK_GET_STATS:
		journal_get_stats(&argument->stats);
		return 0;
	case MOCK_INJECT:
		return inject_set(&argument->inject);
	case MOCK_ADD_DEVICE:
		return hotplug_add(&argument->add);
	case MOCK_ADOPT_PCI:
		return hotplug_adopt_pci(&argument->add);
	case MOCK_READ_LOG:
		return control_read_log(&argument->log);
	case MOCK_DEVICE_INFO:
		return control_device_info(&argument->info);
	default:
		return -ENOTTY;
	}
}

static long control_with_number(unsigned int cmd, unsigned long number)
{
	switch (cmd) {
	case MOCK_CLEAR:
		return control_clear(number);
	case MOCK_SET_OPTIONS:
		WRITE_ONCE(journal_options, number);
		return 0;
	case MOCK_REMOVE_DEVICE:
		return hotplug_remove(number);
	default:
		return -ENOTTY;
	}
}

static long control_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	union control_argument argument;
	int rc;

	if (_IOC_TYPE(cmd) != MOCK_IOC_TYPE || _IOC_SIZE(cmd) > sizeof(argument))
		return -ENOTTY;
	if (_IOC_DIR(cmd) == _IOC_NONE)
		return control_with_number(cmd, arg);
	if (copy_from_user(&argument, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	rc = control_dispatch(cmd, &argument);
	if (rc)
		return rc;
	return copy_to_user(user, &argument, _IOC_SIZE(cmd)) ? -EFAULT : 0;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice control_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ioasid-mock-control",
	.nodename = "ioasid-mock/control",
	.fops = &control_fops,
};

int control_init(void)
{
	return misc_register(&control_misc);
}

void control_exit(void)
{
	misc_deregister(&control_misc);
}
