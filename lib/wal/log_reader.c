/* The file is read in chunks of whole blocks, so that no fragment straddles two chunks and a
 * record of one fragment is handed out in place.
 *
 * next_fragment checks one physical record, log_reader_next strings them together:
 *
 *     plain file:      failed check -> CORRUPT, the rest of the block is distrusted
 *     recycled file:   failed check -> END: what follows is of the file's former life
 *     either:          END inside a record -> TORN
 *
 * A recyclable writer leaves zeros only where a header no longer fits in the block.  More zeros
 * are the unused part of a prepared file, and what lies behind them was never acknowledged: the
 * pieces of one write may reach the disk in any order. */
#include "wal/log_reader.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "io/io.h"

enum {
    CHUNK_BYTES = 32 * LOG_BLOCK_BYTES,
    KEPT_BYTES_MAX = 4 * 1024 * 1024,
    SECTOR_BYTES = 4096, /* the unit of O_DIRECT */
    LENGTH_OFFSET = 4,
    TYPE_OFFSET = 6,
};

_Static_assert(LOG_BLOCK_BYTES % SECTOR_BYTES == 0, "chunks begin at a sector");

struct fragment {
    enum log_record_type type; /* LOG_FULL to LOG_LAST, or as found if it is none of the eight */
    struct slice payload;
    size_t size; /* with the header */
};

void
log_reader_init(struct log_reader *reader, struct io *io, int fd, uint64_t file_bytes,
                uint64_t log_number)
{
    KV_ASSERT(fd >= 0);
    *reader = (struct log_reader){.io = io,
                                  .fd = fd,
                                  .file_bytes = file_bytes,
                                  .log_number = log_number,
                                  .damage = "",
                                  .status = KV_OK};
}

void
log_reader_deinit(struct log_reader *reader)
{
    free(reader->chunk);
    reader->chunk = NULL;
    buffer_deinit(&reader->assembled);
}

/* Asks for whole sectors, so the last read may be cut short by the end of the file. */
static enum kv_status
read_chunk(struct log_reader *reader, uint64_t offset)
{
    const uint64_t left = reader->file_bytes - offset;
    const size_t wanted = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    const size_t rounded = (wanted + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;

    if (reader->chunk == NULL)
        reader->chunk = kv_alloc_aligned(SECTOR_BYTES, CHUNK_BYTES);
    reader->chunk_offset = offset;
    for (reader->chunk_bytes = 0; reader->chunk_bytes < wanted;) {
        struct io_request request = {
            .op = IO_READ,
            .fd = reader->fd,
            .buffer = reader->chunk + reader->chunk_bytes,
            .size = rounded - reader->chunk_bytes,
            .offset = offset + reader->chunk_bytes,
        };
        const int64_t result = io_call(reader->io, &request);

        if (result <= 0)
            return KV_FAIL(result == 0 ? KV_CORRUPT : kv_status_from_errno((int)result),
                           "log %" PRIu64 ": cannot read %zu bytes at %" PRIu64 ": %s",
                           reader->log_number, request.size, request.offset,
                           result == 0 ? "the file has become shorter" : strerror((int)-result));
        reader->chunk_bytes += (size_t)result;
    }
    reader->chunk_bytes = wanted;
    return KV_OK;
}

/* The unread bytes of the block at `offset`, as far as the file goes. */
static bool
load_block(struct log_reader *reader, struct slice *rest_out)
{
    const uint64_t block_start = reader->offset - reader->offset % LOG_BLOCK_BYTES;
    const uint64_t block_end = block_start + LOG_BLOCK_BYTES;
    uint64_t end = reader->file_bytes < block_end ? reader->file_bytes : block_end;

    KV_ASSERT(reader->offset < reader->file_bytes);
    if (block_start < reader->chunk_offset || end > reader->chunk_offset + reader->chunk_bytes) {
        reader->status = read_chunk(reader, block_start);
        if (reader->status != KV_OK) {
            reader->chunk_bytes = 0;
            return false;
        }
    }
    *rest_out =
        slice_of(reader->chunk + (reader->offset - reader->chunk_offset), end - reader->offset);
    return true;
}

static bool
type_is_recyclable(unsigned type)
{
    return type >= LOG_RECYCLABLE_FULL && type < LOG_RECYCLABLE_FULL + 4;
}

static void
note_damage(struct log_reader *reader, const char *damage)
{
    reader->damage = damage;
    reader->damage_offset = reader->offset;
}

/* A check failed: distrusts `skip` bytes. */
static enum log_read
damaged(struct log_reader *reader, size_t skip, const char *damage)
{
    note_damage(reader, damage);
    if (reader->first_is_recyclable)
        return LOG_READ_END;
    reader->offset += skip;
    return LOG_READ_CORRUPT;
}

/* The file ends before the physical record does. */
static enum log_read
torn(struct log_reader *reader, const char *damage)
{
    note_damage(reader, damage);
    return reader->first_is_recyclable ? LOG_READ_END : LOG_READ_TORN;
}

/* Checks the physical record at the front of `rest`, the unread part of a block. */
static enum log_read
check_fragment(struct log_reader *reader, struct slice rest, struct fragment *fragment)
{
    const uint8_t *p = rest.data;
    const unsigned type = p[TYPE_OFFSET];
    const size_t length = load_fixed16(p + LENGTH_OFFSET);
    const bool is_recyclable = type_is_recyclable(type);
    const size_t header = is_recyclable ? LOG_HEADER_RECYCLABLE_BYTES : LOG_HEADER_BYTES;
    const bool block_is_whole = (reader->offset + rest.size) % LOG_BLOCK_BYTES == 0;

    if (reader->offset == 0)
        reader->first_is_recyclable = is_recyclable;
    if (is_recyclable && reader->zeros_passed)
        return LOG_READ_END;
    if (header > rest.size)
        return block_is_whole ? damaged(reader, rest.size, "a header reaches past its block")
                              : torn(reader, "the file ends inside a header");
    if (is_recyclable && load_fixed32(p + LOG_HEADER_BYTES) != (uint32_t)reader->log_number)
        return LOG_READ_END;
    if (length > rest.size - header)
        return block_is_whole ? damaged(reader, rest.size, "a length reaches past its block")
                              : torn(reader, "the file ends inside a record");
    if (crc32c_mask(crc32c_extend(0, p + TYPE_OFFSET, header - TYPE_OFFSET + length)) !=
        load_fixed32(p))
        return damaged(reader, rest.size, "checksum mismatch");
    fragment->type =
        (enum log_record_type)(is_recyclable ? type - LOG_RECYCLABLE_FULL + LOG_FULL : type);
    fragment->payload = slice_of(p + header, length);
    fragment->size = header + length;
    return LOG_READ_RECORD;
}

/* Passes over the ends of blocks and over zeros.  Does not consume the fragment. */
static enum log_read
next_fragment(struct log_reader *reader, struct fragment *fragment)
{
    while (reader->offset < reader->file_bytes) {
        const size_t block_left = LOG_BLOCK_BYTES - reader->offset % LOG_BLOCK_BYTES;
        struct slice rest;

        if (!load_block(reader, &rest))
            return LOG_READ_FAILED;
        if (block_left < LOG_HEADER_BYTES) {
            reader->offset += rest.size;
            continue;
        }
        if (rest.size < LOG_HEADER_BYTES)
            return torn(reader, "the file ends inside a header");
        if (rest.data[TYPE_OFFSET] != LOG_ZERO || load_fixed16(rest.data + LENGTH_OFFSET) != 0)
            return check_fragment(reader, rest, fragment);
        if (block_left >= LOG_HEADER_RECYCLABLE_BYTES) {
            if (reader->first_is_recyclable)
                return LOG_READ_END;
            reader->zeros_passed = true;
        }
        if (reader->in_record)
            return damaged(reader, rest.size, "zeros in the middle of a record");
        reader->offset += rest.size;
    }
    return LOG_READ_END;
}

/* One huge record must not keep its memory while the next ones are applied. */
static void
clear_assembled(struct log_reader *reader)
{
    if (reader->assembled.capacity > KEPT_BYTES_MAX)
        buffer_deinit(&reader->assembled);
    buffer_clear(&reader->assembled);
}

static void
drop_open_record(struct log_reader *reader)
{
    reader->in_record = false;
    clear_assembled(reader);
}

/* Neither a record nor a fragment of one: nothing more comes, or something is wrong. */
static enum log_read
no_fragment(struct log_reader *reader, enum log_read result)
{
    const bool was_in_record = reader->in_record;

    drop_open_record(reader);
    if (result == LOG_READ_END && was_in_record) {
        note_damage(reader, "the log ends inside a record");
        return LOG_READ_TORN;
    }
    return result;
}

static enum log_read
out_of_order(struct log_reader *reader, size_t skip, const char *damage)
{
    drop_open_record(reader);
    note_damage(reader, damage);
    reader->offset += skip;
    return LOG_READ_CORRUPT;
}

/* FULL or FIRST. */
static enum log_read
begin_record(struct log_reader *reader, const struct fragment *fragment, struct slice *record_out)
{
    /* An empty open FIRST is harmless: older writers left one at the end of a block. */
    if (reader->in_record && reader->assembled.size > 0)
        return out_of_order(reader, 0, "a record without an end");
    drop_open_record(reader);
    reader->record_offset = reader->offset;
    reader->offset += fragment->size;
    if (fragment->type == LOG_FULL) {
        *record_out = fragment->payload;
        return LOG_READ_RECORD;
    }
    buffer_append_slice(&reader->assembled, fragment->payload);
    reader->in_record = true;
    return LOG_READ_END;
}

/* MIDDLE or LAST. */
static enum log_read
continue_record(struct log_reader *reader, const struct fragment *fragment,
                struct slice *record_out)
{
    if (!reader->in_record)
        return out_of_order(reader, fragment->size, "a record without a beginning");
    if (reader->assembled.size + fragment->payload.size > LOG_RECORD_BYTES_MAX)
        return out_of_order(reader, fragment->size, "a record longer than any can be");
    buffer_append_slice(&reader->assembled, fragment->payload);
    reader->offset += fragment->size;
    if (fragment->type == LOG_MIDDLE)
        return LOG_READ_END;
    reader->in_record = false;
    *record_out = buffer_slice(&reader->assembled);
    return LOG_READ_RECORD;
}

/* LOG_READ_END: the record goes on. */
static enum log_read
take_fragment(struct log_reader *reader, const struct fragment *fragment, struct slice *record_out)
{
    switch (fragment->type) {
    case LOG_FULL:
    case LOG_FIRST:
        return begin_record(reader, fragment, record_out);
    case LOG_MIDDLE:
    case LOG_LAST:
        return continue_record(reader, fragment, record_out);
    case LOG_COMPRESSION:
        note_damage(reader, "the log is compressed");
        return LOG_READ_REFUSED;
    default:
        return out_of_order(reader, fragment->size, "a record of unknown type");
    }
}

enum log_read
log_reader_next(struct log_reader *reader, struct slice *record_out)
{
    *record_out = slice_of(NULL, 0);
    if (!reader->in_record)
        clear_assembled(reader);
    for (;;) {
        struct fragment fragment;
        enum log_read result = next_fragment(reader, &fragment);

        if (result != LOG_READ_RECORD)
            return no_fragment(reader, result);
        result = take_fragment(reader, &fragment, record_out);
        if (result != LOG_READ_END)
            return result;
    }
}
