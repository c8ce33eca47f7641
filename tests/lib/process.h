/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes in a test. Code in a forked child may use every assertion: the first that fails, in
 * whatever process, is what the test reports.
 */
#ifndef IOASID_TEST_PROCESS_H
#define IOASID_TEST_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* fork(), asserted. */
pid_t child_fork(void);

/* The child's way out. */
void __attribute__((noreturn)) child_done(void);

/* Wait, and assert that it exited with 0, or was killed by SIGKILL. */
void child_join(pid_t pid);
void child_join_killed(pid_t pid);

/* Two processes that wait for each other: each end is in one of them. */
struct gate {
	int fd[2];
};

void gate_init(struct gate *gate);
void gate_open(struct gate *gate);
void gate_wait(struct gate *gate);

/* An open file through a socket pair. */
void fd_send(int socket, int fd);
int fd_receive(int socket);

#define USER_1 1001
#define USER_2 1002

/*
 * Become an unprivileged user for good, with this soft limit of RLIMIT_MEMLOCK (in bytes); the hard
 * limit is 1 GiB.
 */
void become_user(uid_t uid, uint64_t memlock);
void set_memlock(uint64_t bytes);

#endif
