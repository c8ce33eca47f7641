// SPDX-License-Identifier: GPL-2.0-only
/* What the machine would lose with a device: see holders.h. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "contexts.h"
#include "files.h"
#include "holders.h"

/**
 * struct looking - holders of one device
 * @real: the device's directory
 * @holders: found so far
 * @disk: the disk that is being looked at
 */
struct looking {
	char real[PATH_MAX];
	struct holders holders;
	const char *disk;
};

static void add(struct looking *looking, enum failure kind, const char *remedy, const char *format,
		...) __attribute__((format(printf, 4, 5)));

static void add(struct looking *looking, enum failure kind, const char *remedy, const char *format,
		...)
{
	struct holder *holder = array_add(&looking->holders);
	va_list args;

	holder->kind = kind;
	snprintf(holder->remedy, sizeof(holder->remedy), "%s", remedy);
	va_start(args, format);
	vsnprintf(holder->text, sizeof(holder->text), format, args);
	va_end(args);
}

/* Is the class's entry a child of the device? */
static bool belongs(const struct looking *looking, const char *class, const char *name)
{
	char real[PATH_MAX];

	return real_path(path_of("/sys/class/%s/%s", class, name), real) &&
	       is_below(real, looking->real);
}

/* Does @source, the name that a mount or a swap area goes by, mean this disk? */
static bool names_disk(const char *source, const char *disk, const char *number)
{
	struct stat st;
	char text[40];

	if (!strncmp(source, "/dev/", 5) && !strcmp(source + 5, disk))
		return true;
	if (!sysroot_is_this_machine() || stat(source, &st) || !S_ISBLK(st.st_mode))
		return false;
	snprintf(text, sizeof(text), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return !strcmp(text, number);
}

/* Some file systems have a device number of their own, so the source counts as well. */
static void look_for_mounts(struct looking *looking, const char *disk, const char *number)
{
	FILE *file = file_open(path_of("/proc/self/mountinfo"));
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return;
	while (getline(&line, &size, file) > 0) {
		char device[40], point[200], source[200] = "";
		char *rest = strstr(line, " - ");

		if (sscanf(line, "%*s %*s %39s %*s %199s", device, point) != 2)
			continue;
		if (rest)
			sscanf(rest, " - %*s %199s", source);
		if (!strcmp(device, number) || names_disk(source, disk, number))
			add(looking, FAILURE_MOUNTED, remedy("`umount %s`", point),
			    "holds a mounted file system: /dev/%s on %s", disk, point);
	}
	free(line);
	fclose(file);
}

static void look_for_swap(struct looking *looking, const char *disk, const char *number)
{
	FILE *file = file_open(path_of("/proc/swaps"));
	char line[400], source[200];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%199s", source) == 1 && names_disk(source, disk, number))
			add(looking, FAILURE_MOUNTED, remedy("`swapoff %s`", source),
			    "holds swap space: %s", source);
	fclose(file);
}

static void look_for_openers(struct looking *looking, const char *path)
{
	char command[32];
	int pid;

	if (process_with_file(path, &pid, command, sizeof(command)))
		add(looking, FAILURE_PROCESS, remedy("end process %d", pid),
		    "is used by process %d (%s), which has %s open", pid, command, path);
}

/* A disk, a partition, or what device mapper or md made of one: and what was made of that. */
static void look_at_disk(const char *disk, void *data)
{
	struct looking *looking = data;
	char number[40], path[100];

	file_line(path_of("/sys/class/block/%s/dev", disk), number, sizeof(number));
	look_for_mounts(looking, disk, number);
	look_for_swap(looking, disk, number);
	snprintf(path, sizeof(path), "/dev/%s", disk);
	look_for_openers(looking, path);
	each_entry(path_of("/sys/class/block/%s/holders", disk), look_at_disk, looking);
}

static void look_at_partition(const char *name, void *data)
{
	struct looking *looking = data;

	if (!strncmp(name, looking->disk, strlen(looking->disk)) && strcmp(name, looking->disk))
		look_at_disk(name, looking);
}

/*
 * With several paths to a namespace the disk is no child of any controller: each has a hidden one,
 * nvme0c1n1, of the disk nvme0n1.
 */
static void look_at_block(const char *name, void *data)
{
	struct looking *looking = data;
	unsigned int subsystem, controller, namespace;
	char disk[64];

	if (!belongs(looking, "block", name))
		return;
	if (sscanf(name, "nvme%uc%un%u", &subsystem, &controller, &namespace) != 3) {
		look_at_disk(name, looking);
		return;
	}
	snprintf(disk, sizeof(disk), "nvme%un%u", subsystem, namespace);
	looking->disk = disk;
	look_at_disk(disk, looking);
	each_entry(path_of("/sys/class/block/%s", disk), look_at_partition, looking);
}

static bool has_default_route4(const char *interface)
{
	FILE *file = file_open(path_of("/proc/net/route"));
	char line[400], name[64];
	unsigned int to, flags, mask;
	bool found = false;

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, "%63s %x %*x %x %*d %*d %*d %x", name, &to, &flags, &mask) ==
				 4 &&
			 !to && !mask && !strcmp(name, interface);
	fclose(file);
	return found;
}

static bool has_default_route6(const char *interface)
{
	FILE *file = file_open(path_of("/proc/net/ipv6_route"));
	char line[400], to[64], length[8], name[64];
	unsigned int flags;
	bool found = false;

	if (!file)
		return false;
	/* Bit 9: a route that only rejects. */
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, "%63s %7s %*s %*s %*s %*s %*s %*s %x %63s", to, length,
				&flags, name) == 4 &&
			 strspn(to, "0") == strlen(to) && !strcmp(length, "00") &&
			 !(flags & 0x200) && !strcmp(name, interface);
	fclose(file);
	return found;
}

static void look_at_route(struct looking *looking, const char *interface, const char *top)
{
	if (!has_default_route4(top) && !has_default_route6(top))
		return;
	add(looking, FAILURE_DEFAULT_ROUTE,
	    remedy("give the machine another way out, then `ip route del default dev %s`", top),
	    "carries the default route: interface %s%s%s", interface,
	    strcmp(interface, top) ? ", below " : "", strcmp(interface, top) ? top : "");
}

/**
 * struct above - interfaces on top of one
 * @looking: for what
 * @interface: the one of the device
 * @name: the one whose entries are being looked at
 */
struct above {
	struct looking *looking;
	const char *interface;
	const char *name;
};

/* Bridges, bonds and VLANs: "upper_NAME". */
static void look_above(const char *entry, void *data)
{
	struct above *above = data;
	struct above next = *above;

	if (strncmp(entry, "upper_", 6))
		return;
	next.name = entry + 6;
	look_at_route(above->looking, above->interface, next.name);
	each_entry(path_of("/sys/class/net/%s", next.name), look_above, &next);
}

static void look_at_interface(const char *name, void *data)
{
	struct looking *looking = data;
	struct above above = { .looking = looking, .interface = name, .name = name };

	if (!belongs(looking, "net", name))
		return;
	look_at_route(looking, name, name);
	each_entry(path_of("/sys/class/net/%s", name), look_above, &above);
}

static void look_for_console(struct looking *looking, const struct device *dev)
{
	bool boot_display = file_number(device_path(dev, "boot_vga"), 10) == 1;
	char active[300], *name, *save;

	if (file_line(path_of("/sys/class/tty/console/active"), active, sizeof(active)))
		return;
	for (name = strtok_r(active, " ", &save); name; name = strtok_r(NULL, " ", &save))
		if (belongs(looking, "tty", name) || (!strcmp(name, "tty0") && boot_display))
			add(looking, FAILURE_CONSOLE,
			    "make another device the console (console= on the kernel's command line)",
			    "is the console: %s", name);
}

static void look_for_vfio(struct looking *looking, const struct device *dev)
{
	char path[64];

	if (dev->group == NO_GROUP || strncmp(dev->driver, "vfio", 4))
		return;
	snprintf(path, sizeof(path), "/dev/vfio/%d", dev->group);
	look_for_openers(looking, path);
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%d", dev->group);
	look_for_openers(looking, path);
}

struct holders holders_of(const struct device *dev)
{
	struct looking looking = { 0 };

	if (!real_path(device_path(dev, ""), looking.real))
		return looking.holders;
	each_entry(path_of("/sys/class/block"), look_at_block, &looking);
	each_entry(path_of("/sys/class/net"), look_at_interface, &looking);
	look_for_console(&looking, dev);
	look_for_vfio(&looking, dev);
	return looking.holders;
}
