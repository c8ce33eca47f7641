/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA in the background: a thread that runs one transfer, later or over and over.
 *
 * A job belongs to the file it was started through, which ends it when it is closed, and is known
 * to its device, which halts it when it is reset or goes.
 */
#ifndef MOCK_JOB_H
#define MOCK_JOB_H

#include "mock.h"

struct job;
struct mock_device;

struct job *job_start(struct mock_device *mock, const struct mock_job *what);
void job_get_status(struct job *job, struct mock_job_status *status);

/* Up to so long for the end. -EINTR */
int job_wait(struct job *job, unsigned int timeout_ms);

/* Ends it; the job can still be asked for its status. */
void job_halt(struct job *job, enum mock_job_state how);
void job_free(struct job *job);

/* All of the device's. When it returns they do no DMA, and will not. */
void job_halt_all(struct mock_device *mock, enum mock_job_state how);

#endif
