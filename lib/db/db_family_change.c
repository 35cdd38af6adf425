/* db_family_change.c - families are made, dropped and set, durably, by steps that follow each
 * other.
 *
 *     waiting -> batch:  own settings stored -> MANIFEST -> told, and OPTIONS is stored behind
 *
 * The order: settings are there before their family is, since what its merge operands mean must
 * never be unknown; they are kept by id, so those of a family that never came to be mean nothing.
 * OPTIONS comes after the MANIFEST, because RocksDB's tools do not open a directory whose OPTIONS
 * names a family that is not there.  If it cannot be written, kvd has all that it needs, and the
 * next change or start writes it.
 *
 * Nobody waits for OPTIONS (options_keeper.h), so after a crash it may be older than what was told.
 * A start writes it anew; and what it says of a wish that a family has taken back, or of a family
 * that had the name before, is known from the settings and not believed.
 *
 * Whatever waits goes along, but for changes of what is in the batch already: these come next.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "db/compactor.h"
#include "db/db_family.h"
#include "db/family_record.h"
#include "db/options_keeper.h"
#include "io/file_rewrite.h"
#include "version/file_name.h"

enum change_kind { CHANGE_CREATE, CHANGE_DROP, CHANGE_SET };

struct family_change {
    struct list link; /* of waiting or batch */
    struct db *db;
    enum change_kind kind;
    struct db_family *family; /* owned reference; of CREATE: with an id once it is in the batch */
    struct family_settings settings;
    enum kv_status st;
    db_done_fn *on_done;
    void *owner;
};

struct family_changes {
    struct list waiting, batch;
    bool is_busy;
    uint32_t logged_count; /* of the batch, that the MANIFEST has not reported */
    struct file_rewrite rewrite;
    struct options_keeper options;
};

static struct family_changes *
changes_of(struct db *db)
{
    if (db->family_changes == NULL) {
        db->family_changes = kv_alloc_zero(sizeof(*db->family_changes));
        list_init(&db->family_changes->waiting);
        list_init(&db->family_changes->batch);
        db->family_changes->rewrite.dir = db->dir;
        db->family_changes->rewrite.owner = db;
        options_keeper_init(&db->family_changes->options, db);
    }
    return db->family_changes;
}

bool
db_family_changes_are_idle(const struct db *db)
{
    return db->family_changes == NULL || !db->family_changes->is_busy;
}

static void
change_free(struct family_change *change)
{
    list_remove(&change->link);
    db_family_unpin(change->family);
    free(change);
}

void
db_family_changes_free(struct db *db)
{
    struct family_changes *changes = db->family_changes;

    if (changes == NULL)
        return;
    KV_ASSERT(db_family_changes_are_idle(db));
    KV_ASSERT(list_empty(&changes->batch));
    options_keeper_deinit(&changes->options);
    while (!list_empty(&changes->waiting))
        change_free(LIST_ENTRY(changes->waiting.next, struct family_change, link));
    file_rewrite_deinit(&changes->rewrite);
    free(changes);
    db->family_changes = NULL;
}

bool
db_options_are_old(const struct db *db)
{
    return db->family_changes != NULL && db->family_changes->options.is_old;
}

/* --- the end of a batch --- */

static void
tell_all(struct db *db)
{
    struct family_changes *changes = db->family_changes;
    struct list told;

    list_init(&told);
    while (!list_empty(&changes->batch)) {
        struct list *link = changes->batch.next;

        list_remove(link);
        list_push_back(&told, link);
    }
    changes->is_busy = false;
    while (!list_empty(&told)) {
        struct family_change *change = LIST_ENTRY(told.next, struct family_change, link);
        db_done_fn *on_done = change->on_done;
        void *owner = change->owner;
        const enum kv_status st = change->st;

        change_free(change);
        if (on_done != NULL)
            on_done(owner, st);
    }
}

/* --- the MANIFEST --- */

static void
on_created(struct family_change *change)
{
    struct db *db = change->db;

    KV_ASSERT(db_has_family(db, change->family->id));
    /* Who heard of the same MANIFEST write before us may have walked over all families. */
    db_family_remove(db, change->family->id);
    change->family->ref_count++;
    db_family_add(db, change->family);
    kv_log(LOG_LEVEL_NOTICE, "column family %u, '%s', is made", change->family->id,
           change->family->stored.name);
}

static void
on_dropped(struct family_change *change)
{
    struct db *db = change->db;

    KV_ASSERT(!db_has_family(db, change->family->id));
    db_family_remove(db, change->family->id);
    options_keeper_note(&db->family_changes->options, change->family->stored.name);
    compactor_drop_family(db->compactor, change->family->id);
    db_update_budget(db);
    kv_log(LOG_LEVEL_NOTICE, "column family %u, '%s', is dropped", change->family->id,
           change->family->stored.name);
}

/* All of the batch holds. */
static void
end_of_log(struct db *db)
{
    options_keeper_note(&db->family_changes->options, NULL);
    tell_all(db);
}

static void
on_logged(void *owner, enum kv_status st)
{
    struct family_change *change = owner;
    struct db *db = change->db;

    KV_ASSERT(st == KV_OK); /* nothing else adds or drops families */
    db->changes_in_flight--;
    if (change->kind == CHANGE_CREATE)
        on_created(change);
    else
        on_dropped(change);
    if (--db->family_changes->logged_count == 0)
        end_of_log(db);
    db_repair_step(db); /* it may have waited for this */
}

/* Nothing of a new family is in any log yet, so any log that is there will do as its first. */
static void
log_change(struct family_change *change)
{
    struct db *db = change->db;
    struct version_edit edit = {.cf_id = change->family->id};

    if (change->kind == CHANGE_CREATE) {
        edit.is_cf_add = edit.has_log_number = true;
        edit.log_number = version_set_min_log(db->versions);
        buffer_append_slice(&edit.cf_name, slice_from_text(change->family->stored.name));
    } else {
        edit.is_cf_drop = true;
    }
    db->changes_in_flight++;
    version_set_apply(db->versions, &edit, 1, on_logged, change);
}

static void
log_batch(struct db *db)
{
    struct family_changes *changes = db->family_changes;
    struct list *node;
    bool has_changed = false;

    KV_ASSERT(changes->logged_count == 0);
    for (node = changes->batch.next; node != &changes->batch; node = node->next) {
        const struct family_change *change = LIST_ENTRY(node, struct family_change, link);

        has_changed |= change->st == KV_OK;
        changes->logged_count += change->st == KV_OK && change->kind != CHANGE_SET;
    }
    for (node = changes->batch.next; node != &changes->batch; node = node->next) {
        struct family_change *change = LIST_ENTRY(node, struct family_change, link);

        if (change->st == KV_OK && change->kind != CHANGE_SET)
            log_change(change);
    }
    if (changes->logged_count == 0 && has_changed)
        end_of_log(db);
    else if (changes->logged_count == 0)
        tell_all(db);
}

/* --- own settings --- */

static void
apply_settings(struct family_change *change)
{
    struct db_family *family = change->family;
    const char *spec = change->settings.merge_operator;

    family->own = change->settings;
    db_family_sizes_change(change->db);
    if (spec[0] != '\0' && strcmp(spec, family->stored.merge_operator) != 0) {
        strcpy(family->stored.merge_operator, spec);
        db_family_parse_operator(family);
    }
    compactor_poke(change->db->compactor);
}

/* The settings are where a crash leaves them; or none of them are. */
static void
end_of_settings(struct db *db, enum kv_status st)
{
    struct list *batch = &db->family_changes->batch;

    for (struct list *node = batch->next; node != batch; node = node->next) {
        struct family_change *change = LIST_ENTRY(node, struct family_change, link);

        if (change->kind == CHANGE_DROP || change->st != KV_OK)
            continue;
        change->st = st;
        if (st == KV_OK)
            apply_settings(change);
    }
    log_batch(db);
}

static void
on_settings_stored(struct file_rewrite *rewrite, enum kv_status st)
{
    struct db *db = rewrite->owner;

    /* After a failure nobody knows which of the two the disk has: the next batch writes it anew. */
    buffer_clear(&db->family_file);
    if (st == KV_OK)
        buffer_append_slice(&db->family_file, buffer_slice(&rewrite->content));
    else
        buffer_append_byte(&db->family_file, '?');
    end_of_settings(db, st);
}

static void
add_entry(struct buffer *target, const struct db_family *family,
          const struct family_settings *settings)
{
    struct family_entry entry = {.id = family->id, .settings = *settings};

    if (family_settings_is_empty(settings))
        return;
    if (target->size == 0)
        family_file_begin(target);
    strcpy(entry.name, family->stored.name);
    family_file_add(target, &entry);
}

void
db_format_family_settings(const struct db *db, struct buffer *target)
{
    for (uint32_t i = 0; i < db->family_count; i++)
        add_entry(target, db->families[i], &db->families[i]->own);
}

static const struct family_change *
find_set(const struct list *batch, uint32_t cf_id)
{
    for (struct list *node = batch->next; node != batch; node = node->next) {
        const struct family_change *change = LIST_ENTRY(node, struct family_change, link);

        if (change->kind == CHANGE_SET && change->st == KV_OK && change->family->id == cf_id)
            return change;
    }
    return NULL;
}

/* As the file will be; empty: as if there were none. */
static void
format_settings(struct db *db, struct buffer *target)
{
    const struct list *batch = &db->family_changes->batch;

    buffer_clear(target);
    for (uint32_t i = 0; i < db->family_count; i++) {
        const struct family_change *set = find_set(batch, db->families[i]->id);

        add_entry(target, db->families[i], set != NULL ? &set->settings : &db->families[i]->own);
    }
    for (struct list *node = batch->next; node != batch; node = node->next) {
        const struct family_change *change = LIST_ENTRY(node, struct family_change, link);

        if (change->kind == CHANGE_CREATE && change->st == KV_OK)
            add_entry(target, change->family, &change->settings);
    }
}

static void
store_settings(struct db *db)
{
    struct file_rewrite *rewrite = &db->family_changes->rewrite;
    enum kv_status st;

    format_settings(db, &rewrite->content);
    if (slice_equal(buffer_slice(&rewrite->content), buffer_slice(&db->family_file))) {
        end_of_settings(db, KV_OK);
        return;
    }
    st = file_path(db->dir, FAMILY_SETTINGS_FILE, rewrite->path, sizeof(rewrite->path));
    KV_ASSERT(st == KV_OK); /* the directory's name was checked at open */
    file_name_format(rewrite->path_tmp, db->dir, FILE_TEMPORARY,
                     version_set_next_file_number(db->versions));
    file_rewrite_start(rewrite, db->io, on_settings_stored);
}

/* --- the beginning of a batch --- */

static bool
concerns(const struct family_change *a, const struct family_change *b)
{
    return a->family == b->family || strcmp(a->family->stored.name, b->family->stored.name) == 0;
}

static bool
batch_concerns(const struct list *batch, const struct family_change *change)
{
    for (struct list *node = batch->next; node != batch; node = node->next) {
        if (concerns(LIST_ENTRY(node, struct family_change, link), change))
            return true;
    }
    return false;
}

/* Whether it can be made now, and with which id. */
static void
prepare(struct family_change *change, uint32_t *new_count)
{
    struct db *db = change->db;
    const struct slice name = slice_from_text(change->family->stored.name);

    if (change->kind != CHANGE_CREATE) {
        change->st = db_has_family(db, change->family->id) ? KV_OK : KV_NO_FILE;
        family_settings_take_back(&change->settings, &change->family->own);
    } else if (version_set_family_by_name(db->versions, name) != NULL) {
        change->st = KV_INVALID;
    } else if (version_set_family_at(db->versions, COLUMN_FAMILY_COUNT_MAX - 1 - *new_count) !=
                   NULL ||
               version_set_max_family_id(db->versions) >= CF_NONE_MIN - 1 - *new_count) {
        change->st = KV_FAIL(KV_LIMIT, "there are as many column families as there may be (%d)",
                             COLUMN_FAMILY_COUNT_MAX);
    } else {
        change->family->id = version_set_max_family_id(db->versions) + 1 + (*new_count)++;
        if (options_keeper_may_name(&db->family_changes->options, change->family->stored.name))
            change->settings.ignores_options = true;
    }
}

static void
begin_batch(struct db *db)
{
    struct family_changes *changes = db->family_changes;
    uint32_t new_count = 0;

    while (!list_empty(&changes->waiting) && new_count < COLUMN_FAMILY_COUNT_MAX - 1) {
        struct family_change *change =
            LIST_ENTRY(changes->waiting.next, struct family_change, link);

        if (batch_concerns(&changes->batch, change))
            break;
        list_remove(&change->link);
        list_push_back(&changes->batch, &change->link);
        prepare(change, &new_count);
    }
    store_settings(db);
}

void
db_family_changes_turn(struct db *db)
{
    struct family_changes *changes = db->family_changes;

    if (changes == NULL || changes->is_busy || db->is_closing)
        return;
    KV_ASSERT(list_empty(&changes->batch));
    changes->is_busy = changes->options.is_due || !list_empty(&changes->waiting);
    if (changes->options.is_due)
        options_keeper_store(&changes->options, tell_all);
    else if (changes->is_busy)
        begin_batch(db);
}

/* --- asking for it --- */

static struct family_change *
change_new(struct db *db, enum change_kind kind, struct db_family *family,
           const struct family_settings *settings)
{
    struct family_change *change = kv_alloc_zero(sizeof(*change));

    change->db = db;
    change->kind = kind;
    change->family = family;
    if (settings != NULL)
        change->settings = *settings;
    list_push_back(&changes_of(db)->waiting, &change->link);
    return change;
}

static void
change_report(struct family_change *change, db_done_fn *on_done, void *owner)
{
    change->on_done = on_done;
    change->owner = owner;
}

/* A line of the settings' file and of OPTIONS. */
static bool
is_operator(const char *spec)
{
    struct merge_operator op;

    return spec[0] == '\0' || (strpbrk(spec, "\r\n") == NULL &&
                               merge_operator_parse(slice_from_text(spec), &op) == KV_OK);
}

enum kv_status
db_family_create(struct db *db, struct slice name, const struct family_settings *settings,
                 db_done_fn *on_done, void *owner)
{
    char text[COLUMN_FAMILY_NAME_BYTES_MAX + 1] = "";
    struct db_family *family;

    if (name.size == 0 || name.size > COLUMN_FAMILY_NAME_BYTES_MAX ||
        memchr(name.data, 0, name.size) != NULL)
        return KV_INVALID;
    if (settings != NULL && !is_operator(settings->merge_operator))
        return KV_INVALID;
    memcpy(text, name.data, name.size);
    family = db_family_new(CF_NONE, text);
    change_report(change_new(db, CHANGE_CREATE, family, settings), on_done, owner);
    return KV_OK;
}

enum kv_status
db_family_drop(struct db *db, uint32_t cf_id, db_done_fn *on_done, void *owner)
{
    if (cf_id == CF_DEFAULT || !db_has_family(db, cf_id))
        return KV_INVALID;
    change_report(change_new(db, CHANGE_DROP, db_family_pin(db, cf_id), NULL), on_done, owner);
    return KV_OK;
}

enum kv_status
db_family_set(struct db *db, uint32_t cf_id, const struct family_settings *settings,
              db_done_fn *on_done, void *owner)
{
    struct db_family *family;

    if (!db_has_family(db, cf_id) || !is_operator(settings->merge_operator))
        return KV_INVALID;
    family = db_family_of(db, cf_id);
    if (strcmp(settings->merge_operator, family->own.merge_operator) != 0 &&
        !db_family_may_take_operator(family, settings->merge_operator))
        return KV_INVALID;
    change_report(change_new(db, CHANGE_SET, db_family_pin(db, cf_id), settings), on_done, owner);
    return KV_OK;
}
