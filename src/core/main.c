// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading of ioasidfd.ko.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "context_file.h"
#include "flush.h"
#include "ioas.h"
#include "mapping.h"
#include "observer.h"
#include "owners_file.h"

/*
 * In the order in which they come up; they go in reverse. The device node is last: then everything
 * is there.
 */
static const struct part {
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{ mapping_init, mapping_exit },
	{ flush_init, flush_exit },
	{ ioas_init, ioas_exit },
	{ observer_init, observer_exit },
	{ owners_file_init, owners_file_exit },
	{ context_file_init, context_file_exit },
};

static void exit_parts(unsigned int nr)
{
	while (nr--)
		parts[nr].exit();
}

static int __init ioasidfd_init(void)
{
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		rc = parts[i].init();
		if (rc) {
			exit_parts(i);
			return rc;
		}
	}
	return 0;
}

static void __exit ioasidfd_exit(void)
{
	exit_parts(ARRAY_SIZE(parts));
}

module_init(ioasidfd_init);
module_exit(ioasidfd_exit);

MODULE_DESCRIPTION("I/O address spaces and DMA ownership for user space (/dev/ioasid)");
MODULE_AUTHOR("The ioasidfd developers");
MODULE_VERSION(IOASIDFD_VERSION);
MODULE_LICENSE("GPL");
