// SPDX-License-Identifier: GPL-2.0-only
/* The emulator's monitor at the end of a serial line: see host.h. */
#include <poll.h>
#include <stdarg.h>
#include <sys/file.h>
#include <termios.h>
#include <time.h>

#include "host.h"
#include "sysfs.h"
#include "test.h"

#define LINE "/dev/ttyS2"
#define PATIENCE_MS 20000
#define ANSWER_SIZE 4096

/**
 * struct line - the serial line
 * @fd: open and locked
 * @nr: bytes in @text
 * @text: what came and was not looked at
 */
struct line {
	int fd;
	size_t nr;
	char text[ANSWER_SIZE];
};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void line_wait(struct line *line, int events, long end)
{
	struct pollfd p = { .fd = line->fd, .events = events };
	long left = end - now_ms();

	test_require(left > 0 && poll(&p, 1, left) == 1, "the emulator does not answer");
}

static void line_send(struct line *line, const char *text)
{
	long end = now_ms() + PATIENCE_MS;
	size_t left = strlen(text);

	while (left) {
		ssize_t done = write(line->fd, text, left);

		if (done > 0) {
			text += done;
			left -= done;
			continue;
		}
		test_require(errno == EAGAIN, LINE ": %m");
		line_wait(line, POLLOUT, end);
	}
}

static void line_open(struct line *line)
{
	struct termios raw;

	line->nr = 0;
	line->fd = open(LINE, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	test_require(line->fd >= 0, LINE ": %m");
	test_require(!flock(line->fd, LOCK_EX), "flock: %m");
	test_require(!tcgetattr(line->fd, &raw), LINE " is no terminal: %m");
	cfmakeraw(&raw);
	test_require(!tcsetattr(line->fd, TCSANOW, &raw), LINE ": %m");
	/*
	 * Begin afresh: whoever opened the line first had its greeting echoed, and that may be half
	 * a command now. No command holds this byte; the complaint about it is passed by.
	 */
	line_send(line, "\xff\n");
}

/* The next line that starts like an answer to command @id; events and old answers are passed by. */
static void line_receive(struct line *line, unsigned int id, char *answer)
{
	long end = now_ms() + PATIENCE_MS;
	char wanted[40];

	snprintf(wanted, sizeof(wanted), "\"id\": \"%d-%u\"", getpid(), id);
	for (;;) {
		char *stop = memchr(line->text, '\n', line->nr);
		ssize_t got;

		if (stop) {
			*stop++ = '\0';
			memcpy(answer, line->text, stop - line->text);
			line->nr -= stop - line->text;
			memmove(line->text, stop, line->nr);
			if (strstr(answer, wanted))
				return;
			continue;
		}
		/* Longer than anything that we ask for. */
		if (line->nr == sizeof(line->text))
			line->nr = 0;
		got = read(line->fd, line->text + line->nr, sizeof(line->text) - line->nr);
		if (got > 0)
			line->nr += got;
		else
			line_wait(line, POLLIN, end);
	}
}

/* One command of QMP; the answer as it came. */
static void line_execute(struct line *line, const char *command, const char *arguments,
			 char *answer)
{
	static unsigned int id;
	char text[1000];

	snprintf(text, sizeof(text), "{\"execute\":\"%s\",\"id\":\"%d-%u\"%s}\n", command, getpid(),
		 ++id, arguments);
	line_send(line, text);
	line_receive(line, id, answer);
}

const char *host_monitor(const char *format, ...)
{
	static char answer[ANSWER_SIZE];
	char command[500], arguments[600], *from, *to;
	struct line line;
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(arguments, sizeof(arguments), ",\"arguments\":{\"command-line\":\"%s\"}", command);
	line_open(&line);
	/* Fails when somebody said it before. */
	line_execute(&line, "qmp_capabilities", "", answer);
	line_execute(&line, "human-monitor-command", arguments, answer);
	close(line.fd);
	from = strstr(answer, "\"return\": \"");
	test_require(from, "'%s': the emulator says %s", command, answer);
	from += strlen("\"return\": \"");
	to = strchr(from, '"');
	test_require(to, "'%s': the emulator says %s", command, answer);
	*to = '\0';
	return from;
}

/* The window is a page of a file: the emulator writes to the file, and the guest finds it there. */
#define WINDOW "/sys/bus/pci/devices/0000:00:0c.0/resource2"

void host_read_page(uint64_t physical, void *page)
{
	const char *answer =
		host_monitor("pmemsave %#llx %d window", (unsigned long long)physical, HOST_PAGE);
	int fd = open(WINDOW, O_RDWR | O_CLOEXEC);
	void *window;

	test_require(!*answer, "pmemsave: %s", answer);
	test_require(fd >= 0, WINDOW ": %m");
	window = mmap(NULL, HOST_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	test_require(window != MAP_FAILED, WINDOW ": %m");
	memcpy(page, window, HOST_PAGE);
	munmap(window, HOST_PAGE);
	close(fd);
}

/* QEMU takes letters, digits, '-', '.' and '_'. */
static const char *id_of(const char *device)
{
	static char id[100];
	char *c;

	snprintf(id, sizeof(id), "hot-%s", device);
	for (c = id; *c; c++)
		if (*c == ':')
			*c = '_';
	return id;
}

static bool wait_present(const char *device, bool wanted)
{
	long end = now_ms() + PATIENCE_MS;

	while (pci_present(device) != wanted) {
		if (now_ms() > end)
			return false;
		usleep(5000);
	}
	return true;
}

void host_plug(const char *device, const char *what)
{
	long end = now_ms() + PATIENCE_MS;
	const char *answer;

	/* The guest is done with the one before it a little earlier than QEMU is. */
	do {
		answer = host_monitor("device_add %s,id=%s", what, id_of(device));
		if (!*answer)
			break;
		usleep(20000);
	} while (now_ms() < end);
	test_require(!*answer, "device_add %s: %s", what, answer);
}

void host_unplug_start(const char *device)
{
	const char *answer = host_monitor("device_del %s", id_of(device));

	test_require(!*answer, "device_del %s: %s", device, answer);
}

void host_wait_there(const char *device)
{
	test_require(wait_present(device, true), "%s does not appear", device);
	/* Drivers can match it when whoever brought it in is done: it holds what this asks for. */
	pci_rescan();
}

/* Also when the guest was told to forget it. */
static bool emulator_has(const char *device)
{
	return *host_monitor("qom-list /machine/peripheral/%s", id_of(device)) != 'E';
}

void host_wait_gone(const char *device)
{
	long end = now_ms() + PATIENCE_MS;

	test_require(wait_present(device, false), "%s does not go", device);
	/* QEMU forgets it a moment later. */
	while (emulator_has(device)) {
		test_require(now_ms() < end, "the emulator does not let go of %s", device);
		usleep(20000);
	}
}

void host_unplug(const char *device)
{
	host_unplug_start(device);
	host_wait_gone(device);
}

void host_plug_edu(void)
{
	host_plug(HOT, "edu,bus=rp,addr=0,dma_mask=0xffffffffffffffff");
	host_wait_there(HOT);
}

void host_unplug_all(void)
{
	static const char *const places[] = { HOT, HOT_1 };
	long end = now_ms() + PATIENCE_MS;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		bool first = true;

		while (emulator_has(places[i])) {
			test_require(now_ms() < end, "%s cannot be pulled out", places[i]);
			/* A guest that was told to forget it does not answer the button. */
			if (!first)
				pci_rescan();
			host_monitor("device_del %s", id_of(places[i]));
			usleep(first ? 300000 : 1000000);
			first = false;
		}
	}
}

#define ROOT_PORT "0000:00:08.0"
#define CAPABILITIES 0x34
#define CAPABILITY_EXPRESS 0x10
#define SLOT_CONTROL 0x18
#define SLOT_POWER_OFF 0x400

/* The place of the slot's registers in the port's configuration space. */
static int find_slot_control(void)
{
	int at = pci_config16(ROOT_PORT, CAPABILITIES) & 0xfc, left;

	for (left = 48; at && left; left--) {
		uint16_t header = pci_config16(ROOT_PORT, at);

		if ((header & 0xff) == CAPABILITY_EXPRESS)
			return at + SLOT_CONTROL;
		at = header >> 8 & 0xfc;
	}
	test_fail(ROOT_PORT " has no slot");
}

void host_slot_power(bool on)
{
	int at = find_slot_control(), fd;
	uint16_t control = pci_config16(ROOT_PORT, at);

	control = on ? control & ~SLOT_POWER_OFF : control | SLOT_POWER_OFF;
	fd = open("/sys/bus/pci/devices/" ROOT_PORT "/config", O_RDWR | O_CLOEXEC);
	test_require(fd >= 0 && pwrite(fd, &control, 2, at) == 2, ROOT_PORT ": %m");
	close(fd);
}
