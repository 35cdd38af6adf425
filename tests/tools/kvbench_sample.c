/* kvbench_sample.c - what kvbench would write, of made-up measurements: for looking at the reports
 * and for tests of them.
 *
 *     kvbench_sample DIRECTORY SEED SECONDS REPEATS SLOWNESS
 *
 * writes DIRECTORY/sample.json, .csv, .jsonl, .svg and .txt.  SLOWNESS is the factor of all
 * latencies; SECONDS may have a fraction.
 */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "cli/kvbench/report.h"

static const double pi = 3.14159265358979323846;

/* Of (0, 1]. */
static double
draw_share(struct random *random)
{
    return ((double)(random_next(random) >> 11) + 1.0) / 9007199254740992.0;
}

static double
draw_normal(struct random *random)
{
    return sqrt(-2.0 * log(draw_share(random))) * cos(2.0 * pi * draw_share(random));
}

static void
sample_second(struct result_run *run, struct random *random, double slowness, uint32_t second)
{
    const uint32_t get = result_run_operation(run, "get"), set = result_run_operation(run, "set");
    const double wave = 1.0 + 0.2 * sin(second / 7.0);
    const bool is_stalled = second % 23 == 11;
    const uint64_t count = (uint64_t)(20000.0 / wave / slowness * (is_stalled ? 0.3 : 1.0));

    for (uint64_t i = 0; i < count; i++) {
        const bool is_get = random_below(random, 2) == 0;
        double ns = (is_get ? 80e3 : 250e3) * slowness * wave * exp(0.35 * draw_normal(random));

        if (random_below(random, 1000) == 0)
            ns *= 20.0;
        if (is_stalled && random_below(random, 50) == 0)
            ns += 4e8 * draw_share(random);
        result_run_record(run, is_get ? get : set, (uint64_t)ns);
    }
    if (is_stalled) {
        result_run_record_error(run, set,
                                slice_from_text("-BUSY <stalled> & \"waiting\", try later"));
        result_run_note_stall(run, 400000);
    } else {
        result_run_note_stall(run, 0);
    }
}

static void
sample_run(struct result *result, struct random *random, double seconds, double slowness)
{
    struct result_run *run = result_add_run(result, "ycsb-a", UINT64_C(1795379756514055));
    uint32_t second = 0;

    slowness *= exp(0.03 * draw_normal(random));
    for (; second + 1.0 <= seconds; second++) {
        sample_second(run, random, slowness, second);
        (void)result_run_advance(run, (second + UINT64_C(1)) * 1000000000);
    }
    if (seconds > second)
        sample_second(run, random, slowness, second);
    result_run_end(run, (uint64_t)(seconds * 1e9));
    run->server_cpu_us = (double)result_run_count(run) * 11.5;
}

static int
write_report(const char *directory, const char *name,
             enum kv_status (*report)(FILE *, const struct result *), const struct result *result)
{
    char path[1000];
    FILE *file;
    enum kv_status st;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    if (file == NULL)
        return 1;
    st = report(file, result);
    return fclose(file) != 0 || st != KV_OK;
}

static enum kv_status
seconds_of_runs(FILE *target, const struct result *result)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; st == KV_OK && i < result->run_count; i++)
        st = report_seconds(target, result->runs[i], 0);
    return st;
}

int
main(int argc, char **argv)
{
    struct result result = {0};
    struct random random;
    int failed = 0;

    if (argc != 6)
        return 2;
    random_init(&random, strtoull(argv[2], NULL, 10));
    result_set(&result, "target", "sample");
    result_set(&result, "seed", "%s", argv[2]);
    result_set(&result, "command", "SET <key> \"%s\" & \xc3\xa4", "value");
    for (int i = 0; i < atoi(argv[4]); i++)
        sample_run(&result, &random, atof(argv[3]), atof(argv[5]));
    failed |= write_report(argv[1], "sample.json", report_json, &result);
    failed |= write_report(argv[1], "sample.csv", report_csv, &result);
    failed |= write_report(argv[1], "sample.jsonl", seconds_of_runs, &result);
    failed |= write_report(argv[1], "sample.svg", report_plot, &result);
    failed |= write_report(argv[1], "sample.txt", report_table, &result);
    result_deinit(&result);
    return failed;
}
