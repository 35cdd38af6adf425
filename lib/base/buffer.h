/* buffer.h - bytes that grow at the end; owns its memory.
 *
 * Zero-initialised is empty and valid.  Pointers into a buffer die when it grows.
 */
#ifndef KV_BASE_BUFFER_H
#define KV_BASE_BUFFER_H

#include "base/slice.h"

struct buffer {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity;
};

void buffer_deinit(struct buffer *buffer);
/* Room for `more` bytes behind the end; returns where they go.  Grows by doubling. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Drops `count` bytes at the front. */
void buffer_consume(struct buffer *buffer, size_t count);
void buffer_put_varint32(struct buffer *buffer, uint32_t value);
void buffer_put_varint64(struct buffer *buffer, uint64_t value);
void buffer_put_fixed16(struct buffer *buffer, uint16_t value);
void buffer_put_fixed32(struct buffer *buffer, uint32_t value);
void buffer_put_fixed64(struct buffer *buffer, uint64_t value);
/* varint32 length, then the bytes: FORMAT's lstr. */
void buffer_put_lstr(struct buffer *buffer, struct slice bytes);

static inline void
buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (buffer->capacity - buffer->size < size)
        buffer_reserve(buffer, size);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

static inline void
buffer_append_slice(struct buffer *buffer, struct slice bytes)
{
    buffer_append(buffer, bytes.data, bytes.size);
}

static inline void
buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    buffer_append(buffer, &byte, 1);
}

static inline void
buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

/* Empty, and without its memory if that is more than `kept_bytes_max`. */
static inline void
buffer_trim(struct buffer *buffer, size_t kept_bytes_max)
{
    buffer->size = 0;
    if (buffer->capacity > kept_bytes_max)
        buffer_deinit(buffer);
}

static inline struct slice
buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->data, buffer->size);
}

#endif
