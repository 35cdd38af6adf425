/* A MANIFEST back into families and counters (FORMAT.md 6.4).
 *
 * A crash may leave an unfinished record or atomic group at the end: it was never reported, and
 * is dropped.  Damage with whole records behind it is real.  A tail that is all there but does
 * not pass its checks may be either; the caller then asks the directory for evidence. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "version/file_name.h"
#include "version/version_set_internal.h"
#include "wal/log_reader.h"

struct replay {
    struct version_set *set;
    struct version_edit *group; /* owned array: an atomic group that is not complete */
    uint32_t group_count;
    bool has_log_number, has_next_file, has_last_seq;
};

static enum kv_status
check_comparator(const struct version_edit *edit)
{
    const struct slice name = buffer_slice(&edit->comparator);

    if (!edit->has_comparator || slice_equal(name, slice_from_text(COMPARATOR_NAME)))
        return KV_OK;
    return KV_FAIL(KV_UNSUPPORTED,
                   "column family %" PRIu32 " is ordered by the comparator '%.*s'; kvd has only %s",
                   edit->cf_id, (int)(name.size < 100 ? name.size : 100), (const char *)name.data,
                   COMPARATOR_NAME);
}

static enum kv_status
check_counters(const struct version_edit *edit)
{
    if ((edit->has_next_file && edit->next_file > FILE_NUMBER_MAX) ||
        (edit->has_log_number && edit->log_number > FILE_NUMBER_MAX) ||
        (edit->has_min_log_to_keep && edit->min_log_to_keep > FILE_NUMBER_MAX))
        return KV_FAIL(KV_CORRUPT, "the MANIFEST has a file number that is out of bounds");
    if (edit->has_last_seq && edit->last_seq > SEQUENCE_MAX)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST has the last sequence %" PRIu64, edit->last_seq);
    return KV_OK;
}

static void
replay_counters(struct replay *replay, const struct version_edit *edit)
{
    struct version_set *set = replay->set;

    if (edit->has_next_file)
        set->next_file = edit->next_file;
    if (edit->has_last_seq)
        set->last_seq = edit->last_seq;
    if (edit->has_max_cf_id && edit->max_cf_id > set->max_cf_id)
        set->max_cf_id = edit->max_cf_id;
    if (edit->has_min_log_to_keep && edit->min_log_to_keep > set->min_log_to_keep)
        set->min_log_to_keep = edit->min_log_to_keep;
    if (edit->has_db_id && edit->db_id.size > 0 &&
        memchr(edit->db_id.data, 0, edit->db_id.size) == NULL) {
        buffer_clear(&set->db_id);
        buffer_append_slice(&set->db_id, buffer_slice(&edit->db_id));
        buffer_append_byte(&set->db_id, 0);
    }
    replay->has_log_number |= edit->has_log_number;
    replay->has_next_file |= edit->has_next_file;
    replay->has_last_seq |= edit->has_last_seq;
}

static enum kv_status
replay_family_add(struct version_set *set, const struct version_edit *edit)
{
    const struct slice name = buffer_slice(&edit->cf_name);
    struct family_draft *draft;

    if (set->drafts.count >= COLUMN_FAMILY_COUNT_MAX)
        return KV_FAIL(KV_LIMIT, "the database has more than %d column families",
                       COLUMN_FAMILY_COUNT_MAX);
    if (draft_find(&set->drafts, edit->cf_id) != NULL)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST adds column family %" PRIu32 " twice",
                       edit->cf_id);
    for (uint32_t i = 0; i < set->drafts.count; i++) {
        if (slice_equal(slice_from_text(set->drafts.items[i]->name), name))
            return KV_FAIL(KV_CORRUPT, "the MANIFEST adds the column family '%s' twice",
                           set->drafts.items[i]->name);
    }
    KV_ASSERT(name.size <= COLUMN_FAMILY_NAME_BYTES_MAX);
    draft = draft_make(set, edit->cf_id, NULL);
    if (name.size > 0)
        memcpy(draft->name, name.data, name.size);
    if (edit->cf_id > set->max_cf_id)
        set->max_cf_id = edit->cf_id;
    return KV_OK;
}

static enum kv_status
replay_edit(struct replay *replay, const struct version_edit *edit)
{
    struct version_set *set = replay->set;
    struct family_draft *draft;
    enum kv_status st = check_comparator(edit);

    if (st == KV_OK)
        st = check_counters(edit);
    if (st == KV_OK && edit->is_cf_add)
        st = replay_family_add(set, edit);
    if (st != KV_OK)
        return st;
    draft = draft_find(&set->drafts, edit->cf_id);
    if (draft == NULL)
        return KV_FAIL(KV_CORRUPT,
                       "the MANIFEST changes column family %" PRIu32 ", which does not exist",
                       edit->cf_id);
    replay_counters(replay, edit);
    if (!edit->is_cf_drop)
        return draft_apply(draft, edit);
    if (edit->cf_id == 0)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST drops the default column family");
    draft_remove(&set->drafts, edit->cf_id);
    return KV_OK;
}

static void
group_clear(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->group_count; i++)
        version_edit_deinit(&replay->group[i]);
    free(replay->group);
    replay->group = NULL;
    replay->group_count = 0;
}

/* Takes over the edit; the last one of a group applies all of it. */
static enum kv_status
replay_grouped(struct replay *replay, struct version_edit *edit)
{
    const uint32_t count = replay->group_count;
    enum kv_status st = KV_OK;

    if (count > 0 && replay->group[count - 1].atomic_group_rest != edit->atomic_group_rest + 1)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST has an atomic group whose parts do not fit");
    if ((count & (count - 1)) == 0) /* doubles at each power of two */
        replay->group =
            kv_realloc(replay->group, (count == 0 ? 1 : (size_t)count * 2) * sizeof(*edit));
    replay->group[replay->group_count++] = *edit;
    memset(edit, 0, sizeof(*edit));
    if (replay->group[count].atomic_group_rest > 0)
        return KV_OK;
    for (uint32_t i = 0; i < replay->group_count && st == KV_OK; i++)
        st = replay_edit(replay, &replay->group[i]);
    group_clear(replay);
    return st;
}

static enum kv_status
replay_record(struct replay *replay, struct slice record)
{
    struct version_edit edit = {0};
    enum kv_status st = version_edit_decode(record, &edit);

    if (st != KV_OK)
        goto done;
    for (uint32_t i = 0; i < edit.add_count; i++)
        buffer_append(&replay->set->named, &edit.adds[i].meta.number, sizeof(uint64_t));
    if (edit.in_atomic_group)
        st = replay_grouped(replay, &edit);
    else if (replay->group_count > 0)
        st = KV_FAIL(KV_CORRUPT, "the MANIFEST has an atomic group that another edit interrupts");
    else
        st = replay_edit(replay, &edit);
done:
    version_edit_deinit(&edit);
    return st;
}

/* The bytes do not pass: real damage if anything readable follows, else perhaps a torn tail. */
static enum kv_status
judge_damage(struct log_reader *reader, bool *tail_was_damaged)
{
    const uint64_t offset = reader->record_offset;
    const char *damage = reader->damage;
    struct slice record;
    enum log_read read;

    do {
        read = log_reader_next(reader, &record);
    } while (read == LOG_READ_CORRUPT);
    if (read == LOG_READ_FAILED)
        return reader->status;
    if (read == LOG_READ_RECORD || read == LOG_READ_REFUSED)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST is damaged near byte %" PRIu64 ": %s", offset,
                       damage != NULL ? damage : "unreadable");
    *tail_was_damaged = true;
    return KV_OK;
}

static enum kv_status
replay_records(struct replay *replay, struct log_reader *reader, bool *tail_was_damaged)
{
    struct slice record;
    enum kv_status st = KV_OK;

    while (st == KV_OK) {
        switch (log_reader_next(reader, &record)) {
        case LOG_READ_RECORD:
            st = replay_record(replay, record);
            if (st != KV_OK)
                kv_log(LOG_LEVEL_WARNING, "that was the MANIFEST record at byte %" PRIu64,
                       reader->record_offset);
            break;
        case LOG_READ_END:
            return KV_OK;
        case LOG_READ_TORN:
            kv_log(LOG_LEVEL_NOTICE, "the MANIFEST ends in an unfinished record, which is dropped");
            return KV_OK;
        case LOG_READ_CORRUPT:
            return judge_damage(reader, tail_was_damaged);
        case LOG_READ_REFUSED:
            return KV_FAIL(KV_UNSUPPORTED, "the MANIFEST is compressed");
        case LOG_READ_FAILED:
            return reader->status;
        }
    }
    return st;
}

static enum kv_status
replay_finish(struct replay *replay)
{
    struct version_set *set = replay->set;
    enum kv_status st = KV_OK;

    if (!replay->has_log_number || !replay->has_next_file || !replay->has_last_seq)
        return KV_FAIL(KV_CORRUPT, "the MANIFEST lacks a log number, next file or last sequence");
    for (uint32_t i = 0; i < set->drafts.count && st == KV_OK; i++) {
        struct family_draft *draft = set->drafts.items[i];

        st = version_builder_finish(&draft->builder, draft->cf_id, &draft->version);
    }
    if (st == KV_OK)
        drafts_install(set);
    return st;
}

enum kv_status
manifest_replay(struct version_set *set, uint64_t number, bool *tail_was_damaged)
{
    struct replay replay = {.set = set};
    struct log_reader reader = {0};
    char path[PATH_BYTES_MAX];
    uint64_t bytes = 0;
    int fd = -1;
    enum kv_status st;

    KV_ASSERT(set->drafts.count == 0 && set->family_count == 0);
    *tail_was_damaged = false;
    file_name_format(path, set->dir, FILE_MANIFEST, number);
    st = file_open(set->io, path, O_RDONLY | O_CLOEXEC, &fd);
    if (st == KV_OK)
        st = file_size(set->io, fd, &bytes);
    if (st != KV_OK)
        goto done;
    strcpy(draft_make(set, 0, NULL)->name, "default");
    log_reader_init(&reader, set->io, fd, bytes, 0);
    st = replay_records(&replay, &reader, tail_was_damaged);
    log_reader_deinit(&reader);
    if (st == KV_OK)
        st = replay_finish(&replay);
done:
    if (st != KV_OK) {
        st = st == KV_NO_FILE ? KV_CORRUPT : st;
        kv_log(LOG_LEVEL_WARNING, "%s cannot be used (%s)", path, kv_status_text(st));
        draft_set_deinit(&set->drafts);
    }
    group_clear(&replay);
    file_close(set->io, fd);
    return st;
}
