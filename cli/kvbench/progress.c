/* progress.c - one line, rewritten once a second. */
#include "cli/kvbench/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/kvbench/report_text.h"

enum { NS_PER_S = 1000000000 };

void
progress_init(struct progress *progress, FILE *target)
{
    *progress = (struct progress){.target = target, .is_terminal = isatty(fileno(target)) == 1};
}

/* A line that is wider than the terminal could not be rewritten. */
static size_t
columns_of(const struct progress *progress)
{
    struct winsize size = {0};

    if (ioctl(fileno(progress->target), TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
        return 79;
    return (size_t)size.ws_col - 1;
}

/* What all operations together did in the last second that ended; the p99 of the worst. */
static struct result_second
last_second(const struct result_run *run)
{
    struct result_second sum = {0};

    for (uint32_t i = 0; i < run->operation_count; i++) {
        const struct result_second *second = &run->operations[i].seconds[run->second_count - 1];

        sum.count += second->count;
        sum.error_count += second->error_count;
        if (second->p99_ns > sum.p99_ns)
            sum.p99_ns = second->p99_ns;
        if (second->max_ns > sum.max_ns)
            sum.max_ns = second->max_ns;
    }
    return sum;
}

static void
append_share(struct buffer *line, const struct result_run *run, uint64_t total_ns,
             uint64_t total_count)
{
    const double elapsed_s = (double)(run->second_end_ns - NS_PER_S) / NS_PER_S;

    buffer_append_format(line, "%s %.0f s", run->workload, elapsed_s);
    if (total_ns > 0)
        buffer_append_format(line, " of %.0f", (double)total_ns / NS_PER_S);
    else if (total_count > 0)
        buffer_append_format(line, " %.0f%%",
                             100.0 * (double)result_run_count(run) / (double)total_count);
}

void
progress_show(struct progress *progress, const struct result_run *run, uint64_t total_ns,
              uint64_t total_count, const char *note)
{
    struct result_second second;
    struct buffer line = {0};
    char number[REPORT_NUMBER_BYTES];

    if (!progress->is_terminal || run->second_count == 0)
        return;
    second = last_second(run);
    append_share(&line, run, total_ns, total_count);
    buffer_append_format(&line, " | %s ops/s", report_count((double)second.count, number));
    buffer_append_format(&line, " | p99 %s", report_ns((double)second.p99_ns, number));
    buffer_append_format(&line, ", max %s", report_ns((double)second.max_ns, number));
    if (result_run_error_count(run) > 0)
        buffer_append_format(&line, " | %s errors",
                             report_count((double)result_run_error_count(run), number));
    if (run->stalls_us[run->second_count - 1] > 0)
        buffer_append_format(
            &line, " | stalled %s",
            report_ns((double)run->stalls_us[run->second_count - 1] * 1000.0, number));
    if (note != NULL)
        buffer_append_format(&line, " | %s", note);
    if (line.size > columns_of(progress))
        line.size = columns_of(progress);
    /* Carriage return, the line, erase what is left of the one before. */
    (void)fprintf(progress->target, "\r%.*s\033[K", (int)line.size, (const char *)line.data);
    (void)fflush(progress->target);
    progress->is_shown = true;
    buffer_deinit(&line);
}

void
progress_clear(struct progress *progress)
{
    if (progress->is_shown) {
        (void)fputs("\r\033[K", progress->target);
        (void)fflush(progress->target);
    }
    progress->is_shown = false;
}
