// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks and edges that have run, see cover.h. In debugfs, ioasidfd-cover/:
 *
 *   count   how many blocks, and how many edges
 *   blocks  "MODULE DISTANCE" of each block
 *   reset   writing forgets all
 *
 * An edge is a block after another in the same task. Two tasks may share a slot, and two edges a
 * bit: edges guide, and are no figure to rely on. Blocks are exact.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "cover.h"

struct cover ioasidfd_cover;
EXPORT_SYMBOL_GPL(ioasidfd_cover);

static const char *const names[COVER_MODULES] = { "ioasidfd", "ioasidfd_stub" };
static struct dentry *folder;

static int count_show(struct seq_file *seq, void *unused)
{
	seq_printf(seq, "%d %d\n", atomic_read(&ioasidfd_cover.nr_blocks),
		   atomic_read(&ioasidfd_cover.nr_edges));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(count);

static int blocks_show(struct seq_file *seq, void *unused)
{
	int module, block;

	for (module = 0; module < COVER_MODULES; module++)
		for (block = 0; block < COVER_SPAN; block++)
			if (ioasidfd_cover.block[module][block])
				seq_printf(seq, "%s %d\n", names[module],
					   block - (int)COVER_SPAN / 2);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(blocks);

static ssize_t reset_write(struct file *file, const char __user *buffer, size_t size,
			   loff_t *offset)
{
	memset(&ioasidfd_cover, 0, sizeof(ioasidfd_cover));
	return size;
}

static const struct file_operations reset_fops = {
	.owner = THIS_MODULE,
	.write = reset_write,
};

static int __init cover_init(void)
{
	folder = debugfs_create_dir("ioasidfd-cover", NULL);
	debugfs_create_file("count", 0400, folder, NULL, &count_fops);
	debugfs_create_file("blocks", 0400, folder, NULL, &blocks_fops);
	debugfs_create_file("reset", 0200, folder, NULL, &reset_fops);
	return 0;
}
module_init(cover_init);

static void __exit cover_exit(void)
{
	debugfs_remove(folder);
}
module_exit(cover_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("which basic blocks of ioasidfd have run");
