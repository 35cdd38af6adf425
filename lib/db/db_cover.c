#include "db/db_cover.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "mem/memtable.h"

void
db_cover_init(struct db_cover *cover, const struct db_view *view, const struct scan_child *children,
              uint32_t child_count, struct read_ctx *ctx)
{
    *cover = (struct db_cover){
        .view = view,
        .children = children,
        .ctx = ctx,
        .place_count = view->memtable_count + child_count,
    };
    cover->places = kv_alloc_zero(cover->place_count * sizeof(cover->places[0]));
    cover->is_known = kv_alloc_zero(cover->place_count * sizeof(cover->is_known[0]));
}

void
db_cover_deinit(struct db_cover *cover)
{
    free(cover->places);
    free(cover->is_known);
    *cover = (struct db_cover){0};
}

static enum kv_status
ask(struct db_cover *cover, uint32_t place, struct slice user_key)
{
    const struct db_view *view = cover->view;
    struct tombstone_stretch *stretch = &cover->places[place];
    enum kv_status st = KV_OK;

    if (cover->is_known[place] && key_stretch_contains(&stretch->keys, user_key))
        return KV_OK;
    if (place < view->memtable_count)
        memtable_tombstone_stretch(view->memtables[place], view->cf_id, user_key, view->seq,
                                   stretch);
    else
        st = version_scan_stretch(&cover->children[place - view->memtable_count], cover->ctx,
                                  user_key, view->seq, stretch);
    cover->is_known[place] = st == KV_OK;
    KV_ASSERT(st != KV_OK || key_stretch_contains(&stretch->keys, user_key));
    return st;
}

enum kv_status
db_cover_find(struct db_cover *cover, struct slice user_key, uint64_t *seq_out)
{
    struct tombstone_stretch all = {0};
    enum kv_status result = KV_OK;

    if (!cover->has_stretch || !key_stretch_contains(&cover->stretch.keys, user_key)) {
        /* If this fails, the places' stretches are not all around one key: db_cover_hides. */
        cover->has_stretch = false;
        for (uint32_t i = 0; i < cover->place_count; i++) {
            const enum kv_status st = ask(cover, i, user_key);

            /* Goes on after KV_WANT_BLOCK, so that one round brings all. */
            if (st != KV_OK && st != KV_WANT_BLOCK)
                return st;
            if (st == KV_WANT_BLOCK) {
                result = st;
                continue;
            }
            key_stretch_cut(&all.keys, &cover->places[i].keys);
            if (cover->places[i].seq > all.seq)
                all.seq = cover->places[i].seq;
        }
        if (result != KV_OK)
            return result;
        cover->stretch = all;
        cover->has_stretch = true;
    }
    *seq_out = cover->stretch.seq;
    return KV_OK;
}

/* Whether stretch a reaches further than b. */
static bool
reaches_further(const struct key_stretch *a, const struct key_stretch *b, bool forward)
{
    if (forward)
        return b->has_end && (!a->has_end || slice_compare(a->end, b->end) > 0);
    return b->has_begin && (!a->has_begin || slice_compare(a->begin, b->begin) < 0);
}

bool
db_cover_hides(const struct db_cover *cover, uint32_t place, struct key_stretch *keys_out,
               bool forward)
{
    bool found = false;

    KV_ASSERT(place < cover->place_count);
    for (uint32_t i = 0; i < place; i++) {
        const struct tombstone_stretch *stretch = &cover->places[i];

        if (stretch->seq == 0 || (found && !reaches_further(&stretch->keys, keys_out, forward)))
            continue;
        *keys_out = stretch->keys;
        found = true;
    }
    return found;
}
