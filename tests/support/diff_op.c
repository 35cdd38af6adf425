#include "support/diff_op.h"

#include <stdio.h>

static const struct {
    const char *name;
    uint32_t weight;
} kinds[DIFF_KIND_COUNT] = {
    [DIFF_PUT] = {"put", 3000},
    [DIFF_DELETE] = {"delete", 800},
    [DIFF_SINGLE_DELETE] = {"single delete", 500},
    [DIFF_DELETE_RANGE] = {"delete range", 120},
    [DIFF_MERGE] = {"merge", 1500},
    [DIFF_GET] = {"get", 2500},
    [DIFF_ITER_OPEN] = {"iterator", 150},
    [DIFF_ITER_FIRST] = {"first", 60},
    [DIFF_ITER_LAST] = {"last", 60},
    [DIFF_ITER_SEEK] = {"seek", 300},
    [DIFF_ITER_SEEK_FOR_PREV] = {"seek for prev", 300},
    [DIFF_ITER_NEXT] = {"next", 600},
    [DIFF_ITER_PREV] = {"prev", 600},
    [DIFF_ITER_CLOSE] = {"close", 60},
    [DIFF_SNAPSHOT] = {"snapshot", 60},
    [DIFF_SNAPSHOT_GET] = {"snapshot get", 1000},
    [DIFF_RELEASE] = {"release", 40},
    [DIFF_FLUSH] = {"flush", 60},
    [DIFF_COMPACT] = {"compact", 15},
    [DIFF_SETTLE] = {"settle", 8},
    [DIFF_SETTINGS] = {"settings", 10},
    [DIFF_PAUSE] = {"pause", 6},
    [DIFF_CANCEL] = {"cancel", 4},
    [DIFF_FAIL] = {"fail", 6},
    [DIFF_TURN] = {"turn", 400},
    [DIFF_DROP] = {"drop cache", 30},
    [DIFF_REOPEN] = {"reopen", 4},
    [DIFF_CRASH] = {"crash", 4},
    [DIFF_HAND_OVER] = {"hand over", 2},
};

/* Each seed likes some operations more and some less, as random tests find more that way. */
void
diff_profile_draw(struct diff_profile *profile, struct random *random)
{
    static const uint32_t key_counts[] = {24, 80, 400, 4000, 40000};

    profile->key_count = key_counts[random_below(random, 5)];
    profile->range_width_max = 2 + (uint32_t)random_below(random, profile->key_count);
    for (int kind = 0; kind < DIFF_KIND_COUNT; kind++)
        profile->weights[kind] =
            kinds[kind].weight * (random_below(random, 8) == 0 ? 0 : 1u << random_below(random, 3));
    profile->weights[DIFF_PUT] += kinds[DIFF_PUT].weight;
}

static enum diff_kind
draw_kind(const struct diff_profile *profile, struct random *random)
{
    uint64_t total = 0, drawn;
    int kind = 0;

    for (int i = 0; i < DIFF_KIND_COUNT; i++)
        total += profile->weights[i];
    for (drawn = random_below(random, total); drawn >= profile->weights[kind]; kind++)
        drawn -= profile->weights[kind];
    return (enum diff_kind)kind;
}

void
diff_op_draw(struct diff_op *op, const struct diff_profile *profile, struct random *random)
{
    const uint32_t width_max =
        random_below(random, 8) == 0 ? profile->key_count : profile->range_width_max;

    op->kind = draw_kind(profile, random);
    op->family = (uint8_t)random_below(random, DIFF_FAMILY_COUNT);
    op->slot = (uint8_t)random_below(random, DIFF_SLOT_COUNT);
    op->goes_on = random_below(random, 3) == 0;
    op->key = (uint32_t)random_below(random, profile->key_count);
    op->key_end = op->key + 1 + (uint32_t)random_below(random, 1 + random_below(random, width_max));
    op->number = (uint32_t)random_next(random) >> 1;
    if (op->kind == DIFF_ITER_NEXT || op->kind == DIFF_ITER_PREV || op->kind == DIFF_TURN)
        op->number = 1 + op->number % (op->number % 16 == 0 ? 64 : 6);
}

bool
diff_op_writes(const struct diff_op *op)
{
    return op->kind <= DIFF_MERGE;
}

/* Four neighbours share a beginning, one is the first's successor, one is above all that begin
 * with it; one key is empty. */
struct slice
diff_key(uint32_t number, char bytes[DIFF_KEY_BYTES_MAX])
{
    static const char *const tails[] = {"", "\0", "/a longer part that neighbours share", "\xff"};
    static const size_t sizes[] = {0, 1, 36, 1};
    const uint32_t kind = number % 4;
    const int size = snprintf(bytes, DIFF_KEY_BYTES_MAX, "key%06u", number / 4);

    if (number == 0)
        return slice_of(bytes, 0);
    memcpy(bytes + size, tails[kind], sizes[kind]);
    return slice_of(bytes, (size_t)size + sizes[kind]);
}

void
diff_op_value(const struct diff_op *op, struct buffer *value)
{
    const bool is_counter = op->family == 0 && op->number % 32 != 5;
    uint32_t padding;

    buffer_clear(value);
    if (is_counter && (op->kind == DIFF_MERGE || op->number % 4 != 0)) {
        buffer_put_fixed64(value, op->number);
        return;
    }
    if (op->number % 16 == 1)
        return;
    buffer_append_format(value, "%c%u", op->kind == DIFF_MERGE ? 'm' : 'v', op->number);
    if (op->kind == DIFF_MERGE)
        return;
    padding = op->number % 64 == 0 ? op->number / 64 % 5000 : op->number / 64 % 80;
    for (uint32_t i = 0; i < padding; i++)
        buffer_append_byte(value, (uint8_t)('a' + i % 23));
}

void
diff_op_print(const struct diff_op *op)
{
    printf("  {%s, family %u, slot %u, goes_on %d, key %u, key_end %u, number %u}\n",
           kinds[op->kind].name, op->family, op->slot, op->goes_on, op->key, op->key_end,
           op->number);
}
