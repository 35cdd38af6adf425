/* journal.h - what was sent and what was acknowledged, in a file, so that it can be proven after a
 * crash that nothing was lost.
 *
 * The file is a sequence of frames, each written by one write(2):
 *
 *     fixed32 masked CRC-32C of what follows | fixed32 size of the records | records
 *
 * The first frame has the head as its only record: byte 'H', fixed32 format version (1), fixed32
 * run tag, varint64 key count, byte digits, lstr prefix.  The others have
 *
 *     byte 'S' (value sent), 'D' (deletion sent) or 'A' (acknowledged), varint64 key id,
 *     varint32 version
 *
 * Order of work for a turn of the load loop:
 *
 *     journal_note_sent for each write -> journal_flush -> requests go out
 *     journal_note_acknowledged for each good reply -> journal_flush -> they count
 *
 * (one flush a turn does for both).  What was flushed outlives kvbench, not the machine it runs
 * on.  A frame that is cut off at the end of the file is dropped: nothing in it was sent or
 * counted.
 */
#ifndef KV_KVBENCH_JOURNAL_H
#define KV_KVBENCH_JOURNAL_H

#include "base/buffer.h"
#include "base/status.h"
#include "cli/kvbench/ledger.h"

enum { JOURNAL_PREFIX_BYTES = 64, JOURNAL_DIGITS_MAX = 20, JOURNAL_FRAME_BYTES_MAX = 1 << 20 };

/* Key `id` is called <prefix><id in decimal, with zeros in front to `digits`>. */
struct journal_head {
    uint32_t run_tag;
    uint64_t key_count;
    uint8_t digits;                    /* 0: no zeros in front */
    char prefix[JOURNAL_PREFIX_BYTES]; /* with its NUL */
};

struct journal {
    int fd; /* owned; -1: closed */
    struct buffer pending;
};

/* Opens a journal, or makes it.  One that exists is continued: `head` gets its run tag, which
 * must then be used, and `ledger` its state; its keys must be called the same.  `ledger` is
 * initialised in either case when KV_OK, and the caller's. */
MUST_CHECK enum kv_status journal_open(struct journal *journal, const char *path,
                                       struct journal_head *head, struct ledger *ledger);
/* Flushes. */
MUST_CHECK enum kv_status journal_close(struct journal *journal);

/* Only into memory. */
void journal_note_sent(struct journal *journal, uint64_t key_id, uint32_t version,
                       bool is_deletion);
void journal_note_acknowledged(struct journal *journal, uint64_t key_id, uint32_t version);
/* Everything noted goes to the operating system; cheap if there is nothing. */
MUST_CHECK enum kv_status journal_flush(struct journal *journal);

/* Reads all of a journal, which is untrusted.  KV_OK: `ledger` is initialised and the caller's;
 * *whole_bytes_out is where the last whole frame ends, which may be before the end.  KV_CORRUPT:
 * nothing is; a message was logged.  `key_count_max` bounds the memory. */
MUST_CHECK enum kv_status journal_parse(struct slice bytes, uint64_t key_count_max,
                                        struct journal_head *head_out, struct ledger *ledger,
                                        size_t *whole_bytes_out);
/* The same, of a file. */
MUST_CHECK enum kv_status journal_read(const char *path, struct journal_head *head_out,
                                       struct ledger *ledger, uint64_t *torn_bytes_out);

/* The name of a key; returns its size, at most JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX. */
size_t journal_key_name(const struct journal_head *head, uint64_t key_id,
                        char name[JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX]);

#endif
