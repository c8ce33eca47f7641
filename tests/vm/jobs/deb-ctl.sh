# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Part of the guest job deb: the ioasidctl that the package installed, as root and as the user `operator`, as text and as
# JSON. It is judged by sysfs, by the module's fdinfo, and by who is running, never by what it says itself.
# Sourced; nvme_as is that of the job.

ctl=/usr/sbin/ioasidctl
pci=/sys/bus/pci
disk=0000:00:07.0
other=0000:00:05.0

as_operator()
{
	su -s /bin/sh operator -c "$*"
}

# "-" for none.
link_name()
{
	link=$(readlink "$1") || link=-
	echo "${link##*/}"
}

driver_of()
{
	link_name "$pci/devices/$1/driver"
}

expect_driver()
{
	[ "$(driver_of "$disk")" = "$1" ] || { echo "the driver of $disk is $(driver_of "$disk"), not $1"; return 1; }
}

# has FILE TEXT...: every one of them.
has()
{
	file=$1
	shift
	for text; do
		grep -qF -- "$text" "$file" || { echo "not there: $text"; cat "$file"; return 1; }
	done
}

# ends STATUS FOUND: as ioasidctl should end, having written /tmp/found.
ends()
{
	[ "$1" -eq "$2" ] || { echo "status $2, not $1"; cat /tmp/found; return 1; }
}

# same FILE FILE
same()
{
	[ -s "$1" ] && diff "$1" "$2"
}

# Every PCI device: "NAME GROUP DRIVER".
table_of_sysfs()
{
	for d in "$pci"/devices/*; do
		echo "${d##*/} $(link_name "$d/iommu_group") $(link_name "$d/driver")"
	done
}

table_of_list()
{
	awk 'NR == 1 { at = index($0, "DRIVER") }
		$1 ~ /^....:..:..\..$/ { split(substr($0, at), word); print $1, $2, word[1] }'
}

table_of_tree()
{
	awk '/^group / { group = $2 } /^no group/ { group = "-" } /^context / { exit }
		/^[^a-z]/ { for (i = 1; i < NF; i++) if ($i ~ /^....:..:..\..$/)
			print $i, group, $(i + 1) == "no" ? "-" : $(i + 1) }'
}

table_of_json()
{
	tr '{' '\n' | sed -nE 's/^"name":"([^"]*)","bus":"pci","group":([0-9]+|null),"driver":("[^"]*"|null),.*/\1 \2 \3/p' |
		sed 's/"//g; s/null/-/g'
}

# tables AS...: what the commands print is what sysfs says.
tables()
{
	table_of_sysfs | sort >/tmp/expected
	"$@" $ctl list | table_of_list | sort >/tmp/found && same /tmp/expected /tmp/found || return 1
	"$@" $ctl --json list | table_of_json | sort >/tmp/found && same /tmp/expected /tmp/found || return 1
	"$@" $ctl tree | table_of_tree | sort >/tmp/found && same /tmp/expected /tmp/found || return 1
	"$@" $ctl --json tree | table_of_json | sort >/tmp/found && same /tmp/expected /tmp/found
}

status()
{
	version=$(cat /sys/module/ioasidfd/version)
	"$@" $ctl status >/tmp/found || return 1
	tr -s ' ' </tmp/found >/tmp/words
	has /tmp/words "ioasidfd loaded $version" "kernel $(uname -r)" || return 1
	"$@" $ctl --json status >/tmp/found || return 1
	has /tmp/found "\"loaded\":true,\"stub_loaded\":true,\"version\":\"$version\"" "\"release\":\"$(uname -r)\""
}

# explains STATUS VERDICT AS...
explains()
{
	code=$1 verdict=$2
	shift 2
	for format in '' --json; do
		# shellcheck disable=SC2086  # or no word
		"$@" $ctl $format explain $disk >/tmp/found
		ends "$code" $? || return 1
	done
	has /tmp/found "\"driver\":\"$(driver_of "$disk")\"" "\"verdict\":\"$verdict\""
}

# until_true COMMAND...: half a minute, on a slow machine.
until_true()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { echo "never: $*"; return 1; }
		sleep 0.1
	done
}

start_watching()
{
	$ctl watch >/tmp/watch.text 2>&1 &
	watch_text=$!
	$ctl --json watch >/tmp/watch.json 2>&1 &
	watch_json=$!
	until_true grep -q watching /tmp/watch.text && until_true grep -q '"watching"' /tmp/watch.json
}

# Both told that the disk has now that driver.
watch_told()
{
	group=$(link_name $pci/devices/$disk/iommu_group)
	cat /tmp/watch.text /tmp/watch.json
	until_true grep -q " driver  *group $group  $disk  $1\$" /tmp/watch.text &&
		until_true grep -q "\"event\":\"driver\",.*\"group\":$group,\"device\":\"$disk\",\"driver\":\"$1\"" /tmp/watch.json
}

ctl_bind()
{
	$ctl bind $disk || return 1
	udevadm settle
	expect_driver ioasidfd_stub_pci && [ -c /dev/ioasid-dev/$disk ] && watch_told ioasidfd_stub_pci
}

# What there was: the driver, the disk, and no override.
ctl_unbind()
{
	$ctl --json unbind $disk >/tmp/found || { cat /tmp/found; return 1; }
	has /tmp/found '"changed":true' || return 1
	udevadm settle
	expect_driver nvme && until_true [ -b /dev/nvme0n1 ] && watch_told nvme || return 1
	[ "$(cat $pci/devices/$disk/driver_override)" = "(null)" ] || { cat $pci/devices/$disk/driver_override; return 1; }
	kill "$watch_text" "$watch_json"
}

operator_looks()
{
	status as_operator && tables as_operator && explains 0 usable as_operator
}

# Only root moves devices, and nothing is half done then.
operator_may_not()
{
	for words in "bind $other" "unbind $disk"; do
		before=$(table_of_sysfs)
		as_operator "$ctl --json $words" >/tmp/found
		ends 4 $? && has /tmp/found '"kind":"no-permission"' || return 1
		[ "$(table_of_sysfs)" = "$before" ] || { echo "after $words:"; table_of_sysfs; return 1; }
	done
}

# The operator's client, stopped while it has memory mapped: its PID, and the number of its context.
stop_client()
{
	for pid in $(pidof nvme); do
		kill -STOP "$pid" || continue
		for file in "/proc/$pid/fd"/*; do
			[ "$(readlink "$file")" = /dev/ioasid ] || continue
			fd=${file##*/}
			! grep -q '^attachment:' "/proc/$pid/fdinfo/$fd" || return 0
		done
		kill -CONT "$pid"
	done
	return 1
}

# "MAPPINGS BYTES" of all its address spaces.
usage_of_fdinfo()
{
	tr '=' ' ' <"/proc/$pid/fdinfo/$fd" |
		awk '/^ioasid:/ { mappings += $4; bytes += $6 } END { print mappings, bytes }'
}

compare_context()
{
	# shellcheck disable=SC2046  # two words
	set -- $(usage_of_fdinfo)
	[ "$1" -gt 0 ] || { echo "the client has nothing mapped"; return 1; }
	as_operator $ctl tree | grep "^context of pid $pid (nvme), fd $fd " || return 1
	as_operator $ctl --json tree >/tmp/found
	has /tmp/found "\"pid\":$pid,\"fd\":$fd,\"command\":\"nvme\",\"mappings\":$1,\"mapped_bytes\":$2," || return 1
	$ctl list | grep "^$disk .*pid $pid (nvme)" || { $ctl list; return 1; }
	$ctl --json map-dump "$pid" | tr '{' '\n' | grep -c '^"iova":' >/tmp/found
	[ "$(cat /tmp/found)" -eq "$1" ] || { echo "map-dump has $(cat /tmp/found) mappings"; return 1; }
}

# Somebody uses the device: `unbind` names him, and leaves it.
refuses_owned()
{
	$ctl --json unbind $disk >/tmp/found
	ends 7 $? && has /tmp/found '"kind":"owned"' "$pid" && expect_driver ioasidfd_stub_pci
}

ctl_shows_client()
{
	nvme_as operator 4096 16384 >/tmp/client &
	client=$!
	until_true stop_client || return 1
	compare_context && refuses_owned
	rc=$?
	kill -CONT "$pid"
	wait $client || { cat /tmp/client; return 1; }
	return $rc
}
