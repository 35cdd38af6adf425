/* The families and the counters, and the queue of changes.
 *
 * A change waits in the queue until the one before it is durable; then all that wait are written
 * together.  Nothing of a change can be seen before it is on stable storage. */
#include "version/version_set.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id_array.h"
#include "base/log.h"
#include "version/file_name.h"
#include "version/version_set_internal.h"

/* NULL: there is none. */
static struct table_reader *
take_ahead(struct version_set *set, uint64_t number)
{
    for (uint32_t i = 0; i < set->ahead_count; i++) {
        struct table_reader *reader = set->ahead[i];

        if (table_reader_number(reader) != number)
            continue;
        set->ahead[i] = set->ahead[--set->ahead_count];
        return reader;
    }
    return NULL;
}

struct table_reader *
version_set_make_reader(struct version_set *set, const struct table_meta *meta)
{
    struct table_reader *ahead = take_ahead(set, meta->number);
    char path[PATH_BYTES_MAX];
    const struct table_reader_options options = {
        .file_number = meta->number,
        .file_bytes = meta->bytes,
        .path = path,
        .smallest = buffer_slice(&meta->smallest),
        .largest = buffer_slice(&meta->largest),
        .seq_largest = meta->seq_largest,
    };

    if (ahead != NULL)
        return ahead;
    file_name_format(path, set->dir, FILE_TABLE, meta->number);
    return table_reader_new(&options);
}

struct table_reader *
version_set_make_ahead(struct version_set *set, const struct table_meta *meta)
{
    struct table_reader *reader = version_set_make_reader(set, meta);

    set->ahead = kv_realloc(set->ahead, ((size_t)set->ahead_count + 1) * sizeof(reader));
    set->ahead[set->ahead_count++] = reader;
    return reader;
}

void
version_set_forget_ahead(struct version_set *set, uint64_t number_first, uint64_t number_count)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < set->ahead_count; i++) {
        const uint64_t number = table_reader_number(set->ahead[i]);

        if (number >= number_first && number - number_first < number_count)
            table_reader_unref(set->ahead[i]);
        else
            set->ahead[kept_count++] = set->ahead[i];
    }
    set->ahead_count = kept_count;
}

void
version_set_on_obsolete(struct version_set *set,
                        void (*on_obsolete)(void *owner, uint64_t file_number), void *owner)
{
    set->on_obsolete = on_obsolete;
    set->obsolete_owner = owner;
}

void
version_set_report_obsolete(struct version_set *set, uint64_t number)
{
    if (set->on_obsolete != NULL)
        set->on_obsolete(set->obsolete_owner, number);
}

uint64_t
version_set_next_file_number(struct version_set *set)
{
    KV_ASSERT(!set->read_only);
    KV_ASSERT(set->next_file < UINT64_MAX);
    return set->next_file++;
}

void
version_set_raise_next_file(struct version_set *set, uint64_t number)
{
    KV_ASSERT(number <= FILE_NUMBER_MAX);
    if (set->next_file <= number)
        set->next_file = number + 1;
}

uint64_t
version_set_manifest_number(const struct version_set *set)
{
    return set->manifest.number;
}

uint64_t
version_set_last_seq(const struct version_set *set)
{
    return set->last_seq;
}

void
version_set_raise_last_seq(struct version_set *set, uint64_t seq)
{
    KV_ASSERT(seq <= SEQUENCE_MAX);
    if (seq > set->last_seq)
        set->last_seq = seq;
}

const char *
version_set_db_id(const struct version_set *set)
{
    KV_ASSERT(set->db_id.size > 0);
    return (const char *)set->db_id.data;
}

uint64_t
version_set_min_log(const struct version_set *set)
{
    uint64_t min = UINT64_MAX;

    KV_ASSERT(set->family_count > 0);
    for (uint32_t i = 0; i < set->family_count; i++) {
        if (set->families[i]->log_number < min)
            min = set->families[i]->log_number;
    }
    return min > set->min_log_to_keep ? min : set->min_log_to_keep;
}

uint32_t
version_set_max_family_id(const struct version_set *set)
{
    return set->max_cf_id;
}

static uint32_t
family_position(const struct version_set *set, uint32_t cf_id)
{
    return id_array_position(set->families, set->family_count, cf_id);
}

/* Where in `by_name` the name is, or belongs. */
static uint32_t
name_position(const struct version_set *set, struct slice name)
{
    uint32_t low = 0, high = set->family_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (slice_compare(slice_from_text(set->by_name[middle]->name), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct column_family *
version_set_family(struct version_set *set, uint32_t cf_id)
{
    const uint32_t at = family_position(set, cf_id);

    if (at == set->family_count || set->families[at]->id != cf_id)
        return NULL;
    return set->families[at];
}

struct column_family *
version_set_family_by_name(struct version_set *set, struct slice name)
{
    const uint32_t at = name_position(set, name);

    if (at == set->family_count || !slice_equal(slice_from_text(set->by_name[at]->name), name))
        return NULL;
    return set->by_name[at];
}

struct column_family *
version_set_family_at(struct version_set *set, uint32_t index)
{
    return index < set->family_count ? set->families[index] : NULL;
}

static void
insert(struct column_family ***families, uint32_t count, uint32_t at, struct column_family *family)
{
    struct column_family **items = kv_realloc(*families, ((size_t)count + 1) * sizeof(items[0]));

    KV_ASSERT(at <= count);
    memmove(items + at + 1, items + at, (count - at) * sizeof(items[0]));
    items[at] = family;
    *families = items;
}

static void
take_out(struct column_family **families, uint32_t count, uint32_t at,
         const struct column_family *family)
{
    KV_ASSERT(at < count && families[at] == family);
    memmove(families + at, families + at + 1, (count - at - 1) * sizeof(families[0]));
}

void
version_set_add_family(struct version_set *set, struct column_family *family)
{
    const struct slice name = slice_from_text(family->name);

    KV_ASSERT(version_set_family(set, family->id) == NULL);
    KV_ASSERT(version_set_family_by_name(set, name) == NULL);
    insert(&set->by_name, set->family_count, name_position(set, name), family);
    insert(&set->families, set->family_count, family_position(set, family->id), family);
    set->family_count++;
}

void
version_set_remove_family(struct version_set *set, struct column_family *family)
{
    const struct slice name = slice_from_text(family->name);

    take_out(set->by_name, set->family_count, name_position(set, name), family);
    take_out(set->families, set->family_count, family_position(set, family->id), family);
    set->family_count--;
    version_unref(family->current);
    free(family);
}

void
version_set_pump(struct version_set *set)
{
    KV_ASSERT(set->started);
    if (set->manifest.busy || list_empty(&set->queue))
        return;
    KV_ASSERT(list_empty(&set->batch));
    batch_prepare(set);
    manifest_write_batch(set);
}

void
version_set_apply(struct version_set *set, struct version_edit *edits, uint32_t edit_count,
                  version_applied_fn *on_applied, void *owner)
{
    struct version_change *change = change_new(edits, edit_count);

    KV_ASSERT(set->started && !set->read_only);
    KV_ASSERT(on_applied != NULL);
    change->on_applied = on_applied;
    change->owner = owner;
    for (uint32_t i = 0; i < edit_count; i++) {
        if (change->edits[i].is_cf_add && change->edits[i].cf_id > set->max_cf_id)
            set->max_cf_id = change->edits[i].cf_id;
    }
    list_push_back(&set->queue, &change->link);
    version_set_pump(set);
}

bool
version_set_is_failing(const struct version_set *set)
{
    return set->manifest.failing;
}
