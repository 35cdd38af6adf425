/* limits.h - every bound in the system, and how the bounds depend on each other. */
#ifndef KV_BASE_LIMITS_H
#define KV_BASE_LIMITS_H

#include <assert.h>
#include <stdint.h>

enum {
    LEVEL_COUNT = 7,                /* RocksDB's default; deeper directories are refused */
    COLUMN_FAMILY_COUNT_MAX = 4096, /* live ones */
    COLUMN_FAMILY_NAME_BYTES_MAX = 255,
    KEY_BYTES_MAX = 64 * 1024,               /* a user key */
    KEY_BOUND_BYTES_MAX = KEY_BYTES_MAX + 1, /* a range's end right behind the longest key */
    VALUE_BYTES_MAX = 512 * 1024 * 1024,     /* Redis's proto-max-bulk-len */
    BATCH_BYTES_MAX = 1024 * 1024 * 1024,    /* one atomic write */
    FROZEN_MEMTABLE_COUNT_MAX = 4,           /* waiting for their flush; beyond: writers wait */
    MEMTABLE_BYTES_MIN = 1024 * 1024,
    BLOCK_BYTES_TARGET = 4096,            /* a data block, before compression */
    BLOCK_BYTES_MAX = 1024 * 1024 * 1024, /* a block as stored or raw; a value is in one block */
    TABLE_META_BYTES_MAX = 1024 * 1024 * 1024, /* index, filter, range tombstones of one table */
    READ_WANT_COUNT_MAX = 4096,                /* blocks one pass of a read may ask for at once */
    READ_WANT_BYTES_MAX = 16 * 1024 * 1024,    /* the same, beyond the first 64 */
    READ_PASS_COUNT_MAX = 1000000,             /* a read that needs more passes is a livelock */
    READ_PREFETCH_COUNT_MAX = 16,              /* point reads that wait for memory together */
};

static const uint64_t SEQUENCE_MAX = (UINT64_C(1) << 56) - 1;

static_assert(KEY_BYTES_MAX < VALUE_BYTES_MAX, "a key is smaller than a value may be");
static_assert(VALUE_BYTES_MAX < BATCH_BYTES_MAX, "the largest value must fit in a batch");
static_assert(VALUE_BYTES_MAX < BLOCK_BYTES_MAX, "the largest value must fit in a block");

#endif
