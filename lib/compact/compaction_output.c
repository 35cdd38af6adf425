/* compaction_output.c - one table builder after the other.
 *
 * A tombstone waits in `tombstones`, where it hides versions, until a table is closed behind its
 * begin.  The piece in front of the border goes into that table, whose largest key becomes the
 * border with the highest sequence: so the border belongs to the next table alone.
 */
#include "compact/compaction_output.h"

#include "base/alloc.h"

enum {
    GRANDPARENT_CUT_PART = 8, /* no table is cut for them below that part of its size */
    RETIRE_COUNT_MIN = 64,
};

void
compaction_output_init(struct compaction_output *output, const struct compaction_spec *spec,
                       const char *session_identity, const struct compaction_sink *sink)
{
    KV_ASSERT(spec->output_number_first > 0 && spec->output_number_count > 0);
    *output = (struct compaction_output){
        .spec = spec, .session_identity = session_identity, .sink = sink};
    if (merge_operator_parse(slice_from_text(spec->merge_operator), &output->op) != KV_OK)
        KV_ASSERT(output->op.kind == NULL);
    key_ranges_init(&output->below, spec->below, spec->below_count);
    pending_tombstones_init(&output->tombstones, spec->begin, spec->end);
}

void
compaction_output_deinit(struct compaction_output *output)
{
    table_builder_free(output->builder);
    pending_tombstones_deinit(&output->tombstones);
    key_ranges_deinit(&output->below);
    for (uint32_t i = 0; i < output->table_count; i++)
        table_summary_deinit(&output->tables[i]);
    free(output->tables);
    *output = (struct compaction_output){0};
}

static void
open_table(struct compaction_output *output)
{
    const struct compaction_spec *spec = output->spec;
    const struct table_build_options options = {
        .file_number = spec->output_number_first + output->table_count,
        .cf_id = spec->cf_id,
        .cf_name = spec->cf_name,
        .db_identity = spec->db_identity,
        .session_identity = output->session_identity,
        .merge_operator = merge_operator_class(&output->op),
        .compression = spec->compression,
        .block_bytes = spec->block_bytes,
        .bloom_bits_per_key = spec->bloom_bits_per_key,
        .creation_time_s = spec->creation_time_s,
    };

    KV_ASSERT(output->builder == NULL);
    KV_ASSERT(output->table_count < spec->output_number_count);
    output->status = output->sink->begin(output->sink->owner, options.file_number);
    if (output->status != KV_OK)
        return;
    output->builder = table_builder_new(&options, output->sink->write, output->sink->owner);
    table_builder_set_snapshots(output->builder, spec->snapshots, spec->snapshot_count);
    output->grandparent_bytes = 0;
}

/* Where nothing older lies below and everyone sees it, a tombstone has done its work. */
static bool
is_done(const struct compaction_output *output, const struct range_tombstone *tombstone)
{
    const struct compaction_spec *spec = output->spec;

    if (spec->snapshot_count > 0 && tombstone->seq > spec->snapshots[0])
        return false;
    return !key_ranges_meet(&output->below, tombstone->begin, tombstone->end);
}

static void
write_tombstone(void *owner, const struct range_tombstone *tombstone)
{
    struct compaction_output *output = owner;

    if (output->status != KV_OK || is_done(output, tombstone))
        return;
    if (output->builder == NULL)
        open_table(output);
    if (output->status == KV_OK)
        table_builder_add_tombstone(output->builder, tombstone->begin, tombstone->end,
                                    tombstone->seq);
}

static struct table_summary *
new_summary(struct compaction_output *output)
{
    if (output->table_count == output->table_capacity) {
        output->table_capacity = output->table_capacity == 0 ? 8 : 2 * output->table_capacity;
        output->tables =
            kv_realloc(output->tables, output->table_capacity * sizeof(*output->tables));
    }
    return &output->tables[output->table_count++];
}

/* `until`, a user key or empty for the end, begins the next table. */
static void
close_table(struct compaction_output *output, struct slice until)
{
    struct table_summary *summary;

    KV_ASSERT(output->status == KV_OK);
    pending_tombstones_take(&output->tombstones, until, write_tombstone, output);
    if (output->status != KV_OK || output->builder == NULL)
        return;
    summary = new_summary(output);
    output->status = table_builder_finish(output->builder, summary);
    table_builder_free(output->builder);
    output->builder = NULL;
    if (output->status == KV_OK)
        output->status = output->sink->finish(output->sink->owner, summary);
}

static void
pass_grandparents(struct compaction_output *output, struct slice user_key)
{
    const struct compaction_spec *spec = output->spec;

    while (output->grandparent_at < spec->grandparent_count &&
           slice_compare(spec->grandparents[output->grandparent_at].largest, user_key) < 0)
        output->grandparent_bytes += spec->grandparents[output->grandparent_at++].bytes;
}

static bool
table_is_full(const struct compaction_output *output)
{
    const struct compaction_spec *spec = output->spec;
    const uint64_t bytes = table_builder_bytes_estimate(output->builder);

    if (output->table_count + 1 >= spec->output_number_count || spec->output_bytes_max == 0)
        return false;
    return bytes >= spec->output_bytes_max ||
           (spec->grandparent_bytes_max > 0 &&
            output->grandparent_bytes > spec->grandparent_bytes_max &&
            bytes >= spec->output_bytes_max / GRANDPARENT_CUT_PART);
}

enum kv_status
compaction_output_add(struct compaction_output *output, struct slice key, struct slice value,
                      bool is_first)
{
    if (output->status != KV_OK)
        return output->status;
    if (is_first) {
        pass_grandparents(output, internal_key_user(key));
        if (output->builder != NULL && table_is_full(output))
            close_table(output, internal_key_user(key));
    }
    if (output->status == KV_OK && output->builder == NULL)
        open_table(output);
    if (output->status == KV_OK)
        output->status = table_builder_add(output->builder, key, value);
    return output->status;
}

void
compaction_output_add_tombstone(struct compaction_output *output,
                                const struct range_tombstone *tombstone, struct slice key)
{
    /* What lies behind hides nothing any more, and would make the index larger for nothing.  When
     * they have doubled, so that a table full of tombstones does not cost their square. */
    if (key.size > 0 && output->status == KV_OK &&
        output->tombstones.count >= output->retire_count) {
        pending_tombstones_retire(&output->tombstones, key, write_tombstone, output);
        output->retire_count = RETIRE_COUNT_MIN + 2 * output->tombstones.count;
    }
    pending_tombstones_add(&output->tombstones, tombstone);
}

enum kv_status
compaction_output_finish(struct compaction_output *output)
{
    if (output->status == KV_OK)
        close_table(output, slice_of(NULL, 0));
    KV_ASSERT(output->builder == NULL || output->status != KV_OK);
    return output->status;
}
