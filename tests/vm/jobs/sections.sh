#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Not a job: says where the code of the loaded modules is, for tests/fuzz/coverage.py.
for module in ioasidfd ioasidfd_stub; do
	for section in .text .text.unlikely .exit.text; do
		file=/sys/module/$module/sections/$section
		[ ! -e "$file" ] || echo "section $module $section $(cat "$file")"
	done
done
