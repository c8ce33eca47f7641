// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened, see journal.h.
 */
#define pr_fmt(fmt) "ioasidfd_mock: " fmt

#include <linux/ktime.h>
#include <linux/printk.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "journal.h"

#define NUM_EVENTS 4096
#define NUM_TEXTS 32
#define TEXT_SIZE 160

atomic64_t journal_counters[NUM_COUNTERS];
unsigned int journal_options;

/* Protects what follows. */
static DEFINE_SPINLOCK(journal_lock);
static struct mock_event events[NUM_EVENTS];
static u64 nr_events;
static u64 first_event;
static char texts[NUM_TEXTS][TEXT_SIZE];
static unsigned int nr_texts;

static const char *const counter_names[] = {
#define X(name) #name,
	COUNTERS(X)
#undef X
};

void report_violation(const char *format, ...)
{
	char text[TEXT_SIZE];
	unsigned long flags;
	va_list args;

	va_start(args, format);
	vscnprintf(text, sizeof(text), format, args);
	va_end(args);
	pr_err("violation: %s\n", text);
	count(violation);

	spin_lock_irqsave(&journal_lock, flags);
	if (nr_texts < NUM_TEXTS)
		strscpy(texts[nr_texts++], text, TEXT_SIZE);
	spin_unlock_irqrestore(&journal_lock, flags);
}

void log_event(enum mock_call call, u32 device, u32 pasid, u32 domain, u64 start, u64 last,
	       int result)
{
	struct mock_event event = {
		.time_ns = ktime_get_ns(),
		.call = call,
		.device = device,
		.pasid = pasid,
		.domain = domain,
		.start = start,
		.last = last,
		.result = result,
	};
	unsigned long flags;

	spin_lock_irqsave(&journal_lock, flags);
	event.number = nr_events++;
	events[event.number % NUM_EVENTS] = event;
	if (nr_events - first_event > NUM_EVENTS)
		first_event = nr_events - NUM_EVENTS;
	spin_unlock_irqrestore(&journal_lock, flags);
}

unsigned int journal_read_log(u64 first, struct mock_event *to, unsigned int nr)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&journal_lock, flags);
	first = max(first, first_event);
	for (i = 0; i < nr && first + i < nr_events; i++)
		to[i] = events[(first + i) % NUM_EVENTS];
	spin_unlock_irqrestore(&journal_lock, flags);
	return i;
}

void journal_get_stats(struct mock_stats *stats)
{
	u64 *values = (u64 *)stats;
	unsigned int i;

	static_assert(sizeof(*stats) == NUM_COUNTERS * sizeof(u64));
	static_assert(offsetof(struct mock_stats, violation) == COUNTER_violation * sizeof(u64));
	for (i = 0; i < NUM_COUNTERS; i++)
		values[i] = atomic64_read(&journal_counters[i]);
}

static bool is_live(enum counter counter)
{
	return counter >= COUNTER_live_domains;
}

void journal_clear(unsigned int what)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&journal_lock, flags);
	for (i = 0; i < NUM_COUNTERS; i++)
		if (what & MOCK_CLEAR_COUNTERS && i != COUNTER_violation && !is_live(i))
			atomic64_set(&journal_counters[i], 0);
	if (what & MOCK_CLEAR_VIOLATIONS) {
		atomic64_set(&journal_counters[COUNTER_violation], 0);
		nr_texts = 0;
	}
	if (what & MOCK_CLEAR_LOG)
		first_event = nr_events;
	spin_unlock_irqrestore(&journal_lock, flags);
}

void journal_show(struct seq_file *seq)
{
	char text[TEXT_SIZE];
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < NUM_COUNTERS; i++)
		seq_printf(seq, "%s %lld\n", counter_names[i], atomic64_read(&journal_counters[i]));
	for (i = 0; i < NUM_TEXTS; i++) {
		spin_lock_irqsave(&journal_lock, flags);
		strscpy(text, i < nr_texts ? texts[i] : "", sizeof(text));
		spin_unlock_irqrestore(&journal_lock, flags);
		if (text[0])
			seq_printf(seq, "violation: %s\n", text);
	}
}
