#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/coding.h"

enum { BUFFER_CAPACITY_MIN = 64 };

void
buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

uint8_t *
buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity;

    KV_ASSERT(more <= SIZE_MAX / 4 - buffer->size);
    if (buffer->size + more > capacity || buffer->data == NULL) {
        if (capacity < BUFFER_CAPACITY_MIN)
            capacity = BUFFER_CAPACITY_MIN;
        while (capacity < buffer->size + more)
            capacity *= 2;
        buffer->data = kv_realloc(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void
buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list args, again;
    int needed;

    va_start(args, format);
    va_copy(again, args);
    needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    KV_ASSERT(needed >= 0);
    buffer_reserve(buffer, (size_t)needed + 1);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)needed + 1, format, again);
    va_end(again);
    buffer->size += (size_t)needed;
}

void
buffer_consume(struct buffer *buffer, size_t count)
{
    KV_ASSERT(count <= buffer->size);
    buffer->size -= count;
    if (buffer->size > 0 && count > 0)
        memmove(buffer->data, buffer->data + count, buffer->size);
}

void
buffer_put_varint32(struct buffer *buffer, uint32_t value)
{
    buffer->size += put_varint64(buffer_reserve(buffer, VARINT64_BYTES_MAX), value);
}

void
buffer_put_varint64(struct buffer *buffer, uint64_t value)
{
    buffer->size += put_varint64(buffer_reserve(buffer, VARINT64_BYTES_MAX), value);
}

void
buffer_put_fixed16(struct buffer *buffer, uint16_t value)
{
    put_fixed16(buffer_reserve(buffer, 2), value);
    buffer->size += 2;
}

void
buffer_put_fixed32(struct buffer *buffer, uint32_t value)
{
    put_fixed32(buffer_reserve(buffer, 4), value);
    buffer->size += 4;
}

void
buffer_put_fixed64(struct buffer *buffer, uint64_t value)
{
    put_fixed64(buffer_reserve(buffer, 8), value);
    buffer->size += 8;
}

void
buffer_put_lstr(struct buffer *buffer, struct slice bytes)
{
    KV_ASSERT(bytes.size <= UINT32_MAX);
    buffer_put_varint32(buffer, (uint32_t)bytes.size);
    buffer_append_slice(buffer, bytes);
}
