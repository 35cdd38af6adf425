/* main.c - kvbench: the story of the process.
 *
 *     options -> session -> target -> for each repetition, for each workload: run, table
 *     -> files -> exit code
 *
 * `compare` and `check` look at what earlier runs have left, and are programs of their own.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "cli/kvbench/check.h"
#include "cli/kvbench/compare.h"
#include "cli/kvbench/engine_target.h"
#include "cli/kvbench/report.h"
#include "cli/kvbench/session.h"
#include "cli/kvbench/target.h"

static volatile bool interrupted;

static void
on_signal(int number)
{
    (void)number;
    interrupted = true;
}

/* The first one ends the run, the second one kvbench. */
static void
catch_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static enum exit_code
judge(const struct session *session, const struct result_run *run)
{
    if (session->fault_count > 0)
        return EXIT_DAMAGE;
    if (result_run_error_count(run) > 0)
        return EXIT_SERVER_ERROR;
    return run->invalid[0] != '\0' ? EXIT_NOT_VALID : EXIT_OK;
}

static enum exit_code
run_workload(struct session *session, struct target *target, const struct workload *workload)
{
    struct run *run = run_new(session, workload);
    uint64_t cpu_before = 0, cpu_after = 0;
    bool is_cpu_known = target->class->cpu_ns(target, &cpu_before);
    enum exit_code code = target->class->drive(target, run, &interrupted);

    is_cpu_known = is_cpu_known && target->class->cpu_ns(target, &cpu_after);
    run_finish(run, is_cpu_known ? (double)(cpu_after - cpu_before) / 1e3 : -1);
    if (report_table_run(session_tables(session), run_result(run)) != KV_OK)
        code = EXIT_IO;
    run_print_notes(run, session_tables(session));
    if (code == EXIT_OK)
        code = judge(session, run_result(run));
    run_free(run);
    return code;
}

/* Errors in one workload do not keep the next from running; the first one is what is told. */
static enum exit_code
run_all(struct session *session, struct target *target)
{
    const struct bench_options *options = session->options;
    enum exit_code code = EXIT_OK;

    for (uint64_t round = 0; round < options->repeat_count; round++) {
        for (uint32_t i = 0; i < options->workload_count; i++) {
            const enum exit_code one = run_workload(session, target, options->workloads[i]);

            if (code == EXIT_OK)
                code = one;
            if (interrupted)
                return EXIT_INTERRUPTED;
            if (one == EXIT_NO_CONNECTION || one == EXIT_IO)
                return one;
        }
    }
    return code;
}

static enum exit_code
load(const struct bench_options *options)
{
    const struct target_class *class =
        options->engine_dir == NULL ? &network_target : &engine_target;
    struct session session;
    struct target *target = NULL;
    enum exit_code code = session_open(&session, options), reported;

    if (code == EXIT_OK)
        code = class->open(options, &target);
    if (code == EXIT_OK) {
        catch_signals();
        /* An open loop wakes up when it must, not 50 us later. */
        (void)prctl(PR_SET_TIMERSLACK, 1);
        (void)fprintf(stderr, "seed=%llu\n", (unsigned long long)options->seed);
        code = run_all(&session, target);
        reported = session_report(&session);
        code = code == EXIT_OK ? reported : code;
    }
    class->close(target);
    reported = session_close(&session);
    return code == EXIT_OK ? reported : code;
}

static enum exit_code
compare(int argc, char **argv)
{
    if (argc >= 2)
        return exit_code_of(compare_files(stdout, argv, (uint32_t)argc));
    complain("compare wants two results or more, as --json writes them");
    return EXIT_USAGE;
}

static enum exit_code
check(const struct bench_options *options, const char *journal_path)
{
    const struct check_target server = {
        .socket_path = options->socket_path,
        .host = options->host,
        .password = options->password,
        .timeout_ms = (uint32_t)(options->timeout_ns / 1000000),
        .db_index = (uint32_t)options->db_index,
        .port = (uint16_t)options->port,
    };
    struct check_report report;

    switch (check_run(stdout, journal_path, &server, &report)) {
    case KV_OK:
        return EXIT_OK;
    case KV_CORRUPT:
        return EXIT_DAMAGE;
    case KV_NO_FILE:
        return EXIT_NO_INPUT;
    case KV_BUSY:
        return EXIT_NO_CONNECTION;
    case KV_INVALID:
        return EXIT_SERVER_ERROR;
    default:
        return EXIT_IO;
    }
}

/* All that the command line may ask for but `compare`; `rest` are its words that are no options. */
static enum exit_code
run_or_check(const struct bench_options *options, bool is_check, char **rest, int rest_count)
{
    if (is_check && rest_count == 1)
        return check(options, rest[0]);
    if (!is_check && rest_count == 0)
        return load(options);
    complain(is_check ? "check wants one journal" : "what is %s? See kvbench --help", rest[0]);
    return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    const bool is_check = argc > 1 && strcmp(argv[1], "check") == 0;
    struct bench_options options;
    enum exit_code code = EXIT_OK;
    int rest_at = argc;

    complain_as("kvbench");
    complain_for_lib();
    if (argc > 1 && strcmp(argv[1], "compare") == 0)
        return (int)compare(argc - 2, argv + 2);
    argc -= is_check;
    argv += is_check;
    switch (bench_options_read(argc, argv, &options, &rest_at)) {
    case BENCH_OPTIONS_HELP:
        bench_options_print_help();
        break;
    case BENCH_OPTIONS_VERSION:
        (void)printf("kvbench %s\n", KV_VERSION);
        break;
    case BENCH_OPTIONS_RUN:
        code = run_or_check(&options, is_check, argv + rest_at, argc - rest_at);
        break;
    default:
        code = EXIT_USAGE;
        break;
    }
    bench_options_deinit(&options);
    return (int)code;
}
