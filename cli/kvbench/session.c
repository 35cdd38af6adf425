/* session.c - opens what a session needs, notes the settings, writes the reports. */
#include "cli/kvbench/session.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/kvbench/report.h"

static enum exit_code
open_seconds(struct session *session)
{
    const char *path = session->options->seconds_path;

    if (path == NULL)
        return EXIT_OK;
    session->seconds_file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (session->seconds_file != NULL)
        return EXIT_OK;
    complain("%s: %s", path, strerror(errno));
    return EXIT_IO;
}

static enum exit_code
open_ledger(struct session *session)
{
    const struct bench_options *options = session->options;
    struct journal_head *head = &session->head;

    *head = (struct journal_head){
        .run_tag = payload_new_run_tag(),
        .key_count = session->key_limit,
        .digits = (uint8_t)bench_options_key_digits(options),
    };
    memcpy(head->prefix, options->key_prefix, strlen(options->key_prefix) + 1);
    if (options->journal_path != NULL) {
        const enum kv_status st =
            journal_open(&session->journal, options->journal_path, head, &session->ledger);

        session->has_journal = st == KV_OK;
        return exit_code_of(st);
    }
    if (session->key_limit <= LEDGER_KEY_COUNT_MAX &&
        ledger_init(&session->ledger, session->key_limit, head->run_tag))
        return EXIT_OK;
    complain("there is no memory to verify so many keys");
    return EXIT_USAGE;
}

static void
note_settings(struct session *session)
{
    const struct bench_options *options = session->options;
    struct result *result = &session->result;

    if (options->label != NULL)
        result_set(result, "target", "%s", options->label);
    if (options->socket_path != NULL)
        result_set(result, "server", "%s", options->socket_path);
    else
        result_set(result, "server", "%s:%llu", options->host, (unsigned long long)options->port);
    result_set(result, "connections", "%llu", (unsigned long long)options->connection_count);
    result_set(result, "pipeline", "%llu", (unsigned long long)options->depth);
    result_set(result, "keys", "%llu", (unsigned long long)options->key_count);
    result_set(result, "key size", "%llu", (unsigned long long)options->key_bytes);
    result_set(result, "data size", "%s", options->sizes_text);
    result_set(result, "compressibility", "%g", options->compressibility);
    if (options->has_distribution)
        result_set(result, "distribution", "%s", distribution_name(options->keys.distribution));
    if (options->rate > 0)
        result_set(result, "rate", "%g, %s", options->rate,
                   options->is_poisson ? "poisson" : "even");
    if (options->ttl_s > 0)
        result_set(result, "ttl", "%llu s, share %g", (unsigned long long)options->ttl_s,
                   options->ttl_share);
    if (options->command != NULL)
        result_set(result, "command", "%s", options->command);
    result_set(result, "seed", "%llu", (unsigned long long)options->seed);
}

enum exit_code
session_open(struct session *session, const struct bench_options *options)
{
    enum exit_code code;

    *session = (struct session){
        .options = options,
        .key_end = options->key_count,
        .key_limit = 2 * options->key_count,
        .insert_next = options->key_count,
        .journal = {.fd = -1},
    };
    random_init(&session->random, options->seed);
    filler_init(&session->filler, options->seed, options->compressibility);
    progress_init(&session->progress, stderr);
    if (options->is_quiet)
        session->progress.is_terminal = false;
    note_settings(session);
    code = open_seconds(session);
    if (code == EXIT_OK && options->is_verifying)
        code = open_ledger(session);
    return code;
}

FILE *
session_tables(const struct session *session)
{
    const struct bench_options *options = session->options;
    const char *const paths[] = {options->json_path, options->csv_path, options->plot_path,
                                 options->seconds_path};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] != NULL && strcmp(paths[i], "-") == 0)
            return stderr;
    }
    return stdout;
}

typedef enum kv_status report_fn(FILE *target, const struct result *result);

static enum exit_code
write_file(struct session *session, const char *path, report_fn *report)
{
    FILE *file;
    enum kv_status st;

    if (path == NULL)
        return EXIT_OK;
    file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (file == NULL) {
        complain("%s: %s", path, strerror(errno));
        return EXIT_IO;
    }
    st = report(file, &session->result);
    if (file == stdout ? fflush(file) != 0 : fclose(file) != 0) {
        complain("%s: %s", path, strerror(errno));
        return EXIT_IO;
    }
    return exit_code_of(st);
}

enum exit_code
session_report(struct session *session)
{
    const struct bench_options *options = session->options;
    const struct {
        const char *path;
        report_fn *report;
    } files[] = {
        {options->json_path, report_json},
        {options->csv_path, report_csv},
        {options->plot_path, report_plot},
    };
    enum exit_code code =
        exit_code_of(report_table_repeats(session_tables(session), &session->result));

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        const enum exit_code one = write_file(session, files[i].path, files[i].report);

        code = code == EXIT_OK ? one : code;
    }
    return code;
}

enum exit_code
session_close(struct session *session)
{
    enum exit_code code = EXIT_OK;

    if (session->has_journal)
        code = exit_code_of(journal_close(&session->journal));
    ledger_deinit(&session->ledger);
    if (session->seconds_file != NULL && session->seconds_file != stdout) {
        const bool has_failed = ferror(session->seconds_file) != 0; /* and was told */

        if (fclose(session->seconds_file) != 0 && !has_failed) {
            complain("%s: %s", session->options->seconds_path, strerror(errno));
            code = EXIT_IO;
        }
        if (has_failed)
            code = EXIT_IO;
    }
    filler_deinit(&session->filler);
    result_deinit(&session->result);
    return code;
}
