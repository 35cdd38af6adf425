/* Goal: settings are read strictly, shown as they were meant, and rewritten gently. */
#include <CUnit/Basic.h>

#include <stdio.h>
#include <unistd.h>

#include "daemon/config_file.h"
#include "support/scratch_dir.h"
#include "support/unit.h"

static uint32_t
option(const char *name)
{
    const int index = config_option_find(slice_from_text(name));

    CU_ASSERT_TRUE_FATAL(index >= 0);
    return (uint32_t)index;
}

/* Sets and formats; "!" and the error if it was refused. */
static void
check(const char *name, const char *text, const char *expected)
{
    struct config config;
    struct buffer shown = {0};
    char error[CONFIG_ERROR_BYTES] = "";

    config_init(&config);
    if (config_set(&config, option(name), slice_from_text(text), CONFIG_FROM_RUNTIME, error))
        config_format(&config, option(name), &shown);
    else
        buffer_append_format(&shown, "!%s", error);
    CU_ASSERT_TRUE(slice_equal(buffer_slice(&shown), slice_from_text(expected)));
    if (!slice_equal(buffer_slice(&shown), slice_from_text(expected)))
        printf("\n  %s %s: %.*s\n", name, text, (int)shown.size, shown.data);
    buffer_deinit(&shown);
    config_deinit(&config);
}

/* Method: each kind of value, in each spelling, at the edges and over them. */
static void
values_are_read_by_kind(void)
{
    check("memtable-size", "64mb", "67108864");
    check("memtable-size", "64M", "64000000");
    check("memtable-size", "2097152", "2097152");
    check("memtable-size", "1kb", "!argument must be between 1048576 and 4294967296 inclusive");
    check("memtable-size", "-1", "!argument must be a memory value");
    check("memtable-size", "1.5mb", "!argument must be a memory value");
    check("memtable-size", "99999999999999999999", "!argument must be a memory value");
    check("memtable-size", "99999999999999tb", "!argument must be a memory value");
    check("timeout", "30", "30");
    check("timeout", "2m", "120");
    check("timeout", "1500ms", "1500ms");
    check("timeout", "1d", "86400");
    check("wal-sync-interval", "20", "20");
    check("wal-sync-interval", "1s", "1000");
    check("wal-sync-interval", "100us", "!argument must be between 1 and 3600000 inclusive");
    check("port", "0", "0");
    check("port", "65536", "!argument must be between 0 and 65535 inclusive");
    check("port", "-1", "!argument must be between 0 and 65535 inclusive");
    check("port", "80x", "!argument couldn't be parsed into an integer");
    check("protected-mode", "NO", "no");
    check("protected-mode", "1", "!argument must be 'yes' or 'no'");
    check("wal-sync", "Interval", "interval");
    check("wal-sync", "", "!argument(s) must be one of the following: always, interval, never");
    check("workers", "external", "external");
    check("workers", "0", "!argument must be between 1 and 64 inclusive");
    check("unixsocketperm", "700", "0700");
    check("unixsocketperm", "800", "!argument must be an octal file mode up to 0777");
}

/* Method: every default goes out as text and comes back as the same value. */
static void
every_value_survives_its_own_text(void)
{
    struct config config, again;
    char error[CONFIG_ERROR_BYTES];

    config_init(&config);
    config_init(&again);
    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        struct buffer text = {0};

        config_format(&config, i, &text);
        (void)buffer_reserve(&text, 1);
        CU_ASSERT_TRUE(config_set(&again, i, buffer_slice(&text), CONFIG_FROM_FILE, error));
        CU_ASSERT_FALSE(config_differs(&config, &again, i));
        buffer_deinit(&text);
    }
    CU_ASSERT_TRUE(config_check(&config, error));
    config_deinit(&config);
    config_deinit(&again);
}

/* Parses; NULL expected: fine. */
static void
check_file(const char *text, const char *expected)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES] = "";

    config_init(&config);
    CU_ASSERT_EQUAL(config_file_parse(&config, "x.conf", slice_from_text(text), error),
                    expected == NULL);
    CU_ASSERT_STRING_EQUAL(error, expected == NULL ? "" : expected);
    config_deinit(&config);
}

/* Method: lines that are fine, and one of each fault with the line that it is on. */
static void
files_are_read_by_line(void)
{
    check_file("", NULL);
    check_file("# a\n\n  port 1\r\n\tbind 127.0.0.1 ::1\nrequirepass \"a \\\"b\"", NULL);
    check_file("daemonize no\n", NULL);
    check_file("\n\nnosuch 1\n", "x.conf:3: unknown setting 'nosuch'");
    check_file("port\n", "x.conf:1: the setting has no value");
    check_file("port 1 2\n", "x.conf:1: the setting takes one value; quote it if it has spaces");
    check_file("port x\n", "x.conf:1: port: argument couldn't be parsed into an integer");
    check_file("requirepass \"a\n", "x.conf:1: unbalanced quotes");
    check_file("daemonize yes\n",
               "x.conf:1: kvd stays in the foreground; let systemd or & do this");
    check_file("include /nonexistent/file\n", "/nonexistent/file: No such file or directory");
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_TRUE_FATAL(file != NULL);
    CU_ASSERT_TRUE(fputs(text, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void
set(struct config *config, const char *name, const char *value)
{
    char error[CONFIG_ERROR_BYTES];

    CU_ASSERT_TRUE(
        config_set(config, option(name), slice_from_text(value), CONFIG_FROM_RUNTIME, error));
}

/* Method: a file with comments, an unchanged setting, a changed one twice, and an include that
 * overrides one: after the rewrite, lines keep their place and a fresh load gives the new values.
 */
static void
a_rewrite_changes_what_changed(void)
{
    char folder[SCRATCH_PATH_BYTES], main_path[sizeof(folder) + 16],
        other_path[sizeof(folder) + 16];
    char error[CONFIG_ERROR_BYTES], text[512] = "";
    struct config config, again;
    FILE *file;

    scratch_dir_make(folder, NULL);
    (void)snprintf(main_path, sizeof(main_path), "%s/kvd.conf", folder);
    (void)snprintf(other_path, sizeof(other_path), "%s/other.conf", folder);
    write_file(main_path, "# first\nmaxclients 100\ntimeout 5\n# middle\ntimeout 6\n"
                          "include other.conf\nport 7000\n");
    write_file(other_path, "loglevel debug\n");
    config_init(&config);
    CU_ASSERT_TRUE(config_file_load(&config, main_path, error));
    CU_ASSERT_EQUAL(config.timeout_us, 6000000);
    set(&config, "timeout", "7");
    set(&config, "loglevel", "warning");
    set(&config, "requirepass", "a \"b\\\x01");
    CU_ASSERT_TRUE(config_file_rewrite(&config, error));
    file = fopen(main_path, "r");
    CU_ASSERT_TRUE_FATAL(file != NULL);
    CU_ASSERT_TRUE(fread(text, 1, sizeof(text) - 1, file) > 0);
    (void)fclose(file);
    CU_ASSERT_STRING_EQUAL(text, "# first\nmaxclients 100\ntimeout 7\n# middle\n"
                                 "include other.conf\nport 7000\n"
                                 "requirepass \"a \\\"b\\\\\\x01\"\nloglevel warning\n");
    config_init(&again);
    CU_ASSERT_TRUE(config_file_load(&again, main_path, error));
    for (uint32_t i = 0; config_option_at(i) != NULL; i++)
        CU_ASSERT_FALSE(config_differs(&config, &again, i));
    config_deinit(&config);
    config_deinit(&again);
    scratch_dir_remove(folder);
}

/* Method: a process with this one's number, as in a container each is, died in the middle of a
 * rewrite. */
static void
a_rewrite_that_a_crash_ended_is_in_nobodys_way(void)
{
    char folder[SCRATCH_PATH_BYTES], path[sizeof(folder) + 16], remnant[sizeof(path) + 32];
    char error[CONFIG_ERROR_BYTES];
    struct config config;

    scratch_dir_make(folder, NULL);
    (void)snprintf(path, sizeof(path), "%s/kvd.conf", folder);
    (void)snprintf(remnant, sizeof(remnant), "%s.tmp-%d", path, (int)getpid());
    write_file(path, "timeout 5\n");
    write_file(remnant, "timeo");
    config_init(&config);
    CU_ASSERT_TRUE(config_file_load(&config, path, error));
    set(&config, "timeout", "7");
    CU_ASSERT_TRUE(config_file_rewrite(&config, error));
    CU_ASSERT_TRUE(access(remnant, F_OK) != 0);
    config_deinit(&config);
    scratch_dir_remove(folder);
}

/* Method: each pair of settings that do not go together. */
static void
settings_that_disagree_are_found(void)
{
    static const struct {
        const char *name, *value, *name2, *value2;
    } bad[] = {
        {"memory-limit", "32mb", "memtable-size", "64mb"},
        {"port", "0", "unixsocket", ""},
        {"dir", "", "port", "1"},
        {"bind", "0.0.0.0", "port", "1"},
        {"bind", "127.0.0.1 *", "port", "1"},
        {"bind", "127.0.0.1 -::*", "port", "1"},
    };
    char error[CONFIG_ERROR_BYTES];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct config config;

        config_init(&config);
        set(&config, bad[i].name, bad[i].value);
        set(&config, bad[i].name2, bad[i].value2);
        CU_ASSERT_FALSE(config_check(&config, error));
        set(&config, "bind", "127.0.0.1 -::1 localhost");
        set(&config, "port", "1");
        set(&config, "dir", "x");
        set(&config, "memory-limit", "1gb");
        CU_ASSERT_TRUE(config_check(&config, error));
        set(&config, "bind", "0.0.0.0");
        set(&config, "requirepass", "x");
        CU_ASSERT_TRUE(config_check(&config, error));
        config_deinit(&config);
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(values_are_read_by_kind),
        UNIT_TEST(every_value_survives_its_own_text),
        UNIT_TEST(files_are_read_by_line),
        UNIT_TEST(a_rewrite_changes_what_changed),
        UNIT_TEST(a_rewrite_that_a_crash_ended_is_in_nobodys_way),
        UNIT_TEST(settings_that_disagree_are_found),
        UNIT_TEST_END,
    };

    return unit_main("daemon_config", tests, argc, argv);
}
