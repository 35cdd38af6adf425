/* command_latency.c - LATENCY: samples of what was slow, and how commands' times are spread. */
#include <inttypes.h>

#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

/* LATENCY_EVENT_COUNT: none has this name. */
static enum latency_event
find_event(struct slice name)
{
    enum latency_event event = 0;

    while (event < LATENCY_EVENT_COUNT && !argument_is(name, latency_event_name(event)))
        event++;
    return event;
}

static const struct latency_series *
series_of(const struct command_call *call, enum latency_event event)
{
    return &call->server->latency.series[event];
}

static enum kv_status
latency_latest(struct command_call *call)
{
    size_t count = 0;

    for (enum latency_event event = 0; event < LATENCY_EVENT_COUNT; event++)
        count += latency_count(series_of(call, event)) > 0;
    resp_array(&call->reply, count);
    for (enum latency_event event = 0; event < LATENCY_EVENT_COUNT; event++) {
        const struct latency_series *series = series_of(call, event);
        const uint32_t sample_count = latency_count(series);

        if (sample_count == 0)
            continue;
        resp_array(&call->reply, 4);
        resp_bulk_text(&call->reply, latency_event_name(event));
        resp_integer(&call->reply, (int64_t)latency_at(series, sample_count - 1)->wall_s);
        resp_integer(&call->reply, (int64_t)latency_at(series, sample_count - 1)->ms);
        resp_integer(&call->reply, (int64_t)series->ms_max);
    }
    return KV_OK;
}

static enum kv_status
latency_history(struct command_call *call)
{
    const enum latency_event event = find_event(call->args[2]);
    const uint32_t count = event == LATENCY_EVENT_COUNT ? 0 : latency_count(series_of(call, event));

    resp_array(&call->reply, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct latency_sample *sample = latency_at(series_of(call, event), i);

        resp_array(&call->reply, 2);
        resp_integer(&call->reply, (int64_t)sample->wall_s);
        resp_integer(&call->reply, (int64_t)sample->ms);
    }
    return KV_OK;
}

static enum kv_status
latency_do_reset(struct command_call *call)
{
    struct latency_series *series = call->server->latency.series;
    int64_t count = 0;

    for (enum latency_event event = 0; call->arg_count == 2 && event < LATENCY_EVENT_COUNT; event++)
        count += latency_reset(&series[event]);
    for (uint32_t i = 2; i < call->arg_count; i++) {
        const enum latency_event event = find_event(call->args[i]);

        count += event < LATENCY_EVENT_COUNT && latency_reset(&series[event]);
    }
    resp_integer(&call->reply, count);
    return KV_OK;
}

static enum kv_status
latency_graph(struct command_call *call)
{
    const enum latency_event event = find_event(call->args[2]);
    const struct slice name = call->args[2];
    struct buffer text = {0};

    if (event == LATENCY_EVENT_COUNT || latency_count(series_of(call, event)) == 0) {
        resp_error_format(&call->reply, "ERR No samples available for event '%.*s'",
                          (int)(name.size < 128 ? name.size : 128), (const char *)name.data);
        return KV_OK;
    }
    latency_draw(series_of(call, event), event, io_wall_us(call->server->io) / 1000000, &text);
    resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}

/* --- DOCTOR --- */

static const char *
advice(enum latency_event event)
{
    static const char *const texts[] = {
        "Commands waited for table blocks from the disk: more memory-limit gives a larger cache, "
        "and "
        "INFO kvd shows how many reads miss it.",
        "SLOWLOG GET shows which commands these were; range commands and KEYS take time by what "
        "they "
        "walk over.",
        "Fast commands were slow because they waited: for blocks, for room to write (KV.STATS "
        "shows "
        "delays of writers), or for the CPU.",
        "The disk took long to make writes durable: INFO kvd has wal_write_usec_*; wal-sync "
        "interval "
        "trades safety for not waiting.",
    };

    KV_ASSERT(event < LATENCY_EVENT_COUNT);
    return texts[event];
}

static void
describe(const struct latency_series *series, enum latency_event event, struct buffer *text)
{
    const uint32_t count = latency_count(series);
    uint64_t sum_ms = 0;

    for (uint32_t i = 0; i < count; i++)
        sum_ms += latency_at(series, i)->ms;
    buffer_append_format(text,
                         "%s: %u slow seconds, %" PRIu64 " ms on average, the worst ever %" PRIu64
                         " ms, one every %" PRIu64 " s.\n    %s\n",
                         latency_event_name(event), count, sum_ms / count, series->ms_max,
                         latency_interval_s(series), advice(event));
}

static enum kv_status
latency_doctor(struct command_call *call)
{
    struct buffer text = {0};

    for (enum latency_event event = 0; event < LATENCY_EVENT_COUNT; event++) {
        if (latency_count(series_of(call, event)) > 0)
            describe(series_of(call, event), event, &text);
    }
    if (text.size == 0 && call->server->config.latency_threshold_us == 0)
        buffer_append_format(&text,
                             "Latency is not monitored: CONFIG SET latency-monitor-threshold "
                             "<milliseconds> starts it.\n");
    else if (text.size == 0)
        buffer_append_format(&text, "Nothing has taken latency-monitor-threshold or longer.\n");
    resp_verbatim(&call->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
    return KV_OK;
}

/* --- HISTOGRAM --- */

enum { HISTOGRAM_BOUND_COUNT = 21 }; /* to about a second; what took longer is in the last */

/* Redis's: powers of two of 1,024 ns, with the width of a step of its counters. */
static uint64_t
bound_us(uint32_t index)
{
    return ((UINT64_C(1032) << index) - 1) / 1000;
}

static void
reply_histogram(struct resp_writer *reply, const char *name,
                const struct latency_histogram *histogram)
{
    uint64_t counts[HISTOGRAM_BOUND_COUNT], before = 0;
    size_t shown_count = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BOUND_COUNT; i++) {
        counts[i] = i + 1 == HISTOGRAM_BOUND_COUNT
                        ? histogram->count
                        : latency_histogram_below(histogram, bound_us(i));
        shown_count += counts[i] > before;
        before = counts[i];
    }
    resp_bulk_text(reply, name);
    resp_map(reply, 2);
    resp_bulk_text(reply, "calls");
    resp_integer(reply, (int64_t)histogram->count);
    resp_bulk_text(reply, "histogram_usec");
    resp_map(reply, shown_count);
    before = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BOUND_COUNT; i++) {
        if (counts[i] == before)
            continue;
        resp_integer(reply, (int64_t)bound_us(i));
        resp_integer(reply, (int64_t)counts[i]);
        before = counts[i];
    }
}

static const struct latency_histogram *
histogram_of(const struct command_call *call, const struct command *command)
{
    return command == NULL ? NULL : call->server->histograms[command_index(command)];
}

/* The next that was asked for, from *position on; NULL: no more. */
static const struct command *
next_wanted(const struct command_call *call, uint32_t *position)
{
    for (;;) {
        const bool is_all = call->arg_count == 2;
        const uint32_t at = (*position)++;
        const struct command *command;

        if (is_all ? command_at(at) == NULL : at + 2 >= call->arg_count)
            return NULL;
        command = is_all ? command_at(at) : command_find(call->args[at + 2]);
        if (histogram_of(call, command) != NULL)
            return command;
    }
}

static enum kv_status
latency_histogram(struct command_call *call)
{
    const struct command *command;
    uint32_t position = 0;
    size_t count = 0;

    while (next_wanted(call, &position) != NULL)
        count++;
    resp_map(&call->reply, count);
    position = 0;
    while ((command = next_wanted(call, &position)) != NULL)
        reply_histogram(&call->reply, command->name, histogram_of(call, command));
    return KV_OK;
}

const struct subcommand latency_subcommands[] = {
    {"doctor", latency_doctor, 2, "DOCTOR\nWhat was slow, in words."},
    {"graph", latency_graph, 3, "GRAPH <event>\nA picture of an event's samples."},
    {"histogram", latency_histogram, -2,
     "HISTOGRAM [<command> ...]\nHow the run times of commands are spread, in microseconds."},
    {"history", latency_history, 3, "HISTORY <event>\nAn event's samples: time and milliseconds."},
    {"latest", latency_latest, 2,
     "LATEST\nThe latest sample of each event: time, milliseconds, the most ever."},
    {"reset", latency_do_reset, -2, "RESET [<event> ...]\nForget samples."},
    {NULL, NULL, 0, NULL},
};
