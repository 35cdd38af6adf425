/* rocks_tool - makes and changes directories with librocksdb, through its C interface.
 *
 *   rocks_tool write DIR COUNT SEED [NAME=VALUE]...   random puts and deletions
 *       families=N     that many besides `default`, called cf1, cf2, ... (0)
 *       flush=no       leaves all of it in the log (yes: flushes some of it)
 *       format=V compression=N index=I checksum=K bloom=BITS partition=1
 *   rocks_tool count DIR                               opens read-write, counts and gets each key
 */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { FAMILY_COUNT_MAX = 16 };

static void
check(char *error, const char *what)
{
    if (error == NULL)
        return;
    fprintf(stderr, "rocks_tool: %s: %s\n", what, error);
    exit(1);
}

static int
setting(int argc, char **argv, const char *name, int otherwise)
{
    const size_t size = strlen(name);

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
            return strcmp(argv[i] + size + 1, "no") == 0 ? 0 : atoi(argv[i] + size + 1);
    }
    return otherwise;
}

static rocksdb_options_t *
make_options(int argc, char **argv)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    const int bloom = setting(argc, argv, "bloom", 10);

    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_compression(options, setting(argc, argv, "compression", 4));
    rocksdb_block_based_options_set_format_version(table, setting(argc, argv, "format", 5));
    rocksdb_block_based_options_set_checksum(table, (char)setting(argc, argv, "checksum", 4));
    rocksdb_block_based_options_set_index_type(table, setting(argc, argv, "index", 0));
    rocksdb_block_based_options_set_partition_filters(
        table, (unsigned char)setting(argc, argv, "partition", 0));
    if (bloom > 0)
        rocksdb_block_based_options_set_filter_policy(
            table, rocksdb_filterpolicy_create_bloom_full((double)bloom));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table); /* the factory has its own copy */
    return options;
}

struct store {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[FAMILY_COUNT_MAX];
    int family_count;
};

static struct store
open_store(const char *dir, rocksdb_options_t *options, int family_count)
{
    static char names[FAMILY_COUNT_MAX][16];
    const char *name_list[FAMILY_COUNT_MAX];
    const rocksdb_options_t *option_list[FAMILY_COUNT_MAX];
    struct store store = {.family_count = family_count};
    char *error = NULL;

    for (int i = 0; i < family_count; i++) {
        if (i == 0)
            snprintf(names[i], sizeof(names[i]), "default");
        else
            snprintf(names[i], sizeof(names[i]), "cf%d", i);
        name_list[i] = names[i];
        option_list[i] = options;
    }
    store.db = rocksdb_open_column_families(options, dir, family_count, name_list, option_list,
                                            store.families, &error);
    check(error, "open");
    return store;
}

static void
close_store(struct store *store)
{
    for (int i = 0; i < store->family_count; i++)
        rocksdb_column_family_handle_destroy(store->families[i]);
    rocksdb_close(store->db);
}

static void
flush(struct store *store)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    char *error = NULL;

    for (int i = 0; i < store->family_count; i++) {
        rocksdb_flush_cf(store->db, options, store->families[i], &error);
        check(error, "flush");
    }
    rocksdb_flushoptions_destroy(options);
}

static void
write_random(struct store *store, uint64_t count, uint64_t seed, int flushes)
{
    rocksdb_writeoptions_t *options = rocksdb_writeoptions_create();
    struct random random;
    char key[32], value[300], *error = NULL;

    random_init(&random, seed);
    for (uint64_t i = 0; i < count; i++) {
        rocksdb_column_family_handle_t *family =
            store->families[random_below(&random, (uint64_t)store->family_count)];
        const size_t key_size = (size_t)snprintf(key, sizeof(key), "key:%010llu",
                                                 (unsigned long long)random_below(&random, count));
        const size_t value_size = random_below(&random, sizeof(value));

        for (size_t j = 0; j < value_size; j++)
            value[j] = (char)(j % 3 == 0 ? (int)(random_next(&random) & 0xff) : 'v');
        if (random_below(&random, 5) == 0)
            rocksdb_delete_cf(store->db, options, family, key, key_size, &error);
        else
            rocksdb_put_cf(store->db, options, family, key, key_size, value, value_size, &error);
        check(error, "write");
        if (flushes && random_below(&random, count / 4 + 1) == 0)
            flush(store);
    }
    rocksdb_writeoptions_destroy(options);
}

/* Every key that the iterator shows must be found by a point read, filters and all. */
static void
count_keys(struct store *store)
{
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_iterator_t *iterator;
    uint64_t count = 0;
    char *error = NULL;

    rocksdb_readoptions_set_verify_checksums(options, 1);
    iterator = rocksdb_create_iterator(store->db, options);
    for (rocksdb_iter_seek_to_first(iterator); rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        size_t key_size, value_size, found_size;
        const char *key = rocksdb_iter_key(iterator, &key_size);
        const char *value = rocksdb_iter_value(iterator, &value_size);
        char *found = rocksdb_get(store->db, options, key, key_size, &found_size, &error);

        check(error, "get");
        if (found == NULL || found_size != value_size || memcmp(found, value, value_size) != 0) {
            fprintf(stderr, "rocks_tool: key %.*s: a get differs from the scan\n", (int)key_size,
                    key);
            exit(1);
        }
        free(found);
        count++;
    }
    rocksdb_iter_get_error(iterator, &error);
    check(error, "scan");
    rocksdb_iter_destroy(iterator);
    rocksdb_readoptions_destroy(options);
    printf("%llu\n", (unsigned long long)count);
}

int
main(int argc, char **argv)
{
    rocksdb_options_t *options = make_options(argc, argv);
    struct store store;

    if (argc >= 5 && strcmp(argv[1], "write") == 0) {
        store = open_store(argv[2], options, 1 + setting(argc, argv, "families", 0));
        write_random(&store, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                     setting(argc, argv, "flush", 1));
        close_store(&store);
    } else if (argc >= 3 && strcmp(argv[1], "count") == 0) {
        store = open_store(argv[2], options, 1 + setting(argc, argv, "families", 0));
        count_keys(&store);
        close_store(&store);
    } else {
        fprintf(stderr, "usage: rocks_tool write DIR COUNT SEED [NAME=VALUE]... | count DIR\n");
        return 64;
    }
    rocksdb_options_destroy(options);
    return 0;
}
