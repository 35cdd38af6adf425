/* memtable_apply.c - a whole batch at once. */
#include "mem/memtable_tree.h"

void
memtable_apply(struct memtable *memtable, struct slice batch,
               bool (*cf_is_live)(void *owner, uint32_t cf_id), void *owner)
{
    struct write_batch_reader reader;
    struct batch_record record;
    bool found = false;
    enum kv_status st = write_batch_reader_init(&reader, batch);

    KV_ASSERT(st == KV_OK);
    for (;;) {
        st = write_batch_reader_next(&reader, &record, &found);
        KV_ASSERT(st == KV_OK);
        if (!found)
            return;
        if (cf_is_live == NULL || cf_is_live(owner, record.cf_id))
            memtable_add(memtable, &record);
    }
}
