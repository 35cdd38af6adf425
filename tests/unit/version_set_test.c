/* Goal: a version_set remembers what it reported as applied, gives out no number twice, and
 * deletes nothing that counts.
 * Method: io_blocking over a temporary directory, tables that are only files of the right size,
 * and a struct io in front that makes chosen requests fail. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "io/file.h"
#include "io/io_blocking.h"
#include "key/internal_key.h"
#include "support/scratch_dir.h"
#include "support/unit.h"
#include "unit/faulty_io.h"
#include "version/file_name.h"
#include "version/version_set.h"

static struct faulty_io faulty;
static char dir[SCRATCH_PATH_BYTES];
static int applied_count;
static enum kv_status applied_status;
static uint64_t obsolete[64];
static uint32_t obsolete_count;
static char last_line[1100];

static void
keep_line(void *owner, enum log_level level, const char *line)
{
    (void)owner;
    if (level == LOG_LEVEL_WARNING)
        snprintf(last_line, sizeof(last_line), "%s", line);
}

static void
on_applied(void *owner, enum kv_status st)
{
    (void)owner;
    applied_count++;
    applied_status = st;
}

static void
on_obsolete(void *owner, uint64_t number)
{
    (void)owner;
    if (obsolete_count < 64)
        obsolete[obsolete_count++] = number;
}

static void
setup(void)
{
    scratch_dir_make(dir, NULL);
    faulty = (struct faulty_io){.base = {.ops = &faulty_ops}, .real = io_blocking_new()};
    applied_count = 0;
    obsolete_count = 0;
    log_set_sink(keep_line, NULL);
}

static void
teardown(void)
{
    io_blocking_free(faulty.real);
    log_set_sink(NULL, NULL);
    scratch_dir_remove(dir);
}

static enum kv_status
open_set(struct version_set **set_out)
{
    const struct version_set_options options = {
        .io = &faulty.base, .dir = dir, .create_if_missing = true, .manifest_bytes_max = 4096};
    enum kv_status st = version_set_open(&options, set_out);

    if (st == KV_OK)
        version_set_on_obsolete(*set_out, on_obsolete, NULL);
    return st;
}

static struct version_set *
open_started(void)
{
    struct version_set *set;

    CU_ASSERT_EQUAL_FATAL(open_set(&set), KV_OK);
    CU_ASSERT_EQUAL_FATAL(version_set_start(set, NULL, 0), KV_OK);
    return set;
}

static void
make_file(enum file_kind kind, uint64_t number, size_t size)
{
    char path[PATH_BYTES_MAX];
    int fd;

    file_name_format(path, dir, kind, number);
    fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0640);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    close(fd);
}

static bool
file_is_there(enum file_kind kind, uint64_t number)
{
    char path[PATH_BYTES_MAX];

    file_name_format(path, dir, kind, number);
    return access(path, F_OK) == 0;
}

static void
describe(struct table_meta *meta, uint64_t number, const char *smallest, const char *largest,
         uint64_t seq)
{
    meta->number = number;
    meta->bytes = 100 + number;
    meta->seq_smallest = meta->seq_largest = seq;
    internal_key_append(&meta->smallest, slice_from_text(smallest), seq, TYPE_VALUE);
    internal_key_append(&meta->largest, slice_from_text(largest), seq, TYPE_VALUE);
}

/* Adds a new table (its file too) to the edit and returns its number. */
static uint64_t
add_table(struct version_set *set, struct version_edit *edit, uint32_t level, const char *smallest,
          const char *largest, uint64_t seq)
{
    const uint64_t number = version_set_next_file_number(set);

    make_file(FILE_TABLE, number, (size_t)(100 + number));
    describe(version_edit_add_table(edit, level), number, smallest, largest, seq);
    return number;
}

static void
run_until_applied(int count)
{
    for (int i = 0; i < 1000 && applied_count < count; i++)
        io_blocking_turn(faulty.real);
    CU_ASSERT_EQUAL(applied_count, count);
    while (io_blocking_turn(faulty.real))
        continue;
}

static void
apply(struct version_set *set, struct version_edit *edits, uint32_t count)
{
    const int before = applied_count;

    version_set_apply(set, edits, count, on_applied, NULL);
    CU_ASSERT_EQUAL(applied_count, before); /* never from inside */
    run_until_applied(before + 1);
}

/* Method: make, close, open again; the identity stays, the counter only grows. */
static void
a_new_database_opens_again(void)
{
    struct version_set *set;
    char id[64];
    uint64_t next;

    setup();
    set = open_started();
    snprintf(id, sizeof(id), "%s", version_set_db_id(set));
    CU_ASSERT_EQUAL(strlen(id), 36);
    CU_ASSERT_STRING_EQUAL(version_set_family(set, 0)->name, "default");
    next = version_set_next_file_number(set);
    version_set_close(set);
    make_file(FILE_TABLE, 5000, 10);
    set = open_started();
    CU_ASSERT_STRING_EQUAL(version_set_db_id(set), id);
    CU_ASSERT_TRUE(next < 5000 && version_set_next_file_number(set) > 5000);
    version_set_close(set);
    teardown();
}

/* Method: flush, move and delete; a reader's version keeps tables, and then they are reported. */
static void
tables_become_obsolete_with_their_last_version(void)
{
    struct version_set *set;
    struct version_edit edit = {0};
    struct version *old;
    struct table_reader *reader;
    uint64_t first, second;

    setup();
    set = open_started();
    first = add_table(set, &edit, 0, "a", "m", 10);
    apply(set, &edit, 1);
    second = add_table(set, &edit, 0, "c", "z", 20);
    apply(set, &edit, 1);
    old = version_set_family(set, 0)->current;
    version_ref(old);
    CU_ASSERT_EQUAL(old->levels[0].count, 2);
    CU_ASSERT_EQUAL(old->levels[0].files[0]->meta.number, second); /* newest first */
    CU_ASSERT_EQUAL(old->bytes_total, 200 + first + second);
    CU_ASSERT_EQUAL(version_set_last_seq(set), 20);
    reader = old->levels[0].files[1]->reader;

    version_edit_remove_table(&edit, 0, first); /* a move keeps number and reader */
    describe(version_edit_add_table(&edit, 1), first, "a", "m", 10);
    apply(set, &edit, 1);
    CU_ASSERT_PTR_EQUAL(version_set_family(set, 0)->current->levels[1].files[0]->reader, reader);
    version_edit_remove_table(&edit, 0, second);
    apply(set, &edit, 1);
    CU_ASSERT_EQUAL(obsolete_count, 0);
    version_unref(old);
    CU_ASSERT_EQUAL_FATAL(obsolete_count, 1);
    CU_ASSERT_EQUAL(obsolete[0], second);
    version_edit_remove_table(&edit, 1, first);
    apply(set, &edit, 1);
    CU_ASSERT_EQUAL_FATAL(obsolete_count, 2);
    CU_ASSERT_EQUAL(obsolete[1], first);
    version_set_close(set);
    CU_ASSERT_EQUAL(obsolete_count, 2);
    teardown();
}

static void
set_cf_add(struct version_edit *edit, uint32_t id, const char *name, uint64_t log_number)
{
    edit->cf_id = id;
    edit->is_cf_add = true;
    buffer_append(&edit->cf_name, name, strlen(name));
    edit->has_log_number = true;
    edit->log_number = log_number;
}

/* Method: a flush's tables and the end of their family wait behind another change, and so go to the
 * MANIFEST together: no version ever has the table. */
static void
tables_that_come_as_their_family_goes_become_obsolete(void)
{
    struct version_set *set;
    struct version_edit edit = {0}, flushed = {.cf_id = 1}, dropped = {.cf_id = 1};
    uint64_t number;
    int count;

    setup();
    set = open_started();
    set_cf_add(&edit, 1, "guest", 1);
    apply(set, &edit, 1);
    count = applied_count;
    edit = (struct version_edit){.has_log_number = true, .log_number = 1};
    number = add_table(set, &flushed, 0, "a", "m", 10);
    dropped.is_cf_drop = true;
    version_set_apply(set, &edit, 1, on_applied, NULL);
    version_set_apply(set, &flushed, 1, on_applied, NULL);
    version_set_apply(set, &dropped, 1, on_applied, NULL);
    run_until_applied(count + 3);
    CU_ASSERT_PTR_NULL(version_set_family(set, 1));
    CU_ASSERT_EQUAL_FATAL(obsolete_count, 1);
    CU_ASSERT_EQUAL(obsolete[0], number);
    version_set_close(set);
    CU_ASSERT_EQUAL(obsolete_count, 1);
    teardown();
}

/* Method: families come, get tables in one atomic change, go; the rest is there after reopening. */
static void
families_live_in_the_manifest(void)
{
    struct version_set *set;
    struct version_edit edits[2] = {{0}, {0}};
    uint64_t table;

    setup();
    set = open_started();
    set_cf_add(&edits[0], version_set_max_family_id(set) + 1, "one", 7);
    apply(set, edits, 1);
    set_cf_add(&edits[0], version_set_max_family_id(set) + 1, "two", 8);
    apply(set, edits, 1);
    table = add_table(set, &edits[0], 6, "a", "b", 3);
    edits[0].cf_id = 1;
    add_table(set, &edits[1], 0, "a", "b", 4);
    edits[1].cf_id = 2;
    edits[1].has_log_number = true;
    edits[1].log_number = 9;
    apply(set, edits, 2);
    edits[0] = (struct version_edit){.cf_id = 2, .is_cf_drop = true};
    apply(set, edits, 1);
    CU_ASSERT_EQUAL(obsolete_count, 1);
    /* A flush that comes after the drop is left out. */
    add_table(set, &edits[0], 0, "a", "b", 5);
    edits[0].cf_id = 2;
    apply(set, edits, 1);
    CU_ASSERT_EQUAL(applied_status, KV_CANCELLED);
    CU_ASSERT_EQUAL(obsolete_count, 2);
    version_set_close(set);

    CU_ASSERT_EQUAL_FATAL(open_set(&set), KV_OK);
    CU_ASSERT_PTR_NULL(version_set_family(set, 2));
    CU_ASSERT_PTR_NULL(version_set_family_at(set, 2));
    CU_ASSERT_PTR_EQUAL(version_set_family_by_name(set, slice_from_text("one")),
                        version_set_family_at(set, 1));
    CU_ASSERT_EQUAL(version_set_family(set, 1)->log_number, 7);
    CU_ASSERT_EQUAL(version_set_family(set, 1)->current->levels[6].files[0]->meta.number, table);
    CU_ASSERT_EQUAL(version_set_max_family_id(set), 2);
    CU_ASSERT_EQUAL(version_set_min_log(set), 0);
    version_set_close(set);
    teardown();
}

/* Method: each kind of request fails once, twice, thrice; the change arrives all the same. */
static void
changes_survive_manifest_failures(void)
{
    static const enum io_op ops[] = {IO_WRITE,  IO_FDATASYNC, IO_FSYNC, IO_OPEN,
                                     IO_RENAME, IO_SYNC_DIR,  IO_UNLINK};

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        for (int times = 1; times <= 3; times++) {
            struct version_edit edit = {0};
            struct version_set *set;
            uint64_t number;

            setup();
            set = open_started();
            /* Makes the append fail, so that the steps of a new MANIFEST meet the fault too. */
            faulty.fail_op = IO_FDATASYNC;
            faulty.fail_count = 1;
            number = add_table(set, &edit, 0, "a", "b", 1);
            version_set_apply(set, &edit, 1, on_applied, NULL);
            io_blocking_turn(faulty.real);
            io_blocking_turn(faulty.real);
            faulty.fail_op = ops[i];
            faulty.fail_count = times;
            run_until_applied(1);
            CU_ASSERT_EQUAL(applied_status, KV_OK);
            CU_ASSERT_FALSE(version_set_is_failing(set));
            number = add_table(set, &edit, 0, "a", "b", 2);
            apply(set, &edit, 1);
            version_set_close(set);
            CU_ASSERT_EQUAL_FATAL(open_set(&set), KV_OK);
            CU_ASSERT_EQUAL(version_set_family(set, 0)->current->levels[0].count, 2);
            CU_ASSERT_EQUAL(version_set_family(set, 0)->current->levels[0].files[0]->meta.number,
                            number);
            version_set_close(set);
            teardown();
        }
    }
}

static int
count_manifests(void)
{
    int count = 0;

    for (uint64_t number = 1; number < 2000; number++)
        count += file_is_there(FILE_MANIFEST, number) ? 1 : 0;
    return count;
}

/* Method: 400 changes go in at once under a limit of 4 KiB; one MANIFEST is left, nothing lost. */
static void
a_long_manifest_is_replaced(void)
{
    struct version_set *set;

    setup();
    set = open_started();
    for (uint64_t i = 0; i < 400; i++) {
        struct version_edit edit = {0};

        add_table(set, &edit, 0, "a", "b", i + 1);
        version_set_apply(set, &edit, 1, on_applied, NULL);
    }
    run_until_applied(400);
    CU_ASSERT_EQUAL(count_manifests(), 1);
    version_set_close(set);
    CU_ASSERT_EQUAL_FATAL(open_set(&set), KV_OK);
    CU_ASSERT_EQUAL(version_set_family(set, 0)->current->levels[0].count, 400);
    CU_ASSERT_EQUAL(version_set_last_seq(set), 400);
    version_set_close(set);
    teardown();
}

/* Method: one live and many unnamed files of every kind. */
static void
purge_deletes_what_nothing_names(void)
{
    struct version_edit edit = {.has_log_number = true, .log_number = 50};
    struct version_set *set;
    uint64_t live;

    setup();
    set = open_started();
    live = add_table(set, &edit, 0, "a", "b", 1);
    apply(set, &edit, 1);
    version_set_close(set);
    make_file(FILE_TABLE, 900, 1);
    make_file(FILE_WAL, 49, 1);
    make_file(FILE_WAL, 50, 1);
    make_file(FILE_WAL, 51, 1);
    make_file(FILE_MANIFEST, 901, 1);
    make_file(FILE_TEMPORARY, 902, 1);
    make_file(FILE_BLOB, 903, 1);
    for (uint64_t i = 904; i < 907; i++)
        make_file(FILE_OPTIONS, i, 1);
    set = open_started();
    version_set_purge(set);
    CU_ASSERT_TRUE(file_is_there(FILE_TABLE, live));
    CU_ASSERT_FALSE(file_is_there(FILE_TABLE, 900));
    CU_ASSERT_FALSE(file_is_there(FILE_WAL, 49));
    CU_ASSERT_TRUE(file_is_there(FILE_WAL, 50) && file_is_there(FILE_WAL, 51));
    CU_ASSERT_FALSE(file_is_there(FILE_TEMPORARY, 902));
    CU_ASSERT_TRUE(file_is_there(FILE_BLOB, 903));
    CU_ASSERT_FALSE(file_is_there(FILE_OPTIONS, 904));
    CU_ASSERT_TRUE(file_is_there(FILE_OPTIONS, 905) && file_is_there(FILE_OPTIONS, 906));
    CU_ASSERT_EQUAL(count_manifests(), 1);
    CU_ASSERT_TRUE(file_is_there(FILE_IDENTITY, 0) && file_is_there(FILE_CURRENT, 0));
    CU_ASSERT_TRUE(version_set_next_file_number(set) > 906);
    version_set_close(set);
    teardown();
}

static void
write_text(enum file_kind kind, const char *text)
{
    char path[PATH_BYTES_MAX];
    FILE *file;

    file_name_format(path, dir, kind, 0);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

/* Method: a missing table, one of a wrong size, odd CURRENTs; the log line names the file. */
static void
wrong_directories_are_refused(void)
{
    static const char *const currents[] = {"",    "MANIFEST-000001",      "MANIFEST-\n",
                                           "x\n", "../MANIFEST-000001\n", "MANIFEST-009999\n"};
    struct version_edit edit = {0};
    struct version_set *set;
    uint64_t live;

    setup();
    set = open_started();
    live = add_table(set, &edit, 0, "a", "b", 1);
    apply(set, &edit, 1);
    version_set_close(set);
    make_file(FILE_TABLE, live, 5);
    CU_ASSERT_EQUAL(open_set(&set), KV_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_line, ".sst has 5 bytes"));
    make_file(FILE_TABLE, live, (size_t)(100 + live));
    for (size_t i = 0; i < sizeof(currents) / sizeof(currents[0]); i++) {
        write_text(FILE_CURRENT, currents[i]);
        CU_ASSERT_EQUAL(open_set(&set), KV_CORRUPT);
    }
    teardown();
}

static enum kv_status
open_read_only(void)
{
    const struct version_set_options options = {.io = &faulty.base, .dir = dir, .read_only = true};
    struct version_set *set;
    const enum kv_status st = version_set_open(&options, &set);

    version_set_close(set);
    return st;
}

/* Method: a child process opens what its parent holds: the lock is POSIX's, between processes. */
static void
a_second_process_is_locked_out(void)
{
    struct version_set *set, *other;
    int status = -1;
    pid_t child;

    setup();
    set = open_started();
    child = fork();
    if (child == 0)
        _exit(open_set(&other) == KV_LOCKED && strstr(last_line, "another process") != NULL ? 0
                                                                                            : 1);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(open_read_only(), KV_OK); /* takes no lock */
    version_set_close(set);
    teardown();
}

static void
rewrite_manifest(uint64_t number, const uint8_t *bytes, size_t size)
{
    char path[PATH_BYTES_MAX];
    FILE *file;

    file_name_format(path, dir, FILE_MANIFEST, number);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* Method: a MANIFEST is cut at every length and has a bit flipped in every byte.  A cut record was
 * never reported, so the state before it is opened; a flipped one is believed torn only while the
 * WAL that the state before it needs is there. */
static void
a_damaged_manifest_is_judged_by_what_is_left(void)
{
    struct version_edit edit = {.has_log_number = true, .log_number = 50};
    struct buffer content = {0};
    struct version_set *set;
    char path[PATH_BYTES_MAX];
    uint64_t number = 0;
    size_t first_size = 0;
    enum kv_status st;

    setup();
    set = open_started();
    apply(set, &edit, 1);
    for (uint64_t n = 1; n < 100; n++)
        number = file_is_there(FILE_MANIFEST, n) ? n : number;
    file_name_format(path, dir, FILE_MANIFEST, number);
    CU_ASSERT_EQUAL_FATAL(file_read_all(&faulty.base, path, 1 << 20, &content), KV_OK);
    first_size = content.size;
    buffer_clear(&content);
    add_table(set, &edit, 0, "a", "b", 1);
    edit.has_log_number = true;
    edit.log_number = 60;
    apply(set, &edit, 1);
    version_set_close(set);
    CU_ASSERT_EQUAL_FATAL(file_read_all(&faulty.base, path, 1 << 20, &content), KV_OK);
    CU_ASSERT_TRUE_FATAL(content.size > first_size);
    for (size_t size = 0; size < content.size; size++) {
        rewrite_manifest(number, content.data, size);
        st = open_read_only();
        CU_ASSERT_TRUE(st == KV_OK || (size < first_size && st == KV_CORRUPT));
    }
    for (int has_wal = 0; has_wal < 2; has_wal++) {
        if (has_wal == 1)
            make_file(FILE_WAL, 50, 1);
        for (size_t at = 0; at < content.size; at++) {
            content.data[at] ^= 0x10;
            rewrite_manifest(number, content.data, content.size);
            st = open_read_only();
            CU_ASSERT_TRUE(st == KV_OK || st == KV_CORRUPT);
            if (at >= first_size + 7) /* its header is whole, its bytes are not */
                CU_ASSERT_EQUAL(st, has_wal == 1 ? KV_OK : KV_CORRUPT);
            content.data[at] ^= 0x10;
        }
    }
    buffer_deinit(&content);
    teardown();
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(a_new_database_opens_again),
        UNIT_TEST(tables_become_obsolete_with_their_last_version),
        UNIT_TEST(tables_that_come_as_their_family_goes_become_obsolete),
        UNIT_TEST(families_live_in_the_manifest),
        UNIT_TEST(changes_survive_manifest_failures),
        UNIT_TEST(a_long_manifest_is_replaced),
        UNIT_TEST(purge_deletes_what_nothing_names),
        UNIT_TEST(wrong_directories_are_refused),
        UNIT_TEST(a_second_process_is_locked_out),
        UNIT_TEST(a_damaged_manifest_is_judged_by_what_is_left),
        UNIT_TEST_END,
    };

    return unit_main("version_set", tests, argc, argv);
}
