/* log_writer.h - RocksDB's log framing: records into 32 KiB blocks (FORMAT.md section 2).
 *
 * Shared by the WAL and the MANIFEST.  Pure: it turns a record into the bytes to append.
 */
#ifndef KV_WAL_LOG_WRITER_H
#define KV_WAL_LOG_WRITER_H

#include "base/buffer.h"

enum {
    LOG_BLOCK_BYTES = 32768,
    LOG_HEADER_BYTES = 7,
    LOG_HEADER_RECYCLABLE_BYTES = 11,
};

enum log_record_type {
    LOG_ZERO = 0,
    LOG_FULL = 1,
    LOG_FIRST = 2,
    LOG_MIDDLE = 3,
    LOG_LAST = 4,
    LOG_RECYCLABLE_FULL = 5, /* to 8 in the same order */
    LOG_COMPRESSION = 9,     /* refused */
};

struct log_writer {
    uint32_t block_offset; /* where in its block the next byte goes */
    bool recyclable;       /* types 5 to 8, with the log number in every header */
    uint32_t log_number;   /* low 32 bits of the file's number */
};

void log_writer_init(struct log_writer *writer, bool recyclable, uint64_t log_number);
/* Appends the framed record, with the zeros that end a block, to `target`. */
void log_writer_append(struct log_writer *writer, struct buffer *target, struct slice record);
/* The same into memory that has log_writer_bound(record.size) bytes; returns how many it took. */
size_t log_writer_frame(struct log_writer *writer, uint8_t *target, struct slice record);
/* The most bytes that framing a record of this size can take. */
size_t log_writer_bound(size_t record_bytes);

#endif
