/* latency.h - what took long, and when: LATENCY's samples; and how long each command takes.
 *
 * An event that takes latency-monitor-threshold or longer leaves a sample, one a second at most,
 * the longest.  Commands count with their waits, as in SLOWLOG.
 */
#ifndef KV_DAEMON_LATENCY_H
#define KV_DAEMON_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct server;

enum latency_event {
    LATENCY_BLOCK_READ,   /* a command waited for blocks of tables */
    LATENCY_COMMAND,      /* one that is not expected to be fast */
    LATENCY_FAST_COMMAND, /* one that is */
    LATENCY_WAL_SYNC,     /* a group of writes became durable */
    LATENCY_EVENT_COUNT,
};

enum { LATENCY_SAMPLE_COUNT = 160 };

struct latency_sample {
    uint64_t wall_s; /* 0: none */
    uint64_t ms;
};

struct latency_series {
    struct latency_sample samples[LATENCY_SAMPLE_COUNT]; /* a ring */
    uint32_t next;
    uint64_t ms_max; /* ever */
};

struct latency_monitor {
    struct latency_series series[LATENCY_EVENT_COUNT];
    uint64_t wal_us_total, wal_group_count; /* when the log was last looked at */
};

const char *latency_event_name(enum latency_event event);
/* Also when the event is over; keeps it if it took long enough. */
void latency_note(struct server *server, enum latency_event event, uint64_t took_us);
/* A group of the log has become durable.  Only when there is a threshold. */
void latency_note_wal(struct server *server);
/* Returns whether there was a sample. */
bool latency_reset(struct latency_series *series);
/* How many samples there are; `index` 0 is the oldest. */
uint32_t latency_count(const struct latency_series *series);
const struct latency_sample *latency_at(const struct latency_series *series, uint32_t index);
/* How many seconds lie between two samples on average, as far as the wall clock has not been put
 * back between them.  There is a sample. */
uint64_t latency_interval_s(const struct latency_series *series);
/* A picture, four lines high, of at most 80 columns. */
void latency_draw(const struct latency_series *series, enum latency_event event, uint64_t now_s,
                  struct buffer *target);

/* Counts of times in microseconds, to about a sixteenth of each. */
enum { LATENCY_BUCKET_COUNT = 32 + 26 * 16, LATENCY_US_MAX = (1 << 30) - 1 };

struct latency_histogram {
    uint64_t count;
    uint64_t buckets[LATENCY_BUCKET_COUNT];
};

/* Of a command's run; `*place` NULL: is made. */
void latency_histogram_add(struct latency_histogram **place, uint64_t us);
/* The time in microseconds that `share` of all took at most; there is one at least. */
uint64_t latency_histogram_at(const struct latency_histogram *histogram, double share);
/* How many took about `us` or less. */
uint64_t latency_histogram_below(const struct latency_histogram *histogram, uint64_t us);

#endif
