/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test build of the modules (tests/kmod/faults): calls that fail on command, objects that are
 * counted until they are freed, points at which tasks wait. Only while faults_run() runs something.
 */
#ifndef IOASID_TEST_FAULTS_H
#define IOASID_TEST_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs it for each element of a table in a process of its own, with the test build in the place of
 * the modules. Whatever comes of it, the modules are as they were afterwards. Devices are not with
 * the stub driver.
 */
void faults_run(void (*body)(const void *arg), const void *table, unsigned int nr, size_t size);

/* Load one of the test build: 0 or -errno. It is unloaded in the end. */
int faults_insert(const char *name);

/*
 * The @nth call from here on that this process makes and that can fail does, and if @all those
 * after it. The end of that; how many failed.
 */
void faults_arm(unsigned int nth, bool all);
unsigned int faults_disarm(void);

/* Of the last time: how many calls there were, and the last that failed, as "CALL in FUNCTION". */
unsigned int faults_seen(void);
const char *faults_last(void);

/* How many objects the modules have allocated; or, after a while, not more than @wanted. */
unsigned int faults_live(void);
unsigned int faults_live_settled(unsigned int wanted);

/* Who allocated one of them. */
const char *faults_one(void);

/* The first task that comes by this point waits there, until it is let go. */
void faults_hold(const char *point);
bool faults_is_held(void);
void faults_let_go(void);

/* What the modules warn of is counted instead of said; how much that was, and the end of it. */
void faults_count_wrong(void);
unsigned int faults_end_wrong(void);

/* Unpin a page that the modules never will, and forget all objects that are left. */
void faults_unpin(uint64_t physical);

#endif
