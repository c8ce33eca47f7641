// SPDX-License-Identifier: GPL-2.0-only
/* Reserved regions of an IOMMU group: see reserved.h. */
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "reserved.h"

bool reserved_regions(int group, const char *kind, char *text, size_t size)
{
	FILE *file = file_open(path_of("/sys/kernel/iommu_groups/%d/reserved_regions", group));
	unsigned long long start, last;
	char line[200], type[40];

	text[0] = '\0';
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		size_t at = strlen(text);

		if (sscanf(line, "%llx %llx %39s", &start, &last, type) == 3 && !strcmp(type, kind))
			snprintf(text + at, size - at, "%s%#llx-%#llx", at ? ", " : "", start,
				 last);
	}
	fclose(file);
	return *text;
}
