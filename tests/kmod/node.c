// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ioasid-mock/N, see node.h.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "device.h"
#include "dma.h"
#include "job.h"
#include "node.h"
#include "page_request.h"

#define MAX_JOBS 1024

/**
 * struct node_file - an open file
 * @mock: the device, with a reference
 * @lock: protects @jobs
 * @jobs: by number
 */
struct node_file {
	struct mock_device *mock;
	struct mutex lock;
	struct xarray jobs;
};

static int node_open(struct inode *inode, struct file *filp)
{
	/* The misc core holds the lock under which a node is unregistered. */
	struct mock_device *mock = container_of(filp->private_data, struct mock_device, misc);
	struct node_file *file;

	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return -ENOMEM;
	mock_get(mock);
	file->mock = mock;
	mutex_init(&file->lock);
	xa_init_flags(&file->jobs, XA_FLAGS_ALLOC1);
	filp->private_data = file;
	return nonseekable_open(inode, filp);
}

static int node_release(struct inode *inode, struct file *filp)
{
	struct node_file *file = filp->private_data;
	unsigned long id;
	struct job *job;

	xa_for_each(&file->jobs, id, job) {
		job_halt(job, MOCK_JOB_STOPPED);
		job_free(job);
	}
	xa_destroy(&file->jobs);
	mock_put(file->mock);
	kfree(file);
	return 0;
}

static int node_dma(struct node_file *file, struct mock_dma *dma)
{
	const struct dma_buffer buffer = { .user = u64_to_user_ptr(dma->buffer) };

	return dma_run(file->mock, dma, &buffer, NULL);
}

static int node_start(struct node_file *file, struct mock_job *what)
{
	struct job *job = job_start(file->mock, what);
	int rc;

	if (IS_ERR(job))
		return PTR_ERR(job);
	rc = xa_alloc(&file->jobs, &what->out_job, job, XA_LIMIT(1, MAX_JOBS), GFP_KERNEL);
	if (rc) {
		job_halt(job, MOCK_JOB_STOPPED);
		job_free(job);
	}
	return rc;
}

static int job_status_locked(struct node_file *file, struct mock_job_status *status)
{
	struct job *job = xa_load(&file->jobs, status->job);
	int rc;

	if (!job)
		return -ENOENT;
	rc = job_wait(job, status->timeout_ms);
	if (rc)
		return rc;
	if (status->flags & MOCK_JOB_STOP)
		job_halt(job, MOCK_JOB_STOPPED);
	job_get_status(job, status);
	if (status->flags & MOCK_JOB_STOP) {
		xa_erase(&file->jobs, status->job);
		job_free(job);
	}
	return 0;
}

static int node_job_status(struct node_file *file, struct mock_job_status *status)
{
	int rc;

	mutex_lock(&file->lock);
	rc = job_status_locked(file, status);
	mutex_unlock(&file->lock);
	return rc;
}

union node_argument {
	struct mock_dma dma;
	struct mock_job job;
	struct mock_job_status status;
	struct mock_page_request request;
	struct mock_page_response response;
	struct mock_device_info info;
};

static int node_dispatch(struct node_file *file, unsigned int cmd, union node_argument *argument)
{
	switch (cmd) {
	case MOCK_DMA:
		return node_dma(file, &argument->dma);
	case MOCK_START:
		return node_start(file, &argument->job);
	case MOCK_PAGE_REQUEST:
		return page_request_send(file->mock, &argument->request);
	case MOCK_PAGE_RESPONSE:
		return page_request_fetch(file->mock, &argument->response);
	case MOCK_DEVICE_INFO:
		return mock_get_info(file->mock, &argument->info);
	default:
		return -ENOTTY;
	}
}

static long node_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct node_file *file = filp->private_data;
	void __user *user = (void __user *)arg;
	union node_argument argument;
	int rc;

	if (_IOC_TYPE(cmd) != MOCK_IOC_TYPE || _IOC_SIZE(cmd) > sizeof(argument))
		return -ENOTTY;
	if (copy_from_user(&argument, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	/* How a job ended is of interest after the end of its device, too. */
	if (cmd == MOCK_JOB_STATUS)
		rc = node_job_status(file, &argument.status);
	else if (READ_ONCE(file->mock->gone))
		rc = -ENODEV;
	else
		rc = node_dispatch(file, cmd, &argument);
	if (rc)
		return rc;
	return copy_to_user(user, &argument, _IOC_SIZE(cmd)) ? -EFAULT : 0;
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.unlocked_ioctl = node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

int node_register(struct mock_device *mock)
{
	snprintf(mock->misc_name, sizeof(mock->misc_name), "ioasid-mock-%u", mock->mmu.number);
	snprintf(mock->node_name, sizeof(mock->node_name), "ioasid-mock/%u", mock->mmu.number);
	mock->misc.minor = MISC_DYNAMIC_MINOR;
	mock->misc.name = mock->misc_name;
	mock->misc.nodename = mock->node_name;
	mock->misc.fops = &node_fops;
	return misc_register(&mock->misc);
}

void node_unregister(struct mock_device *mock)
{
	misc_deregister(&mock->misc);
}
