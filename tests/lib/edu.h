/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's edu device, driven through a device file and nothing else: it copies between memory and a
 * buffer of its own, which only DMA reaches. A copy takes 100 ms of guest time. One that the IOMMU
 * blocks "completes" like any other, so what counts is what the memory holds.
 */
#ifndef IOASID_TEST_EDU_H
#define IOASID_TEST_EDU_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Bytes of every transfer of the helpers below. QEMU 7.2 dies of a transfer that fills the buffer.
 */
#define EDU_BYTES 512
/* The device drives 28 address bits. */
#define EDU_IOVA_LAST 0xfffffffull
#define EDU_SCRATCH_IOVA 0xff00000ull

/**
 * struct edu - one device
 * @name: PCI name
 * @fd: the device file
 * @bar: registers; NULL while not bound
 * @bar_length: bytes
 * @scratch: page that is mapped at EDU_SCRATCH_IOVA in the IOASIDs given to edu_scratch()
 * @seed: pattern in the device's buffer
 */
struct edu {
	const char *name;
	int fd;
	volatile uint32_t *bar;
	uint64_t bar_length;
	unsigned char *scratch;
	unsigned int seed;
};

/* Give it to the stub driver and open its node. */
void edu_open(struct edu *edu, const char *name);
void edu_close(struct edu *edu);

/* DEVICE_BIND and the registers; DEVICE_UNBIND. */
void edu_bind(struct edu *edu, int context);
void edu_unbind(struct edu *edu);
void edu_map_registers(struct edu *edu);
void edu_unmap_registers(struct edu *edu);

/* Map the scratch page in an IOASID; a second call takes the same page. */
void edu_scratch(struct edu *edu, int context, uint32_t ioasid);

/*
 * Copy, and wait for the device to say that it did: from memory to the buffer, and from the buffer.
 */
void edu_load(struct edu *edu, uint64_t iova, unsigned int bytes);
void edu_store(struct edu *edu, uint64_t iova, unsigned int bytes);

/* The two halves of edu_store(). */
void edu_store_start(struct edu *edu, uint64_t iova, unsigned int bytes);
void edu_wait(struct edu *edu);

/* Get a new pattern into the buffer, through the scratch page. */
void edu_fill(struct edu *edu);

/* Does the buffer hold this pattern? Through the scratch page. */
bool edu_holds(struct edu *edu, unsigned int seed);

/*
 * Store the buffer, which edu_fill() filled, at @iova, which is meant to be @memory. True if all of
 * it arrived, false if nothing changed; everything between fails the test.
 */
bool edu_stores(struct edu *edu, uint64_t iova, void *memory);

/* Does the device read this pattern at @iova? Uses the scratch page. */
bool edu_reads(struct edu *edu, uint64_t iova, unsigned int seed);

/*
 * Put a pattern into @memory, load it from @iova. True if the device read it. Uses the scratch
 * page.
 */
bool edu_loads(struct edu *edu, uint64_t iova, void *memory);

/* edu_fill() and edu_stores(). */
bool edu_writes(struct edu *edu, uint64_t iova, void *memory);

/* A context with one IOASID, a device that is bound and allowed it, and the scratch page mapped. */
struct rig {
	int ctx;
	uint32_t ioasid;
	struct edu edu;
};

void rig_open(struct rig *rig, const char *name);
/* The same, with these flags of IOASID_ALLOC. */
void rig_open_flags(struct rig *rig, const char *name, uint32_t flags);

#endif
