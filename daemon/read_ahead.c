#include "daemon/read_ahead.h"

#include "daemon/command.h"
#include "resp/resp_peek.h"

void
read_ahead_forget(struct read_ahead *ahead)
{
    ahead->end = NULL;
    ahead->count = ahead->next = 0;
}

static bool
reads_its_first_argument(struct slice name)
{
    const struct command *command = command_find(name);

    return command != NULL && command->reads_key;
}

void
read_ahead_look(struct read_ahead *ahead, struct db *db, uint32_t cf_id, struct slice input)
{
    struct slice rest = input, name, argument;
    size_t size;

    if (ahead->end != NULL && input.data < ahead->end)
        return;
    ahead->cf_id = cf_id;
    ahead->count = ahead->next = 0;
    ahead->end = rest.data;
    for (unsigned i = 0; i < READ_PREFETCH_COUNT_MAX; i++) {
        if (!resp_peek(rest, &name, &argument, &size)) {
            ahead->end++; /* perhaps again behind this one */
            break;
        }
        if (argument.size <= KEY_BYTES_MAX && reads_its_first_argument(name))
            ahead->keys[ahead->count++] = argument;
        rest = slice_of(rest.data + size, rest.size - size);
        ahead->end = rest.data;
    }
    if (ahead->count > 1)
        db_prefetch(db, cf_id, ahead->keys, ahead->count, ahead->probes);
    else
        ahead->count = 0;
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
    db_prefetch(db, cf_id, ahead->keys, ahead->count, ahead->probes);
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
