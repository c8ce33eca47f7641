// SPDX-License-Identifier: GPL-2.0-only
/* ioasidctl as a person or a program runs it: see ctl.h. */
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "call.h"
#include "ctl.h"
#include "process.h"
#include "test.h"

#define MAX_WORDS 20

static void __attribute__((noreturn)) become_ctl(char *words, int out, int err)
{
	char *argv[MAX_WORDS + 1] = { "ioasidctl" }, *word, *save;
	int nr = 1;

	for (word = strtok_r(words, " ", &save); word && nr < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		argv[nr++] = word;
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(CTL, argv);
	_exit(127);
}

/* What comes until everybody has closed the other end; false if that was it. */
static bool take(int fd, char *text, size_t size)
{
	size_t length = strlen(text);
	ssize_t got = read(fd, text + length, size - length - 1);

	test_require(got >= 0, "reading from ioasidctl: %m");
	test_require(length + 1 < size, "ioasidctl says too much");
	text[length + got] = '\0';
	return got;
}

static void collect(struct ctl *run, int out, int err)
{
	struct pollfd p[] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		test_require(poll(p, 2, 30000) > 0, "ioasidctl does not end");
		if (p[0].revents && !take(out, run->out, sizeof(run->out)))
			p[0].fd = -1;
		if (p[1].revents && !take(err, run->err, sizeof(run->err)))
			p[1].fd = -1;
	}
}

static const struct ctl *run_words(char *words)
{
	static struct ctl run;
	int out[2], err[2], status;
	pid_t child;

	memset(&run, 0, sizeof(run));
	test_require(!pipe2(out, O_CLOEXEC) && !pipe2(err, O_CLOEXEC), "pipe: %m");
	child = child_fork();
	if (!child)
		become_ctl(words, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	collect(&run, out[0], err[0]);
	close(out[0]);
	close(err[0]);
	test_require(waitpid(child, &status, 0) == child && WIFEXITED(status),
		     "ioasidctl %s: crashed", words);
	run.status = WEXITSTATUS(status);
	return &run;
}

const struct ctl *ctl_run(const char *format, ...)
{
	char words[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return run_words(words);
}

static const struct json *checked_json(const struct ctl *run, const char *command)
{
	const struct json *answer = json_parse(run->out);
	bool failed = json_at(answer, "error");

	test_require(!*run->err, "with --json, on standard error: %s", run->err);
	ck_assert_uint_eq(json_value(answer, "version"), 1);
	json_check(answer, ctl_schema(failed ? "error" : command));
	return answer;
}

const struct json *ctl_json(int status, const char *format, ...)
{
	char words[1000] = "--json ", command[40];
	const struct json *answer;
	const struct ctl *run;
	const char *from;
	va_list args;

	va_start(args, format);
	vsnprintf(words + 7, sizeof(words) - 7, format, args);
	va_end(args);
	/* The command is the first word that is no option; --sysroot has a value. */
	from = strstr(words, "--sysroot ");
	from = from ? strchr(from + 10, ' ') + 1 : words + 7;
	snprintf(command, sizeof(command), "%.*s", (int)strcspn(from, " "), from);
	run = run_words(words);
	answer = checked_json(run, command);
	test_require(run->status == status, "ioasidctl %s: status %d, not %d: %s", words,
		     run->status, status, run->out);
	return answer;
}

void ctl_fails(int status, const char *kind, int error, const char *text, const char *format, ...)
{
	const struct json *answer;
	const struct ctl *run;
	char words[900];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	answer = ctl_json(status, "%s", words);
	ck_assert_str_eq(json_text(answer, "error.kind"), kind);
	ck_assert_str_eq(json_text(answer, "error.errno"), call_errname(error));
	ck_assert_uint_eq(json_value(answer, "error.number"), error);
	test_require(strstr(json_text(answer, "error.message"), text), "'%s' is not in: %s", text,
		     json_text(answer, "error.message"));
	run = ctl_run("%s", words);
	ck_assert_int_eq(run->status, status);
	ck_assert_str_eq(run->out, "");
	test_require(strstr(run->err, text) && strstr(run->err, call_errname(error)) &&
			     strstr(run->err, "what to do: "),
		     "a person is told: %s", run->err);
}

static char machine[100];

const char *fake_machine(void)
{
	snprintf(machine, sizeof(machine), "/tmp/machine-XXXXXX");
	test_require(mkdtemp(machine), "mkdtemp: %m");
	return machine;
}

static const char *fake_path(const char *path)
{
	static char full[PATH_MAX];
	char *c;

	snprintf(full, sizeof(full), "%s%s", machine, path);
	for (c = full + strlen(machine) + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		mkdir(full, 0755);
		*c = '/';
	}
	return full;
}

void fake_bytes(const char *path, const void *bytes, size_t size)
{
	int fd = open(fake_path(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	test_require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "%s: %m", path);
	close(fd);
}

void fake_file(const char *path, const char *text)
{
	fake_bytes(path, text, strlen(text));
}

void fake_link(const char *path, const char *target)
{
	test_require(!symlink(target, fake_path(path)), "%s: %m", path);
}

void fake_pci(const char *name, unsigned int class, int group, const char *driver)
{
	char path[200], text[200];

#define FAKE(file, ...)                                                          \
	(snprintf(path, sizeof(path), "/sys/devices/pci0000:00/%s/" file, name), \
	 snprintf(text, sizeof(text), __VA_ARGS__))
	FAKE("vendor", "0x1234\n");
	fake_file(path, text);
	FAKE("device", "0x11e8\n");
	fake_file(path, text);
	FAKE("class", "0x%06x\n", class);
	fake_file(path, text);
	FAKE("driver_override", "(null)\n");
	fake_file(path, text);
	FAKE("iommu_group", "../../../kernel/iommu_groups/%d", group);
	if (group >= 0)
		fake_link(path, text);
	FAKE("driver", "../../../bus/pci/drivers/%s", driver);
	if (*driver)
		fake_link(path, text);
#undef FAKE
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", name);
	snprintf(text, sizeof(text), "../../../devices/pci0000:00/%s", name);
	fake_link(path, text);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/type", group);
	if (group >= 0)
		fake_file(path, "DMA\n");
}
