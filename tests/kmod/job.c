// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA in the background, see job.h.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "device.h"
#include "dma.h"
#include "job.h"

/**
 * struct job - DMA in the background
 * @device_node: in mock_device.jobs
 * @mock: the device, with a reference
 * @what: as ordered; only the thread changes it
 * @task: the thread, with a reference
 * @halt: 0, or the state it shall end in
 * @halted: woken when @halt changes
 * @ended: the thread does nothing any more
 * @lock: protects @status
 * @status: so far
 * @last_run_ns: see mock_job_status; written under the lock of the device's translation
 */
struct job {
	struct list_head device_node;
	struct mock_device *mock;
	struct mock_job what;
	struct task_struct *task;
	int halt;
	wait_queue_head_t halted;
	struct completion ended;
	spinlock_t lock;
	struct mock_job_status status;
	u64 last_run_ns;
};

static bool is_halted(const struct job *job)
{
	return READ_ONCE(job->halt);
}

static void set_state(struct job *job, u32 state)
{
	spin_lock(&job->lock);
	job->status.out_state = state;
	spin_unlock(&job->lock);
}

static void note_run(struct job *job, const struct mock_dma *dma)
{
	spin_lock(&job->lock);
	job->status.out_dma = *dma;
	if (dma->out_fault.reason) {
		job->status.out_faults++;
		job->status.out_last_fault_ns = ktime_get_ns();
	} else {
		job->status.out_runs++;
		if (dma->op == MOCK_DMA_COUNT)
			job->status.out_counter = dma->value;
	}
	spin_unlock(&job->lock);
}

static int run_once(struct job *job)
{
	static const struct dma_buffer none;
	struct mock_dma *dma = &job->what.dma;
	int rc;

	rc = dma_run(job->mock, dma, &none, &job->last_run_ns);
	if (rc)
		return rc;
	note_run(job, dma);
	if (dma->op == MOCK_DMA_COUNT && !dma->out_fault.reason)
		dma->value++;
	return 0;
}

/* The kernel's macro looks at the timer's task while the timer clears it, and means to. */
static __no_kcsan void rest(struct job *job)
{
	u32 interval = job->what.interval_us;

	if (!interval)
		cond_resched();
	else
		wait_event_hrtimeout(job->halted, is_halted(job),
				     ns_to_ktime((u64)interval * NSEC_PER_USEC));
}

static int job_thread(void *data)
{
	struct job *job = data;
	int rc = 0;

	if (job->what.delay_ms)
		wait_event_timeout(job->halted, is_halted(job),
				   msecs_to_jiffies(job->what.delay_ms));
	set_state(job, MOCK_JOB_RUNNING);
	while (!rc && !is_halted(job)) {
		rc = run_once(job);
		if (!(job->what.flags & MOCK_JOB_REPEAT))
			break;
		rest(job);
	}
	set_state(job, READ_ONCE(job->halt) ?: MOCK_JOB_DONE);
	complete_all(&job->ended);
	return 0;
}

static int join_device(struct job *job)
{
	struct mock_device *mock = job->mock;
	int rc = 0;

	mutex_lock(&mock->jobs_lock);
	if (mock->gone)
		rc = -ENODEV;
	else
		list_add_tail(&job->device_node, &mock->jobs);
	mutex_unlock(&mock->jobs_lock);
	return rc;
}

static void leave_device(struct job *job)
{
	mutex_lock(&job->mock->jobs_lock);
	list_del(&job->device_node);
	mutex_unlock(&job->mock->jobs_lock);
}

static struct job *job_create(struct mock_device *mock, const struct mock_job *what)
{
	struct job *job;

	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return ERR_PTR(-ENOMEM);
	job->mock = mock;
	job->what = *what;
	init_waitqueue_head(&job->halted);
	init_completion(&job->ended);
	spin_lock_init(&job->lock);
	job->task = kthread_create(job_thread, job, "ioasid-mock/%u", mock->mmu.number);
	if (IS_ERR(job->task)) {
		void *error = job->task;

		kfree(job);
		return error;
	}
	get_task_struct(job->task);
	mock_get(mock);
	return job;
}

static void job_destroy(struct job *job)
{
	kthread_stop(job->task);
	put_task_struct(job->task);
	mock_put(job->mock);
	kfree(job);
}

struct job *job_start(struct mock_device *mock, const struct mock_job *what)
{
	struct job *job;
	int rc;

	if (what->dma.op == MOCK_DMA_READ || what->dma.op == MOCK_DMA_WRITE)
		return ERR_PTR(-EINVAL);
	job = job_create(mock, what);
	if (IS_ERR(job))
		return job;
	rc = join_device(job);
	if (rc) {
		/* A thread that was never woken ends without having run. */
		job_destroy(job);
		return ERR_PTR(rc);
	}
	wake_up_process(job->task);
	return job;
}

int job_wait(struct job *job, unsigned int timeout_ms)
{
	long rc;

	rc = wait_for_completion_interruptible_timeout(&job->ended, msecs_to_jiffies(timeout_ms));
	return rc < 0 ? -EINTR : 0;
}

void job_get_status(struct job *job, struct mock_job_status *status)
{
	u32 id = status->job, flags = status->flags;

	spin_lock(&job->lock);
	*status = job->status;
	spin_unlock(&job->lock);
	status->job = id;
	status->flags = flags;
	status->out_last_run_ns = READ_ONCE(job->last_run_ns);
}

static void tell_to_halt(struct job *job, enum mock_job_state how)
{
	cmpxchg(&job->halt, 0, (int)how);
	wake_up_all(&job->halted);
}

void job_halt(struct job *job, enum mock_job_state how)
{
	tell_to_halt(job, how);
	wait_for_completion(&job->ended);
}

void job_free(struct job *job)
{
	leave_device(job);
	job_destroy(job);
}

void job_halt_all(struct mock_device *mock, enum mock_job_state how)
{
	struct job *job;

	mutex_lock(&mock->jobs_lock);
	list_for_each_entry(job, &mock->jobs, device_node)
		tell_to_halt(job, how);
	list_for_each_entry(job, &mock->jobs, device_node)
		wait_for_completion(&job->ended);
	mutex_unlock(&mock->jobs_lock);
}
