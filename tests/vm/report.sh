# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# How `make check` talks to people: the progress line, the summary per profile, and what there is to know about a failure.
# Sourced by check, after lib.sh.

started=$SECONDS
tty=''
[ -t 1 ] && tty=yes
last_progress=0

duration()
{
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# progress TEXT [SECONDS LEFT]: one line that overwrites itself; where nobody watches, one every half minute.
progress()
{
	local line

	line="[$(duration $((SECONDS - started)))] $1"
	[ -z "${2-}" ] || line="$line, about $(duration "$2") left"
	if [ -n "$tty" ]; then
		printf '\r\033[K%.*s' "$(($(tput cols 2>/dev/null || echo 80) - 1))" "$line"
	elif [ $((SECONDS - last_progress)) -ge 30 ] || [ "$last_progress" -eq 0 ]; then
		echo "$line"
		last_progress=$((SECONDS + 1))
	fi
}

say()
{
	[ -z "$tty" ] || printf '\r\033[K'
	printf '%s\n' "$*"
}

# From the first sign of trouble on, or the end when there is none.
log_of_crash()
{
	local at

	at=$(grep -nE -m1 'WARNING:|BUG:|Oops|Kernel panic|general protection|Unable to handle|blocked for more than' "$1" |
		cut -d: -f1) || at=
	if [ -n "$at" ]; then
		tail -n "+$((at > 5 ? at - 5 : 1))" "$1" | sed -n 1,60p
	else
		tail -n 30 "$1"
	fi
}

# What the kernel said up to the result of test NAME. The marks in the log lag a little behind the tests, so the part
# begins one result earlier than it strictly should.
log_of_test()
{
	NAME=$2 awk '
		/ioasidfd-check: (not )?ok / {
			line = $0
			sub(/.*ioasidfd-check: (not )?ok +[0-9]* *(- )?/, "", line)
			sub(/\r$/, "", line)
			if (line == ENVIRON["NAME"] || index(line, ENVIRON["NAME"] " ") == 1) {
				from = marks > 1 ? mark[marks - 2] : 0
				for (i = n - from > 40 ? n - 40 : from; i < n; i++)
					print kept[i]
				exit
			}
			mark[marks++] = n
		}
		{ kept[n++] = $0 }' "$1"
}

indent()
{
	tr -d '\r' | sed 's/^/    /'
}

# explain K P NAME REASON FIRST LAST: everything about one failure in one VM, and how to see it again.
explain()
{
	local dir only=$3

	dir=$(run_dir "$1" "$2" check)
	# The harness judges whatever was run.
	case $3 in harness/*) only=${T-} ;; esac
	# Words, and what a shell takes for a pattern.
	case $only in *[[\ ]*) only="'$only'" ;; esac

	say "FAIL $1/$2 $3${4:+: $4}"
	[ "$6" -lt "$5" ] || sed -n "${5},${6}p" "$dir/results" | indent
	case $3 in
	harness/*) log_of_crash "$dir/console.log" ;;
	*) log_of_test "$dir/console.log" "$3" ;;
	esac | sed 's/^/| /' | indent
	# QEMU reports every fault that a test provokes; that matters only when it is QEMU that failed.
	[ "$3" != harness/stream ] || { cat "$dir/boot.log" "$dir/qemu.log" 2>/dev/null || true; } | tail -n 10 | indent
	say "    whole log: ${dir#"$top/"}/console.log"
	say "    again: make check${only:+ T=$only} K=$1 P=$2"
}
