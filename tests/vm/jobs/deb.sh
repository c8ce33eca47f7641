#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: what the Debian packages installed, at work. udev runs with the rules of ioasid-tools; the modules are loaded
# as at boot; ioasidctl shows everything, gives an NVMe disk to the stub driver, and back; a user who is in the group
# ioasid, and nothing else, drives it within RLIMIT_MEMLOCK; another user may not. Then everything is unloaded, and the
# job check follows, with the tests that T= names.

count=0
examples=/usr/share/doc/ioasid-tools/examples/examples.rules

# shellcheck source=deb-ctl.sh
. /jobs/deb-ctl.sh

# test NAME COMMAND...
run_test()
{
	name=$1
	shift
	count=$((count + 1))
	if "$@" >/tmp/output 2>&1; then
		echo "ok $count - package/$name"
	else
		echo "not ok $count - package/$name"
		sed 's/^/# /' /tmp/output
	fi
}

start_udev()
{
	mkdir -p /run/udev /etc/udev/rules.d
	ln -sf "$(command -v udevadm)" /tmp/systemd-udevd
	/tmp/systemd-udevd --daemon
}

load()
{
	grep -v '^#' /usr/lib/modules-load.d/ioasid.conf | while read -r module; do
		modprobe "$module" || return 1
	done
	udevadm settle && [ -c /dev/ioasid ]
}

# expect_access NODE "GROUP MODE"
expect_access()
{
	found=$(stat -c '%G %a' "$1")
	[ "$found" = "$2" ] || { echo "$1: $found"; return 1; }
}

# The shipped rules give nobody a device; an example that was copied does.
disk_is_roots()
{
	ctl_bind && expect_access /dev/ioasid-dev/$disk "root 600"
}

disk_by_example()
{
	grep -m 1 'ATTRS{class}=="0x010802"' $examples >/etc/udev/rules.d/65-ioasid-local.rules
	udevadm control --reload
	udevadm trigger --settle --subsystem-match=ioasid-dev
	expect_access /dev/ioasid-dev/$disk "ioasid 660"
}

add_users()
{
	echo "operator:x:1500:1500::/:/bin/sh" >>/etc/passwd
	echo "stranger:x:1501:1501::/:/bin/sh" >>/etc/passwd
	sed -i '/^ioasid:/s/$/operator/' /etc/group
	grep '^ioasid:.*:operator$' /etc/group
}

# nvme_as USER LIMIT-IN-KIB [BLOCKS]: the NVMe client.
nvme_as()
{
	su -s /bin/sh "$1" -c "ulimit -l $2 && exec nvme --device $disk --blocks ${3:-512} --write" 2>&1
}

operator_drives_disk()
{
	nvme_as operator 4096
}

memlock_holds()
{
	text=$(nvme_as operator 64) && { echo "not refused: $text"; return 1; }
	echo "$text"
	case $text in *EDQUOT*) ;; *) return 1 ;; esac
}

stranger_is_refused()
{
	text=$(nvme_as stranger 4096) && { echo "not refused: $text"; return 1; }
	echo "$text"
	case $text in *"open /dev/ioasid: Permission denied"*) ;; *) return 1 ;; esac
}

unload()
{
	modprobe -r ioasidfd_stub
	udevadm settle
	[ ! -e /dev/ioasid ] && ! grep -q '^ioasidfd ' /proc/modules
}

# document NAME: the commands of a block of the README.
document()
{
	awk -v mark="<!-- run: deb-vm/$1 -->" '$0 == mark { on = 1; next } on && /^```$/ { exit } on && !/^```/' \
		/doc/README.md >/tmp/documented.sh
	[ -s /tmp/documented.sh ] || return 1
	# shellcheck disable=SC1091,SC2317
	(sudo() { "$@"; }; set -eux; . /tmp/documented.sh)
}

load_as_documented()
{
	document modprobe && udevadm settle && [ -c /dev/ioasid ] && status
}

run_test udev start_udev
run_test load load
run_test group expect_access /dev/ioasid "ioasid 660"
run_test ctl-status status
run_test ctl-tables tables
run_test ctl-explain-driver explains 7 action
run_test ctl-watch start_watching
run_test disk-is-roots disk_is_roots
run_test ctl-tables-bound tables
run_test ctl-explain explains 0 usable
run_test disk-by-example disk_by_example
run_test users add_users
run_test operator-drives-disk operator_drives_disk
run_test memlock memlock_holds
run_test stranger stranger_is_refused
run_test operator-looks operator_looks
run_test operator-may-not operator_may_not
run_test ctl-client ctl_shows_client
run_test ctl-unbind ctl_unbind
run_test unload unload
run_test load-as-documented load_as_documented
run_test unload-again unload
udevadm control --exit

sh /jobs/check.sh | awk -v count="$count" '/^1\.\./ { $0 = "1.." substr($0, 4) + count } { print; fflush() }'
