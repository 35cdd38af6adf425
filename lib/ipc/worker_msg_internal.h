/* worker_msg_internal.h - what the worker_msg*.c share; nobody else includes it. */
#ifndef KV_IPC_WORKER_MSG_INTERNAL_H
#define KV_IPC_WORKER_MSG_INTERNAL_H

#include "base/limits.h"
#include "ipc/worker_msg.h"
#include "key/internal_key.h"
#include "worker.pb-c.h"

enum {
    /* A table's largest key may be no key but the end of a range tombstone. */
    INTERNAL_KEY_BYTES_MAX = KEY_BOUND_BYTES_MAX + KEY_FOOTER_BYTES,
    BLOOM_BITS_MAX = 100,
};

/* worker_msg.c */

ProtobufCBinaryData worker_wire_bytes(struct slice bytes);
/* Appends the envelope to the target. */
void worker_wire_pack(const Kvd__Envelope *envelope, struct buffer *target);
/* Copies text of at most `size_max` bytes and puts a NUL behind it; false: too long, or with a
 * NUL inside. */
bool worker_wire_take_text(const ProtobufCBinaryData *wire, size_t size_max, struct buffer *target);
bool worker_wire_snapshots_ascend(const uint64_t *snapshots, size_t count);

/* worker_msg_flush.c */

void worker_flush_encode(const struct worker_flush *flush, Kvd__Envelope *envelope,
                         struct buffer *target);
bool worker_flush_decode(const Kvd__Flush *wire, struct worker_flush *flush);
void worker_flush_deinit(struct worker_flush *flush);

/* worker_msg_compact.c */

void worker_compact_encode(const struct worker_compact *compact, Kvd__Envelope *envelope,
                           struct buffer *target);
/* Takes the wire form over, also when it says false: compact->memory owns it then. */
bool worker_compact_decode(Kvd__Compact *wire, struct worker_compact *compact);
void worker_compact_deinit(struct worker_compact *compact);

#endif
