/* worker_msg.c - our structs to protobuf-c and back.
 *
 * kvd takes these bytes from a process that parses other people's data, so nothing decoded is
 * believed: a message is copied field by field, each against its limit, and one bad field refuses
 * the whole packet.  What a message means (the right job, the right numbers) is checked by who
 * receives it.  A packet is at most WORKER_MSG_BYTES_MAX long, which bounds what protobuf-c can
 * be made to allocate.
 */
#include "ipc/worker_msg.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "ipc/worker_msg_internal.h"

enum {
    DIR_BYTES_MAX = 4096 - 64,
    HEARTBEAT_MS_MAX = 60 * 60 * 1000,
};

static_assert(2 * INTERNAL_KEY_BYTES_MAX + 256 <= WORKER_MSG_BYTES_MAX, "a table must fit");
static_assert(WORKER_JOB_OUTPUT_COUNT_MAX * (2 * WORKER_TEXT_BYTES_MAX + 64) +
                      WORKER_JOB_SNAPSHOT_COUNT_MAX * VARINT64_BYTES_MAX + 2048 <=
                  WORKER_MSG_BYTES_MAX,
              "a flush must fit");

/* --- ownership --- */

void
worker_msg_deinit(struct worker_msg *msg)
{
    switch (msg->kind) {
    case WORKER_MSG_WELCOME:
        buffer_deinit(&msg->welcome.dir);
        break;
    case WORKER_MSG_FLUSH:
        worker_flush_deinit(&msg->flush);
        break;
    case WORKER_MSG_TABLE:
        buffer_deinit(&msg->table.smallest);
        buffer_deinit(&msg->table.largest);
        break;
    case WORKER_MSG_FAILED:
        buffer_deinit(&msg->failed.reason);
        break;
    case WORKER_MSG_COMPACT:
        worker_compact_deinit(&msg->compact);
        break;
    case WORKER_MSG_NONE:
    case WORKER_MSG_HELLO:
    case WORKER_MSG_PROGRESS:
    case WORKER_MSG_DONE:
    case WORKER_MSG_SHUTDOWN:
    case WORKER_MSG_CANCEL:
    case WORKER_MSG_LARGE:
        break;
    }
    memset(msg, 0, sizeof(*msg));
}

const char *
worker_msg_name(enum worker_msg_kind kind)
{
    static const char *const names[] = {"NONE",     "HELLO",   "WELCOME", "FLUSH",
                                        "PROGRESS", "TABLE",   "DONE",    "FAILED",
                                        "SHUTDOWN", "COMPACT", "CANCEL",  "LARGE"};

    KV_ASSERT((size_t)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

bool
worker_output_path(char *target, size_t size, const char *dir, uint64_t file_number)
{
    const int used = snprintf(target, size, "%s/%06" PRIu64 ".sst", dir, file_number);

    return used > 0 && (size_t)used < size;
}

/* --- statuses on the wire: a closed list, so that the enum may change --- */

static const struct {
    enum kv_status status;
    Kvd__FailedStatus wire;
} failed_statuses[] = {
    {KV_IO, KVD__FAILED_STATUS__FAILED_IO},
    {KV_NO_SPACE, KVD__FAILED_STATUS__FAILED_NO_SPACE},
    {KV_CORRUPT, KVD__FAILED_STATUS__FAILED_CORRUPT},
    {KV_LIMIT, KVD__FAILED_STATUS__FAILED_LIMIT},
    {KV_UNSUPPORTED, KVD__FAILED_STATUS__FAILED_UNSUPPORTED},
    {KV_NO_FILE, KVD__FAILED_STATUS__FAILED_NO_FILE},
    {KV_CANCELLED, KVD__FAILED_STATUS__FAILED_CANCELLED},
};

static uint32_t
failed_status_to_wire(enum kv_status status)
{
    for (size_t i = 0; i < sizeof(failed_statuses) / sizeof(failed_statuses[0]); i++)
        if (failed_statuses[i].status == status)
            return (uint32_t)failed_statuses[i].wire;
    return KVD__FAILED_STATUS__FAILED_UNKNOWN;
}

static enum kv_status
failed_status_from_wire(uint32_t wire)
{
    for (size_t i = 0; i < sizeof(failed_statuses) / sizeof(failed_statuses[0]); i++)
        if ((uint32_t)failed_statuses[i].wire == wire)
            return failed_statuses[i].status;
    return KV_IO;
}

/* --- encoding --- */

ProtobufCBinaryData
worker_wire_bytes(struct slice bytes)
{
    /* protobuf-c's struct has no const; packing only reads. */
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

void
worker_wire_pack(const Kvd__Envelope *envelope, struct buffer *target)
{
    const size_t size = kvd__envelope__get_packed_size(envelope);

    KV_ASSERT(size <= (envelope->body_case == KVD__ENVELOPE__BODY_COMPACT ? WORKER_LARGE_BYTES_MAX
                                                                          : WORKER_MSG_BYTES_MAX));
    buffer_reserve(target, size + 1);
    target->size += kvd__envelope__pack(envelope, target->data + target->size);
}

static void
encode_hello(const struct worker_hello *hello, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Hello wire = KVD__HELLO__INIT;

    wire.protocol_version = hello->protocol_version;
    wire.pid = hello->pid;
    wire.build =
        worker_wire_bytes(slice_of(hello->build, strnlen(hello->build, sizeof(hello->build))));
    envelope->body_case = KVD__ENVELOPE__BODY_HELLO;
    envelope->hello = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_welcome(const struct worker_welcome *welcome, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Welcome wire = KVD__WELCOME__INIT;

    KV_ASSERT(welcome->dir.size <= DIR_BYTES_MAX);
    wire.worker_id = welcome->worker_id;
    wire.heartbeat_ms = welcome->heartbeat_ms;
    wire.dir = worker_wire_bytes(buffer_slice(&welcome->dir));
    envelope->body_case = KVD__ENVELOPE__BODY_WELCOME;
    envelope->welcome = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_progress(const struct worker_progress *progress, Kvd__Envelope *envelope,
                struct buffer *target)
{
    Kvd__Progress wire = KVD__PROGRESS__INIT;

    wire.job_id = progress->job_id;
    wire.bytes_done = progress->bytes_done;
    wire.bytes_per_s = progress->bytes_per_s;
    envelope->body_case = KVD__ENVELOPE__BODY_PROGRESS;
    envelope->progress = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_table(const struct worker_table *table, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Table wire = KVD__TABLE__INIT;

    KV_ASSERT(table->smallest.size <= INTERNAL_KEY_BYTES_MAX);
    KV_ASSERT(table->largest.size <= INTERNAL_KEY_BYTES_MAX);
    wire.job_id = table->job_id;
    wire.file_number = table->file_number;
    wire.file_bytes = table->file_bytes;
    wire.seq_smallest = table->seq_smallest;
    wire.seq_largest = table->seq_largest;
    wire.entry_count = table->entry_count;
    wire.deletion_count = table->deletion_count;
    wire.range_tombstone_count = table->range_tombstone_count;
    wire.superseded_count = table->superseded_count;
    wire.deadline_count = table->deadlines.count;
    wire.deadline_oldest_ms = table->deadlines.oldest_ms;
    wire.deadline_newest_ms = table->deadlines.newest_ms;
    wire.deadline_due_ms = table->deadlines.due_ms;
    wire.checksum_crc32c = table->checksum_crc32c;
    wire.smallest = worker_wire_bytes(buffer_slice(&table->smallest));
    wire.largest = worker_wire_bytes(buffer_slice(&table->largest));
    envelope->body_case = KVD__ENVELOPE__BODY_TABLE;
    envelope->table = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_done(const struct worker_done *done, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Done wire = KVD__DONE__INIT;

    wire.job_id = done->job_id;
    wire.bytes_written = done->bytes_written;
    wire.cpu_us = done->cpu_us;
    wire.wall_us = done->wall_us;
    wire.table_count = done->table_count;
    wire.entries_read = done->entries_read;
    wire.expired_count = done->expired_count;
    envelope->body_case = KVD__ENVELOPE__BODY_DONE;
    envelope->done = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_failed(const struct worker_failed *failed, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Failed wire = KVD__FAILED__INIT;

    KV_ASSERT(failed->reason.size <= WORKER_REASON_BYTES_MAX);
    wire.job_id = failed->job_id;
    wire.status = failed_status_to_wire(failed->status);
    wire.reason = worker_wire_bytes(buffer_slice(&failed->reason));
    wire.bad_input_number = failed->bad_input_number;
    envelope->body_case = KVD__ENVELOPE__BODY_FAILED;
    envelope->failed = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_shutdown(Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Shutdown wire = KVD__SHUTDOWN__INIT;

    envelope->body_case = KVD__ENVELOPE__BODY_SHUTDOWN;
    envelope->shutdown = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_cancel(const struct worker_cancel *cancel, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Cancel wire = KVD__CANCEL__INIT;

    wire.job_id = cancel->job_id;
    envelope->body_case = KVD__ENVELOPE__BODY_CANCEL;
    envelope->cancel = &wire;
    worker_wire_pack(envelope, target);
}

static void
encode_large(const struct worker_large *large, Kvd__Envelope *envelope, struct buffer *target)
{
    Kvd__Large wire = KVD__LARGE__INIT;

    wire.bytes = large->bytes;
    envelope->body_case = KVD__ENVELOPE__BODY_LARGE;
    envelope->large = &wire;
    worker_wire_pack(envelope, target);
}

void
worker_msg_encode(const struct worker_msg *msg, struct buffer *target)
{
    Kvd__Envelope envelope = KVD__ENVELOPE__INIT;

    KV_ASSERT(msg->kind != WORKER_MSG_NONE);
    switch (msg->kind) {
    case WORKER_MSG_HELLO:
        encode_hello(&msg->hello, &envelope, target);
        break;
    case WORKER_MSG_WELCOME:
        encode_welcome(&msg->welcome, &envelope, target);
        break;
    case WORKER_MSG_FLUSH:
        worker_flush_encode(&msg->flush, &envelope, target);
        break;
    case WORKER_MSG_PROGRESS:
        encode_progress(&msg->progress, &envelope, target);
        break;
    case WORKER_MSG_TABLE:
        encode_table(&msg->table, &envelope, target);
        break;
    case WORKER_MSG_DONE:
        encode_done(&msg->done, &envelope, target);
        break;
    case WORKER_MSG_FAILED:
        encode_failed(&msg->failed, &envelope, target);
        break;
    case WORKER_MSG_SHUTDOWN:
        encode_shutdown(&envelope, target);
        break;
    case WORKER_MSG_COMPACT:
        worker_compact_encode(&msg->compact, &envelope, target);
        break;
    case WORKER_MSG_CANCEL:
        encode_cancel(&msg->cancel, &envelope, target);
        break;
    case WORKER_MSG_LARGE:
        encode_large(&msg->large, &envelope, target);
        break;
    case WORKER_MSG_NONE:
        break;
    }
}

/* --- decoding --- */

bool
worker_wire_take_text(const ProtobufCBinaryData *wire, size_t size_max, struct buffer *target)
{
    if (wire->len > size_max || (wire->len > 0 && memchr(wire->data, 0, wire->len) != NULL))
        return false;
    buffer_append(target, wire->data, wire->len);
    *buffer_reserve(target, 1) = 0;
    return true;
}

static bool
take_internal_key(const ProtobufCBinaryData *wire, struct buffer *target)
{
    if (wire->len < KEY_FOOTER_BYTES || wire->len > INTERNAL_KEY_BYTES_MAX)
        return false;
    buffer_append(target, wire->data, wire->len);
    return true;
}

static bool
decode_hello(const Kvd__Hello *wire, struct worker_hello *hello)
{
    if (wire->build.len >= sizeof(hello->build))
        return false;
    hello->protocol_version = wire->protocol_version;
    hello->pid = wire->pid;
    for (size_t i = 0; i < wire->build.len; i++) {
        if (wire->build.data[i] < ' ' || wire->build.data[i] > '~')
            return false;
        hello->build[i] = (char)wire->build.data[i];
    }
    return true;
}

static bool
decode_welcome(const Kvd__Welcome *wire, struct worker_welcome *welcome)
{
    if (wire->dir.len == 0 || wire->dir.data[0] != '/')
        return false;
    if (wire->heartbeat_ms == 0 || wire->heartbeat_ms > HEARTBEAT_MS_MAX)
        return false;
    welcome->worker_id = wire->worker_id;
    welcome->heartbeat_ms = wire->heartbeat_ms;
    return worker_wire_take_text(&wire->dir, DIR_BYTES_MAX, &welcome->dir);
}

bool
worker_wire_snapshots_ascend(const uint64_t *snapshots, size_t count)
{
    if (count > WORKER_JOB_SNAPSHOT_COUNT_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (snapshots[i] > SEQUENCE_MAX || (i > 0 && snapshots[i] <= snapshots[i - 1]))
            return false;
    return true;
}

static bool
decode_progress(const Kvd__Progress *wire, struct worker_progress *progress)
{
    progress->job_id = wire->job_id;
    progress->bytes_done = wire->bytes_done;
    progress->bytes_per_s = wire->bytes_per_s;
    return true;
}

static bool
decode_table(const Kvd__Table *wire, struct worker_table *table)
{
    if (wire->job_id == 0 || wire->file_number == 0)
        return false;
    if (wire->seq_smallest > wire->seq_largest || wire->seq_largest > SEQUENCE_MAX)
        return false;
    if (wire->deletion_count > wire->entry_count ||
        wire->range_tombstone_count > wire->entry_count ||
        wire->superseded_count > wire->entry_count)
        return false;
    table->job_id = wire->job_id;
    table->file_number = wire->file_number;
    table->file_bytes = wire->file_bytes;
    table->seq_smallest = wire->seq_smallest;
    table->seq_largest = wire->seq_largest;
    table->entry_count = wire->entry_count;
    table->deletion_count = wire->deletion_count;
    table->range_tombstone_count = wire->range_tombstone_count;
    table->superseded_count = wire->superseded_count;
    table->deadlines = (struct deadlines){.count = wire->deadline_count,
                                          .oldest_ms = wire->deadline_oldest_ms,
                                          .newest_ms = wire->deadline_newest_ms,
                                          .due_ms = wire->deadline_due_ms};
    table->checksum_crc32c = wire->checksum_crc32c;
    return deadlines_are_possible(&table->deadlines, table->entry_count, table->deletion_count) &&
           take_internal_key(&wire->smallest, &table->smallest) &&
           take_internal_key(&wire->largest, &table->largest);
}

static bool
decode_done(const Kvd__Done *wire, struct worker_done *done)
{
    if (wire->job_id == 0 || wire->table_count > COMPACT_OUTPUT_COUNT_MAX)
        return false;
    done->job_id = wire->job_id;
    done->bytes_written = wire->bytes_written;
    done->cpu_us = wire->cpu_us;
    done->wall_us = wire->wall_us;
    done->table_count = wire->table_count;
    done->entries_read = wire->entries_read;
    done->expired_count = wire->expired_count;
    return true;
}

static bool
decode_failed(const Kvd__Failed *wire, struct worker_failed *failed)
{
    if (wire->job_id == 0)
        return false;
    failed->job_id = wire->job_id;
    failed->status = failed_status_from_wire(wire->status);
    failed->bad_input_number = wire->bad_input_number;
    return worker_wire_take_text(&wire->reason, WORKER_REASON_BYTES_MAX, &failed->reason);
}

/* The envelope loses what it held. */
static bool
decode_compact(Kvd__Envelope *wire, struct worker_compact *compact)
{
    Kvd__Compact *taken = wire->compact;

    wire->body_case = KVD__ENVELOPE__BODY__NOT_SET;
    wire->compact = NULL;
    return worker_compact_decode(taken, compact);
}

static bool
decode_large(const Kvd__Large *wire, struct worker_large *large)
{
    large->bytes = wire->bytes;
    return wire->bytes > WORKER_MSG_BYTES_MAX && wire->bytes <= WORKER_LARGE_BYTES_MAX;
}

static bool
decode_body(Kvd__Envelope *wire, struct worker_msg *msg)
{
    switch (wire->body_case) {
    case KVD__ENVELOPE__BODY_HELLO:
        msg->kind = WORKER_MSG_HELLO;
        return decode_hello(wire->hello, &msg->hello);
    case KVD__ENVELOPE__BODY_WELCOME:
        msg->kind = WORKER_MSG_WELCOME;
        return decode_welcome(wire->welcome, &msg->welcome);
    case KVD__ENVELOPE__BODY_FLUSH:
        msg->kind = WORKER_MSG_FLUSH;
        return worker_flush_decode(wire->flush, &msg->flush);
    case KVD__ENVELOPE__BODY_PROGRESS:
        msg->kind = WORKER_MSG_PROGRESS;
        return decode_progress(wire->progress, &msg->progress);
    case KVD__ENVELOPE__BODY_TABLE:
        msg->kind = WORKER_MSG_TABLE;
        return decode_table(wire->table, &msg->table);
    case KVD__ENVELOPE__BODY_DONE:
        msg->kind = WORKER_MSG_DONE;
        return decode_done(wire->done, &msg->done);
    case KVD__ENVELOPE__BODY_FAILED:
        msg->kind = WORKER_MSG_FAILED;
        return decode_failed(wire->failed, &msg->failed);
    case KVD__ENVELOPE__BODY_SHUTDOWN:
        msg->kind = WORKER_MSG_SHUTDOWN;
        return true;
    case KVD__ENVELOPE__BODY_COMPACT:
        msg->kind = WORKER_MSG_COMPACT;
        return decode_compact(wire, &msg->compact);
    case KVD__ENVELOPE__BODY_CANCEL:
        msg->kind = WORKER_MSG_CANCEL;
        msg->cancel.job_id = wire->cancel->job_id;
        return msg->cancel.job_id != 0;
    case KVD__ENVELOPE__BODY_LARGE:
        msg->kind = WORKER_MSG_LARGE;
        return decode_large(wire->large, &msg->large);
    default:
        return false;
    }
}

static enum kv_status
decode(struct slice encoded, size_t size_max, struct worker_msg *msg_out)
{
    Kvd__Envelope *wire;
    bool good;

    memset(msg_out, 0, sizeof(*msg_out));
    if (encoded.size == 0 || encoded.size > size_max)
        return KV_FAIL(KV_CORRUPT, "a worker message of %zu bytes", encoded.size);
    wire = kvd__envelope__unpack(NULL, encoded.size, encoded.data);
    if (wire == NULL)
        return KV_FAIL(KV_CORRUPT, "a worker message of %zu bytes does not parse", encoded.size);
    good = decode_body(wire, msg_out);
    kvd__envelope__free_unpacked(wire, NULL);
    if (good)
        return KV_OK;
    (void)KV_FAIL(KV_CORRUPT, "a worker message (%s, %zu bytes) is outside its limits",
                  worker_msg_name(msg_out->kind), encoded.size);
    worker_msg_deinit(msg_out);
    return KV_CORRUPT;
}

enum kv_status
worker_msg_decode(struct slice encoded, struct worker_msg *msg_out)
{
    return decode(encoded, WORKER_MSG_BYTES_MAX, msg_out);
}

enum kv_status
worker_msg_decode_large(struct slice encoded, struct worker_msg *msg_out)
{
    const enum kv_status st = decode(encoded, WORKER_LARGE_BYTES_MAX, msg_out);

    if (st != KV_OK || msg_out->kind == WORKER_MSG_COMPACT)
        return st;
    (void)KV_FAIL(KV_CORRUPT, "a worker message (%s) came in a file",
                  worker_msg_name(msg_out->kind));
    worker_msg_deinit(msg_out);
    return KV_CORRUPT;
}
