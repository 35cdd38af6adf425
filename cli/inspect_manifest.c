/* inspect_manifest.c - a MANIFEST, edit by edit and field by field. */
#include <stdio.h>

#include "cli/inspect_internal.h"
#include "io/file.h"
#include "version/version_edit.h"

static void
print_number(const char *name, bool is_there, uint64_t value)
{
    if (is_there)
        (void)printf("    %s %llu\n", name, (unsigned long long)value);
}

static void
print_name(struct inspection *inspection, const char *name, bool is_there,
           const struct buffer *value)
{
    if (!is_there)
        return;
    (void)printf("    %s ", name);
    inspect_bytes(inspection, buffer_slice(value));
    (void)putchar('\n');
}

static void
print_table(struct inspection *inspection, const struct table_add *add)
{
    const struct table_meta *meta = &add->meta;

    (void)printf("    add table %llu level %u: %llu bytes, sequences %llu to %llu, ",
                 (unsigned long long)meta->number, add->level, (unsigned long long)meta->bytes,
                 (unsigned long long)meta->seq_smallest, (unsigned long long)meta->seq_largest);
    inspect_key(inspection, buffer_slice(&meta->smallest));
    (void)printf(" .. ");
    inspect_key(inspection, buffer_slice(&meta->largest));
    if (meta->creation_time_s != 0)
        (void)printf(", made %llu", (unsigned long long)meta->creation_time_s);
    if (meta->oldest_ancestor_time_s != 0)
        (void)printf(", oldest ancestor %llu", (unsigned long long)meta->oldest_ancestor_time_s);
    if (meta->has_checksum)
        (void)printf(", crc32c %08x", meta->checksum_crc32c);
    if (meta->marked_for_compaction)
        (void)printf(", marked for compaction");
    (void)putchar('\n');
}

static void
print_edit(struct inspection *inspection, const struct version_edit *edit)
{
    if (edit->cf_id != 0)
        (void)printf("    column family %u\n", edit->cf_id);
    print_name(inspection, "database id", edit->has_db_id, &edit->db_id);
    print_name(inspection, "comparator", edit->has_comparator, &edit->comparator);
    print_name(inspection, "adds the column family", edit->is_cf_add, &edit->cf_name);
    if (edit->is_cf_drop)
        (void)printf("    drops the column family\n");
    if (edit->in_atomic_group)
        (void)printf("    in an atomic group, %u more\n", edit->atomic_group_rest);
    print_number("log number", edit->has_log_number, edit->log_number);
    print_number("previous log number", edit->has_prev_log, edit->prev_log);
    print_number("smallest log to keep", edit->has_min_log_to_keep, edit->min_log_to_keep);
    print_number("next file number", edit->has_next_file, edit->next_file);
    print_number("last sequence", edit->has_last_seq, edit->last_seq);
    print_number("largest column family", edit->has_max_cf_id, edit->max_cf_id);
    for (uint32_t i = 0; i < edit->remove_count; i++)
        (void)printf("    remove table %llu level %u\n",
                     (unsigned long long)edit->removes[i].number, edit->removes[i].level);
    for (uint32_t i = 0; i < edit->add_count; i++)
        print_table(inspection, &edit->adds[i]);
}

static void
print_encoded(struct inspection *inspection, uint64_t offset, struct slice encoded, void *owner)
{
    struct version_edit edit = {0};
    const enum kv_status st = version_edit_decode(encoded, &edit);

    (void)owner;
    (void)printf("edit at %llu, %zu bytes\n", (unsigned long long)offset, encoded.size);
    if (st == KV_OK)
        print_edit(inspection, &edit);
    else
        inspect_damage(inspection, "the edit at %llu: %s", (unsigned long long)offset,
                       kv_status_text(st));
    version_edit_deinit(&edit);
}

void
inspect_manifest(struct inspection *inspection)
{
    struct inspected_file file;

    if (!inspect_open(inspection, &file))
        return;
    (void)printf("MANIFEST %s, %llu bytes\n", inspection->path, (unsigned long long)file.bytes);
    (void)inspect_records(inspection, &file, 0, print_encoded, NULL);
    file_close(inspection->io, file.fd);
}
