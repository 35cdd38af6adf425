/* Goal: a fetch brings exactly the bytes wanted, however the file system wants to be read: by
 * sectors of 512 or 4,096 bytes, past the page cache or not at all, in one piece or in many.
 * Method: a table in memory behind a struct io of the test's own, which refuses what such a file
 * system would; every key is read through a fetcher, several at a time, with a tiny cache. */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/random.h"
#include "db/block_fetch.h"
#include "io/io.h"
#include "support/test_table.h"
#include "support/unit.h"

enum { KEY_COUNT = 3000, KEY_BYTES = 16, READER_COUNT = 4, PASS_COUNT_MAX = 100, FD = 3 };

/* A file system with one file. */
struct disk {
    struct io io; /* first */
    struct list queue;
    struct random random;
    struct slice file;
    size_t sector_bytes; /* of direct reads; 0: there are none */
    bool is_short;       /* reads end early */
    bool opened_direct;
    uint64_t read_count, refused_count, read_bytes;
};

static int64_t
disk_open(struct disk *disk, const struct io_request *request)
{
    disk->opened_direct = (request->open_flags & O_DIRECT) != 0;
    return disk->opened_direct && disk->sector_bytes == 0 ? -EINVAL : FD;
}

static int64_t
disk_read(struct disk *disk, const struct io_request *request)
{
    const size_t unit = disk->opened_direct ? disk->sector_bytes : 1;
    const uint64_t left = request->offset < disk->file.size ? disk->file.size - request->offset : 0;
    uint64_t size = request->size < left ? request->size : left;

    disk->read_count++;
    if (((uintptr_t)request->buffer | request->offset | request->size) % unit != 0) {
        disk->refused_count++;
        return -EINVAL;
    }
    if (disk->is_short && size > unit)
        size = unit * (1 + random_below(&disk->random, size / unit));
    memcpy(request->buffer, disk->file.data + request->offset, size);
    disk->read_bytes += size;
    return (int64_t)size;
}

static int64_t
disk_call(struct io *io, struct io_request *request)
{
    struct disk *disk = (struct disk *)io;

    switch (request->op) {
    case IO_OPEN:
        return disk_open(disk, request);
    case IO_READ:
        CU_ASSERT_EQUAL(request->fd, FD);
        return disk_read(disk, request);
    case IO_CLOSE:
        return 0;
    default:
        return -ENOSYS;
    }
}

static void
disk_submit(struct io *io, struct io_request *request)
{
    list_push_back(&((struct disk *)io)->queue, &request->link);
}

static const struct io_ops disk_ops = {.call = disk_call, .submit = disk_submit};

static void
disk_turn(struct disk *disk)
{
    struct io_request *request = LIST_ENTRY(disk->queue.next, struct io_request, link);

    CU_ASSERT_FALSE_FATAL(list_empty(&disk->queue));
    list_remove(&request->link);
    io_call(&disk->io, request);
    request->done(request);
}

struct world {
    struct disk disk;
    struct test_table table;
    struct block_cache *cache;
    struct block_fetcher *fetcher;
};

static void
name_of(unsigned number, char *target)
{
    snprintf(target, KEY_BYTES, "key%05u", number);
}

static void
value_of(unsigned number, char *target)
{
    memset(target, 'a' + (int)(number % 26), number % 90);
    target[number % 90] = '\0';
}

static void
world_init(struct world *world, bool is_direct, size_t sector_bytes)
{
    const struct table_build_options options = test_table_options(9, COMPRESSION_LZ4, 1000);
    char key[KEY_BYTES], value[100];

    memset(world, 0, sizeof(*world));
    test_table_begin(&world->table, &options);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        name_of(i, key);
        value_of(i, value);
        test_table_add(&world->table, key, 1, TYPE_VALUE, value);
    }
    test_table_finish(&world->table);
    world->disk.io.ops = &disk_ops;
    list_init(&world->disk.queue);
    random_init(&world->disk.random, unit_seed());
    world->disk.file = buffer_slice(&world->table.bytes);
    world->disk.sector_bytes = sector_bytes;
    world->cache = block_cache_new(20000);
    world->fetcher = block_fetcher_new(&world->disk.io, world->cache, is_direct);
}

static void
world_deinit(struct world *world)
{
    CU_ASSERT_TRUE(list_empty(&world->disk.queue));
    block_fetcher_free(world->fetcher);
    test_table_free(&world->table);
    block_cache_free(world->cache);
}

struct reader {
    struct db_waiter waiter; /* first */
    struct read_ctx ctx;
    unsigned number;
    bool waits;
    enum kv_status st;
};

static void
on_arrived(struct db_waiter *waiter, enum kv_status st)
{
    struct reader *reader = (struct reader *)waiter;

    CU_ASSERT_TRUE(reader->waits);
    reader->waits = false;
    reader->st = st;
}

/* True: it is over. */
static bool
reader_try(struct world *world, struct reader *reader)
{
    char key[KEY_BYTES], value[100];
    struct lookup found;

    name_of(reader->number, key);
    value_of(reader->number, value);
    read_ctx_clear_wants(&reader->ctx);
    if (reader->st == KV_OK)
        reader->st = table_reader_get(world->table.reader, &reader->ctx, slice_from_text(key),
                                      SEQUENCE_MAX, &found);
    if (reader->st == KV_WANT_BLOCK) {
        reader->st = KV_OK;
        reader->waits = true;
        block_fetch(world->fetcher, &reader->ctx, &reader->waiter);
        return false;
    }
    if (reader->st == KV_OK) {
        CU_ASSERT_EQUAL(found.kind, LOOKUP_VALUE);
        CU_ASSERT_TRUE(slice_equal(found.value, slice_from_text(value)));
    }
    return true;
}

/* Several readers at a time, often of the same block.  Returns how the last one ended. */
static enum kv_status
read_keys(struct world *world)
{
    struct reader readers[READER_COUNT] = {0};
    enum kv_status st = KV_OK;
    int left = READER_COUNT;

    for (int i = 0; i < READER_COUNT; i++) {
        readers[i].waiter.on_arrived = on_arrived;
        readers[i].number = (unsigned)random_below(&world->disk.random, KEY_COUNT);
        if (i > 0 && random_below(&world->disk.random, 3) == 0)
            readers[i].number = readers[i - 1].number;
        read_ctx_init(&readers[i].ctx, world->cache);
    }
    for (int pass = 0; left > 0; pass++) {
        CU_ASSERT_FATAL(pass < PASS_COUNT_MAX);
        for (int i = 0; i < READER_COUNT; i++) {
            if (readers[i].waits || readers[i].number == KEY_COUNT)
                continue;
            if (!reader_try(world, &readers[i]))
                continue;
            st = readers[i].st != KV_OK ? readers[i].st : st;
            readers[i].number = KEY_COUNT;
            read_ctx_deinit(&readers[i].ctx);
            left--;
        }
        while (!list_empty(&world->disk.queue))
            disk_turn(&world->disk);
    }
    CU_ASSERT_EQUAL(block_fetcher_in_flight(world->fetcher), 0);
    return st;
}

static void
read_all(struct world *world)
{
    for (int i = 0; i < 400; i++)
        CU_ASSERT_EQUAL_FATAL(read_keys(world), KV_OK);
}

static void
blocks_come_through_the_page_cache_as_they_are(void)
{
    struct world world;
    uint64_t fetch_count, fetch_bytes;

    world_init(&world, false, 512);
    read_all(&world);
    block_fetcher_get_stats(world.fetcher, &fetch_count, &fetch_bytes);
    CU_ASSERT_FALSE(world.disk.opened_direct);
    CU_ASSERT_EQUAL(world.disk.read_count, fetch_count);
    CU_ASSERT_EQUAL(world.disk.read_bytes, fetch_bytes);
    world_deinit(&world);
}

static void
direct_reads_are_of_the_sectors_that_have_the_block(void)
{
    struct world world;
    uint64_t fetch_count, fetch_bytes;

    world_init(&world, true, 512);
    read_all(&world);
    block_fetcher_get_stats(world.fetcher, &fetch_count, &fetch_bytes);
    CU_ASSERT_TRUE(world.disk.opened_direct);
    CU_ASSERT_EQUAL(world.disk.refused_count, 0);
    CU_ASSERT_EQUAL(world.disk.read_count, fetch_count);
    CU_ASSERT(world.disk.read_bytes < fetch_bytes + fetch_count * 2 * 512);
    world_deinit(&world);
}

static void
larger_sectors_are_found_out(void)
{
    struct world world;

    world_init(&world, true, 4096);
    read_all(&world);
    CU_ASSERT_TRUE(world.disk.opened_direct);
    CU_ASSERT(world.disk.refused_count > 0 && world.disk.refused_count <= READER_COUNT);
    world_deinit(&world);
}

static void
without_direct_reads_the_page_cache_will_do(void)
{
    struct world world;

    world_init(&world, true, 0);
    read_all(&world);
    CU_ASSERT_FALSE(world.disk.opened_direct);
    CU_ASSERT_EQUAL(world.disk.refused_count, 0);
    world_deinit(&world);
}

static void
short_reads_go_on(void)
{
    for (int round = 0; round < 3; round++) {
        struct world world;

        world_init(&world, round > 0, round == 2 ? 4096 : 512);
        world.disk.is_short = true;
        read_all(&world);
        world_deinit(&world);
    }
}

/* Method: all of a small file is the first piece that is wanted; it ends earlier, by a byte, by
 * sectors, or altogether. */
static void
a_file_that_ends_early_is_damage(void)
{
    for (int round = 0; round < 2; round++) {
        for (size_t lost = 1; lost < 20000; lost += 1 + lost / 2) {
            struct world world;

            world_init(&world, round > 0, 512);
            world.disk.file.size -= lost;
            CU_ASSERT_EQUAL(read_keys(&world), KV_CORRUPT);
            world_deinit(&world);
        }
    }
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(blocks_come_through_the_page_cache_as_they_are),
        UNIT_TEST(direct_reads_are_of_the_sectors_that_have_the_block),
        UNIT_TEST(larger_sectors_are_found_out),
        UNIT_TEST(without_direct_reads_the_page_cache_will_do),
        UNIT_TEST(short_reads_go_on),
        UNIT_TEST(a_file_that_ends_early_is_damage),
        UNIT_TEST_END,
    };

    return unit_main("block_fetch", tests, argc, argv);
}
