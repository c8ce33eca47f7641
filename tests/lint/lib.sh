# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the lint checks share. Each check is an executable file in this directory that prints what it found and exits 1
# when that is too much. Sourced, by bash.
lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../vm/lib.sh
. "$lint_dir/../vm/lib.sh"
cd "$top"

# Every file of the project, committed or about to be: PATTERN... as git takes them.
project_files()
{
	git -c safe.directory="$top" ls-files -co --exclude-standard --deduplicate -- "$@" |
		while read -r f; do
			[ ! -f "$f" ] || echo "$f"
		done
}

c_files()
{
	project_files '*.c' '*.h'
}

# Scripts by name and by first line.
shell_files()
{
	project_files | while read -r f; do
		case $f in
		*.sh) echo "$f" ;;
		*) if head -c 64 "$f" | head -n 1 | grep -qaE '^#!.*[/ ](ba|busybox )?sh\b'; then echo "$f"; fi ;;
		esac
	done
}

# Succeeds when standard input is empty, and shows it otherwise.
nothing()
{
	! grep .
}

# module_commands K DIR: how each of our files in DIR was compiled for kernel K, as "FILE COMMAND", the command without
# its outputs. To be run in the kernel's build directory.
module_commands()
{
	find "$2" -name '.*.o.cmd' ! -name '*.mod.o.cmd' -exec sed -s -n \
		'1s/^\(saved\)\{0,1\}cmd_[^ ]* := *\(.*\) -Wp,-MMD,[^ ]* \(.*\) -c -o [^ ]* \([^ ;]*\.c\).*/\4 \2 \3/p' {} + |
		LC_ALL=C sort
}

# Runs the commands on standard input, each of them a line for the shell, as many at a time as there are processors.
in_parallel()
{
	xargs -r -d '\n' -n 1 -P "$jobs" sh -c
}
