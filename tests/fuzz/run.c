// SPDX-License-Identifier: GPL-2.0-only
/* Running programs: see run.h. */
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "operations.h"
#include "run.h"

/* Rounds of a millisecond. A program that takes longer waits for something that does not come. */
#define PATIENCE 3000
/* What was killed and goes on for so long will not end. */
#define STUCK 120000

static const struct program *running;
static struct run_progress *progress;
static volatile int64_t result[MAX_CALLS];
static pthread_barrier_t barrier;
static bool two_threads;

static uint64_t value_of(const struct value *value)
{
	return value->is_result ? (uint64_t)result[value->number] : value->number;
}

static void make_call(unsigned int at)
{
	const struct call *call = &running->call[at];
	uint64_t argument[MAX_ARGUMENTS];
	unsigned int i;

	for (i = 0; i < MAX_ARGUMENTS; i++)
		argument[i] = value_of(&call->argument[i]);
	operations_mode(call->mode);
	progress->at[call->thread == 'b'] = at;
	__atomic_fetch_add(&progress->calls, 1, __ATOMIC_RELAXED);
	result[at] = operations[call->operation].run(argument);
}

/* The threads meet where calls of one follow calls of both, or the other way round. */
static void *run_thread(void *name)
{
	char thread = *(const char *)name;
	unsigned int i;

	for (i = 0; i < running->nr; i++) {
		char whose = running->call[i].thread;

		if (two_threads && i && (whose == '-') != (running->call[i - 1].thread == '-'))
			pthread_barrier_wait(&barrier);
		if (whose == thread || (whose == '-' && thread == 'a'))
			make_call(i);
	}
	return NULL;
}

static void __attribute__((noreturn)) run_child(void)
{
	pthread_t other;
	unsigned int i;

	setpgid(0, 0);
	operations_prepare();
	for (i = 0; i < running->nr; i++) {
		result[i] = -1;
		two_threads |= running->call[i].thread == 'b';
	}
	pthread_barrier_init(&barrier, NULL, 2);
	if (two_threads && pthread_create(&other, NULL, run_thread, "b"))
		_exit(101);
	run_thread("a");
	if (two_threads)
		pthread_join(other, NULL);
	operations_end();
	_exit(0);
}

/* Short at first, as most programs are. */
static void pause_for(unsigned int round)
{
	struct timespec pause = { .tv_nsec = round < 20 ? 200000 : 1000000 };

	nanosleep(&pause, NULL);
}

static bool wait_for(pid_t child, unsigned int rounds)
{
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		if (waitpid(child, NULL, WNOHANG) == child)
			return true;
		pause_for(i);
	}
	return false;
}

/* Children of the child are ours now. */
static bool end_all(pid_t child)
{
	unsigned int i;
	pid_t ended;

	kill(-child, SIGKILL);
	for (i = 0; i < STUCK; i++) {
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (ended < 0)
			return true;
		pause_for(i);
	}
	return false;
}

bool run_program(const struct program *program, struct run_progress *shared, const char **why)
{
	bool ended;
	pid_t child;

	*why = NULL;
	running = program;
	progress = shared;
	two_threads = false;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child = fork();
	if (!child)
		run_child();
	if (child < 0) {
		*why = "fork failed";
		return false;
	}
	setpgid(child, child);
	ended = wait_for(child, PATIENCE);
	if (!end_all(child)) {
		*why = "a process that was killed does not end";
		return false;
	}
	return ended;
}

static bool load_one(const char *path, struct program *program)
{
	static char text[MAX_PROGRAM_TEXT];
	const char *wrong;
	FILE *f = fopen(path, "re");
	size_t got;

	if (!f)
		return false;
	got = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[got] = '\0';
	wrong = program_parse(program, text);
	if (wrong)
		fprintf(stderr, "fuzz: %s: %s\n", path, wrong);
	return !wrong;
}

unsigned int run_load(const char *folder, struct program *programs, char (*names)[64],
		      unsigned int most)
{
	struct dirent **entries;
	int found = scandir(folder, &entries, NULL, alphasort), i;
	unsigned int nr = 0;
	char path[PATH_MAX];

	for (i = 0; i < found && nr < most; i++) {
		if (entries[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		snprintf(names[nr], sizeof(names[nr]), "%.63s", entries[i]->d_name);
		nr += load_one(path, &programs[nr]);
	}
	return nr;
}
