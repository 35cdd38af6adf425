/* payload.c - filler and proven values.
 *
 * The filler is a pool that repeats a pattern every FILLER_BLOCK_BYTES: so many random bytes, then
 * one byte over and over, which is what makes the wanted share compressible.  A compressor finds
 * the repeated runs and nothing else, for pool and window are such that no random byte comes twice
 * within the 64 KB that fast compressors look back.
 */
#include "cli/kvbench/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "base/random.h"

enum { FILLER_POOL_BYTES = 1 << 20, FILLER_BLOCK_BYTES = 256 };

#define PAYLOAD_MAGIC 0x31764b62u /* "bKv1" */

enum { AT_MAGIC = 0, AT_CRC = 4, AT_KEY = 8, AT_VERSION = 16, AT_TAG = 20, AT_SIZE = 24 };

void
filler_init(struct filler *filler, uint64_t seed, double compressible)
{
    struct random random;
    size_t random_bytes;

    KV_ASSERT(compressible >= 0.0 && compressible <= 1.0);
    random_bytes = (size_t)((1.0 - compressible) * FILLER_BLOCK_BYTES + 0.5);
    random_init(&random, seed);
    filler->pool_bytes = FILLER_POOL_BYTES;
    filler->pool = kv_alloc(FILLER_POOL_BYTES);
    memset(filler->pool, 'x', FILLER_POOL_BYTES);
    for (size_t at = 0; at < FILLER_POOL_BYTES; at += FILLER_BLOCK_BYTES) {
        for (size_t i = 0; i < random_bytes; i++)
            filler->pool[at + i] = (uint8_t)random_next(&random);
    }
}

void
filler_deinit(struct filler *filler)
{
    free(filler->pool);
    *filler = (struct filler){0};
}

void
filler_fill(const struct filler *filler, uint64_t salt, uint8_t *target, size_t size)
{
    /* Fibonacci hashing spreads neighbouring salts over the pool. */
    size_t at = (size_t)((salt * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % filler->pool_bytes;

    KV_ASSERT(filler->pool != NULL);
    while (size > 0) {
        const size_t rest = filler->pool_bytes - at;
        const size_t piece = size < rest ? size : rest;

        memcpy(target, filler->pool + at, piece);
        target += piece;
        size -= piece;
        at = 0;
    }
}

uint32_t
payload_new_run_tag(void)
{
    uint32_t tag = 0;
    struct timespec now;

    if (getrandom(&tag, sizeof(tag), GRND_NONBLOCK) == (ssize_t)sizeof(tag) && tag != 0)
        return tag;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* just after the machine has started */
    return ((uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec) | 1;
}

void
payload_write(const struct filler *filler, const struct payload *payload, uint8_t *target,
              size_t size)
{
    KV_ASSERT(size >= PAYLOAD_BYTES_MIN);
    KV_ASSERT(size <= UINT32_MAX);
    put_fixed32(target + AT_MAGIC, PAYLOAD_MAGIC);
    put_fixed64(target + AT_KEY, payload->key_id);
    put_fixed32(target + AT_VERSION, payload->version);
    put_fixed32(target + AT_TAG, payload->run_tag);
    put_fixed32(target + AT_SIZE, (uint32_t)size);
    filler_fill(filler, payload->key_id ^ ((uint64_t)payload->version << 40),
                target + PAYLOAD_BYTES_MIN, size - PAYLOAD_BYTES_MIN);
    put_fixed32(target + AT_CRC, crc32c_mask(crc32c_extend(0, target + AT_KEY, size - AT_KEY)));
}

/* Identity before age: a value of another key has a version too, which means nothing here. */
static enum payload_verdict
judge(const struct payload *found, const struct payload_bounds *bounds)
{
    if (found->key_id != bounds->key_id)
        return PAYLOAD_FOREIGN_KEY;
    if (found->run_tag != bounds->run_tag)
        return bounds->version_min == 0 ? PAYLOAD_GOOD : PAYLOAD_FOREIGN_RUN;
    if (found->version < bounds->version_min)
        return PAYLOAD_STALE;
    return found->version > bounds->version_max ? PAYLOAD_UNSENT : PAYLOAD_GOOD;
}

enum payload_verdict
payload_check(struct slice value, const struct payload_bounds *bounds, struct payload *found_out)
{
    KV_ASSERT(bounds->version_min <= bounds->version_max);
    *found_out = (struct payload){0};
    if (value.size < AT_CRC || load_fixed32(value.data + AT_MAGIC) != PAYLOAD_MAGIC)
        return bounds->version_min == 0 ? PAYLOAD_GOOD : PAYLOAD_NOT_OURS;
    if (value.size < PAYLOAD_BYTES_MIN)
        return PAYLOAD_TORN;
    found_out->key_id = load_fixed64(value.data + AT_KEY);
    found_out->version = load_fixed32(value.data + AT_VERSION);
    found_out->run_tag = load_fixed32(value.data + AT_TAG);
    if (load_fixed32(value.data + AT_SIZE) != value.size)
        return PAYLOAD_TORN;
    if (load_fixed32(value.data + AT_CRC) !=
        crc32c_mask(crc32c_extend(0, value.data + AT_KEY, value.size - AT_KEY)))
        return PAYLOAD_TORN;
    return judge(found_out, bounds);
}

enum payload_verdict
payload_check_missing(const struct payload_bounds *bounds)
{
    return bounds->may_be_missing ? PAYLOAD_GOOD : PAYLOAD_MISSING;
}

const char *
payload_verdict_text(enum payload_verdict verdict)
{
    switch (verdict) {
    case PAYLOAD_GOOD:
        return "is right";
    case PAYLOAD_NOT_OURS:
        return "is not a value that kvbench --verify writes";
    case PAYLOAD_TORN:
        return "is not whole: its size or its checksum is wrong";
    case PAYLOAD_FOREIGN_KEY:
        return "is the value of another key";
    case PAYLOAD_FOREIGN_RUN:
        return "is of another run, though this one had a write acknowledged";
    case PAYLOAD_STALE:
        return "is older than the last acknowledged write";
    case PAYLOAD_UNSENT:
        return "is newer than anything that was sent";
    case PAYLOAD_MISSING:
        return "is missing, though a write was acknowledged and no deletion sent since";
    }
    KV_ASSERT(false);
    return "";
}

void
payload_explain(enum payload_verdict verdict, const struct payload_bounds *bounds,
                const struct payload *found, char text[PAYLOAD_TEXT_BYTES])
{
    int length = snprintf(text, PAYLOAD_TEXT_BYTES,
                          "key %" PRIu64 " %s: acknowledged version %" PRIu32 ", sent %" PRIu32
                          " of run %08" PRIx32,
                          bounds->key_id, payload_verdict_text(verdict), bounds->version_min,
                          bounds->version_max, bounds->run_tag);

    KV_ASSERT(length > 0 && length < PAYLOAD_TEXT_BYTES);
    if (verdict == PAYLOAD_NOT_OURS || verdict == PAYLOAD_MISSING)
        return;
    (void)snprintf(text + length, (size_t)(PAYLOAD_TEXT_BYTES - length),
                   "; found key %" PRIu64 " version %" PRIu32 " of run %08" PRIx32, found->key_id,
                   found->version, found->run_tag);
}
