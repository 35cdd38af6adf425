/* memtable_apply.c - a whole batch, decoded in groups whose inserts help each other. */
#include "mem/memtable_internal.h"

/* Decodes up to a group's worth of live records; returns how many there are, *more says whether
 * the batch goes on. */
static unsigned
read_group(struct write_batch_reader *reader, struct batch_record *records,
           bool (*cf_is_live)(void *owner, uint32_t cf_id), void *owner, bool *more)
{
    unsigned count = 0;

    for (*more = true; *more && count < MEM_GROUP_COUNT_MAX;) {
        *more = write_batch_walk_next(reader, &records[count]);
        if (*more && (cf_is_live == NULL || cf_is_live(owner, records[count].cf_id)))
            count++;
    }
    return count;
}

void
memtable_apply(struct memtable *memtable, struct slice batch,
               bool (*cf_is_live)(void *owner, uint32_t cf_id), void *owner)
{
    struct batch_record records[MEM_GROUP_COUNT_MAX];
    struct write_batch_reader reader;
    bool more = true;

    write_batch_walk_init(&reader, batch);
    while (more) {
        const unsigned count = read_group(&reader, records, cf_is_live, owner, &more);

        mem_add_group(memtable, records, count);
    }
}
