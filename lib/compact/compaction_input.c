/* compaction_input.c - a run is one table of level 0, or all tables of another level one behind
 * the other; a heap of runs, the one with the smallest key on top.
 *
 * Keys lie between the job's smallest and largest, so all begin with what those two share (which
 * is checked, key by key).  The heap keeps the eight bytes behind that of each key, as a number,
 * which decides nearly every comparison; and as long as the top's number stays below the
 * runner-up's nothing moves at all.
 */
#include "compact/compaction_input.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "key/internal_key.h"
#include "sst/table_scan.h"

enum {
    WINDOWS_BYTES_MAX = 64 * 1024 * 1024, /* of all runs together, if there are not too many */
    WINDOW_BYTES_MAX = 2 * 1024 * 1024,
    WINDOW_BYTES_CACHED = 128 * 1024, /* copied in one call of the kernel */
    WINDOW_BYTES_MIN = 128 * 1024,
    TABLE_PATH_BYTES_MAX = 4096,
};

struct compaction_run_input {
    const struct compact_input *tables; /* borrowed */
    uint32_t table_count;
    uint32_t at;             /* the table that is open, or to be opened next */
    struct table_scan *scan; /* owned; NULL: none is open */
    struct iter *iter;       /* the scan's */
    struct buffer last;      /* the last key of the table before */
};

struct compaction_place {
    uint64_t word; /* of the run's key, behind the shared bytes; big-endian, zero-padded */
    uint32_t run;
};

/* --- tables --- */

static enum kv_status
fail_at(struct compaction_input *input, const struct compact_input *table, enum kv_status st)
{
    if (st == KV_CORRUPT || st == KV_UNSUPPORTED || st == KV_NO_FILE)
        input->bad_input_number = table->file_number;
    return st;
}

static struct table_reader *
reader_new(const struct compaction_input *input, const struct compact_input *table)
{
    char path[TABLE_PATH_BYTES_MAX];
    const struct table_reader_options options = {
        .file_number = table->file_number,
        .file_bytes = table->file_bytes,
        .path = path,
        .smallest = table->smallest,
        .largest = table->largest,
        .seq_largest = table->seq_largest,
    };

    snprintf(path, sizeof(path), "%s/%06" PRIu64 ".sst", input->options.dir, table->file_number);
    return table_reader_new(&options);
}

static enum kv_status
hand_over_tombstones(struct compaction_input *input, struct compaction_run_input *run)
{
    const struct range_tombstone *tombstones;
    size_t count;
    const enum kv_status st = table_scan_tombstones(run->scan, &tombstones, &count);

    if (st != KV_OK)
        return st;
    for (size_t i = 0; i < count; i++)
        input->options.on_tombstone(input->options.owner, &tombstones[i]);
    return KV_OK;
}

/* To the first entry that belongs to the compaction. */
static enum kv_status
seek_begin(const struct compaction_input *input, struct compaction_run_input *run)
{
    const struct slice begin = input->options.spec->begin;
    struct buffer target = {0};
    enum kv_status st;

    if (begin.size == 0)
        return iter_seek_first(run->iter);
    internal_key_append(&target, begin, SEQUENCE_MAX, TYPE_SEEK);
    st = iter_seek(run->iter, buffer_slice(&target));
    buffer_deinit(&target);
    return st;
}

static enum kv_status
check_first_key(const struct compaction_run_input *run, const struct compact_input *table)
{
    const struct slice last = buffer_slice(&run->last);

    if (!run->iter->valid)
        return KV_OK;
    if (internal_key_compare(run->iter->key, table->smallest) < 0 ||
        (last.size > 0 && internal_key_compare(run->iter->key, last) <= 0))
        return KV_FAIL(KV_CORRUPT, "table %" PRIu64 " begins before it should", table->file_number);
    return KV_OK;
}

static enum kv_status
open_table(struct compaction_input *input, struct compaction_run_input *run)
{
    const struct compact_input *table = &run->tables[run->at];
    struct table_reader *reader = reader_new(input, table);
    enum kv_status st;

    KV_ASSERT(run->scan == NULL);
    run->scan =
        table_scan_new(reader, input->options.io, input->window_bytes, input->options.cached);
    table_reader_unref(reader);
    run->iter = table_scan_iter(run->scan);
    st = hand_over_tombstones(input, run);
    if (st == KV_OK)
        st = seek_begin(input, run);
    if (st == KV_OK)
        st = check_first_key(run, table);
    return fail_at(input, table, st);
}

static void
close_table(struct compaction_input *input, struct compaction_run_input *run)
{
    if (run->scan != NULL)
        input->bytes_closed += table_scan_bytes_done(run->scan);
    table_scan_free(run->scan);
    run->scan = NULL;
    run->iter = NULL;
}

/* --- runs --- */

static bool
is_behind_end(const struct compaction_input *input, struct slice internal_key)
{
    const struct slice end = input->options.spec->end;

    return end.size > 0 && slice_compare(internal_key_user(internal_key), end) >= 0;
}

static void
end_run(struct compaction_input *input, struct compaction_run_input *run)
{
    close_table(input, run);
    run->at = run->table_count;
}

/* Opens tables from `at` on until one has an entry; without one the run is over. */
static enum kv_status
enter_tables(struct compaction_input *input, struct compaction_run_input *run)
{
    while (run->at < run->table_count) {
        enum kv_status st;

        if (is_behind_end(input, run->tables[run->at].smallest)) {
            end_run(input, run);
            return KV_OK;
        }
        st = input->options.on_open(input->options.owner);
        if (st == KV_OK)
            st = open_table(input, run);
        if (st != KV_OK)
            return st;
        if (run->iter->valid) {
            if (is_behind_end(input, run->iter->key))
                end_run(input, run);
            return KV_OK;
        }
        close_table(input, run);
        run->at++;
    }
    return KV_OK;
}

static enum kv_status
step_to_next_table(struct compaction_input *input, struct compaction_run_input *run)
{
    const struct compact_input *table = &run->tables[run->at];
    const struct slice last = table_scan_last_key(run->scan);

    if (slice_compare(internal_key_user(last), internal_key_user(table->largest)) > 0)
        return fail_at(input, table,
                       KV_FAIL(KV_CORRUPT, "table %" PRIu64 " ends behind its largest key",
                               table->file_number));
    buffer_clear(&run->last);
    buffer_append_slice(&run->last, last);
    close_table(input, run);
    run->at++;
    return enter_tables(input, run);
}

/* Afterwards scan is NULL if the run is over. */
static enum kv_status
step_run(struct compaction_input *input, struct compaction_run_input *run)
{
    const enum kv_status st = iter_next(run->iter);

    if (st != KV_OK)
        return fail_at(input, &run->tables[run->at], st);
    if (!run->iter->valid)
        return step_to_next_table(input, run);
    if (is_behind_end(input, run->iter->key))
        end_run(input, run);
    return KV_OK;
}

/* --- the heap --- */

/* False: the key does not begin as all of the compaction's do. */
static inline bool
word_of(const struct compaction_input *input, struct slice key, uint64_t *word_out)
{
    const size_t shared = input->shared_bytes;
    uint64_t word = 0;
    size_t rest;

    if (key.size < KEY_FOOTER_BYTES + shared ||
        (shared > 0 && memcmp(key.data, input->shared, shared) != 0))
        return false;
    rest = key.size - KEY_FOOTER_BYTES - shared;
    if (rest >= sizeof(word)) {
        *word_out = __builtin_bswap64(load_fixed64(key.data + shared));
        return true;
    }
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)key.data[shared + i] << (8 * (7 - i));
    *word_out = word;
    return true;
}

static inline bool
precedes(const struct compaction_input *input, const struct compaction_place *a,
         const struct compaction_place *b)
{
    int order;

    if (a->word != b->word)
        return a->word < b->word;
    order = internal_key_compare(input->runs[a->run].iter->key, input->runs[b->run].iter->key);
    return order < 0 || (order == 0 && a->run < b->run);
}

static void
sift_down(struct compaction_input *input, uint32_t at)
{
    const struct compaction_place place = input->heap[at];

    for (;;) {
        uint32_t below = 2 * at + 1;

        if (below >= input->heap_count)
            break;
        if (below + 1 < input->heap_count &&
            precedes(input, &input->heap[below + 1], &input->heap[below]))
            below++;
        if (!precedes(input, &input->heap[below], &place))
            break;
        input->heap[at] = input->heap[below];
        at = below;
    }
    input->heap[at] = place;
}

static inline bool
top_stays(const struct compaction_input *input)
{
    const struct compaction_place *heap = input->heap;

    return (input->heap_count < 2 || heap[0].word < heap[1].word) &&
           (input->heap_count < 3 || heap[0].word < heap[2].word);
}

static void
show_top(struct compaction_input *input)
{
    input->valid = input->heap_count > 0;
    if (!input->valid)
        return;
    input->key = input->runs[input->heap[0].run].iter->key;
    input->value = input->runs[input->heap[0].run].iter->value;
}

static enum kv_status
place_run(struct compaction_input *input, uint32_t run, uint32_t at)
{
    const struct compaction_run_input *its = &input->runs[run];

    input->heap[at].run = run;
    if (word_of(input, its->iter->key, &input->heap[at].word))
        return KV_OK;
    return fail_at(input, &its->tables[its->at],
                   KV_FAIL(KV_CORRUPT, "table %" PRIu64 " has a key outside its bounds",
                           its->tables[its->at].file_number));
}

/* --- making it --- */

/* What the smallest and the largest user key of all have in common at their front. */
static size_t
shared_of(const struct compaction_spec *spec, const uint8_t **front_out)
{
    struct slice smallest = internal_key_user(spec->inputs[0].smallest);
    struct slice largest = internal_key_user(spec->inputs[0].largest);
    size_t shared = 0;

    for (uint32_t i = 1; i < spec->input_count; i++) {
        const struct slice low = internal_key_user(spec->inputs[i].smallest);
        const struct slice high = internal_key_user(spec->inputs[i].largest);

        smallest = slice_compare(low, smallest) < 0 ? low : smallest;
        largest = slice_compare(high, largest) > 0 ? high : largest;
    }
    *front_out = smallest.data;
    while (shared < smallest.size && shared < largest.size &&
           smallest.data[shared] == largest.data[shared])
        shared++;
    return shared;
}

static uint32_t
run_length(const struct compaction_spec *spec, uint32_t first)
{
    uint32_t count = 1;

    if (spec->inputs[first].level == 0)
        return 1;
    while (first + count < spec->input_count &&
           spec->inputs[first + count].level == spec->inputs[first].level)
        count++;
    return count;
}

void
compaction_input_init(struct compaction_input *input,
                      const struct compaction_input_options *options)
{
    const struct compaction_spec *spec = options->spec;
    const size_t window_bytes_max = options->cached ? WINDOW_BYTES_CACHED : WINDOW_BYTES_MAX;

    KV_ASSERT(spec->input_count > 0);
    KV_ASSERT(spec->input_count <= COMPACT_INPUT_COUNT_MAX);
    *input = (struct compaction_input){.options = *options};
    input->runs = kv_alloc_zero(spec->input_count * sizeof(*input->runs));
    input->heap = kv_alloc_zero(spec->input_count * sizeof(*input->heap));
    for (uint32_t i = 0; i < spec->input_count; i += run_length(spec, i))
        input->runs[input->run_count++] = (struct compaction_run_input){
            .tables = &spec->inputs[i], .table_count = run_length(spec, i)};
    input->shared_bytes = shared_of(spec, &input->shared);
    input->window_bytes = WINDOWS_BYTES_MAX / input->run_count;
    if (input->window_bytes > window_bytes_max)
        input->window_bytes = window_bytes_max;
    if (input->window_bytes < WINDOW_BYTES_MIN)
        input->window_bytes = WINDOW_BYTES_MIN;
}

void
compaction_input_deinit(struct compaction_input *input)
{
    for (uint32_t i = 0; i < input->run_count; i++) {
        close_table(input, &input->runs[i]);
        buffer_deinit(&input->runs[i].last);
    }
    free(input->runs);
    free(input->heap);
    *input = (struct compaction_input){0};
}

static bool
lies_before_begin(const struct compaction_spec *spec, const struct compact_input *table)
{
    return spec->begin.size > 0 &&
           slice_compare(internal_key_user(table->largest), spec->begin) < 0;
}

enum kv_status
compaction_input_start(struct compaction_input *input)
{
    enum kv_status st = KV_OK;

    for (uint32_t i = 0; i < input->run_count && st == KV_OK; i++) {
        struct compaction_run_input *run = &input->runs[i];

        while (run->at < run->table_count &&
               lies_before_begin(input->options.spec, &run->tables[run->at]))
            run->at++;
        st = enter_tables(input, run);
        if (st == KV_OK && run->scan != NULL)
            st = place_run(input, i, input->heap_count++);
    }
    if (st != KV_OK)
        return st;
    for (uint32_t i = input->heap_count / 2; i > 0; i--)
        sift_down(input, i - 1);
    show_top(input);
    return KV_OK;
}

enum kv_status
compaction_input_next(struct compaction_input *input)
{
    const uint32_t run = input->heap[0].run;
    enum kv_status st;

    KV_ASSERT(input->valid);
    st = step_run(input, &input->runs[run]);
    if (st != KV_OK)
        return st;
    if (input->runs[run].scan != NULL)
        st = place_run(input, run, 0);
    else
        input->heap[0] = input->heap[--input->heap_count];
    if (st == KV_OK && input->heap_count > 1 && !top_stays(input))
        sift_down(input, 0);
    show_top(input);
    return st;
}

uint64_t
compaction_input_bytes_done(const struct compaction_input *input)
{
    uint64_t bytes = input->bytes_closed;

    for (uint32_t i = 0; i < input->run_count; i++)
        if (input->runs[i].scan != NULL)
            bytes += table_scan_bytes_done(input->runs[i].scan);
    return bytes;
}
