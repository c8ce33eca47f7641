// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer: makes up programs and changes those that reached something new, for so many seconds,
 * or runs those that it is given.
 *
 *   fuzz --seconds N [--seed N] [--corpus FOLDER] [--forget]
 *                                       --forget: does not give back what reached something new
 *   fuzz --replay FOLDER [--times N]
 *   fuzz --distill --corpus FOLDER      names those of the folder that are needed
 *
 * What reached something new is known where the modules report it (kmod/cover.h); elsewhere
 * programs are only made up. Standard output is for the host: new programs between "program NAME"
 * and "end", figures after "figure", and what went wrong after "crash". The programs that ran last
 * are in the memory of a device that the host keeps, whatever becomes of this machine.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "program.h"
#include "run.h"
#include "sysfs.h"

#define MAX_CORPUS 4000
#define COVER "/sys/kernel/debug/ioasidfd-cover/"
#define THOROUGH_EVERY 32
#define RING_SLOTS 15
#define RING_BYTES 131072

/* What the host reads when the machine is gone: tests/fuzz/run knows this layout. */
struct ring {
	char magic[16];
	uint64_t programs;
	struct run_progress progress;
	char unused[MAX_PROGRAM_TEXT - 40];
	char text[RING_SLOTS][MAX_PROGRAM_TEXT];
};

_Static_assert(sizeof(struct ring) == RING_BYTES, "the host knows it");

static struct {
	unsigned long seconds;
	uint64_t seed;
	const char *corpus;
	const char *replay;
	unsigned int times;
	bool distill;
	bool forget;
} option = { .times = 1 };

static struct ring *ring;
static struct program corpus[MAX_CORPUS];
static char names[MAX_CORPUS][64];
static unsigned int nr_corpus, nr_known;
static unsigned int nr_killed;

static bool is_ring(const char *device)
{
	char path[PATH_MAX], text[100];
	struct stat memory;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", device);
	if (file_read(path, text, sizeof(text)) || strcmp(text, "0x1110"))
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", device);
	return !stat(path, &memory) && memory.st_size == RING_BYTES;
}

static void *map_ring(const char *device)
{
	char path[PATH_MAX];
	void *at;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", device);
	file_write(path, "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
	at = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

static void find_ring(void)
{
	DIR *folder = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	while (folder && !ring && (entry = readdir(folder)))
		if (is_ring(entry->d_name))
			ring = map_ring(entry->d_name);
	if (folder)
		closedir(folder);
	if (!ring)
		ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	memcpy(ring->magic, "ioasidfd-fuzz", 14);
}

/* Blocks and edges together: either is progress. */
static unsigned int covered(unsigned int *blocks)
{
	unsigned int edges = 0;
	char text[100];

	*blocks = 0;
	if (file_read(COVER "count", text, sizeof(text)))
		return 0;
	sscanf(text, "%u %u", blocks, &edges);
	return *blocks + edges;
}

static unsigned long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void show(const char *what, const struct program *program)
{
	static char text[MAX_PROGRAM_TEXT];

	program_print(program, text, sizeof(text));
	printf("%s\n%send\n", what, text);
	fflush(stdout);
}

static void __attribute__((noreturn)) crash(const char *why, const struct program *program)
{
	printf("crash %s\n", why);
	fprintf(stderr, "fuzz: crash: %s\n", why);
	if (program)
		show("program crash", program);
	exit(1);
}

/* With @thorough the machine is looked at in detail afterwards. */
static const char *run_once(const struct program *program, bool thorough)
{
	const char *why;

	program_print(program, ring->text[ring->programs % RING_SLOTS], MAX_PROGRAM_TEXT);
	__atomic_fetch_add(&ring->programs, 1, __ATOMIC_SEQ_CST);
	nr_killed += !run_program(program, &ring->progress, &why);
	machine_restore();
	return why ? why : machine_verdict(thorough);
}

/*
 * One of the last programs left something behind that was not seen at once: the first that does it
 * again. If none does, all are suspects.
 */
static void __attribute__((noreturn))
blame(const char *why, const struct program *last, unsigned int nr)
{
	char reason[2048];
	unsigned int i;

	snprintf(reason, sizeof(reason), "%s", why);
	for (i = 0; i < nr; i++) {
		machine_forgive();
		if (run_once(&last[i], true))
			crash(reason, &last[i]);
	}
	for (i = 0; i < nr; i++)
		show("program suspect", &last[i]);
	crash(reason, NULL);
}

static struct program made_up(void)
{
	struct program program;

	if (!nr_corpus || !fuzz_below(10)) {
		program_generate(&program);
		return program;
	}
	/* What is newer leads further. */
	program = corpus[fuzz_below(2) ? nr_corpus - 1 - fuzz_below((nr_corpus + 3) / 4) :
					 fuzz_below(nr_corpus)];
	program_mutate(&program, &corpus[fuzz_below(nr_corpus)]);
	return program;
}

static void say_progress(unsigned long seconds)
{
	unsigned int blocks, all = covered(&blocks);

	fprintf(stderr,
		"fuzz: %lu s, %llu programs, %llu calls, %u killed, %u blocks, %u edges, %u kept\n",
		seconds, (unsigned long long)ring->programs,
		(unsigned long long)ring->progress.calls, nr_killed, blocks, all - blocks,
		nr_corpus);
}

static void fuzz(void)
{
	static struct program last[THOROUGH_EVERY];
	unsigned long start = now(), said = 0;
	unsigned int blocks, best = covered(&blocks), i = 0;

	while (now() - start < option.seconds) {
		struct program *program = &last[i % THOROUGH_EVERY];
		unsigned int reached;
		const char *why;

		*program = made_up();
		why = run_once(program, ++i % THOROUGH_EVERY == 0);
		if (why)
			blame(why, last, (i - 1) % THOROUGH_EVERY + 1);
		reached = covered(&blocks);
		if (reached > best && nr_corpus < MAX_CORPUS) {
			snprintf(names[nr_corpus], sizeof(names[0]), "%llx-%u",
				 (unsigned long long)option.seed, nr_corpus);
			corpus[nr_corpus++] = *program;
		}
		best = reached;
		if (now() - start >= said + 10) {
			said = now() - start;
			say_progress(said);
		}
	}
}

/* Those that the host does not have, or all, if they reach a block that no earlier one does. */
static void keep_the_best(void)
{
	unsigned int i, blocks, before = 0;
	char what[100];
	const char *why;

	if (file_write(COVER "reset", "1"))
		return;
	for (i = 0; i < nr_corpus; i++) {
		why = run_once(&corpus[i], false);
		if (why)
			blame(why, &corpus[i], 1);
		covered(&blocks);
		if ((option.distill || i >= nr_known) && blocks > before) {
			snprintf(what, sizeof(what), "program %s", names[i]);
			show(what, &corpus[i]);
		}
		before = blocks;
	}
}

static void replay(void)
{
	unsigned int nr = run_load(option.replay, corpus, names, MAX_CORPUS), i, j;
	const char *why;

	for (j = 0; j < option.times; j++)
		for (i = 0; i < nr; i++) {
			if (option.times == 1)
				fprintf(stderr, "fuzz: %s\n", names[i]);
			why = run_once(&corpus[i], true);
			if (why)
				crash(why, &corpus[i]);
		}
	printf("figure replayed %u\n", nr);
}

static void parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "replay", required_argument, NULL, 'p' },
		{ "times", required_argument, NULL, 't' },
		{ "distill", no_argument, NULL, 'd' },
		{ "forget", no_argument, NULL, 'f' },
		{ 0 },
	};
	struct timespec time;
	int c;

	clock_gettime(CLOCK_REALTIME, &time);
	option.seed = (uint64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (c == 's')
			option.seconds = strtoul(optarg, NULL, 0);
		else if (c == 'r')
			option.seed = strtoull(optarg, NULL, 0);
		else if (c == 'c')
			option.corpus = optarg;
		else if (c == 'p')
			option.replay = optarg;
		else if (c == 't')
			option.times = strtoul(optarg, NULL, 0);
		else if (c == 'd')
			option.distill = true;
		else if (c == 'f')
			option.forget = true;
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	unsigned int blocks, all;

	parse_options(argc, argv);
	find_ring();
	machine_init();
	if (option.replay) {
		replay();
		return 0;
	}
	fprintf(stderr, "fuzz: seed %llu\n", (unsigned long long)option.seed);
	fuzz_seed(option.seed);
	if (option.corpus)
		nr_corpus = nr_known = run_load(option.corpus, corpus, names, MAX_CORPUS);
	fuzz();
	say_progress(option.seconds);
	all = covered(&blocks);
	printf("figure seed %llu\nfigure programs %llu\nfigure calls %llu\n",
	       (unsigned long long)option.seed, (unsigned long long)ring->programs,
	       (unsigned long long)ring->progress.calls);
	printf("figure blocks %u\nfigure edges %u\n", blocks, all - blocks);
	fflush(stdout);
	if (!option.forget)
		keep_the_best();
	return 0;
}
