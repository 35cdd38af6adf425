#include "support/compact_rig.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "cache/block_cache.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "sst/table_reader.h"
#include "support/test_table.h"

enum { CACHE_BYTES = 4 * 1024 * 1024, RIG_BLOCK_BYTES = 256, SHOWN_VALUE_BYTES_MAX = 40 };

void
compact_rig_init(struct compact_rig *rig)
{
    scratch_dir_make(rig->dir, NULL);
    rig->io = io_blocking_new();
    rig->number_next = 10;
}

void
compact_rig_init_in_memory(struct compact_rig *rig)
{
    scratch_dir_make_in_memory(rig->dir);
    rig->io = io_blocking_new();
    rig->number_next = 10;
}

void
compact_rig_deinit(struct compact_rig *rig)
{
    io_blocking_free(rig->io);
    scratch_dir_remove(rig->dir);
}

static void
table_path(const struct compact_rig *rig, uint64_t number, char path[PATH_BYTES_MAX])
{
    snprintf(path, PATH_BYTES_MAX, "%s/%06" PRIu64 ".sst", rig->dir, number);
}

/* --- writing --- */

static enum kv_status
append_bytes(void *owner, struct slice bytes)
{
    buffer_append_slice(owner, bytes);
    return KV_OK;
}

void
rig_writer_begin(struct rig_writer *writer, struct compact_rig *rig, enum compression compression)
{
    const struct table_build_options options =
        test_table_options(rig->number_next++, compression, RIG_BLOCK_BYTES);

    *writer = (struct rig_writer){.rig = rig};
    writer->builder = table_builder_new(&options, append_bytes, &writer->bytes);
}

void
rig_writer_add(struct rig_writer *writer, struct slice user_key, uint64_t seq, enum value_type type,
               struct slice value)
{
    struct buffer key = {0};

    internal_key_append(&key, user_key, seq, type);
    CU_ASSERT_EQUAL_FATAL(table_builder_add(writer->builder, buffer_slice(&key), value), KV_OK);
    buffer_deinit(&key);
}

void
rig_writer_finish(struct rig_writer *writer, struct table_summary *summary)
{
    struct io *io = writer->rig->io;
    char path[PATH_BYTES_MAX];
    int fd;

    CU_ASSERT_EQUAL_FATAL(table_builder_finish(writer->builder, summary), KV_OK);
    table_builder_free(writer->builder);
    table_path(writer->rig, summary->file_number, path);
    CU_ASSERT_EQUAL_FATAL(file_open(io, path, O_WRONLY | O_CREAT | O_EXCL, &fd), KV_OK);
    CU_ASSERT_EQUAL_FATAL(file_write(io, fd, 0, writer->bytes.data, writer->bytes.size), KV_OK);
    file_close(io, fd);
    buffer_deinit(&writer->bytes);
}

static enum value_type
type_of(char letter)
{
    static const char letters[] = "pdsme";
    static const enum value_type types[] = {TYPE_VALUE, TYPE_DELETION, TYPE_SINGLE_DELETION,
                                            TYPE_MERGE, TYPE_ENTITY};
    const char *found = strchr(letters, letter);

    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    return types[found - letters];
}

static void
add_word(struct rig_writer *writer, const char *word)
{
    char key[64], end[64], letter;
    uint64_t seq;
    int used = 0;

    if (sscanf(word, "[%63[^-]-%63[^)])@%" SCNu64, key, end, &seq) == 3) {
        table_builder_add_tombstone(writer->builder, slice_from_text(key), slice_from_text(end),
                                    seq);
        return;
    }
    CU_ASSERT_EQUAL_FATAL(sscanf(word, "%63[^@]@%" SCNu64 ":%c%n", key, &seq, &letter, &used), 3);
    rig_writer_add(writer, slice_from_text(key), seq, type_of(letter),
                   slice_from_text(word[used] == '=' ? word + used + 1 : word + used));
}

void
rig_write_table(struct compact_rig *rig, const char *text, struct table_summary *summary)
{
    struct rig_writer writer;
    char copy[1024];
    char *rest = copy, *word;

    rig_writer_begin(&writer, rig, COMPRESSION_NONE);
    snprintf(copy, sizeof(copy), "%s", text);
    while ((word = strsep(&rest, " ")) != NULL)
        if (word[0] != '\0')
            add_word(&writer, word);
    rig_writer_finish(&writer, summary);
}

struct compact_input
rig_input(const struct table_summary *summary, uint32_t level)
{
    return (struct compact_input){
        .file_number = summary->file_number,
        .file_bytes = summary->file_bytes,
        .level = level,
        .smallest = buffer_slice(&summary->smallest),
        .largest = buffer_slice(&summary->largest),
        .seq_smallest = summary->seq_smallest,
        .seq_largest = summary->seq_largest,
    };
}

/* --- looking --- */

static void
visit_versions(struct compact_rig *rig, struct iter *iter, struct read_ctx *ctx,
               const struct rig_visitor *visitor)
{
    struct internal_key key;
    enum kv_status st;

    while ((st = iter_seek_first(iter)) == KV_WANT_BLOCK)
        CU_ASSERT_EQUAL_FATAL(table_fetch_blocking(rig->io, ctx), KV_OK);
    while (st == KV_OK && iter->valid) {
        CU_ASSERT_FATAL(internal_key_parse(iter->key, &key));
        visitor->on_version(visitor->owner, &key, iter->value);
        while ((st = iter_next(iter)) == KV_WANT_BLOCK)
            CU_ASSERT_EQUAL_FATAL(table_fetch_blocking(rig->io, ctx), KV_OK);
    }
    CU_ASSERT_EQUAL_FATAL(st, KV_OK);
}

void
rig_visit_table(struct compact_rig *rig, const struct table_summary *summary,
                const struct rig_visitor *visitor)
{
    char path[PATH_BYTES_MAX];
    const struct table_reader_options options = {.file_number = summary->file_number,
                                                 .file_bytes = summary->file_bytes,
                                                 .path = path,
                                                 .smallest = buffer_slice(&summary->smallest),
                                                 .largest = buffer_slice(&summary->largest),
                                                 .seq_largest = summary->seq_largest};
    struct block_cache *cache = block_cache_new(CACHE_BYTES);
    const struct range_tombstone *tombstones;
    struct table_reader *table;
    struct iter *iter;
    struct read_ctx ctx;
    size_t count;

    table_path(rig, summary->file_number, path);
    table = table_reader_new(&options);
    read_ctx_init(&ctx, cache);
    iter = table_iter_new(table, &ctx);
    visit_versions(rig, iter, &ctx, visitor);
    CU_ASSERT_EQUAL_FATAL(table_reader_tombstones(table, &ctx, &tombstones, &count), KV_OK);
    for (size_t i = 0; i < count; i++)
        visitor->on_tombstone(visitor->owner, &tombstones[i]);
    iter_free(iter);
    read_ctx_deinit(&ctx);
    table_reader_unref(table);
    block_cache_free(cache);
}

static void
put_space(struct buffer *text)
{
    if (text->size > 0 && text->data[text->size - 1] != ' ')
        buffer_append(text, " ", 1);
}

static char
letter_of(enum value_type type)
{
    switch (type) {
    case TYPE_VALUE:
        return 'p';
    case TYPE_DELETION:
        return 'd';
    case TYPE_SINGLE_DELETION:
        return 's';
    case TYPE_MERGE:
        return 'm';
    default:
        return 'e';
    }
}

static void
print_version(void *owner, const struct internal_key *key, struct slice value)
{
    struct buffer *text = owner;

    put_space(text);
    buffer_append_format(text, "%.*s@%" PRIu64 ":%c", (int)key->user_key.size,
                         (const char *)key->user_key.data, key->seq, letter_of(key->type));
    if (value.size > 0 && value.size <= SHOWN_VALUE_BYTES_MAX)
        buffer_append_format(text, "=%.*s", (int)value.size, (const char *)value.data);
}

static void
print_tombstone(void *owner, const struct range_tombstone *tombstone)
{
    struct buffer *text = owner;

    put_space(text);
    buffer_append_format(text, "[%.*s-%.*s)@%" PRIu64, (int)tombstone->begin.size,
                         (const char *)tombstone->begin.data, (int)tombstone->end.size,
                         (const char *)tombstone->end.data, tombstone->seq);
}

void
rig_print_table(struct compact_rig *rig, const struct table_summary *summary, struct buffer *text)
{
    const struct rig_visitor visitor = {
        .on_version = print_version, .on_tombstone = print_tombstone, .owner = text};

    rig_visit_table(rig, summary, &visitor);
}
