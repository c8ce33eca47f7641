// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver that uses the in-kernel API (tests/kmod/consumer.c), against the test build: what the
 * modules export has other checksums here.
 */
#include "consumer.c"
