/* latency.c - rings of samples, and their picture.
 *
 * Invariant: samples[next] is the oldest one, or none yet; those of a second are one.
 */
#include "daemon/latency.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/server.h"

const char *
latency_event_name(enum latency_event event)
{
    static const char *const names[] = {"block-read", "command", "fast-command", "wal-sync"};

    KV_ASSERT(event < LATENCY_EVENT_COUNT);
    return names[event];
}

static void
add(struct latency_series *series, uint64_t wall_s, uint64_t ms)
{
    const uint32_t latest = (series->next + LATENCY_SAMPLE_COUNT - 1) % LATENCY_SAMPLE_COUNT;
    struct latency_sample *sample = &series->samples[latest];

    if (ms > series->ms_max)
        series->ms_max = ms;
    if (sample->wall_s == wall_s) {
        sample->ms = ms > sample->ms ? ms : sample->ms;
        return;
    }
    series->samples[series->next] = (struct latency_sample){.wall_s = wall_s, .ms = ms};
    series->next = (series->next + 1) % LATENCY_SAMPLE_COUNT;
}

void
latency_note(struct server *server, enum latency_event event, uint64_t took_us)
{
    const uint64_t threshold_us = server->config.latency_threshold_us;

    KV_ASSERT(event < LATENCY_EVENT_COUNT);
    if (threshold_us > 0 && took_us >= threshold_us)
        add(&server->latency.series[event], io_wall_us(server->io) / 1000000, took_us / 1000);
}

/* The log counts; the average of the groups since the last look is nearly always one group. */
void
latency_note_wal(struct server *server)
{
    struct latency_monitor *monitor = &server->latency;
    struct db_stats stats;
    uint64_t groups, took_us;

    db_get_stats(server->db, &stats);
    groups = stats.wal.group_count - monitor->wal_group_count;
    took_us = stats.wal.write_us_total - monitor->wal_us_total;
    if (groups > 0 && monitor->wal_group_count > 0)
        latency_note(server, LATENCY_WAL_SYNC, took_us / groups);
    monitor->wal_group_count = stats.wal.group_count;
    monitor->wal_us_total = stats.wal.write_us_total;
}

bool
latency_reset(struct latency_series *series)
{
    const bool had_any = latency_count(series) > 0;

    memset(series, 0, sizeof(*series));
    return had_any;
}

uint32_t
latency_count(const struct latency_series *series)
{
    return series->samples[series->next].wall_s != 0 ? LATENCY_SAMPLE_COUNT : series->next;
}

const struct latency_sample *
latency_at(const struct latency_series *series, uint32_t index)
{
    const uint32_t count = latency_count(series);

    KV_ASSERT(index < count);
    return &series->samples[(series->next + LATENCY_SAMPLE_COUNT - count + index) %
                            LATENCY_SAMPLE_COUNT];
}

uint64_t
latency_interval_s(const struct latency_series *series)
{
    const uint32_t count = latency_count(series);
    uint64_t sum_s = 0, gap_count = 0;

    KV_ASSERT(count > 0);
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t before_s = latency_at(series, i - 1)->wall_s;
        const uint64_t wall_s = latency_at(series, i)->wall_s;

        if (wall_s < before_s)
            continue;
        sum_s += wall_s - before_s;
        gap_count++;
    }
    return gap_count > 0 ? sum_s / gap_count : 0;
}

/* --- the picture --- */

enum { DRAW_ROWS = 4, DRAW_COLUMNS = 80, DRAW_LABEL_BYTES = 24 };

static const char draw_steps[] = "_o#";

/* The cell of a column at `row` from the bottom: full below its height. */
static char
cell(uint64_t ms, uint64_t low, uint64_t high, uint32_t row)
{
    const uint32_t step_count = DRAW_ROWS * (sizeof(draw_steps) - 1);
    const uint32_t row_steps = sizeof(draw_steps) - 1;
    const uint64_t range = high > low ? high - low : 1;
    uint64_t step = (ms - low) * step_count / range;

    if (step >= step_count)
        step = step_count - 1;
    if (step >= (uint64_t)(row + 1) * row_steps)
        return '|';
    return step < (uint64_t)row * row_steps ? ' ' : draw_steps[step - (uint64_t)row * row_steps];
}

/* How long ago, in one unit. */
static void
format_age(uint64_t age_s, char text[DRAW_LABEL_BYTES])
{
    const uint64_t minute_s = 60, hour_s = 60 * minute_s, day_s = 24 * hour_s;

    if (age_s < minute_s)
        (void)snprintf(text, DRAW_LABEL_BYTES, "%" PRIu64 "s", age_s);
    else if (age_s < hour_s)
        (void)snprintf(text, DRAW_LABEL_BYTES, "%" PRIu64 "m", age_s / minute_s);
    else if (age_s < day_s)
        (void)snprintf(text, DRAW_LABEL_BYTES, "%" PRIu64 "h", age_s / hour_s);
    else
        (void)snprintf(text, DRAW_LABEL_BYTES, "%" PRIu64 "d", age_s / day_s);
}

/* Ages are written downwards, each below its column. */
static void
draw_ages(const struct latency_series *series, uint32_t first, uint64_t now_s,
          struct buffer *target)
{
    bool goes_on = true;

    for (uint32_t row = 0; goes_on; row++) {
        goes_on = false;
        for (uint32_t i = first; i < latency_count(series); i++) {
            const uint64_t wall_s = latency_at(series, i)->wall_s;
            char age[DRAW_LABEL_BYTES];

            format_age(now_s > wall_s ? now_s - wall_s : 0, age);
            buffer_append_byte(target, row < strlen(age) ? (uint8_t)age[row] : ' ');
            goes_on = goes_on || row + 1 < strlen(age);
        }
        buffer_append_byte(target, '\n');
    }
}

void
latency_draw(const struct latency_series *series, enum latency_event event, uint64_t now_s,
             struct buffer *target)
{
    const uint32_t count = latency_count(series);
    const uint32_t first = count > DRAW_COLUMNS ? count - DRAW_COLUMNS : 0;
    uint64_t low = UINT64_MAX, high = 0;

    KV_ASSERT(count > 0);
    for (uint32_t i = first; i < count; i++) {
        const uint64_t ms = latency_at(series, i)->ms;

        low = ms < low ? ms : low;
        high = ms > high ? ms : high;
    }
    buffer_append_format(
        target, "%s - high %" PRIu64 " ms, low %" PRIu64 " ms (all time high %" PRIu64 " ms)\n",
        latency_event_name(event), high, low, series->ms_max);
    for (uint32_t i = 0; i < DRAW_COLUMNS; i++)
        buffer_append_byte(target, '-');
    buffer_append_byte(target, '\n');
    for (uint32_t row = DRAW_ROWS; row > 0; row--) {
        for (uint32_t i = first; i < count; i++)
            buffer_append_byte(target,
                               (uint8_t)cell(latency_at(series, i)->ms, low, high, row - 1));
        buffer_append_byte(target, '\n');
    }
    buffer_append_byte(target, '\n');
    draw_ages(series, first, now_s, target);
}
