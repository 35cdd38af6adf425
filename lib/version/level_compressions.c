/* A list of compressions in eight bytes, so that it is a setting like all others: a number. */
#include "version/level_compressions.h"

#include <assert.h>
#include <string.h>

#include "base/assert.h"

enum { COUNT_SHIFT = 56 };

static_assert(LEVEL_COUNT * 8 <= COUNT_SHIFT, "each level has a byte below the count");

/* Those that a setting may name. */
static const char *const names[] = {
    [COMPRESSION_NONE] = "none", [COMPRESSION_SNAPPY] = "snappy", [COMPRESSION_ZLIB] = "zlib",
    [COMPRESSION_LZ4] = "lz4",   [COMPRESSION_LZ4HC] = "lz4hc",   [COMPRESSION_ZSTD] = "zstd",
};
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static bool
find_name(struct slice text, enum compression *compression_out)
{
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        if (names[i] != NULL && slice_equal(text, slice_from_text(names[i]))) {
            *compression_out = (enum compression)i;
            return true;
        }
    }
    return false;
}

static uint32_t
count_of(uint64_t packed)
{
    return (uint32_t)(packed >> COUNT_SHIFT);
}

static unsigned
kind_at(uint64_t packed, uint32_t place)
{
    return (unsigned)(packed >> 8 * place) & 0xff;
}

bool
level_compressions_is_valid(uint64_t packed)
{
    const uint32_t count = count_of(packed);

    if (count == 0 || count > LEVEL_COUNT)
        return false;
    for (uint32_t i = 0; i < LEVEL_COUNT; i++) {
        const unsigned kind = kind_at(packed, i);

        if (i < count ? kind >= NAME_COUNT || names[kind] == NULL : kind != 0)
            return false;
    }
    return true;
}

uint64_t
level_compressions_pack(const enum compression *compressions, uint32_t count)
{
    uint64_t packed = (uint64_t)count << COUNT_SHIFT;

    KV_ASSERT(count <= LEVEL_COUNT);
    for (uint32_t i = 0; i < count; i++)
        packed |= (uint64_t)compressions[i] << 8 * i;
    return packed;
}

uint32_t
level_compressions_unpack(uint64_t packed, enum compression *compressions)
{
    const uint32_t count = count_of(packed);

    KV_ASSERT(packed == 0 || level_compressions_is_valid(packed));
    for (uint32_t i = 0; i < count; i++)
        compressions[i] = (enum compression)kind_at(packed, i);
    return count;
}

bool
level_compressions_parse(struct slice text, uint64_t *packed_out)
{
    enum compression compressions[LEVEL_COUNT];
    uint32_t count = 0;
    bool goes_on = true;

    while (goes_on) {
        goes_on = text.size > 0 && memchr(text.data, ':', text.size) != NULL;
        if (count == LEVEL_COUNT || !find_name(slice_take_until(&text, ':'), &compressions[count]))
            return false;
        count++;
    }
    *packed_out = level_compressions_pack(compressions, count);
    return true;
}

void
level_compressions_format(uint64_t packed, struct buffer *target)
{
    enum compression compressions[LEVEL_COUNT];
    const uint32_t count = level_compressions_unpack(packed, compressions);

    for (uint32_t i = 0; i < count; i++)
        buffer_append_format(target, "%s%s", i == 0 ? "" : ":", names[compressions[i]]);
    if (count == 0)
        buffer_append_format(target, "auto");
}
