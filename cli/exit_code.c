/* exit_code.c - the user sees one kind of message, whoever was the first to see the failure. */
#include "cli/exit_code.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/log.h"

static const char *program_name = "kvctl";

void
complain_as(const char *program)
{
    KV_ASSERT(program != NULL);
    program_name = program;
}

void
complain(const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: ", program_name);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

static void
complain_sink(void *owner, enum log_level level, const char *line)
{
    (void)owner;
    (void)level;
    complain("%s", line);
}

void
complain_for_lib(void)
{
    log_set_level(LOG_LEVEL_WARNING);
    log_set_sink(complain_sink, NULL);
}

enum exit_code
exit_code_of(enum kv_status st)
{
    switch (st) {
    case KV_OK:
        return EXIT_OK;
    case KV_CORRUPT:
    case KV_UNSUPPORTED:
    case KV_LIMIT:
    case KV_INVALID:
        return EXIT_DAMAGE;
    case KV_NO_FILE:
        return EXIT_NO_INPUT;
    default:
        return EXIT_IO;
    }
}
