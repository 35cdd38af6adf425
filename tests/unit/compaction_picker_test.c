/* Goal: the picker's plans are the ones that a reader of tests/data/compaction_picker.td agrees
 * with.
 *
 * The page is a list of cases: a command with its arguments, "----", what it prints, an empty line.
 * KV_REWRITE=1 writes what was printed back into the page: then read the diff.
 *
 *     define                 the tree, a level a line; level 0 newest first
 *         L1 7:[a..f] 8MB 8:[g..p#5] 8MB seq=3-9 age=60 del=50% marked
 *                            dies=30:-5:60: 30 values with deadlines, due 5 s ago, the last in 60
 *                            a#5: version 5 of a; a!: up to a, by the end of a range tombstone
 *                            hides=a..c#7: has a tombstone of that sequence; closed: nobody has
 *                            opened it
 *     pick, start, all       one plan; one that goes on running; all that can run together
 *     bury                   what lies under tombstones and can go; it goes on running
 *     manual [a..m] seq= next= forced
 *     cut jobs= min=         the bounds of the jobs of the next plan
 *     shape                  targets, scores, debt
 *
 * Arguments name options: see set_argument. */
#include <CUnit/Basic.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "key/internal_key.h"
#include "support/paper_tree.h"
#include "support/unit.h"

enum {
    RUNNING_COUNT_MAX = 64,
    TOMBSTONE_COUNT_MAX = 64,
    NOW_S = 1000000000,
    DEFAULT_ENTRIES = 100
};

struct page_tombstone {
    const struct table_file *file;
    char begin[8], end[8];
    uint64_t seq;
};

struct page {
    struct paper_tree tree;
    struct compaction_options options;
    enum compression compression;
    struct compaction_request request;
    uint64_t snapshot_oldest;
    bool has_ending;
    uint64_t within_bytes; /* 0: as many as it takes */
    uint32_t job_count_max;
    uint64_t job_bytes_min;
    struct compaction_plan running[RUNNING_COUNT_MAX];
    const struct compaction_plan *running_pointers[RUNNING_COUNT_MAX];
    uint32_t running_count;
    struct page_tombstone tombstones[TOMBSTONE_COUNT_MAX];
    uint32_t tombstone_count;
    const struct table_file *closed;
    uint32_t question_count; /* about tombstones, by the last `bury` */
    uint64_t seq_next;       /* of the next table of level 0, downwards */
};

/* --- what is read --- */

static uint64_t
parse_bytes(const char *text)
{
    char *unit;
    const double number = strtod(text, &unit);

    if (strncmp(unit, "KB", 2) == 0)
        return (uint64_t)(number * 1024);
    if (strncmp(unit, "MB", 2) == 0)
        return (uint64_t)(number * 1024 * 1024);
    if (strncmp(unit, "GB", 2) == 0)
        return (uint64_t)(number * 1024 * 1024 * 1024);
    return (uint64_t)number;
}

/* Appends key, key#seq or key! up to `end`; a key without its own sequence has `seq`. */
static void
parse_key(const char *text, const char *end, uint64_t seq, struct buffer *key)
{
    const char *mark = text;

    buffer_clear(key);
    while (mark < end && *mark != '#' && *mark != '!')
        mark++;
    if (mark < end && *mark == '!')
        internal_key_append(key, slice_of(text, (size_t)(mark - text)), SEQUENCE_MAX,
                            TYPE_RANGE_DELETION);
    else
        internal_key_append(key, slice_of(text, (size_t)(mark - text)),
                            mark < end ? strtoull(mark + 1, NULL, 10) : seq, TYPE_VALUE);
}

/* N:[a..b] */
static struct table_file *
define_table(struct page *page, uint32_t level, const char *text)
{
    const uint64_t seq = level == 0 ? page->seq_next : (LEVEL_COUNT - level) * 10;
    const char *open = strchr(text, '['), *dots = strstr(text, ".."), *close = strchr(text, ']');
    struct buffer smallest = {0}, largest = {0};
    struct table_file *file;

    CU_ASSERT_FATAL(open != NULL && dots != NULL && close != NULL);
    parse_key(open + 1, dots, seq, &smallest);
    parse_key(dots + 2, close, seq, &largest);
    file = paper_tree_add(&page->tree, level, strtoull(text, NULL, 10), buffer_slice(&smallest),
                          buffer_slice(&largest), seq);
    file->meta.seq_smallest = seq > 5 ? seq - 5 : 0;
    file->meta.has_counts = true;
    file->meta.entry_count = DEFAULT_ENTRIES;
    file->meta.creation_time_s = NOW_S;
    if (level == 0)
        page->seq_next -= 10;
    buffer_deinit(&smallest);
    buffer_deinit(&largest);
    return file;
}

/* In so many seconds half of it is dead, and all of them. */
static void
define_deadlines(struct page *page, struct table_file *file, int64_t due_s, int64_t newest_s)
{
    struct deadlines *deadlines = &file->meta.deadlines;

    deadlines->due_ms = (uint64_t)(NOW_S + due_s) * 1000;
    deadlines->newest_ms = (uint64_t)(NOW_S + newest_s) * 1000;
    deadlines->oldest_ms = deadlines->due_ms;
    page->tree.version.deadline_table_count++;
}

static void
define_tombstone(struct page *page, struct table_file *file, const char *text)
{
    struct page_tombstone *it = &page->tombstones[page->tombstone_count++];

    CU_ASSERT_FATAL(page->tombstone_count <= TOMBSTONE_COUNT_MAX);
    it->file = file;
    CU_ASSERT_EQUAL_FATAL(sscanf(text, "%7[^.]..%7[^#]#%" SCNu64, it->begin, it->end, &it->seq), 3);
    page->tree.version.tombstone_table_count += file->meta.range_tombstone_count == 0;
    file->meta.range_tombstone_count++;
    file->meta.deletion_count++;
}

static void
define_property(struct page *page, struct table_file *file, const char *text)
{
    int64_t due_s, newest_s;

    if (strncmp(text, "del=", 4) == 0)
        file->meta.deletion_count = strtoull(text + 4, NULL, 10);
    else if (sscanf(text, "dies=%" SCNu64 ":%" SCNd64 ":%" SCNd64, &file->meta.deadlines.count,
                    &due_s, &newest_s) == 3)
        define_deadlines(page, file, due_s, newest_s);
    else if (strncmp(text, "age=", 4) == 0)
        file->meta.creation_time_s = NOW_S - strtoull(text + 4, NULL, 10);
    else if (sscanf(text, "seq=%" SCNu64 "-%" SCNu64, &file->meta.seq_smallest,
                    &file->meta.seq_largest) == 2)
        page->seq_next = file->meta.seq_smallest - 1; /* those after it are older */
    else if (strncmp(text, "hides=", 6) == 0)
        define_tombstone(page, file, text + 6);
    else if (strcmp(text, "closed") == 0)
        page->closed = file;
    else if (strcmp(text, "marked") == 0)
        file->meta.marked_for_compaction = true;
    else if (strcmp(text, "uncounted") == 0)
        file->meta.has_counts = false;
    else
        file->meta.bytes = parse_bytes(text);
}

static void
define_level(struct page *page, char *line)
{
    struct table_file *file = NULL;
    char *rest = NULL;
    char *word = strtok_r(line, " \n", &rest);
    const uint32_t level = (uint32_t)(word[1] - '0');

    CU_ASSERT_FATAL(word[0] == 'L' && level < LEVEL_COUNT);
    while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
        if (strchr(word, '[') != NULL)
            file = define_table(page, level, word);
        else
            define_property(page, file, word);
    }
}

static bool
set_bytes(const char *word, const char *name, uint64_t *target)
{
    const size_t size = strlen(name);

    if (strncmp(word, name, size) != 0 || word[size] != '=')
        return false;
    *target = parse_bytes(word + size + 1);
    return true;
}

static bool
set_count(const char *word, const char *name, uint32_t *target)
{
    uint64_t number;

    if (!set_bytes(word, name, &number))
        return false;
    *target = (uint32_t)number;
    return true;
}

static bool
set_request(struct page *page, const char *word)
{
    struct compaction_request *request = &page->request;
    const char *dots = strstr(word, "..");

    if (word[0] == '[' && dots != NULL) {
        request->begin = slice_of(word + 1, (size_t)(dots - word - 1));
        request->end = slice_of(dots + 2, strlen(dots + 2) - 1);
        return true;
    }
    if (strcmp(word, "forced") == 0)
        return request->is_forced = true;
    return set_bytes(word, "seq", &request->seq_max) ||
           set_bytes(word, "next", &request->number_next);
}

/* name=word */
static void
set_name(struct compaction_options *options, const char *word)
{
    bool known = true;

    if (strncmp(word, "style=", 6) == 0)
        known = compaction_style_parse(word + 6, &options->style);
    else if (strncmp(word, "bottom=", 7) == 0)
        known = options->has_bottommost_compression =
            compression_parse(word + 7, &options->bottommost_compression);
    else if (strncmp(word, "levels=", 7) == 0)
        known = compaction_options_set(options, slice_from_text("compression_per_level"),
                                       slice_from_text(word + 7));
    else if (strcmp(word, "off") == 0)
        options->disable_auto_compactions = true;
    else
        known = false;
    CU_ASSERT_TRUE_FATAL(known);
}

static void
set_argument(struct page *page, const char *word)
{
    struct compaction_options *options = &page->options;
    double multiplier = 0;

    if (set_bytes(word, "file", &options->target_file_size_base) ||
        set_bytes(word, "base", &options->max_bytes_for_level_base) ||
        set_bytes(word, "job", &options->max_compaction_bytes) ||
        set_bytes(word, "ttl", &options->ttl) ||
        set_bytes(word, "period", &options->periodic_compaction_seconds) ||
        set_bytes(word, "fifo", &options->fifo.max_table_files_size) ||
        set_bytes(word, "snapshot", &page->snapshot_oldest) ||
        set_bytes(word, "min", &page->job_bytes_min) ||
        set_bytes(word, "within", &page->within_bytes) ||
        set_count(word, "jobs", &page->job_count_max) ||
        set_count(word, "trigger", &options->level0_file_num_compaction_trigger) ||
        set_count(word, "deletions", &options->deletion_percent_max) ||
        set_count(word, "ratio", &options->universal.size_ratio) ||
        set_count(word, "amp", &options->universal.max_size_amplification_percent) ||
        set_count(word, "width_min", &options->universal.min_merge_width) ||
        set_count(word, "width_max", &options->universal.max_merge_width) ||
        set_request(page, word))
        return;
    if (sscanf(word, "mult=%lf", &multiplier) == 1)
        options->max_bytes_for_level_multiplier = multiplier;
    else if (strcmp(word, "ending") == 0)
        page->has_ending = true;
    else
        set_name(options, word);
}

static void
reset_arguments(struct page *page)
{
    page->options = compaction_options_default();
    page->compression = COMPRESSION_LZ4;
    page->request = (struct compaction_request){.seq_max = SEQUENCE_MAX, .number_next = UINT64_MAX};
    page->snapshot_oldest = SEQUENCE_MAX;
    page->has_ending = false;
    page->within_bytes = 0;
    page->job_count_max = 4;
    page->job_bytes_min = 0;
}

/* --- what is printed --- */

static struct compaction_view
view_of(const struct page *page)
{
    return (struct compaction_view){
        .version = &page->tree.version,
        .options = &page->options,
        .compression = page->compression,
        .running = page->running_pointers,
        .running_count = page->running_count,
        .has_ending = page->has_ending,
        .snapshot_oldest = page->snapshot_oldest,
        .snapshot_newest = page->snapshot_oldest == SEQUENCE_MAX ? 0 : page->snapshot_oldest,
        .now_s = NOW_S,
    };
}

static void
print_plan(const struct compaction_plan *plan, struct buffer *out)
{
    static const char *const kinds[] = {"merge", "move", "drop"};
    uint32_t level = LEVEL_COUNT;

    buffer_append_format(out, "%s", kinds[plan->kind]);
    for (uint32_t i = 0; i < plan->input_count; i++) {
        if (plan->inputs[i].level != level)
            buffer_append_format(out, " L%" PRIu32 ":", plan->inputs[i].level);
        level = plan->inputs[i].level;
        buffer_append_format(out, " %" PRIu64, plan->inputs[i].number);
    }
    if (plan->kind != COMPACTION_DROP)
        buffer_append_format(out, " -> L%" PRIu32, plan->output_level);
    buffer_append_format(out, " (%s", compaction_reason_name(plan->reason));
    if (plan->kind == COMPACTION_MERGE)
        buffer_append_format(out, ", %s%s", compression_property_name(plan->compression),
                             plan->is_bottommost ? ", bottommost" : "");
    buffer_append_format(out, ")");
    for (uint32_t i = 0; plan->kind == COMPACTION_MERGE && i < plan->below_count; i++)
        buffer_append_format(
            out, "%s%.*s..%.*s", i == 0 ? " below " : " ", (int)plan->below[i].smallest.size,
            (const char *)plan->below[i].smallest.data, (int)plan->below[i].largest.size,
            (const char *)plan->below[i].largest.data);
    buffer_append_format(out, "\n");
}

/* Picks, prints, and keeps it running if asked to. */
static bool
pick(struct page *page, bool keeps, struct buffer *out)
{
    const struct compaction_view view = view_of(page);
    struct compaction_plan *plan = &page->running[page->running_count];

    CU_ASSERT_FATAL(page->running_count < RUNNING_COUNT_MAX);
    if (page->within_bytes == 0 ? !compaction_pick(&view, plan)
                                : !compaction_pick_within(&view, page->within_bytes, plan)) {
        buffer_append_format(out, "nothing to do\n");
        return false;
    }
    paper_plan_check(&view, plan);
    print_plan(plan, out);
    if (keeps)
        page->running_pointers[page->running_count++] = plan;
    else
        compaction_plan_deinit(plan);
    return true;
}

static struct slice
first_of(const struct table_file *file)
{
    return internal_key_user(buffer_slice(&file->meta.smallest));
}

static struct slice
last_of(const struct table_file *file)
{
    return internal_key_user(buffer_slice(&file->meta.largest));
}

/* The stretch of one table around a key in it; its ends are those of tombstones, and its own. */
static enum kv_status
stretch_in_file(const struct page *page, const struct table_file *file, struct slice key,
                uint64_t seq_max, struct tombstone_stretch *stretch)
{
    const struct key_stretch all = {.begin = first_of(file),
                                    .has_begin = true,
                                    .end = last_of(file),
                                    .has_end = true,
                                    .end_is_closed = true};

    if (file == page->closed)
        return KV_WANT_BLOCK;
    *stretch = (struct tombstone_stretch){.keys = all};
    for (uint32_t i = 0; i < page->tombstone_count; i++) {
        const struct page_tombstone *it = &page->tombstones[i];
        const struct key_stretch left = {.end = slice_from_text(it->begin), .has_end = true};
        const struct key_stretch right = {.begin = slice_from_text(it->end), .has_begin = true};
        const struct key_stretch inside = {
            .begin = left.end, .has_begin = true, .end = right.begin, .has_end = true};

        if (it->file != file)
            continue;
        if (key_stretch_contains(&inside, key) && it->seq > stretch->seq && it->seq <= seq_max)
            stretch->seq = it->seq;
        key_stretch_cut(&stretch->keys, key_stretch_contains(&left, key)    ? &left
                                        : key_stretch_contains(&right, key) ? &right
                                                                            : &inside);
    }
    return KV_OK;
}

static enum kv_status
stretch_of_place(void *owner, const struct scan_child *place, struct slice key, uint64_t seq_max,
                 struct tombstone_stretch *stretch_out)
{
    struct page *page = owner;
    enum kv_status st = KV_OK;

    page->question_count++;
    *stretch_out = (struct tombstone_stretch){0};
    if (place->file != NULL)
        return slice_compare(key, last_of(place->file)) > 0
                   ? KV_OK
                   : stretch_in_file(page, place->file, key, seq_max, stretch_out);
    for (uint32_t i = 0; i < place->level->count && st == KV_OK; i++) {
        const struct table_file *file = place->level->files[i];
        struct tombstone_stretch one;

        if (slice_compare(key, first_of(file)) < 0 || slice_compare(key, last_of(file)) > 0)
            continue;
        st = stretch_in_file(page, file, key, seq_max, &one);
        if (st != KV_OK)
            break;
        key_stretch_cut(&stretch_out->keys, &one.keys);
        stretch_out->seq = one.seq > stretch_out->seq ? one.seq : stretch_out->seq;
    }
    return st;
}

static void
run_bury(struct page *page, struct buffer *out)
{
    const struct compaction_view view = view_of(page);
    const struct tombstone_source source = {.stretch = stretch_of_place, .owner = page};
    struct compaction_plan *plan = &page->running[page->running_count];

    page->question_count = 0;
    if (compaction_pick_buried(&view, &source, plan) == KV_WANT_BLOCK) {
        buffer_append_format(out, "not known\n");
    } else if (plan->input_count == 0) {
        buffer_append_format(out, "none\n");
    } else {
        paper_plan_check(&view, plan);
        print_plan(plan, out);
        page->running_pointers[page->running_count++] = plan;
    }
}

static void
run_manual(struct page *page, struct buffer *out)
{
    const struct compaction_view view = view_of(page);
    struct compaction_plan *plan = &page->running[page->running_count];

    switch (compaction_pick_manual(&view, &page->request, plan)) {
    case COMPACTION_MANUAL_PLAN:
        paper_plan_check(&view, plan);
        print_plan(plan, out);
        page->running_pointers[page->running_count++] = plan;
        break;
    case COMPACTION_MANUAL_WAIT:
        buffer_append_format(out, "wait\n");
        break;
    case COMPACTION_MANUAL_DONE:
        buffer_append_format(out, "done\n");
        break;
    }
}

static void
run_cut(struct page *page, struct buffer *out)
{
    const struct compaction_view view = view_of(page);
    struct slice cuts[RUNNING_COUNT_MAX];
    struct compaction_plan plan;
    uint32_t count;

    CU_ASSERT_FATAL(page->job_count_max <= RUNNING_COUNT_MAX);
    CU_ASSERT_TRUE_FATAL(compaction_pick(&view, &plan));
    print_plan(&plan, out);
    count = compaction_plan_cut(&plan, page->job_count_max, page->job_bytes_min, cuts);
    buffer_append_format(out, "%" PRIu32 " jobs:", count + 1);
    for (uint32_t i = 0; i < count; i++)
        buffer_append_format(out, " %.*s", (int)cuts[i].size, (const char *)cuts[i].data);
    buffer_append_format(out, "\n");
    compaction_plan_deinit(&plan);
}

static void
run_shape(struct page *page, struct buffer *out)
{
    const struct compaction_view view = view_of(page);
    const double mib = 1024 * 1024;
    struct compaction_shape shape;

    compaction_shape_of(&view, &shape);
    for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
        const struct compaction_level_shape *it = &shape.levels[level];

        if (it->file_count > 0 || it->bytes_target > 0)
            buffer_append_format(out,
                                 "L%" PRIu32 " %" PRIu32 " tables %.1fMB target %.1fMB score "
                                 "%.2f\n",
                                 level, it->file_count, (double)it->bytes / mib,
                                 (double)it->bytes_target / mib, it->score);
    }
    buffer_append_format(out, "base L%" PRIu32 " debt %.1fMB\n", shape.base_level,
                         (double)shape.debt_bytes / mib);
}

static void
forget_running(struct page *page)
{
    while (page->running_count > 0)
        compaction_plan_deinit(&page->running[--page->running_count]);
}

static void
run_define(struct page *page, char *body, struct buffer *out)
{
    char *rest = NULL;

    forget_running(page);
    paper_tree_deinit(&page->tree);
    paper_tree_init(&page->tree);
    page->tombstone_count = 0;
    page->closed = NULL;
    page->seq_next = 1000000;
    for (char *line = strtok_r(body, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        define_level(page, line);
    paper_tree_check(&page->tree);
    paper_tree_sum(&page->tree);
    buffer_append_format(out, "ok\n");
}

/* `text` is the command, its arguments and, after the first line, its body; it is taken apart. */
static void
run_command(struct page *page, char *text, struct buffer *out)
{
    char *body = strchr(text, '\n');
    char *rest = NULL;
    char *name, *word;

    if (body != NULL)
        *body++ = '\0';
    name = strtok_r(text, " ", &rest);
    if (strcmp(name, "define") == 0) {
        run_define(page, body, out);
        return;
    }
    reset_arguments(page);
    while ((word = strtok_r(NULL, " ", &rest)) != NULL)
        set_argument(page, word);
    if (strcmp(name, "pick") == 0 || strcmp(name, "start") == 0)
        pick(page, name[0] == 's', out);
    else if (strcmp(name, "all") == 0)
        while (pick(page, true, out)) {
        }
    else if (strcmp(name, "bury") == 0)
        run_bury(page, out);
    else if (strcmp(name, "questions") == 0)
        buffer_append_format(out, "%u\n", page->question_count);
    else if (strcmp(name, "manual") == 0)
        run_manual(page, out);
    else if (strcmp(name, "cut") == 0)
        run_cut(page, out);
    else if (strcmp(name, "shape") == 0)
        run_shape(page, out);
    else
        CU_FAIL_FATAL("unknown command");
}

/* --- the page --- */

static void
page_path(char *path, size_t size)
{
    const char *source = getenv("KV_SOURCE");
    const char *slash = strstr(__FILE__, "tests/unit/");

    if (source != NULL)
        snprintf(path, size, "%s/tests/data/compaction_picker.td", source);
    else
        snprintf(path, size, "%.*stests/data/compaction_picker.td", (int)(slash - __FILE__),
                 __FILE__);
}

static void
read_page(const char *path, struct buffer *text)
{
    FILE *stream = fopen(path, "r");
    char chunk[4096];
    size_t size;

    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    while ((size = fread(chunk, 1, sizeof(chunk), stream)) > 0)
        buffer_append(text, chunk, size);
    buffer_append_byte(text, '\0');
    fclose(stream);
}

/* Runs the case in text..end, whose input ends at `dashes`, and appends it as it should be. */
static void
run_case(struct page *page, const char *text, const char *dashes, const char *end,
         struct buffer *rewritten)
{
    const char *expected = dashes + strlen("----\n");
    const size_t expected_size = (size_t)(end - expected);
    char *command = strndup(text, (size_t)(dashes - text));
    struct buffer out = {0};

    run_command(page, command, &out);
    if (out.size != expected_size || memcmp(out.data, expected, out.size) != 0) {
        printf("\n%.*s----\n%.*s++++ but it says\n%.*s", (int)(dashes - text), text,
               (int)expected_size, expected, (int)out.size, (const char *)out.data);
        CU_ASSERT_TRUE(getenv("KV_REWRITE") != NULL);
    }
    buffer_append(rewritten, text, (size_t)(expected - text));
    buffer_append_slice(rewritten, buffer_slice(&out));
    buffer_deinit(&out);
    free(command);
}

/* Method: run the page's commands one by one and compare what they print; each plan is also checked
 * against all that any plan promises. */
static void
plans_are_those_of_the_page(void)
{
    struct page *page = kv_alloc_zero(sizeof(*page));
    struct buffer text = {0}, rewritten = {0};
    char path[4096];
    const char *at;

    page_path(path, sizeof(path));
    read_page(path, &text);
    paper_tree_init(&page->tree);
    at = (const char *)text.data;
    while (*at != '\0') {
        const char *line_end = strchr(at, '\n');
        const char *dashes, *end;

        if (*at == '\n' || *at == '#') {
            buffer_append(&rewritten, at, (size_t)(line_end + 1 - at));
            at = line_end + 1;
            continue;
        }
        dashes = strstr(at, "----\n");
        CU_ASSERT_PTR_NOT_NULL_FATAL(dashes);
        end = strstr(dashes, "\n\n");
        end = end != NULL ? end + 1 : at + strlen(at);
        run_case(page, at, dashes, end, &rewritten);
        at = end;
    }
    if (getenv("KV_REWRITE") != NULL) {
        FILE *stream = fopen(path, "w");

        CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
        CU_ASSERT_EQUAL(fwrite(rewritten.data, 1, rewritten.size, stream), rewritten.size);
        fclose(stream);
    }
    forget_running(page);
    paper_tree_deinit(&page->tree);
    free(page);
    buffer_deinit(&text);
    buffer_deinit(&rewritten);
}

static const struct unit_test tests[] = {
    UNIT_TEST(plans_are_those_of_the_page),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("compaction_picker", tests, argc, argv);
}
