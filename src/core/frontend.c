// SPDX-License-Identifier: GPL-2.0-only
/*
 * Marks on devices, see frontend.h.
 */
#include "frontend.h"

/* The address of this function is the mark. */
static void frontend_release(struct device *dev, void *mark)
{
}

int frontend_mark(struct device *dev)
{
	void *mark = devres_alloc(frontend_release, 0, GFP_KERNEL);

	if (!mark)
		return -ENOMEM;
	devres_add(dev, mark);
	return 0;
}

void frontend_unmark(struct device *dev)
{
	devres_destroy(dev, frontend_release, NULL, NULL);
}

bool frontend_has(struct device *dev)
{
	return devres_find(dev, frontend_release, NULL, NULL);
}
