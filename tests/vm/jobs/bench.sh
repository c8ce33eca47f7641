#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest job: the benchmark, with the arguments in BENCH_ARGS. Modules are loaded and unloaded by the program.
# shellcheck disable=SC2086,SC2154  # arguments are words; BENCH_ARGS comes from the kernel's command line
echo 0 >/proc/sys/vm/compaction_proactiveness
[ -z "$BENCH_HUGE" ] || echo "$BENCH_HUGE" >/proc/sys/vm/nr_hugepages
[ -z "$BENCH_SYMBOLS" ] || echo 0 >/proc/sys/kernel/kptr_restrict
/bin/ioasid-bench $BENCH_ARGS
