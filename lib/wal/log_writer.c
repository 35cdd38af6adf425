/* The checksum covers what follows the length field: type, log number and payload.  In the
 * target these lie behind one another, so each fragment is copied once and then summed in one
 * pass while it is still in the first-level cache. */
#include "wal/log_writer.h"

#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"

enum { LENGTH_OFFSET = 4, TYPE_OFFSET = 6, LOG_NUMBER_OFFSET = 7 };

static inline uint32_t
header_bytes(const struct log_writer *writer)
{
    return writer->recyclable ? LOG_HEADER_RECYCLABLE_BYTES : LOG_HEADER_BYTES;
}

void
log_writer_init(struct log_writer *writer, bool recyclable, uint64_t log_number)
{
    writer->block_offset = 0;
    writer->recyclable = recyclable;
    writer->log_number = (uint32_t)log_number;
}

size_t
log_writer_bound(size_t record_bytes)
{
    /* Of each block at least this much is payload: all but a header and a padded end. */
    const size_t payload_bytes_min = LOG_BLOCK_BYTES - 2 * LOG_HEADER_RECYCLABLE_BYTES;
    const size_t fragment_count_max = record_bytes / payload_bytes_min + 2;

    return record_bytes + fragment_count_max * 2 * LOG_HEADER_RECYCLABLE_BYTES;
}

static inline uint8_t *
write_fragment(const struct log_writer *writer, uint8_t *target, enum log_record_type type,
               struct slice payload)
{
    const uint32_t header = header_bytes(writer);

    KV_ASSERT(payload.size <= LOG_BLOCK_BYTES - header);
    put_fixed16(target + LENGTH_OFFSET, (uint16_t)payload.size);
    target[TYPE_OFFSET] =
        (uint8_t)(writer->recyclable ? type - LOG_FULL + LOG_RECYCLABLE_FULL : type);
    if (writer->recyclable)
        put_fixed32(target + LOG_NUMBER_OFFSET, writer->log_number);
    if (payload.size > 0)
        memcpy(target + header, payload.data, payload.size);
    put_fixed32(target, crc32c_mask(crc32c_extend(0, target + TYPE_OFFSET,
                                                  header - TYPE_OFFSET + payload.size)));
    return target + header + payload.size;
}

static inline enum log_record_type
fragment_type(bool is_first, bool is_last)
{
    if (is_first)
        return is_last ? LOG_FULL : LOG_FIRST;
    return is_last ? LOG_LAST : LOG_MIDDLE;
}

size_t
log_writer_frame(struct log_writer *writer, uint8_t *target, struct slice record)
{
    const uint32_t header = header_bytes(writer);
    uint8_t *end = target;
    bool is_first = true, is_last;

    KV_ASSERT(writer->block_offset < LOG_BLOCK_BYTES);
    do {
        uint32_t left = LOG_BLOCK_BYTES - writer->block_offset;
        struct slice payload = record;

        if (left < header) {
            memset(end, 0, left);
            end += left;
            writer->block_offset = 0;
            left = LOG_BLOCK_BYTES;
        }
        if (payload.size > left - header)
            payload.size = left - header;
        is_last = payload.size == record.size;
        end = write_fragment(writer, end, fragment_type(is_first, is_last), payload);
        writer->block_offset =
            (writer->block_offset + header + (uint32_t)payload.size) % LOG_BLOCK_BYTES;
        if (!is_last)
            record = slice_of(record.data + payload.size, record.size - payload.size);
        is_first = false;
    } while (!is_last);
    return (size_t)(end - target);
}

void
log_writer_append(struct log_writer *writer, struct buffer *target, struct slice record)
{
    uint8_t *end = buffer_reserve(target, log_writer_bound(record.size));

    target->size += log_writer_frame(writer, end, record);
    KV_ASSERT(target->size <= target->capacity);
}
