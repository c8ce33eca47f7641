/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulator, asked by a test: to plug a device in, to pull one out, to show memory. The line is
 * /dev/ttyS2, at whose other end is QEMU's monitor (tests/vm/boot). Every wait has an end; what
 * cannot be done fails the test.
 *
 * Two processes may ask at a time. Devices that were plugged in go again with host_unplug_all(),
 * which a test that plugs calls first: the one before it may have failed half-way.
 */
#ifndef IOASID_TEST_HOST_H
#define IOASID_TEST_HOST_H

#include <stdbool.h>
#include <stdint.h>

/* Where a device behind the root port appears, and its second function. */
#define HOT "0000:01:00.0"
#define HOT_1 "0000:01:00.1"

/*
 * Behind the bridge of the profiles that have one: two that are always there, and a free place.
 * What is plugged in there stays: when one of several devices behind a bridge goes, the VT-d driver
 * forgets the requester that stands for all of them, and 6.1 corrupts its lists.
 */
#define BRIDGED_0 "0000:02:01.0"
#define BRIDGED_1 "0000:02:02.0"
#define BRIDGED_NEW "0000:02:03.0"

/* A command of the human monitor. The answer, which is empty when all went well. */
const char *host_monitor(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole page of the guest's memory as the emulator has it. Only in profiles with a window. */
#define HOST_PAGE 4096
void host_read_page(uint64_t physical, void *page);

/*
 * Plug in a device, as QEMU's -device has it, without its id, which is made from @device: where the
 * guest will have it. A function other than 0 appears with function 0, so that comes last.
 */
void host_plug(const char *device, const char *what);
void host_wait_there(const char *device);

/* Ask for it back (as the button at a slot does), and wait until the guest has given it. */
void host_unplug(const char *device);

/* Only ask, and only wait. */
void host_unplug_start(const char *device);
void host_wait_gone(const char *device);

/* Whatever was plugged in behind the root port. */
void host_unplug_all(void);

/* An edu behind the root port, and it is there; only it, with the power on. */
void host_plug_edu(void);

/*
 * Cut the power of the slot behind the root port, without asking anybody: from then on the device
 * reads as all ones and its DMA goes nowhere. The guest is not told. On again: as it was after
 * reset.
 */
void host_slot_power(bool on);

#endif
