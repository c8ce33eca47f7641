// SPDX-License-Identifier: GPL-2.0-only
/* Processes in a test: see process.h. */
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "process.h"
#include "test.h"

#define MEMLOCK_HARD GiB

pid_t child_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	test_require(pid >= 0, "fork: %m");
	return pid;
}

void child_done(void)
{
	_exit(0);
}

static int child_status(pid_t pid)
{
	int status;

	test_require(waitpid(pid, &status, 0) == pid, "waitpid: %m");
	return status;
}

void child_join(pid_t pid)
{
	int status = child_status(pid);

	if (WIFSIGNALED(status))
		test_fail("child ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		test_fail("child ended with status %d", WEXITSTATUS(status));
}

void child_join_killed(pid_t pid)
{
	int status = child_status(pid);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		test_fail("child was to be killed, wait status is %#x", status);
}

void gate_init(struct gate *gate)
{
	test_require(!pipe2(gate->fd, O_CLOEXEC), "pipe: %m");
}

void gate_open(struct gate *gate)
{
	test_require(write(gate->fd[1], "", 1) == 1, "gate: %m");
}

void gate_wait(struct gate *gate)
{
	char byte;

	test_require(read(gate->fd[0], &byte, 1) == 1, "gate: %m");
}

void fd_send(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = "f", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	test_require(sendmsg(socket, &message, 0) == 1, "sendmsg: %m");
}

int fd_receive(int socket)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	test_require(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1, "recvmsg: %m");
	header = CMSG_FIRSTHDR(&message);
	test_require(header && header->cmsg_type == SCM_RIGHTS, "no file in the message");
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

void set_memlock(uint64_t bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = MEMLOCK_HARD };

	test_require(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit: %m");
}

void become_user(uid_t uid, uint64_t memlock)
{
	set_memlock(memlock);
	test_require(!setgroups(0, NULL) && !setresgid(uid, uid, uid) && !setresuid(uid, uid, uid),
		     "becoming user %d: %m", uid);
	/* The kernel hides a process that changed its user from that user. */
	test_require(!prctl(PR_SET_DUMPABLE, 1), "prctl: %m");
}
