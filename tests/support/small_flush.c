#include "support/small_flush.h"

#include <CUnit/Basic.h>

static void
on_done(struct flush_job *job, enum kv_status st, const struct table_summary *tables)
{
    struct small_flush *flush = job->owner;

    (void)tables;
    flush->has_ended = true;
    flush->st = st;
}

void
small_flush_init(struct small_flush *flush, const char *dir)
{
    const struct batch_record record = {
        .type = TYPE_VALUE, .seq = 1, .key = slice_from_text("k"), .value = slice_from_text("v")};

    *flush = (struct small_flush){.memtables = memtable_pool_new(1 << 20, 1)};
    CU_ASSERT_EQUAL_FATAL(memtable_new(flush->memtables, 0, &flush->memtable), KV_OK);
    memtable_add(flush->memtable, &record);
    memtable_freeze(flush->memtable);
    flush->output = (struct flush_output){
        .file_number = SMALL_FLUSH_NUMBER, .cf_name = "default", .merge_operator = "nullptr"};
    flush->job = (struct flush_job){.job_id = 6,
                                    .memtable = flush->memtable,
                                    .dir = dir,
                                    .db_identity = "identity",
                                    .outputs = &flush->output,
                                    .output_count = 1,
                                    .on_done = on_done,
                                    .owner = flush};
}

void
small_flush_deinit(struct small_flush *flush)
{
    memtable_unref(flush->memtable);
    memtable_pool_free(flush->memtables);
}
