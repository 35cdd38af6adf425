#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    enum log_level level;
    bool journal_prefix;
    const char *program;
    log_sink_fn *sink;
    void *sink_owner;
} kv_log_state = {.level = LOG_LEVEL_NOTICE, .program = ""};

static const char *const level_names[] = {"debug", "verbose", "notice", "warning"};

/* syslog(3): 7 debug, 6 info, 5 notice, 4 warning */
static const int level_priorities[] = {7, 6, 5, 4};

static size_t
write_prefix(char *line, size_t size, enum log_level level)
{
    struct timespec now;
    struct tm local;
    char stamp[40];
    int used;

    if (kv_log_state.journal_prefix) {
        used = snprintf(line, size, "<%d>", level_priorities[level]);
    } else {
        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &local);
        strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &local);
        used = snprintf(line, size, "%s.%03ld %s[%d] %s: ", stamp, now.tv_nsec / 1000000,
                        kv_log_state.program, (int)getpid(), level_names[level]);
    }
    return used > 0 ? (size_t)used : 0;
}

void
kv_log(enum log_level level, const char *format, ...)
{
    char line[1100];
    size_t used = 0;
    va_list args;
    int added;

    if (level < kv_log_state.level)
        return;
    if (kv_log_state.sink == NULL)
        used = write_prefix(line, 100, level);
    va_start(args, format);
    added = vsnprintf(line + used, 1000, format, args);
    va_end(args);
    if (added < 0)
        return;
    used += (size_t)added < 999 ? (size_t)added : 999;
    if (kv_log_state.sink != NULL) {
        kv_log_state.sink(kv_log_state.sink_owner, level, line);
        return;
    }
    line[used++] = '\n';
    /* One write a line, so that lines of two processes do not mix; a full pipe loses the line. */
    if (write(STDERR_FILENO, line, used) < 0)
        return;
}

void
log_set_level(enum log_level level)
{
    kv_log_state.level = level;
}

enum log_level
log_get_level(void)
{
    return kv_log_state.level;
}

bool
log_level_parse(const char *name, enum log_level *level_out)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level_out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *
log_level_name(enum log_level level)
{
    return level_names[level];
}

void
log_set_program(const char *name)
{
    kv_log_state.program = name;
}

void
log_use_journal_prefix(bool use)
{
    kv_log_state.journal_prefix = use;
}

void
log_set_sink(log_sink_fn *sink, void *owner)
{
    kv_log_state.sink = sink;
    kv_log_state.sink_owner = owner;
}
