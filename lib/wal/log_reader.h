/* log_reader.h - records out of a log file, untrusted (FORMAT.md section 2).
 *
 * Tells the kinds of damage apart, so that each recovery mode (wal_replay.h) and the MANIFEST
 * can decide for themselves.  A file whose first record is recyclable has remains of a former
 * life behind its end, so there every failed check is the end; whether records are missing can
 * then be told only from the sequence numbers of what follows.
 */
#ifndef KV_WAL_LOG_READER_H
#define KV_WAL_LOG_READER_H

#include "base/buffer.h"
#include "base/limits.h"
#include "base/status.h"
#include "wal/log_writer.h"

struct io;

/* A record made of more bytes than this is damage. */
static const uint64_t LOG_RECORD_BYTES_MAX = (uint64_t)BATCH_BYTES_MAX + 1024 * 1024;

enum log_read {
    LOG_READ_RECORD,  /* *record_out is a whole record, valid until the next call */
    LOG_READ_END,     /* clean end: end of file, zeros, or the remains of a recycled file's past */
    LOG_READ_TORN,    /* the file ends inside a record; nothing more can be read */
    LOG_READ_CORRUPT, /* a check failed; the next call goes on behind the damage */
    LOG_READ_REFUSED, /* a compressed log */
    LOG_READ_FAILED,  /* the file could not be read: reader->status */
};

struct log_reader {
    struct io *io;
    int fd;
    uint64_t file_bytes;
    uint64_t log_number;
    uint64_t offset;        /* of the next unread byte */
    uint64_t record_offset; /* where the last record began: for messages */
    uint8_t *chunk;         /* owned, aligned: chunk_bytes of the file from chunk_offset */
    size_t chunk_bytes;
    uint64_t chunk_offset;
    struct buffer assembled; /* owned: fragments */
    bool in_record;          /* `assembled` has the beginning of one */
    bool first_is_recyclable;
    bool zeros_passed;      /* more of them than end a block */
    const char *damage;     /* what was wrong, for messages */
    uint64_t damage_offset; /* and where */
    enum kv_status status;
};

/* Borrows the descriptor, which is at the file's beginning or anywhere: reads are positioned, and
 * aligned as O_DIRECT wants it.
 * log_number: of a WAL, to know foreign records; 0 for a MANIFEST. */
void log_reader_init(struct log_reader *reader, struct io *io, int fd, uint64_t file_bytes,
                     uint64_t log_number);
void log_reader_deinit(struct log_reader *reader);
enum log_read log_reader_next(struct log_reader *reader, struct slice *record_out);

#endif
