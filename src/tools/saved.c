// SPDX-License-Identifier: GPL-2.0-only
/* What a device was like before: see saved.h. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "saved.h"

static const char *path_for(const struct device *dev)
{
	return path_of("/run/ioasidctl/%s", dev->name);
}

void saved_keep(const struct device *dev)
{
	FILE *file;

	mkdir(path_of("/run/ioasidctl"), 0755);
	file = fopen(path_for(dev), "we");
	if (!file)
		return;
	fprintf(file, "driver=%s\noverride=%s\n", dev->driver, dev->override);
	fclose(file);
}

struct saved saved_load(const struct device *dev)
{
	FILE *file = file_open(path_for(dev));
	struct saved saved = { 0 };
	char line[100];

	if (!file)
		return saved;
	saved.known = true;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		sscanf(line, "driver=%63[^/]", saved.driver);
		sscanf(line, "override=%63[^/]", saved.override);
	}
	fclose(file);
	return saved;
}

void saved_forget(const struct device *dev)
{
	unlink(path_for(dev));
}
