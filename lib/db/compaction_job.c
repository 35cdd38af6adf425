/* compaction_job.c - from a plan to what its jobs are told, and from their answers to an edit.
 *
 * The port has checked what a job gave back against the job; here it is checked once more against
 * the plan as a whole, because an edit that doesn't fit the version would be our own error.
 */
#include <string.h>

#include "base/alloc.h"
#include "db/compaction.h"
#include "db/db_snapshot.h"
#include "db/family_record.h"
#include "key/internal_key.h"

enum { HELD_PART = 16 }; /* one of so many entries is not worth a rewrite */

/* --- parts --- */

static bool
reaches(const struct compaction_part *part, struct slice smallest, struct slice largest)
{
    return (part->end.size == 0 || slice_compare(smallest, part->end) < 0) &&
           (part->begin.size == 0 || slice_compare(largest, part->begin) >= 0);
}

static void
fill_inputs(struct compaction_part *part, const struct compaction_plan *plan)
{
    uint32_t count = 0;

    part->inputs = kv_alloc_zero(sizeof(part->inputs[0]) * plan->input_count);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        const struct compaction_input *input = &plan->inputs[i];

        if (!reaches(part, internal_key_user(input->smallest), internal_key_user(input->largest)))
            continue;
        part->inputs[count++] = (struct compact_input){
            .file_number = input->number,
            .file_bytes = input->bytes,
            .level = input->level,
            .smallest = input->smallest,
            .largest = input->largest,
            .seq_smallest = input->seq_smallest,
            .seq_largest = input->seq_largest,
            .entry_count = input->entry_count,
        };
    }
    KV_ASSERT(count > 0);
    part->job.spec.inputs = part->inputs;
    part->job.spec.input_count = count;
}

static void
fill_below(struct compaction_part *part, const struct compaction_plan *plan)
{
    uint32_t count = 0;

    part->below = kv_alloc_zero(sizeof(part->below[0]) * (plan->below_count + 1));
    for (uint32_t i = 0; i < plan->below_count; i++) {
        const struct compaction_span *span = &plan->below[i];

        if (reaches(part, span->smallest, span->largest))
            part->below[count++] = (struct compact_range){
                .smallest = span->smallest, .largest = span->largest, .bytes = span->bytes};
    }
    part->job.spec.below = part->below;
    part->job.spec.below_count = count;
}

static void
fill_grandparents(struct compaction *compaction)
{
    const struct compaction_plan *plan = &compaction->plan;

    compaction->grandparents =
        kv_alloc_zero(sizeof(compaction->grandparents[0]) * (plan->grandparent_count + 1));
    for (uint32_t i = 0; i < plan->grandparent_count; i++)
        compaction->grandparents[i] = (struct compact_range){
            .smallest = plan->grandparents[i].smallest,
            .largest = plan->grandparents[i].largest,
            .bytes = plan->grandparents[i].bytes,
        };
}

static uint32_t
part_count_for(const struct compaction_plan *plan, uint64_t part_bytes_min, uint32_t slot_count)
{
    const uint64_t count = plan->input_bytes / (part_bytes_min * COMPACT_PART_AIM);

    if (slot_count > COMPACT_PARTS_MAX || count > COMPACT_PARTS_MAX)
        return COMPACT_PARTS_MAX;
    return count > slot_count ? (uint32_t)count : slot_count;
}

void
compaction_make_parts(struct compaction *compaction, uint32_t slot_count)
{
    const struct compaction_plan *plan = &compaction->plan;
    const uint64_t part_bytes_set = compaction->db->options.compaction.part_bytes_min;
    const uint64_t part_bytes_min =
        part_bytes_set > 0 ? part_bytes_set : (uint64_t)COMPACT_PART_BYTES_MIN;
    struct slice cuts[COMPACT_PARTS_MAX];
    const uint32_t part_count_max = part_count_for(plan, part_bytes_min, slot_count);
    uint32_t cut_count = 0;

    KV_ASSERT(slot_count >= 1);
    if (plan->kind != COMPACTION_MERGE)
        return;
    /* What goes into level 0 must be one table (FORMAT.md 6.6). */
    if (plan->output_level > 0 && part_count_max > 1)
        cut_count = compaction_plan_cut(plan, part_count_max, part_bytes_min, cuts);
    fill_grandparents(compaction);
    compaction->part_count = cut_count + 1;
    compaction->parts = kv_alloc_zero(sizeof(compaction->parts[0]) * compaction->part_count);
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        struct compaction_part *part = &compaction->parts[i];

        part->compaction = compaction;
        part->begin = i > 0 ? cuts[i - 1] : (struct slice){0};
        part->end = i < cut_count ? cuts[i] : (struct slice){0};
        fill_inputs(part, plan);
        fill_below(part, plan);
    }
}

/* --- what a job is told --- */

/* Twice what sizes let expect: outputs may end early for the grandparents' sake. */
static uint32_t
output_count_max(const struct compaction_part *part)
{
    const uint64_t output_bytes = part->compaction->plan.output_bytes_max;
    uint64_t input_bytes = 0, count;

    for (uint32_t i = 0; i < part->job.spec.input_count; i++)
        input_bytes += part->inputs[i].file_bytes;
    if (part->compaction->plan.output_level == 0 || output_bytes == 0)
        return 1;
    count = 2 * (input_bytes / output_bytes) + 8;
    return count < COMPACT_OUTPUT_COUNT_MAX ? (uint32_t)count : COMPACT_OUTPUT_COUNT_MAX;
}

static uint64_t
reserve_numbers(struct db *db, uint32_t count)
{
    const uint64_t first = version_set_next_file_number(db->versions);

    for (uint32_t i = 1; i < count; i++)
        (void)version_set_next_file_number(db->versions);
    return first;
}

static void
fill_outputs(struct compaction_part *part)
{
    const struct compaction *compaction = part->compaction;
    const struct compaction_plan *plan = &compaction->plan;
    const struct db_options *options = &compaction->db->options;
    const struct family_options family = db_effective_options(compaction->db, compaction->family);
    const uint64_t job_count = db_compaction_jobs(compaction->db);
    struct compaction_spec *spec = &part->job.spec;

    spec->output_level = plan->output_level;
    spec->output_bytes_max = plan->output_level == 0 || plan->output_bytes_max == UINT64_MAX
                                 ? 0
                                 : plan->output_bytes_max;
    spec->output_number_count = output_count_max(part);
    spec->output_number_first = reserve_numbers(compaction->db, spec->output_number_count);
    spec->grandparents = compaction->grandparents;
    spec->grandparent_count = plan->grandparent_count;
    spec->grandparent_bytes_max = plan->grandparent_bytes_max;
    spec->compression = plan->compression;
    spec->block_bytes = family.block_bytes;
    spec->bloom_bits_per_key = family.bloom_bits_per_key;
    /* Each has its share, so that all of them together keep the limit; rounded up, 0 is none. */
    spec->rate_bytes_per_s = (options->compaction.rate_bytes_per_s + job_count - 1) / job_count;
    /* One that waits for space is the way out of a full disk, and has writers waiting. */
    spec->leaves_core = compaction->manual != NULL && !compaction->manual->is_patient;
}

void
compaction_fill_job(struct compaction_part *part)
{
    struct compaction *compaction = part->compaction;
    struct db *db = compaction->db;
    struct compact_job *job = &part->job;
    const struct db_family *family = compaction->family;

    job->job_id = db->job_id_next++;
    job->dir = db->dir;
    job->bytes_done = job->bytes_per_s = job->bad_input_number = 0;
    job->has_made_way = job->is_abandoned = false;
    job->entries_read = job->expired_count = 0;
    job->spec.db_identity = version_set_db_id(db->versions);
    job->spec.creation_time_s = compaction->creation_time_s;
    job->spec.now_ms = io_wall_us(db->io) / 1000;
    job->spec.cf_id = family->id;
    job->spec.cf_name = family->stored.name;
    job->spec.merge_operator = db_family_merge_spec(family);
    job->spec.begin = part->begin;
    job->spec.end = part->end;
    free(part->snapshots);
    job->spec.snapshots = part->snapshots = db_snapshot_copy(db, &job->spec.snapshot_count);
    fill_outputs(part);
}

/* --- what a job answers --- */

void
compaction_drop_tables(struct compaction_part *part)
{
    for (uint32_t i = 0; i < part->table_count; i++) {
        buffer_deinit(&part->tables[i].smallest);
        buffer_deinit(&part->tables[i].largest);
    }
    free(part->tables);
    part->tables = NULL;
    part->table_count = 0;
}

/* Where nothing older is below, only a snapshot keeps deletions and superseded versions, and no
 * later compaction would come by for them: the picker is told, and waits until it is released. */
static bool
is_held_by_snapshot(const struct compaction_spec *spec, const struct table_summary *table)
{
    const uint64_t waste_count = table->superseded_count + table->deletion_count;

    return spec->below_count == 0 && spec->output_level > 0 && spec->snapshot_count > 0 &&
           table->seq_largest > spec->snapshots[0] && waste_count * HELD_PART >= table->entry_count;
}

void
compaction_keep_tables(struct compaction_part *part, const struct table_summary *tables,
                       uint32_t count)
{
    struct compaction *compaction = part->compaction;

    KV_ASSERT(part->tables == NULL);
    part->tables = kv_alloc_zero(sizeof(part->tables[0]) * (count + 1));
    part->table_count = count;
    for (uint32_t i = 0; i < count; i++) {
        db_fill_table_meta(&part->tables[i], &tables[i], compaction->creation_time_s);
        part->tables[i].marked_for_compaction = is_held_by_snapshot(&part->job.spec, &tables[i]);
        compaction->output_bytes += tables[i].file_bytes;
    }
}

static bool
has_given_number(const struct compaction_part *part, const struct table_meta *table)
{
    const struct compaction_spec *spec = &part->job.spec;

    return table->number >= spec->output_number_first &&
           table->number - spec->output_number_first < spec->output_number_count;
}

static enum kv_status
bad_table(const struct compaction *compaction, const struct table_meta *table, const char *what)
{
    return KV_FAIL(KV_CORRUPT, "compaction %llu: table %llu that came back %s",
                   (unsigned long long)compaction->id, (unsigned long long)table->number, what);
}

static enum kv_status
check_table(const struct compaction *compaction, const struct compaction_part *part,
            const struct table_meta *table, const struct table_meta *previous)
{
    const struct compaction_plan *plan = &compaction->plan;
    const struct slice smallest = buffer_slice(&table->smallest);
    const struct slice largest = buffer_slice(&table->largest);
    struct internal_key low, high;

    if (!internal_key_parse(smallest, &low) || !internal_key_parse(largest, &high))
        return bad_table(compaction, table, "has no valid bounds");
    if (internal_key_compare(smallest, largest) > 0)
        return bad_table(compaction, table, "ends before it begins");
    if (slice_compare(low.user_key, plan->smallest) < 0 ||
        slice_compare(high.user_key, plan->largest) > 0)
        return bad_table(compaction, table, "reaches beyond the inputs");
    if (!has_given_number(part, table))
        return bad_table(compaction, table, "has a number of its own");
    if (previous != NULL && internal_key_compare(buffer_slice(&previous->largest), smallest) >= 0)
        return bad_table(compaction, table, "overlaps the one before it");
    return KV_OK;
}

/* What is known of the inputs without reading them; false: too little. */
static bool
count_inputs(const struct compaction_plan *plan, uint64_t *entry_count_out,
             uint64_t *deletion_count_out, uint64_t *deadline_count_out)
{
    *entry_count_out = *deletion_count_out = *deadline_count_out = 0;
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (plan->inputs[i].entry_count == 0)
            return false;
        *entry_count_out += plan->inputs[i].entry_count;
        *deletion_count_out += plan->inputs[i].deletion_count;
        *deadline_count_out += plan->inputs[i].deadline_count;
    }
    return true;
}

static bool
begins_and_ends_as_inputs(const struct compaction *compaction)
{
    const struct compaction_plan *plan = &compaction->plan;
    const struct table_meta *first = NULL, *last = NULL;

    for (uint32_t i = 0; i < compaction->part_count; i++) {
        const struct compaction_part *part = &compaction->parts[i];

        if (part->table_count == 0)
            continue;
        first = first == NULL ? &part->tables[0] : first;
        last = &part->tables[part->table_count - 1];
    }
    return first != NULL &&
           slice_equal(internal_key_user(buffer_slice(&first->smallest)), plan->smallest) &&
           slice_equal(internal_key_user(buffer_slice(&last->largest)), plan->largest);
}

/* Whether all inputs were read to their ends.  Their range tombstones, which are among the
 * deletions, are not read as entries.  Without any deletion or death each user key lives on. */
static enum kv_status
check_nothing_is_missing(const struct compaction *compaction)
{
    uint64_t entry_count, deletion_count, deadline_count, read_count = 0;

    if (!count_inputs(&compaction->plan, &entry_count, &deletion_count, &deadline_count))
        return KV_OK;
    for (uint32_t i = 0; i < compaction->part_count; i++)
        read_count += compaction->parts[i].job.entries_read;
    if (read_count > entry_count || read_count + deletion_count < entry_count)
        return KV_FAIL(KV_CORRUPT,
                       "compaction %llu: its jobs have read %llu entries; the inputs have %llu, "
                       "of which %llu are deletions",
                       (unsigned long long)compaction->id, (unsigned long long)read_count,
                       (unsigned long long)entry_count, (unsigned long long)deletion_count);
    if (deletion_count == 0 && deadline_count == 0 && !begins_and_ends_as_inputs(compaction))
        return KV_FAIL(
            KV_CORRUPT,
            "compaction %llu: its tables lack keys of the inputs, which hold no deletion",
            (unsigned long long)compaction->id);
    return KV_OK;
}

enum kv_status
compaction_check_tables(const struct compaction *compaction)
{
    const struct table_meta *previous = NULL;
    uint64_t count = 0;
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < compaction->part_count && st == KV_OK; i++) {
        const struct compaction_part *part = &compaction->parts[i];

        KV_ASSERT(part->state == PART_DONE);
        count += part->table_count;
        for (uint32_t j = 0; j < part->table_count && st == KV_OK; j++) {
            st = check_table(compaction, part, &part->tables[j], previous);
            previous = &part->tables[j];
        }
    }
    if (st == KV_OK && compaction->plan.output_level == 0 && count > 1)
        return bad_table(compaction, previous, "is a second one for level 0");
    return st == KV_OK ? check_nothing_is_missing(compaction) : st;
}

/* --- the edit --- */

static void
move_meta(struct version_edit *edit, uint32_t level, struct table_meta *meta)
{
    *version_edit_add_table(edit, level) = *meta;
    *meta = (struct table_meta){0};
}

/* The description of a table as the current version has it.  Moving is what a mark asks for, but
 * for one that waits for a snapshot: that asks for a rewrite. */
static void
copy_meta(struct version_edit *edit, uint32_t level, const struct table_meta *meta,
          uint64_t snapshot_oldest)
{
    struct table_meta *copy = version_edit_add_table(edit, level);

    *copy = *meta;
    copy->smallest = copy->largest = (struct buffer){0};
    buffer_append_slice(&copy->smallest, buffer_slice(&meta->smallest));
    buffer_append_slice(&copy->largest, buffer_slice(&meta->largest));
    copy->marked_for_compaction =
        meta->marked_for_compaction && meta->seq_largest > snapshot_oldest;
}

struct table_file *
compaction_input_file(const struct version *version, const struct compaction_input *input)
{
    const struct version_level *files = &version->levels[input->level];
    const uint32_t first = input->level == 0 ? 0 : version_level_find(files, input->smallest);

    for (uint32_t i = first; i < files->count; i++) {
        if (files->files[i]->meta.number == input->number)
            return files->files[i];
    }
    KV_ASSERT(false && "an input has left the version");
    return NULL;
}

void
compaction_pin_inputs(struct compaction *compaction)
{
    const struct compaction_plan *plan = &compaction->plan;
    const struct column_family *family = version_set_family(compaction->db->versions, plan->cf_id);

    KV_ASSERT(compaction->inputs == NULL && family != NULL);
    compaction->inputs = kv_alloc_zero(sizeof(compaction->inputs[0]) * plan->input_count);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        compaction->inputs[i] = compaction_input_file(family->current, &plan->inputs[i]);
        table_file_ref(compaction->inputs[i]);
    }
}

void
compaction_unpin_inputs(struct compaction *compaction)
{
    for (uint32_t i = 0; compaction->inputs != NULL && i < compaction->plan.input_count; i++)
        table_file_unref(compaction->inputs[i]);
    free(compaction->inputs);
    compaction->inputs = NULL;
}

static const struct table_meta *
find_meta(const struct version *version, const struct compaction_input *input)
{
    return &compaction_input_file(version, input)->meta;
}

/* The oldest data decide when a table is due by age.  0: not known of all. */
static uint64_t
ancestor_time_s(const struct compaction *compaction, const struct version *version)
{
    uint64_t oldest_s = compaction->creation_time_s;

    for (uint32_t i = 0; i < compaction->plan.input_count; i++) {
        const struct table_meta *meta = find_meta(version, &compaction->plan.inputs[i]);

        if (meta->oldest_ancestor_time_s < oldest_s)
            oldest_s = meta->oldest_ancestor_time_s;
    }
    return oldest_s;
}

static void
add_outputs(struct compaction *compaction, struct version_edit *edit, uint64_t ancestor_s)
{
    for (uint32_t i = 0; i < compaction->part_count; i++) {
        struct compaction_part *part = &compaction->parts[i];

        for (uint32_t j = 0; j < part->table_count; j++) {
            part->tables[j].oldest_ancestor_time_s = ancestor_s;
            move_meta(edit, compaction->plan.output_level, &part->tables[j]);
        }
        compaction_drop_tables(part);
    }
}

void
compaction_make_edit(struct compaction *compaction, const struct version *version,
                     struct version_edit *edit)
{
    const struct compaction_plan *plan = &compaction->plan;

    for (uint32_t i = 0; i < plan->input_count; i++) {
        const struct compaction_input *input = &plan->inputs[i];

        version_edit_remove_table(edit, input->level, input->number);
        if (plan->kind == COMPACTION_MOVE)
            copy_meta(edit, plan->output_level, find_meta(version, input),
                      db_snapshot_oldest(compaction->db));
    }
    if (plan->kind == COMPACTION_MERGE)
        add_outputs(compaction, edit, ancestor_time_s(compaction, version));
}
