/* Goal: names are known exactly, and what is not RocksDB's is left alone. */
#include <CUnit/Basic.h>
#include <string.h>

#include "io/file.h"
#include "support/unit.h"
#include "version/file_name.h"

/* Method: a table of names, among them private files and near misses. */
static void
names_are_parsed_strictly(void)
{
    static const struct {
        const char *name;
        enum file_kind kind;
        uint64_t number;
    } cases[] = {
        {"CURRENT", FILE_CURRENT, 0},
        {"LOCK", FILE_LOCK, 0},
        {"IDENTITY", FILE_IDENTITY, 0},
        {"LOG", FILE_INFO_LOG, 0},
        {"LOG.old.1700000000000000", FILE_INFO_LOG, 0},
        {"000007.log", FILE_WAL, 7},
        {"7.log", FILE_WAL, 7},
        {"1234567.sst", FILE_TABLE, 1234567},
        {"000009.ldb", FILE_TABLE, 9},
        {"000009.blob", FILE_BLOB, 9},
        {"000009.dbtmp", FILE_TEMPORARY, 9},
        {"MANIFEST-000012", FILE_MANIFEST, 12},
        {"OPTIONS-000013", FILE_OPTIONS, 13},
        {"OPTIONS-000013.dbtmp", FILE_TEMPORARY, 13},
        {"LOGX", FILE_OTHER, 0},
        {"LOG.old.", FILE_OTHER, 0},
        {"OURSTATE", FILE_OTHER, 0},
        {"ours.json", FILE_OTHER, 0},
        {"state-000001", FILE_OTHER, 0},
        {"000099.ours", FILE_OTHER, 0},
        {"000099", FILE_OTHER, 0},
        {"MANIFEST-", FILE_OTHER, 0},
        {"MANIFEST-12x", FILE_OTHER, 0},
        {"OPTIONS-12.tmp", FILE_OTHER, 0},
        {".log", FILE_OTHER, 0},
        {"", FILE_OTHER, 0},
        {"-1.sst", FILE_OTHER, 0},
        {"18446744073709551616.sst", FILE_OTHER, 0},
        {"4611686018427387905.sst", FILE_OTHER, 0},
        {"000000000000000000000000000000000000000000000005.sst", FILE_OTHER, 0},
        {"4611686018427387904.sst", FILE_TABLE, FILE_NUMBER_MAX},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t number = 99;

        CU_ASSERT_EQUAL(file_name_parse(cases[i].name, &number), cases[i].kind);
        CU_ASSERT_EQUAL(number, cases[i].number);
    }
}

/* Method: every kind with a name is formatted and parsed back. */
static void
formatted_names_come_back(void)
{
    char path[PATH_BYTES_MAX];

    for (int kind = FILE_WAL; kind <= FILE_INFO_LOG; kind++) {
        uint64_t number = 0;

        file_name_format(path, "/some/dir", (enum file_kind)kind, 123456789);
        CU_ASSERT_EQUAL(strncmp(path, "/some/dir/", 10), 0);
        CU_ASSERT_EQUAL(file_name_parse(path + 10, &number), (enum file_kind)kind);
        CU_ASSERT_TRUE(number == 123456789 || kind >= FILE_CURRENT);
    }
    file_name_format(path, "d", FILE_TABLE, 5);
    CU_ASSERT_STRING_EQUAL(path, "d/000005.sst");
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(names_are_parsed_strictly),
        UNIT_TEST(formatted_names_come_back),
        UNIT_TEST_END,
    };

    return unit_main("file_name", tests, argc, argv);
}
