/* log.h - one line of text at a level, to standard error or to a test.
 *
 * The levels are Redis's.  Each line starts with "<N>", the journal's priority, when standard
 * error is connected to the journal (log_use_journal_prefix), else with a time stamp.
 * The process has one log: the only state in lib/ that is global and means something (the zstd
 * contexts of sst/compression.c are global too, but only as scratch memory).
 */
#ifndef KV_BASE_LOG_H
#define KV_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_VERBOSE,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
};

typedef void log_sink_fn(void *owner, enum log_level level, const char *line);

/* Formats one line of at most 1,000 bytes; a level below the current one costs a compare. */
void kv_log(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "debug", "verbose", "notice", "warning"; false if the name is none of them. */
bool log_level_parse(const char *name, enum log_level *level_out);
const char *log_level_name(enum log_level level);
/* A name in front of every line: "kvd", "kvd-worker".  Borrowed for ever. */
void log_set_program(const char *name);
void log_use_journal_prefix(bool use);
/* Tests capture lines here; NULL goes back to standard error. */
void log_set_sink(log_sink_fn *sink, void *owner);

#endif
