// SPDX-License-Identifier: GPL-2.0-only
/* Chance in a test: see chance.h. */
#include <time.h>

#include "chance.h"
#include "test.h"

static uint64_t seed, state;

uint64_t chance_seed(void)
{
	const char *given = getenv("IOASIDFD_SEED");
	struct timespec t;

	if (state)
		return seed;
	clock_gettime(CLOCK_REALTIME, &t);
	seed = given && *given ? strtoull(given, NULL, 0) : (uint64_t)t.tv_nsec ^ getpid();
	fprintf(stderr, "IOASIDFD_SEED=%llu\n", (unsigned long long)seed);
	state = seed * 2 + 1;
	return seed;
}

void chance_of(unsigned int process)
{
	state = (chance_seed() + process * 0x9E3779B97F4A7C15ull) * 2 + 1;
	chance(2);
}

unsigned int chance(unsigned int n)
{
	chance_seed();
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

void chance_delay(unsigned int us)
{
	if (chance(3) == 0)
		usleep(chance(us));
}
