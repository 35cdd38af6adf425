/* inspect_internal.h - what the files inspect_*.c share. */
#ifndef KV_CLI_INSPECT_INTERNAL_H
#define KV_CLI_INSPECT_INTERNAL_H

#include "base/buffer.h"
#include "cli/inspect.h"
#include "io/io.h"
#include "key/internal_key.h"
#include "version/file_name.h"

struct inspection {
    struct io *io;    /* owned */
    const char *path; /* borrowed */
    bool entries;     /* a table's entries too */
    bool verify;      /* read everything, check everything */
    bool whole;       /* long values uncut */
    bool hex;
    struct buffer text;  /* owned: scratch of inspect_bytes */
    enum exit_code code; /* the gravest so far */
};

/* An open file of known size. */
struct inspected_file {
    int fd;
    uint64_t bytes;
    uint64_t number; /* of its name; 0: none */
};

/* The file at inspection->path; on failure inspection->code is set. */
bool inspect_open(struct inspection *inspection, struct inspected_file *file);
/* Raises the exit code for a status other than KV_OK. */
void inspect_note(struct inspection *inspection, enum kv_status st);
/* Prints "DAMAGE: ..." to standard output and raises the exit code to EXIT_DAMAGE. */
void inspect_damage(struct inspection *inspection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints bytes quoted or as hex; long ones cut, unless `whole`. */
void inspect_bytes(struct inspection *inspection, struct slice bytes);
/* user key @ sequence : type; bytes that are no internal key as bytes. */
void inspect_key(struct inspection *inspection, struct slice encoded);
const char *inspect_type_name(enum value_type type);

typedef void inspect_record_fn(struct inspection *inspection, uint64_t offset, struct slice record,
                               void *owner);
/* Calls on_record for each record of a log file and prints what is damaged between them; returns
 * where the reading ended.  log_number as in log_reader.h. */
uint64_t inspect_records(struct inspection *inspection, const struct inspected_file *file,
                         uint64_t log_number, inspect_record_fn *on_record, void *owner);

void inspect_log(struct inspection *inspection);
void inspect_manifest(struct inspection *inspection);
void inspect_table(struct inspection *inspection);
void inspect_directory(struct inspection *inspection);
/* CURRENT, IDENTITY, OPTIONS, LOG. */
void inspect_text(struct inspection *inspection, enum file_kind kind);

#endif
