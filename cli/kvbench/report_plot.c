/* report_plot.c - three panels for each run: throughput over time, latencies over time, and how
 * latencies are distributed.
 *
 * A panel is a few hundred pixels wide, so a long series is drawn in steps of several seconds:
 * rates and medians as means, p99 and maximum as the worst second of the step, for a spike must not
 * be averaged away.
 */
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/kvbench/plot_panel.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/report_text.h"

enum {
    PLOT_RUN_COUNT_MAX = 12,
    PLOT_POINT_COUNT_MAX = 700,
    PLOT_DETAIL_OPERATION_COUNT = 4, /* more of them are drawn with their p99 only */
    PLOT_WIDTH = 1000,
    PANEL_LEFT = 76,
    PANEL_WIDTH = 720,
    PANEL_HEIGHT = 220,
    PANEL_PITCH = 310,
    HEADING_HEIGHT = 76,
    RUN_HEIGHT = HEADING_HEIGHT + 3 * PANEL_PITCH,
    CLASS_BYTES = 16,
    NAME_BYTES = RESULT_TEXT_BYTES + 16,
    LEGEND_NAME_BYTES_MAX = 18, /* what there is room for */
};

static void
class_of(char class[CLASS_BYTES], uint32_t operation, const char *style)
{
    const bool is_second_round = operation >= SVG_COLOUR_COUNT && style[0] == '\0';

    (void)snprintf(class, CLASS_BYTES, "c%u %s", operation % SVG_COLOUR_COUNT,
                   is_second_round ? "thin" : style);
}

/* Long names are cut, whole characters each. */
static void
legend_name(char name[NAME_BYTES], const char *operation, const char *what)
{
    const size_t room = LEGEND_NAME_BYTES_MAX - strlen(what);
    size_t size = strlen(operation);
    const bool is_cut = size > room;

    if (is_cut) {
        for (size = room - 1; size > 0 && ((uint8_t)operation[size] & 0xc0) == 0x80;)
            size--;
    }
    (void)snprintf(name, NAME_BYTES, "%.*s%s%s%s", (int)size, operation,
                   is_cut ? "\xe2\x80\xa6" : "", what[0] == '\0' ? "" : " ", what);
}

static uint32_t
step_of(const struct result_run *run)
{
    return (run->second_count + PLOT_POINT_COUNT_MAX - 1) / PLOT_POINT_COUNT_MAX;
}

/* The seconds from `first` on as one, with count and p50 as means over seconds that had any. */
static struct result_second
step_at(const struct result_run *run, const struct result_second *seconds, uint32_t first)
{
    struct result_second sum = {0};
    uint32_t count = 0, busy_count = 0;

    for (uint32_t i = first; i < run->second_count && count < step_of(run); i++, count++) {
        sum.count += seconds[i].count;
        sum.p50_ns += seconds[i].p50_ns;
        busy_count += seconds[i].count > 0;
        if (seconds[i].p99_ns > sum.p99_ns)
            sum.p99_ns = seconds[i].p99_ns;
        if (seconds[i].max_ns > sum.max_ns)
            sum.max_ns = seconds[i].max_ns;
    }
    KV_ASSERT(count > 0);
    sum.count /= count;
    if (busy_count > 0)
        sum.p50_ns /= busy_count;
    return sum;
}

/* All operations together; the caller frees it. */
static struct result_second *
seconds_of_all(const struct result_run *run)
{
    struct result_second *all = kv_alloc_zero(run->second_count * sizeof(all[0]));

    for (uint32_t i = 0; i < run->operation_count; i++) {
        for (uint32_t j = 0; j < run->second_count; j++)
            all[j].count += run->operations[i].seconds[j].count;
    }
    return all;
}

static void
draw_stalls(struct panel *panel, const struct result_run *run)
{
    bool has_stall = false;

    for (uint32_t i = 0; run->is_stall_known && i < run->second_count; i++) {
        if (run->stalls_us[i] == 0)
            continue;
        panel_draw_band(panel, "stall", i, i + 1.0);
        has_stall = true;
    }
    if (has_stall)
        panel_add_legend_area(panel, "stall", "server stalled");
}

static void
draw_rate(struct panel *panel, const struct result_run *run, const struct result_second *seconds,
          const char *class, const char *name)
{
    char legend[NAME_BYTES];
    struct svg_path path;

    legend_name(legend, name, "");
    path = panel_begin_line(panel, class, legend);
    for (uint32_t i = 0; i < run->second_count; i += step_of(run))
        panel_add_point(panel, &path, i + 0.5 * step_of(run),
                        (double)step_at(run, seconds, i).count);
    panel_end_line(panel, &path);
}

static void
x_title_of(char text[NAME_BYTES], const struct result_run *run, const char *unit)
{
    if (step_of(run) > 1)
        (void)snprintf(text, NAME_BYTES, "time, %s (a point is %u s)", unit, step_of(run));
    else
        (void)snprintf(text, NAME_BYTES, "time, %s", unit);
}

static void
plot_throughput(struct buffer *svg, const struct result_run *run, double top)
{
    struct panel panel = {.svg = svg};
    struct result_second *all = seconds_of_all(run);
    char class[CLASS_BYTES], x_title[NAME_BYTES];
    const char *unit;
    uint64_t high = 1;

    for (uint32_t i = 0; i < run->second_count; i += step_of(run)) {
        const uint64_t count = step_at(run, all, i).count;

        high = count > high ? count : high;
    }
    axis_init_time(&panel.x, run->second_count, &unit);
    axis_init_count(&panel.y, (double)high);
    panel_place(&panel, PANEL_LEFT, top, PANEL_WIDTH, PANEL_HEIGHT);
    x_title_of(x_title, run, unit);
    panel_draw(&panel, "Throughput, operations a second", x_title);
    draw_stalls(&panel, run);
    if (run->operation_count > 1)
        draw_rate(&panel, run, all, "all", "all");
    for (uint32_t i = 0; i < run->operation_count; i++) {
        class_of(class, i, "");
        draw_rate(&panel, run, run->operations[i].seconds, class, run->operations[i].name);
    }
    free(all);
}

enum latency { LATENCY_P50, LATENCY_P99, LATENCY_MAX, LATENCY_COUNT };

static uint64_t
latency_of(const struct result_second *second, enum latency latency)
{
    KV_ASSERT(latency < LATENCY_COUNT);
    return latency == LATENCY_P50   ? second->p50_ns
           : latency == LATENCY_P99 ? second->p99_ns
                                    : second->max_ns;
}

static void
draw_latency(struct panel *panel, const struct result_run *run, uint32_t operation,
             enum latency latency)
{
    static const char *const names[] = {"p50", "p99", "max"};
    static const char *const styles[] = {"thin", "", "dotted"};
    const struct result_second *seconds = run->operations[operation].seconds;
    char class[CLASS_BYTES], legend[NAME_BYTES];
    struct svg_path path;

    class_of(class, operation, styles[latency]);
    legend_name(legend, run->operations[operation].name, names[latency]);
    path = panel_begin_line(panel, class, legend);
    for (uint32_t i = 0; i < run->second_count; i += step_of(run)) {
        const struct result_second step = step_at(run, seconds, i);

        if (step.max_ns == 0)
            svg_path_gap(&path);
        else
            panel_add_point(panel, &path, i + 0.5 * step_of(run),
                            (double)latency_of(&step, latency));
    }
    panel_end_line(panel, &path);
}

static void
plot_latency(struct buffer *svg, const struct result_run *run, double top)
{
    const bool is_detailed = run->operation_count <= PLOT_DETAIL_OPERATION_COUNT;
    struct panel panel = {.svg = svg};
    uint64_t low_ns = HISTOGRAM_NS_MAX, high_ns = 1;
    char x_title[NAME_BYTES];
    const char *unit;

    for (uint32_t i = 0; i < run->operation_count; i++) {
        for (uint32_t j = 0; j < run->second_count; j++) {
            const struct result_second *second = &run->operations[i].seconds[j];
            const uint64_t low = is_detailed ? second->p50_ns : second->p99_ns;
            const uint64_t high = is_detailed ? second->max_ns : second->p99_ns;

            low_ns = second->count > 0 && low < low_ns ? low : low_ns;
            high_ns = high > high_ns ? high : high_ns;
        }
    }
    axis_init_time(&panel.x, run->second_count, &unit);
    axis_init_latency(&panel.y, (double)low_ns, (double)high_ns);
    panel_place(&panel, PANEL_LEFT, top, PANEL_WIDTH, PANEL_HEIGHT);
    x_title_of(x_title, run, unit);
    panel_draw(&panel, "Latency of each second", x_title);
    draw_stalls(&panel, run);
    for (uint32_t i = 0; i < run->operation_count; i++) {
        for (int latency = LATENCY_P50; latency < LATENCY_COUNT; latency++) {
            if (is_detailed || latency == LATENCY_P99)
                draw_latency(&panel, run, i, (enum latency)latency);
        }
    }
}

static void
draw_curve(struct panel *panel, const struct result_operation *operation, const char *class)
{
    enum { POINT_COUNT = 250 };
    const double end = 100.0 * (1.0 - 1.0 / (double)operation->total->count);
    char legend[NAME_BYTES];
    struct svg_path path;

    legend_name(legend, operation->name, "");
    path = panel_begin_line(panel, class, legend);
    for (int i = 0; i <= POINT_COUNT; i++) {
        const double percent = axis_percentile_at(&panel->x, (double)i / POINT_COUNT);

        if (i == 0 || percent <= end)
            panel_add_point(panel, &path, percent,
                            (double)histogram_percentile_ns(operation->total, percent));
    }
    panel_end_line(panel, &path);
}

static void
plot_curve(struct buffer *svg, const struct result_run *run, double top)
{
    struct panel panel = {.svg = svg};
    uint64_t low_ns = HISTOGRAM_NS_MAX, high_ns = 1, count = 1;
    char class[CLASS_BYTES];

    for (uint32_t i = 0; i < run->operation_count; i++) {
        const struct histogram *total = run->operations[i].total;

        if (total->count == 0)
            continue;
        low_ns = total->min_ns < low_ns ? total->min_ns : low_ns;
        high_ns = total->max_ns > high_ns ? total->max_ns : high_ns;
        count = total->count > count ? total->count : count;
    }
    axis_init_percentile(&panel.x, (double)count);
    axis_init_latency(&panel.y, (double)low_ns, (double)high_ns);
    panel_place(&panel, PANEL_LEFT, top, PANEL_WIDTH, PANEL_HEIGHT);
    panel_draw(&panel, "Latency by percentile", "share of operations that were at least as fast");
    for (uint32_t i = 0; i < run->operation_count; i++) {
        class_of(class, i, "");
        if (run->operations[i].total->count > 0)
            draw_curve(&panel, &run->operations[i], class);
    }
}

/* Among the runs of its workload, from 1. */
static uint32_t
run_number(const struct result *result, const struct result_run *run)
{
    uint32_t number = 1;

    for (uint32_t i = 0; i < result->run_count && result->runs[i] != run; i++)
        number += strcmp(result->runs[i]->workload, run->workload) == 0;
    return number;
}

static void
plot_heading(struct buffer *svg, const struct result *result, const struct result_run *run,
             double top)
{
    const char *target = result_setting(result, "target");
    const uint32_t number = run_number(result, run);
    const time_t start = (time_t)(run->start_unix_us / 1000000);
    char heading[2 * RESULT_TEXT_BYTES + 8], note[256], moment[32] = "", count[REPORT_NUMBER_BYTES],
                                                        rate[REPORT_NUMBER_BYTES];
    struct tm utc;

    (void)snprintf(heading, sizeof(heading), "%s%s%s", run->workload, target == NULL ? "" : ", ",
                   target == NULL ? "" : target);
    if (gmtime_r(&start, &utc) != NULL)
        (void)strftime(moment, sizeof(moment), "%Y-%m-%d %H:%M UTC", &utc);
    (void)snprintf(note, sizeof(note), "run %u, %s: %s operations in %.2f s, %s a second", number,
                   moment, report_count((double)result_run_count(run), count),
                   (double)run->duration_ns / 1e9,
                   report_count(result_run_rate(run, result_run_count(run)), rate));
    svg_text(svg, "heading", SVG_START, PANEL_LEFT, top + 32.0, heading);
    svg_text(svg, "note", SVG_START, PANEL_LEFT, top + 52.0, note);
    if (run->invalid[0] != '\0') {
        (void)snprintf(heading, sizeof(heading), "not valid: %s", run->invalid);
        svg_text(svg, "warning", SVG_START, PANEL_LEFT, top + 70.0, heading);
    }
}

static void
plot_run(struct buffer *svg, const struct result *result, const struct result_run *run, double top)
{
    plot_heading(svg, result, run, top);
    top += HEADING_HEIGHT + 20.0;
    if (run->second_count > 0) {
        plot_throughput(svg, run, top);
        plot_latency(svg, run, top + PANEL_PITCH);
    } else {
        svg_text(svg, "note", SVG_START, PANEL_LEFT, top + 20.0,
                 "The run was shorter than a second: there is nothing over time.");
    }
    plot_curve(svg, run, top + (run->second_count > 0 ? 2 * PANEL_PITCH : 80.0));
}

static double
height_of(const struct result_run *run)
{
    return run->second_count > 0 ? RUN_HEIGHT : HEADING_HEIGHT + 80.0 + PANEL_PITCH;
}

enum kv_status
report_plot(FILE *target, const struct result *result)
{
    const uint32_t count =
        result->run_count < PLOT_RUN_COUNT_MAX ? result->run_count : PLOT_RUN_COUNT_MAX;
    struct buffer svg = {0};
    double height = result->run_count > count ? 60.0 : 20.0, top = 0.0;
    char remark[NAME_BYTES];
    enum kv_status st;

    for (uint32_t i = 0; i < count; i++)
        height += height_of(result->runs[i]);
    svg_begin(&svg, PLOT_WIDTH, height);
    for (uint32_t i = 0; i < count; i++) {
        plot_run(&svg, result, result->runs[i], top);
        top += height_of(result->runs[i]);
    }
    if (result->run_count > count) {
        (void)snprintf(remark, sizeof(remark), "%u more runs are not drawn.",
                       result->run_count - count);
        svg_text(&svg, "note", SVG_START, PANEL_LEFT, top + 30.0, remark);
    }
    svg_end(&svg);
    st = report_write(target, &svg);
    buffer_deinit(&svg);
    return st;
}
