/* key_expiry.h - the event "expired": a key that a command meets behind its deadline.
 *
 * Nothing in kvd watches for deadlines, so without the class x of notify-keyspace-events a dead
 * value just stays until a flush or a compaction comes by.  With it a command that meets one, to
 * read it or to write over it, tells so before all else that it tells, and deletes it with the same
 * write, or with one of its own if it only reads: so the next one finds nothing to tell.  While no
 * write is possible, reads go on, and tell again.
 *
 * Walks over keys and reads at a snapshot tell nothing.
 */
#ifndef KV_DAEMON_KEY_EXPIRY_H
#define KV_DAEMON_KEY_EXPIRY_H

#include "daemon/command.h"

/* A command tells of so many; the others are met again. */
enum { KEY_EXPIRY_COUNT_MAX = 512 };

/* The dead keys that the command has met and not deleted yet.  Zeroed is none. */
struct key_expiry {
    struct buffer deletions; /* owned: an encoded write batch; empty: none */
    uint32_t count;
    uint32_t deleted_count; /* by this try, a transaction's too */
};

/* A read of the command has met a dead value, and class x is told: stages the event. */
void key_expiry_note(struct command_call *call, struct slice key, uint32_t cf_id);
/* Notes the key if the record, of call->batch, is a put over a dead value.  KV_WANT_BLOCK: the key
 * is read first. */
MUST_CHECK enum kv_status key_expiry_note_put(struct command_call *call,
                                              const struct batch_record *record);
/* What is noted is deleted by call->batch, before all else. */
void key_expiry_lead(struct command_call *call);
/* The command, perhaps one of a transaction, is over: deletes what it has met and not deleted. */
void key_expiry_bury(struct command_call *call, enum kv_status st);
/* The try is over.  Only when GATE_EXPIRED. */
void key_expiry_end(struct command_call *call, enum kv_status st);
void key_expiry_deinit(struct key_expiry *expiry);

#endif
