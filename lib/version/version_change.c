/* A batch of changes: what the families will look like, and the records that say so.
 *
 * The records are encoded anew for every attempt at writing them, because each carries the next
 * file number and the last sequence of that moment: too small a number in the MANIFEST destroys
 * data in RocksDB's hands (FORMAT.md traps 3 and 4). */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id_array.h"
#include "version/version_set_internal.h"

static uint32_t
draft_position(const struct draft_set *drafts, uint32_t cf_id)
{
    return id_array_position(drafts->items, drafts->count, cf_id);
}

struct family_draft *
draft_find(const struct draft_set *drafts, uint32_t cf_id)
{
    const uint32_t at = draft_position(drafts, cf_id);

    return at < drafts->count && drafts->items[at]->cf_id == cf_id ? drafts->items[at] : NULL;
}

struct family_draft *
draft_make(struct version_set *set, uint32_t cf_id, struct column_family *family)
{
    struct draft_set *drafts = &set->drafts;
    const uint32_t at = draft_position(drafts, cf_id);
    struct family_draft *draft = kv_alloc_zero(sizeof(*draft));

    KV_ASSERT(draft_find(drafts, cf_id) == NULL);
    if (drafts->count == drafts->capacity) {
        drafts->capacity = drafts->capacity == 0 ? 4 : drafts->capacity * 2;
        drafts->items =
            kv_realloc(drafts->items, (size_t)drafts->capacity * sizeof(drafts->items[0]));
    }
    memmove(drafts->items + at + 1, drafts->items + at,
            (drafts->count - at) * sizeof(drafts->items[0]));
    drafts->items[at] = draft;
    drafts->count++;
    draft->cf_id = cf_id;
    draft->family = family;
    draft->log_number = family != NULL ? family->log_number : 0;
    version_builder_init(&draft->builder, set, family != NULL ? family->current : NULL);
    return draft;
}

static void
draft_free(struct family_draft *draft)
{
    version_builder_deinit(&draft->builder);
    if (draft->version != NULL)
        version_unref(draft->version);
    free(draft);
}

void
draft_remove(struct draft_set *drafts, uint32_t cf_id)
{
    const uint32_t at = draft_position(drafts, cf_id);

    KV_ASSERT(at < drafts->count && drafts->items[at]->cf_id == cf_id);
    draft_free(drafts->items[at]);
    memmove(drafts->items + at, drafts->items + at + 1,
            (drafts->count - at - 1) * sizeof(drafts->items[0]));
    drafts->count--;
}

void
draft_set_deinit(struct draft_set *drafts)
{
    for (uint32_t i = 0; i < drafts->count; i++)
        draft_free(drafts->items[i]);
    free(drafts->items);
    *drafts = (struct draft_set){0};
}

enum kv_status
draft_apply(struct family_draft *draft, const struct version_edit *edit)
{
    KV_ASSERT(edit->cf_id == draft->cf_id);
    if (edit->has_log_number && edit->log_number > draft->log_number)
        draft->log_number = edit->log_number;
    return version_builder_apply(&draft->builder, edit);
}

static void
draft_install(struct version_set *set, struct family_draft *draft)
{
    struct column_family *family = draft->family;

    if (draft->is_dropped) {
        if (family != NULL)
            version_set_remove_family(set, family);
        return;
    }
    KV_ASSERT(draft->version != NULL);
    if (family == NULL) {
        family = kv_alloc_zero(sizeof(*family));
        family->id = draft->cf_id;
        memcpy(family->name, draft->name, sizeof(family->name));
        version_set_add_family(set, family);
    } else {
        version_unref(family->current);
    }
    family->log_number = draft->log_number;
    family->current = draft->version;
    draft->version = NULL;
}

void
drafts_install(struct version_set *set)
{
    for (uint32_t i = 0; i < set->drafts.count; i++)
        draft_install(set, set->drafts.items[i]);
    draft_set_deinit(&set->drafts);
}

struct version_change *
change_new(struct version_edit *edits, uint32_t edit_count)
{
    struct version_change *change = kv_alloc_zero(sizeof(*change));

    KV_ASSERT(edit_count < UINT32_MAX / 2);
    list_init(&change->link);
    change->edit_count = edit_count;
    if (edit_count > 0) {
        change->edits = kv_alloc(edit_count * sizeof(*edits));
        memcpy(change->edits, edits, edit_count * sizeof(*edits));
        memset(edits, 0, edit_count * sizeof(*edits));
    }
    return change;
}

static void
change_free(struct version_change *change)
{
    for (uint32_t i = 0; i < change->edit_count; i++)
        version_edit_deinit(&change->edits[i]);
    free(change->edits);
    free(change);
}

/* The draft that an edit belongs to; NULL: its family is gone. */
static struct family_draft *
draft_of_edit(struct version_set *set, const struct version_edit *edit)
{
    struct family_draft *draft = draft_find(&set->drafts, edit->cf_id);
    struct column_family *family = version_set_family(set, edit->cf_id);

    if (edit->is_cf_add) {
        KV_ASSERT(draft == NULL && family == NULL);
        KV_ASSERT(edit->cf_name.size <= COLUMN_FAMILY_NAME_BYTES_MAX);
        draft = draft_make(set, edit->cf_id, NULL);
        memcpy(draft->name, edit->cf_name.data, edit->cf_name.size);
        return draft;
    }
    if (draft == NULL && family != NULL)
        draft = draft_make(set, edit->cf_id, family);
    return draft != NULL && !draft->is_dropped ? draft : NULL;
}

/* False: the edit came too late. */
static bool
apply_live_edit(struct version_set *set, const struct version_edit *edit)
{
    struct family_draft *draft = draft_of_edit(set, edit);
    enum kv_status st;

    if (draft == NULL)
        return false;
    st = draft_apply(draft, edit);
    KV_ASSERT(st == KV_OK); /* our own edits fit our own versions */
    if (edit->is_cf_drop) {
        KV_ASSERT(edit->cf_id != 0);
        draft->is_dropped = true;
    }
    for (uint32_t i = 0; i < edit->add_count; i++) {
        KV_ASSERT(edit->adds[i].meta.number < set->next_file);
        version_set_raise_last_seq(set, edit->adds[i].meta.seq_largest);
    }
    if (edit->has_last_seq)
        version_set_raise_last_seq(set, edit->last_seq);
    return true;
}

/* Edits that come too late go to the end of the array, behind live_count. */
static void
apply_change(struct version_set *set, struct version_change *change)
{
    uint32_t at = 0, left = change->edit_count;

    for (; left > 0; left--) {
        if (apply_live_edit(set, &change->edits[at])) {
            at++;
        } else {
            const struct version_edit late = change->edits[at];

            memmove(change->edits + at, change->edits + at + 1,
                    (change->edit_count - at - 1) * sizeof(late));
            change->edits[change->edit_count - 1] = late;
        }
    }
    change->live_count = at;
    change->last_seq = set->last_seq;
}

/* Of a dropped family too: tables that the batch adds to it are reported when its version goes. */
static void
build_drafts(struct version_set *set)
{
    for (uint32_t i = 0; i < set->drafts.count; i++) {
        struct family_draft *draft = set->drafts.items[i];
        const enum kv_status st =
            version_builder_finish(&draft->builder, draft->cf_id, &draft->version);

        KV_ASSERT(st == KV_OK);
    }
}

void
batch_prepare(struct version_set *set)
{
    KV_ASSERT(list_empty(&set->batch) && set->drafts.count == 0);
    for (uint32_t i = 0; i < CHANGE_BATCH_MAX && !list_empty(&set->queue); i++) {
        struct version_change *change = LIST_ENTRY(set->queue.next, struct version_change, link);

        list_remove(&change->link);
        list_push_back(&set->batch, &change->link);
        apply_change(set, change);
    }
    build_drafts(set);
}

static void
append_record(const struct version_edit *edit, struct log_writer *writer, struct buffer *target)
{
    struct buffer record = {0};

    version_edit_encode(edit, &record);
    log_writer_append(writer, target, buffer_slice(&record));
    buffer_deinit(&record);
}

static void
fill_counters(const struct version_set *set, struct version_edit *edit)
{
    edit->has_prev_log = edit->has_next_file = edit->has_last_seq = true;
    edit->prev_log = 0;
    edit->next_file = set->next_file;
    edit->last_seq = set->last_seq;
}

static void
set_text(bool *has, struct buffer *target, const char *text)
{
    *has = true;
    buffer_clear(target);
    buffer_append(target, text, strlen(text));
}

static void
encode_change(struct version_set *set, struct version_change *change, struct log_writer *writer,
              struct buffer *target)
{
    for (uint32_t i = 0; i < change->live_count; i++) {
        struct version_edit *edit = &change->edits[i];

        fill_counters(set, edit);
        edit->last_seq = change->last_seq;
        if (edit->is_cf_add)
            set_text(&edit->has_comparator, &edit->comparator, COMPARATOR_NAME);
        edit->has_max_cf_id = edit->is_cf_add || edit->is_cf_drop;
        edit->max_cf_id = set->max_cf_id;
        edit->in_atomic_group = change->live_count > 1;
        edit->atomic_group_rest = change->live_count - 1 - i;
        append_record(edit, writer, target);
    }
}

void
batch_encode(struct version_set *set, struct log_writer *writer, struct buffer *target)
{
    const size_t size = target->size;
    struct version_edit counters = {0};

    for (struct list *at = set->batch.next; at != &set->batch; at = at->next)
        encode_change(set, LIST_ENTRY(at, struct version_change, link), writer, target);
    if (target->size > size)
        return;
    fill_counters(set, &counters);
    append_record(&counters, writer, target);
}

static void
encode_family_head(const struct column_family *family, struct log_writer *writer,
                   struct buffer *target)
{
    struct version_edit edit = {.cf_id = family->id};

    set_text(&edit.has_comparator, &edit.comparator, COMPARATOR_NAME);
    if (family->id != 0)
        set_text(&edit.is_cf_add, &edit.cf_name, family->name);
    append_record(&edit, writer, target);
    version_edit_deinit(&edit);
}

/* The edit borrows the tables' keys while it is encoded. */
static void
encode_family_tables(const struct version_set *set, const struct column_family *family,
                     struct log_writer *writer, struct buffer *target)
{
    struct version_edit edit = {.cf_id = family->id,
                                .has_log_number = true,
                                .log_number = family->log_number,
                                .has_last_seq = true,
                                .last_seq = set->last_seq};

    edit.has_min_log_to_keep = family->id == 0 && set->min_log_to_keep > 0;
    edit.min_log_to_keep = set->min_log_to_keep;
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct version_level *files = &family->current->levels[level];

        for (uint32_t i = 0; i < files->count; i++)
            *version_edit_add_table(&edit, level) = files->files[i]->meta;
    }
    append_record(&edit, writer, target);
    free(edit.adds);
}

void
snapshot_encode(struct version_set *set, struct log_writer *writer, struct buffer *target)
{
    struct version_edit edit = {.has_max_cf_id = true, .max_cf_id = set->max_cf_id};

    if (set->db_id.size > 0)
        set_text(&edit.has_db_id, &edit.db_id, (const char *)set->db_id.data);
    fill_counters(set, &edit);
    append_record(&edit, writer, target);
    version_edit_deinit(&edit);
    for (uint32_t i = 0; i < set->family_count; i++) {
        encode_family_head(set->families[i], writer, target);
        encode_family_tables(set, set->families[i], writer, target);
    }
}

void
version_set_describe(struct version_set *set, struct buffer *target)
{
    struct log_writer writer;

    KV_ASSERT(set->started);
    log_writer_init(&writer, false, 0);
    snapshot_encode(set, &writer, target);
}

static void
raise_min_log(struct version_set *set, const struct version_change *change)
{
    for (uint32_t i = 0; i < change->live_count; i++) {
        const struct version_edit *edit = &change->edits[i];

        if (edit->has_min_log_to_keep && edit->min_log_to_keep > set->min_log_to_keep)
            set->min_log_to_keep = edit->min_log_to_keep;
    }
}

static bool
edit_removes(const struct version_edit *edit, uint64_t number)
{
    for (uint32_t i = 0; i < edit->remove_count; i++) {
        if (edit->removes[i].number == number)
            return true;
    }
    return false;
}

/* A table that the edit only moved was reported when its family was dropped. */
static void
report_late_tables(struct version_set *set, const struct version_change *change)
{
    for (uint32_t i = change->live_count; i < change->edit_count; i++) {
        const struct version_edit *edit = &change->edits[i];

        for (uint32_t j = 0; j < edit->add_count; j++) {
            if (!edit_removes(edit, edit->adds[j].meta.number))
                version_set_report_obsolete(set, edit->adds[j].meta.number);
        }
    }
}

void
batch_install(struct version_set *set)
{
    struct list done;

    list_init(&done);
    drafts_install(set);
    while (!list_empty(&set->batch)) {
        struct list *link = set->batch.next;

        list_remove(link);
        list_push_back(&done, link);
        raise_min_log(set, LIST_ENTRY(link, struct version_change, link));
    }
    while (!list_empty(&done)) {
        struct version_change *change = LIST_ENTRY(done.next, struct version_change, link);
        const bool is_late = change->edit_count > 0 && change->live_count == 0;

        list_remove(&change->link);
        report_late_tables(set, change);
        if (change->on_applied != NULL)
            change->on_applied(change->owner, is_late ? KV_CANCELLED : KV_OK);
        change_free(change);
    }
}

static void
drop_list(struct list *changes)
{
    while (!list_empty(changes)) {
        struct version_change *change = LIST_ENTRY(changes->next, struct version_change, link);

        list_remove(&change->link);
        change_free(change);
    }
}

void
batch_drop(struct version_set *set)
{
    draft_set_deinit(&set->drafts);
    drop_list(&set->batch);
    drop_list(&set->queue);
}
