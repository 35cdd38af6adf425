/* read_ahead.c - what the commands that wait in a client's input will read and put.
 *
 * Looking ahead decides nothing.  A command that turns out to read something else, or a failure to
 * read what it may never ask for, costs time only.
 */
#include "daemon/read_ahead.h"

#include "base/assert.h"
#include "daemon/command.h"
#include "resp/resp_peek.h"

enum {
    WAVE_COMMAND_COUNT_MAX = 64,
    WAVE_BYTES_MAX = 4 * 1024 * 1024, /* of a client: the first reply waits for all of it */
    WAVE_CACHE_PART = 4,              /* of the block cache, for all pins and waves together */
    WAVE_BYTES_PER_BYTE = 4,          /* in memory, of what is compressed on disk: a guess */
};

void
read_ahead_forget(struct read_ahead *ahead)
{
    ahead->end = NULL;
    ahead->count = ahead->next = 0;
}

/* The command will touch `key`, if it touches its first argument at all. */
static void
note_key(struct read_ahead *ahead, struct slice name, struct slice key)
{
    const struct command *command = command_find(name);

    if (command == NULL || key.size > KEY_BYTES_MAX)
        return;
    if (command->reads_key)
        ahead->keys[ahead->count++] = key;
    else if (command->puts_key)
        ahead->put_keys[ahead->put_count++] = key;
}

/* Looks at up to `count_max` requests at the front of *rest, and passes them; the keys that they
 * will read become ahead->keys, those that they will put ahead->put_keys.  Returns how many there
 * were: all of them, unless what follows cannot be looked at. */
static uint32_t
look_at_requests(struct read_ahead *ahead, struct slice *rest, uint32_t count_max)
{
    struct slice name, argument;
    uint32_t looked = 0;
    size_t size;

    KV_ASSERT(count_max <= READ_PREFETCH_COUNT_MAX);
    ahead->count = ahead->next = ahead->put_count = 0;
    for (; looked < count_max && resp_peek(*rest, &name, &argument, &size); looked++) {
        note_key(ahead, name, argument);
        *rest = slice_of(rest->data + size, rest->size - size);
    }
    return looked;
}

void
read_ahead_look(struct read_ahead *ahead, struct db *db, uint32_t cf_id, struct slice input)
{
    struct slice rest = input;

    if (ahead->end != NULL && input.data < ahead->end)
        return;
    ahead->cf_id = cf_id;
    if (look_at_requests(ahead, &rest, READ_PREFETCH_COUNT_MAX) == READ_PREFETCH_COUNT_MAX)
        ahead->end = rest.data;
    else
        ahead->end = rest.data + 1; /* perhaps again behind this one */
    if (ahead->count > 1)
        db_prefetch(db, cf_id, SEQUENCE_MAX, ahead->keys, ahead->count, ahead->probes);
    else
        ahead->count = 0;
    if (ahead->put_count > 1)
        db_prefetch_puts(db, cf_id, ahead->put_keys, ahead->put_count);
}

void
read_ahead_begin(struct read_ahead *ahead, struct db *db, uint32_t cf_id, const struct slice *args,
                 uint32_t step, uint32_t count)
{
    ahead->cf_id = cf_id;
    ahead->count = ahead->next = 0;
    for (uint32_t i = 0; i < count && i < READ_PREFETCH_COUNT_MAX; i++) {
        if (args[i * step].size <= KEY_BYTES_MAX)
            ahead->keys[ahead->count++] = args[i * step];
    }
    db_prefetch(db, cf_id, SEQUENCE_MAX, ahead->keys, ahead->count, ahead->probes);
}

const struct version_probe *
read_ahead_take(struct read_ahead *ahead, uint32_t cf_id, struct slice key)
{
    if (cf_id != ahead->cf_id)
        return NULL;
    while (ahead->next < ahead->count) {
        const uint32_t at = ahead->next++;

        if (ahead->keys[at].data == key.data && ahead->keys[at].size == key.size)
            return &ahead->probes[at];
    }
    return NULL;
}

static void
charge(struct read_wave *wave, struct read_ahead *ahead, uint64_t want_bytes)
{
    wave->bytes += WAVE_BYTES_PER_BYTE * want_bytes;
    ahead->wave_bytes += WAVE_BYTES_PER_BYTE * want_bytes;
}

static bool
has_room(const struct read_wave *wave, const struct read_ahead *ahead, const struct read_ctx *ctx)
{
    struct block_cache_stats cache;

    if (read_ctx_wants_enough(ctx) || wave->bytes >= WAVE_BYTES_MAX)
        return false;
    block_cache_get_stats(ctx->cache, &cache);
    return cache.bytes_pinned + ahead->wave_bytes < cache.bytes_max / WAVE_CACHE_PART;
}

/* Wishes what the keys' reads lack; their own tries will tell what is wrong, if anything is. */
static void
want_blocks(struct read_ahead *ahead, struct db *db, struct read_ctx *ctx)
{
    struct lookup found;

    db_prefetch(db, ahead->cf_id, SEQUENCE_MAX, ahead->keys, ahead->count, ahead->probes);
    for (uint32_t i = 0; i < ahead->count; i++) {
        const enum kv_status st = db_get_probed(db, ctx, ahead->cf_id, &ahead->probes[i], &found);

        (void)st;
    }
}

void
read_wave_grow(struct read_wave *wave, struct read_ahead *ahead, struct db *db, uint32_t cf_id,
               struct read_ctx *ctx, struct slice input)
{
    const uint32_t count_max = wave->left > 0 ? wave->left : WAVE_COMMAND_COUNT_MAX;
    uint32_t looked = 0, asked, group;

    KV_ASSERT(ctx->want_count > 0);
    if (wave->is_off)
        return;
    ahead->cf_id = cf_id;
    while (looked < count_max && has_room(wave, ahead, ctx)) {
        const uint64_t bytes_before = ctx->want_bytes;

        asked = count_max - looked;
        asked = asked < READ_PREFETCH_COUNT_MAX ? asked : READ_PREFETCH_COUNT_MAX;
        group = look_at_requests(ahead, &input, asked);
        looked += group;
        if (ahead->count > 0)
            want_blocks(ahead, db, ctx);
        charge(wave, ahead, ctx->want_bytes - bytes_before);
        if (group < asked)
            break;
    }
    read_ahead_forget(ahead);
    if (wave->left == 0)
        wave->left = looked;
}

bool
read_wave_step(struct read_wave *wave)
{
    wave->is_alive = wave->left > 0;
    if (wave->is_alive)
        wave->left--;
    return wave->is_alive;
}

void
read_wave_end(struct read_wave *wave, struct read_ahead *ahead)
{
    KV_ASSERT(ahead->wave_bytes >= wave->bytes);
    ahead->wave_bytes -= wave->bytes;
    *wave = (struct read_wave){0};
}
