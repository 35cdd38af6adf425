/* result_read.c - a document of RESULT.md, checked member by member.
 *
 * What can be computed (throughput, percentiles) must be there but is computed anew; what is
 * stored twice (a count and its buckets) must agree.
 */
#include "cli/kvbench/result_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/kvbench/json_read.h"
#include "cli/kvbench/report_text.h"

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define NUMBER_MAX      1e15
#define RATE_MAX        1e12 /* operations a second */

/* A run while it is read. */
struct run_reader {
    struct json *json;
    struct result_run *run;
    uint64_t duration_ns;
    uint32_t stall_count;
    bool has_operation; /* then run->second_count is what all others must have too */
};

/* Members that are computed anew: only looked at. */
static void
read_latency(struct json *json, struct histogram *histogram, double *mean_ns_out)
{
    static const char *const names[] = {"mean", "min", "max",   "p50",
                                        "p90",  "p99", "p99.9", "p99.99"};
    uint32_t seen = 0;
    int member;

    json_open(json, '{');
    while ((member = json_member(json, names, COUNT_OF(names), &seen)) >= 0) {
        if (member == 0)
            *mean_ns_out = json_number(json, (double)HISTOGRAM_NS_MAX);
        else if (member == 1)
            histogram->min_ns = json_integer(json, HISTOGRAM_NS_MAX);
        else if (member == 2)
            histogram->max_ns = json_integer(json, HISTOGRAM_NS_MAX);
        else
            (void)json_integer(json, HISTOGRAM_NS_MAX);
    }
}

static void
read_error_texts(struct json *json, struct result_operation *operation)
{
    static const char *const names[] = {"text", "count"};
    uint32_t count = 0;

    json_open(json, '[');
    while (json_element(json, &count)) {
        struct result_error *error = &operation->errors[operation->error_text_count];
        uint32_t seen = 0;
        int member;

        if (operation->error_text_count == RESULT_ERROR_COUNT_MAX) {
            json_fail(json, "an operation has more than %d error texts", RESULT_ERROR_COUNT_MAX);
            return;
        }
        operation->error_text_count++;
        json_open(json, '{');
        while ((member = json_member(json, names, COUNT_OF(names), &seen)) >= 0) {
            if (member == 0)
                json_string(json, error->text, sizeof(error->text));
            else
                error->count = json_integer(json, JSON_INTEGER_MAX);
        }
    }
}

static struct result_second
read_second(struct json *json)
{
    uint64_t values[5] = {0};
    uint32_t count = 0;

    json_open(json, '[');
    while (json_element(json, &count)) {
        if (count > COUNT_OF(values)) {
            json_fail(json, "a second has more than %u numbers", COUNT_OF(values));
            break;
        }
        values[count - 1] = json_integer(json, JSON_INTEGER_MAX);
    }
    if (count < COUNT_OF(values))
        json_fail(json, "a second has less than %u numbers", COUNT_OF(values));
    if (values[2] > values[3] || values[3] > values[4] || values[4] > HISTOGRAM_NS_MAX)
        json_fail(json, "the latencies of a second do not rise, or are too high");
    return (struct result_second){values[0], values[1], values[2], values[3], values[4]};
}

/* Not more may have ended in all seconds than in all. */
static void
check_seconds(struct json *json, const struct result_operation *operation, uint32_t second_count)
{
    uint64_t count = 0, error_count = 0;

    for (uint32_t i = 0; i < second_count; i++) {
        count += operation->seconds[i].count; /* a week of JSON_INTEGER_MAX does not fit ... */
        error_count += operation->seconds[i].error_count;
        if (count > operation->total->count || error_count > operation->error_count) {
            json_fail(json, "the seconds of \"%s\" hold more than all of it", operation->name);
            return; /* ... but is never reached */
        }
    }
}

/* Returns the number of seconds. */
static uint32_t
read_seconds(struct json *json, struct result_operation *operation)
{
    uint32_t count = 0, capacity = 0;

    json_open(json, '[');
    while (json_element(json, &count)) {
        if (count > RESULT_SECOND_COUNT_MAX) {
            json_fail(json, "an operation has more than %d seconds", RESULT_SECOND_COUNT_MAX);
            return 0;
        }
        if (count > capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            operation->seconds =
                kv_realloc(operation->seconds, capacity * sizeof(operation->seconds[0]));
        }
        operation->seconds[count - 1] = read_second(json);
    }
    return count;
}

/* One bucket, above all before it. */
static void
read_bucket(struct json *json, struct histogram *histogram, uint32_t *next_bucket)
{
    uint32_t count = 0, bucket;
    uint64_t low_ns = 0, value_count = 0;

    json_open(json, '[');
    while (json_element(json, &count) && count <= 2) {
        if (count == 1)
            low_ns = json_integer(json, HISTOGRAM_NS_MAX);
        else
            value_count = json_integer(json, JSON_INTEGER_MAX);
    }
    bucket = histogram_bucket_of(low_ns);
    if (count != 2 || value_count == 0 || bucket < *next_bucket ||
        histogram_bucket_low_ns(bucket) != low_ns) {
        json_fail(json, "a bucket is malformed, empty, or not above those before it");
        return;
    }
    if (histogram->count + value_count > JSON_INTEGER_MAX) {
        json_fail(json, "the buckets hold too much");
        return;
    }
    histogram->buckets[bucket] = value_count;
    histogram->count += value_count;
    *next_bucket = bucket + 1;
}

static void
read_histogram(struct json *json, struct histogram *histogram)
{
    uint32_t count = 0, next_bucket = 0;

    json_open(json, '[');
    while (json_element(json, &count))
        read_bucket(json, histogram, &next_bucket);
}

static bool
is_extremes_in_buckets(const struct histogram *histogram)
{
    uint32_t first = 0, last = HISTOGRAM_BUCKET_COUNT - 1;

    if (histogram->count == 0)
        return histogram->min_ns == 0 && histogram->max_ns == 0;
    while (histogram->buckets[first] == 0)
        first++;
    while (histogram->buckets[last] == 0)
        last--;
    return histogram->min_ns <= histogram->max_ns &&
           histogram_bucket_of(histogram->min_ns) == first &&
           histogram_bucket_of(histogram->max_ns) == last;
}

static void
check_operation(struct json *json, const struct result_operation *operation, uint64_t count,
                double mean_ns)
{
    const struct histogram *total = operation->total;
    uint64_t error_count = 0;

    for (uint32_t i = 0; i < operation->error_text_count; i++)
        error_count += operation->errors[i].count;
    if (error_count != operation->error_count)
        json_fail(json, "the errors of \"%s\" do not add up", operation->name);
    if (count != total->count)
        json_fail(json, "the count of \"%s\" is not that of its buckets", operation->name);
    if (!is_extremes_in_buckets(total))
        json_fail(json, "min and max of \"%s\" are not in its buckets", operation->name);
    /* Adding up very many of them rounds. */
    if (mean_ns < (double)total->min_ns * (1.0 - 1e-5) - 0.001 ||
        mean_ns > (double)total->max_ns * (1.0 + 1e-5) + 0.001)
        json_fail(json, "the mean of \"%s\" is not between min and max", operation->name);
}

static void
check_name(struct json *json, const struct result_run *run, const char *name)
{
    for (uint32_t i = 0; i + 1 < run->operation_count; i++) {
        if (strcmp(run->operations[i].name, name) == 0)
            json_fail(json, "operation \"%s\" comes twice", name);
    }
}

static void
read_operation(struct run_reader *reader, struct result_operation *operation)
{
    static const char *const names[] = {"name",       "count",       "errors",  "ops_per_s",
                                        "latency_ns", "error_texts", "seconds", "histogram"};
    struct json *json = reader->json;
    uint32_t seen = 0, second_count = 0;
    uint64_t count = 0;
    double mean_ns = 0.0;
    int member;

    json_open(json, '{');
    while ((member = json_member(json, names, COUNT_OF(names), &seen)) >= 0) {
        if (member == 0)
            json_string(json, operation->name, sizeof(operation->name));
        else if (member == 1)
            count = json_integer(json, JSON_INTEGER_MAX);
        else if (member == 2)
            operation->error_count = json_integer(json, JSON_INTEGER_MAX);
        else if (member == 3)
            (void)json_number(json, NUMBER_MAX);
        else if (member == 4)
            read_latency(json, operation->total, &mean_ns);
        else if (member == 5)
            read_error_texts(json, operation);
        else if (member == 6)
            second_count = read_seconds(json, operation);
        else
            read_histogram(json, operation->total);
    }
    if (json_has_failed(json))
        return;
    check_operation(json, operation, count, mean_ns);
    check_seconds(json, operation, second_count);
    check_name(json, reader->run, operation->name);
    operation->total->sum_ns = mean_ns * (double)count;
    if (reader->has_operation && second_count != reader->run->second_count)
        json_fail(json, "operations of one run have series of different lengths");
    reader->run->second_count = second_count;
    reader->has_operation = true;
}

static void
read_operations(struct run_reader *reader)
{
    uint32_t count = 0;

    json_open(reader->json, '[');
    while (json_element(reader->json, &count)) {
        struct result_operation *operation;

        if (count > RESULT_OPERATION_COUNT_MAX) {
            json_fail(reader->json, "a run has more than %d operations",
                      RESULT_OPERATION_COUNT_MAX);
            return;
        }
        operation = &reader->run->operations[reader->run->operation_count++];
        operation->total = kv_alloc_zero(sizeof(*operation->total));
        read_operation(reader, operation);
    }
}

static void
read_stalls(struct run_reader *reader)
{
    struct result_run *run = reader->run;
    uint32_t count = 0, capacity = 0;

    if (json_null(reader->json))
        return;
    run->is_stall_known = true;
    json_open(reader->json, '[');
    while (json_element(reader->json, &count)) {
        if (count > RESULT_SECOND_COUNT_MAX) {
            json_fail(reader->json, "a run has more than %d seconds", RESULT_SECOND_COUNT_MAX);
            return;
        }
        if (count > capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            run->stalls_us = kv_realloc(run->stalls_us, capacity * sizeof(run->stalls_us[0]));
        }
        run->stalls_us[count - 1] = (uint32_t)json_integer(reader->json, UINT32_MAX);
    }
    reader->stall_count = count;
}

static void
read_run_member(struct run_reader *reader, int member)
{
    struct json *json = reader->json;
    struct result_run *run = reader->run;

    if (member == 0)
        json_string(json, run->workload, sizeof(run->workload));
    else if (member == 1)
        run->start_unix_us = json_integer(json, JSON_INTEGER_MAX);
    else if (member == 2)
        reader->duration_ns = json_integer(json, JSON_INTEGER_MAX);
    else if (member == 3)
        run->target_rate = json_null(json) ? 0.0 : json_number(json, NUMBER_MAX);
    else if (member == 4)
        run->server_cpu_us = json_null(json) ? -1.0 : json_number(json, NUMBER_MAX);
    else if (member == 5)
        run->generator_late_ns = json_integer(json, JSON_INTEGER_MAX);
    else if (member == 6)
        run->read_count = json_integer(json, JSON_INTEGER_MAX);
    else if (member == 7)
        run->miss_count = json_integer(json, JSON_INTEGER_MAX);
    else if (member == 8 && !json_null(json))
        json_string(json, run->invalid, sizeof(run->invalid));
    else if (member == 9)
        read_stalls(reader);
    else if (member == 10)
        read_operations(reader);
}

static void
read_run(struct json *json, struct result *result)
{
    static const char *const names[] = {"workload",    "start_unix_us", "duration_ns",
                                        "target_rate", "server_cpu_us", "generator_late_ns",
                                        "reads",       "misses",        "invalid",
                                        "stalls_us",   "operations"};
    struct run_reader reader = {.json = json, .run = result_add_run(result, "", 0)};
    uint32_t seen = 0;
    int member;

    if (reader.run == NULL) {
        json_fail(json, "there are more than %d runs", RESULT_RUN_COUNT_MAX);
        return;
    }
    json_open(json, '{');
    while ((member = json_member(json, names, COUNT_OF(names), &seen)) >= 0)
        read_run_member(&reader, member);
    if (json_has_failed(json))
        return;
    if (reader.run->miss_count > reader.run->read_count)
        json_fail(json, "more reads missed than there were");
    if (reader.duration_ns == 0)
        json_fail(json, "a run took no time");
    else if ((double)result_run_count(reader.run) * 1e9 / (double)reader.duration_ns > RATE_MAX)
        json_fail(json, "a run has more operations than its time allows");
    if (!reader.has_operation)
        reader.run->second_count = reader.stall_count;
    if (reader.run->is_stall_known && reader.stall_count != reader.run->second_count)
        json_fail(json, "stalls and operations have series of different lengths");
    if (reader.run->stalls_us == NULL && reader.run->second_count > 0)
        reader.run->stalls_us =
            kv_alloc_zero(reader.run->second_count * sizeof(reader.run->stalls_us[0]));
    reader.run->duration_ns = reader.duration_ns;
}

static void
read_settings(struct json *json, struct result *result)
{
    uint32_t count = 0;
    char name[RESULT_TEXT_BYTES];

    json_open(json, '{');
    while (json_any_member(json, name, sizeof(name), &count)) {
        char value[RESULT_TEXT_BYTES];

        json_string(json, value, sizeof(value));
        if (count > RESULT_SETTING_COUNT_MAX)
            json_fail(json, "there are more than %d settings", RESULT_SETTING_COUNT_MAX);
        else if (result_setting(result, name) != NULL)
            json_fail(json, "setting \"%s\" comes twice", name);
        else
            result_set(result, name, "%s", value);
    }
}

static void
read_document(struct json *json, struct result *result)
{
    static const char *const names[] = {"format", "version", "program", "settings", "runs"};
    char text[RESULT_TEXT_BYTES];
    uint32_t seen = 0, count = 0;
    int member;

    json_open(json, '{');
    while ((member = json_member(json, names, COUNT_OF(names), &seen)) >= 0) {
        if (member == 0) {
            json_string(json, text, sizeof(text));
            if (strcmp(text, RESULT_FORMAT_NAME) != 0)
                json_fail(json, "this is no result of kvbench");
        } else if (member == 1) {
            if (json_integer(json, UINT32_MAX) != RESULT_FORMAT_VERSION)
                json_fail(json, "the version is not %d", RESULT_FORMAT_VERSION);
        } else if (member == 2) {
            json_string(json, text, sizeof(text));
        } else if (member == 3) {
            read_settings(json, result);
        } else {
            json_open(json, '[');
            while (json_element(json, &count))
                read_run(json, result);
        }
    }
    json_end(json);
}

enum kv_status
result_parse(struct slice text, const char *name, struct result *result)
{
    struct json json;

    *result = (struct result){0};
    json_init(&json, text, name);
    if (text.size > RESULT_BYTES_MAX)
        json_fail(&json, "it is larger than %d bytes", RESULT_BYTES_MAX);
    read_document(&json, result);
    if (!json_has_failed(&json))
        return KV_OK;
    result_deinit(result);
    return KV_CORRUPT;
}

enum kv_status
result_read(const char *path, struct result *result)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    void *bytes = NULL;
    size_t size = 0;
    enum kv_status st;

    *result = (struct result){0};
    if (fd < 0)
        return KV_FAIL(kv_status_from_errno(-errno), "cannot open %s: %s", path, strerror(errno));
    if (fstat(fd, &stat) == 0 && stat.st_size > 0) {
        size = (size_t)stat.st_size;
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (bytes == MAP_FAILED)
        st = KV_FAIL(KV_IO, "cannot read %s: %s", path, strerror(errno));
    else
        st = result_parse(slice_of(bytes, size), path, result);
    if (bytes != NULL && bytes != MAP_FAILED)
        (void)munmap(bytes, size);
    (void)close(fd);
    return st;
}
