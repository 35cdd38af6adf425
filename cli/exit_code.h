/* exit_code.h - what the exit code of kvctl or kvbench tells a script, and how they complain. */
#ifndef KV_CLI_EXIT_CODE_H
#define KV_CLI_EXIT_CODE_H

#include "base/status.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_NOT_FOUND = 1,
    EXIT_USAGE = 2,
    EXIT_NO_CONNECTION = 3,
    EXIT_SERVER_ERROR = 4,
    EXIT_CONDITION_FAILED = 5,
    EXIT_NOT_VALID = 6, /* kvbench: the generator itself was late */
    EXIT_DAMAGE = 65,   /* inspect: bytes that fail a check, or that kvd does not understand */
    EXIT_NO_INPUT = 66, /* inspect: no such file, or none any more */
    EXIT_NO_RING = 71,  /* kvbench: the system refuses io_uring */
    EXIT_IO = 74,       /* a file or standard output cannot be read or written */
    EXIT_INTERRUPTED = 130,
};

/* The name that stands before each message, "kvctl" without this call; kept, not copied. */
void complain_as(const char *program);
/* One line, "<program>: <message>", to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Failures that lib/ logs become such lines too. */
void complain_for_lib(void);
/* The exit code of a failure in lib/ that was met while a file was read. */
enum exit_code exit_code_of(enum kv_status st);

#endif
