/* block_fetch.c - one fetch for each piece wanted, however many reads want it.
 *
 *     block_fetch --> [open the file] --> read --> table_reader_feed --> wake the waiters
 *
 * The piece is pinned for every read that waits for it before anybody runs again; an eviction in
 * between, with a tiny cache, could otherwise make reads start over for ever.
 *
 * Fetches that are over are kept with their buffers for the next ones: cold reads come by the ten
 * thousand a second, and a malloc of a block's size is a search.
 *
 * Direct reads are of whole sectors, into buffers that are aligned for them.  How large a sector is
 * the file system says by refusing; tables that were opened without O_DIRECT, because it was
 * refused, are read by sectors too, which does no harm.
 */
#include "db/block_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/list.h"
#include "base/log.h"
#include "io/io.h"
#include "sst/table_reader.h"

enum {
    SHORT_READS_MAX = 16,
    FETCH_BUCKET_COUNT = 1024, /* a power of two; fetches in flight are bounded by clients */
    POOL_COUNT_MAX = 256,      /* fetches that are kept */
    POOL_BYTES_MAX = 8 * 1024, /* of the buffer that each of them keeps */
    SECTOR_BYTES_MIN = 512,
    SECTOR_BYTES_MAX = 4096,
};

/* One read's interest in one fetch. */
struct fetch_interest {
    struct list link;
    struct read_ctx *ctx;
    struct db_waiter *waiter;
};

struct fetch {
    struct list bucket_link; /* or in fetcher->pool */
    struct block_fetcher *fetcher;
    struct table_reader *table; /* owned reference */
    uint64_t offset;
    uint64_t size;
    uint8_t *bytes; /* owned; what is read begins at `read_offset` of the file */
    size_t capacity;
    uint64_t read_offset; /* whole sectors from here on ... */
    size_t read_size;     /* ... so many bytes, have the piece in them */
    uint32_t sector_bytes;
    size_t filled;
    uint32_t short_count; /* reads that brought less than a sector */
    struct list interests;
    struct fetch_interest first; /* of them; most fetches have no other */
    struct io_request request;
};

struct block_fetcher {
    struct io *io;
    struct block_cache *cache;
    struct list buckets[FETCH_BUCKET_COUNT];
    struct list pool; /* of fetches that are over */
    uint32_t pool_count;
    bool is_direct;        /* tables are opened with O_DIRECT */
    uint32_t sector_bytes; /* what is read is a multiple of; 1: anything */
    uint32_t in_flight;
    uint64_t fetch_count;
    uint64_t fetch_bytes;
};

static void fetch_read(struct fetch *fetch);
static void fetch_start(struct fetch *fetch);

struct block_fetcher *
block_fetcher_new(struct io *io, struct block_cache *cache, bool is_direct)
{
    struct block_fetcher *fetcher = kv_alloc_zero(sizeof(*fetcher));

    fetcher->io = io;
    fetcher->cache = cache;
    fetcher->is_direct = is_direct;
    fetcher->sector_bytes = is_direct ? SECTOR_BYTES_MIN : 1;
    for (uint32_t i = 0; i < FETCH_BUCKET_COUNT; i++)
        list_init(&fetcher->buckets[i]);
    list_init(&fetcher->pool);
    return fetcher;
}

void
block_fetcher_free(struct block_fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    KV_ASSERT(fetcher->in_flight == 0);
    while (!list_empty(&fetcher->pool)) {
        struct fetch *fetch = LIST_ENTRY(fetcher->pool.next, struct fetch, bucket_link);

        list_remove(&fetch->bucket_link);
        free(fetch->bytes);
        free(fetch);
    }
    free(fetcher);
}

static bool
bucket_needs(const struct list *bucket, uint64_t table_number)
{
    for (const struct list *node = bucket->next; node != bucket; node = node->next) {
        const struct fetch *fetch = LIST_ENTRY(node, const struct fetch, bucket_link);

        if (table_reader_number(fetch->table) == table_number)
            return true;
    }
    return false;
}

bool
block_fetcher_needs(const struct block_fetcher *fetcher, uint64_t table_number)
{
    if (fetcher->in_flight == 0)
        return false;
    for (uint32_t i = 0; i < FETCH_BUCKET_COUNT; i++) {
        if (bucket_needs(&fetcher->buckets[i], table_number))
            return true;
    }
    return false;
}

uint32_t
block_fetcher_in_flight(const struct block_fetcher *fetcher)
{
    return fetcher->in_flight;
}

void
block_fetcher_get_stats(const struct block_fetcher *fetcher, uint64_t *fetch_count_out,
                        uint64_t *fetch_bytes_out)
{
    *fetch_count_out = fetcher->fetch_count;
    *fetch_bytes_out = fetcher->fetch_bytes;
}

static struct list *
bucket_of(struct block_fetcher *fetcher, const struct table_reader *table, uint64_t offset)
{
    const uint64_t mixed =
        (table_reader_number(table) * 0x9e3779b97f4a7c15u + offset) * 0xff51afd7ed558ccdu;

    return &fetcher->buckets[mixed >> 54];
}

static struct fetch *
find_fetch(struct list *bucket, const struct read_want *want)
{
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct fetch *fetch = LIST_ENTRY(node, struct fetch, bucket_link);

        if (fetch->table == want->table && fetch->offset == want->offset &&
            fetch->size == want->size)
            return fetch;
    }
    return NULL;
}

static void
fetch_release(struct fetch *fetch)
{
    struct block_fetcher *fetcher = fetch->fetcher;

    KV_ASSERT(list_empty(&fetch->interests));
    table_reader_unref(fetch->table);
    fetch->table = NULL;
    if (fetcher->pool_count == POOL_COUNT_MAX || fetch->capacity > POOL_BYTES_MAX) {
        free(fetch->bytes);
        free(fetch);
        return;
    }
    list_push_front(&fetcher->pool, &fetch->bucket_link);
    fetcher->pool_count++;
}

/* Gives the bytes to the table and wakes everybody.  The interests are taken off first: a reader
 * that runs again may want the same piece anew, which must be a new fetch. */
static void
fetch_finish(struct fetch *fetch, enum kv_status st)
{
    struct block_fetcher *fetcher = fetch->fetcher;
    const struct block_id id = {.table_id = table_reader_number(fetch->table),
                                .offset = fetch->offset};
    struct fetch_interest *first;

    KV_ASSERT(!list_empty(&fetch->interests));
    list_remove(&fetch->bucket_link);
    first = LIST_ENTRY(fetch->interests.next, struct fetch_interest, link);
    if (st == KV_OK)
        st = table_reader_feed(
            fetch->table, fetcher->cache, first->ctx, fetch->offset,
            slice_of(fetch->bytes + (fetch->offset - fetch->read_offset), fetch->size));
    if (st == KV_OK) {
        for (struct list *node = fetch->interests.next; node != &fetch->interests;
             node = node->next)
            read_ctx_find(LIST_ENTRY(node, struct fetch_interest, link)->ctx, id);
    }
    KV_ASSERT(fetcher->in_flight > 0);
    fetcher->in_flight--;
    while (!list_empty(&fetch->interests)) {
        struct fetch_interest *interest =
            LIST_ENTRY(fetch->interests.next, struct fetch_interest, link);
        struct db_waiter *waiter = interest->waiter;

        list_remove(&interest->link);
        if (interest != &fetch->first)
            free(interest);
        if (st != KV_OK)
            waiter->st = st;
        KV_ASSERT(waiter->missing_count > 0);
        if (--waiter->missing_count == 0)
            waiter->on_arrived(waiter, waiter->st);
    }
    fetch_release(fetch);
}

static void
fetch_make_room(struct fetch *fetch, size_t size)
{
    if (fetch->capacity >= size)
        return;
    free(fetch->bytes);
    fetch->capacity = size < POOL_BYTES_MAX ? POOL_BYTES_MAX : size;
    fetch->bytes = kv_alloc_aligned(SECTOR_BYTES_MAX, fetch->capacity);
}

/* The sectors that have the piece, from the first one on. */
static void
fetch_begin_read(struct fetch *fetch)
{
    const uint64_t sector = fetch->fetcher->sector_bytes;
    const uint64_t end = (fetch->offset + fetch->size + sector - 1) / sector * sector;

    fetch->read_offset = fetch->offset / sector * sector;
    fetch->read_size = (size_t)(end - fetch->read_offset);
    fetch->sector_bytes = (uint32_t)sector;
    fetch->filled = 0;
    fetch->short_count = 0;
    fetch_make_room(fetch, fetch->read_size);
    fetch_read(fetch);
}

/* The file system takes larger sectors only: so it is from now on. */
static bool
is_refused_sector(struct fetch *fetch, int64_t result)
{
    struct block_fetcher *fetcher = fetch->fetcher;

    if (result != -EINVAL || fetch->sector_bytes == 1 || fetch->sector_bytes == SECTOR_BYTES_MAX)
        return false;
    if (fetcher->sector_bytes < SECTOR_BYTES_MAX)
        kv_log(LOG_LEVEL_VERBOSE, "%s: reads of %u bytes are refused, hence of %u",
               table_reader_path(fetch->table), fetcher->sector_bytes, SECTOR_BYTES_MAX);
    fetcher->sector_bytes = SECTOR_BYTES_MAX;
    return true;
}

/* Whether the piece is there; else the read goes on at *filled, or if that is what it was before,
 * the file has ended.  The tail of a file is no whole sector. */
static bool
take_read(struct fetch *fetch, size_t size)
{
    fetch->filled += size;
    KV_ASSERT(fetch->filled <= fetch->read_size);
    if (fetch->read_offset + fetch->filled >= fetch->offset + fetch->size)
        return true;
    fetch->filled -= fetch->filled % fetch->sector_bytes;
    return false;
}

static void
on_read_done(struct io_request *request)
{
    struct fetch *fetch = request->owner;
    const size_t filled_before = fetch->filled;
    enum kv_status st = KV_OK;

    if (is_refused_sector(fetch, request->result)) {
        fetch_begin_read(fetch);
        return;
    }
    if (request->result < 0) {
        st = kv_status_from_errno((int)request->result);
        st = KV_FAIL(st, "%s: reading %zu bytes at %llu: %s", table_reader_path(fetch->table),
                     request->size, (unsigned long long)request->offset,
                     strerror((int)-request->result));
    } else if (!take_read(fetch, (size_t)request->result)) {
        /* A read that was cut short inside of a sector is made again; at the end of the file it
         * would be for ever. */
        if (fetch->filled > filled_before ||
            (request->result > 0 && fetch->short_count++ < SHORT_READS_MAX)) {
            fetch_read(fetch);
            return;
        }
        st = KV_FAIL(KV_CORRUPT, "%s: ends before byte %llu", table_reader_path(fetch->table),
                     (unsigned long long)(fetch->offset + fetch->size));
    }
    fetch_finish(fetch, st);
}

static void
fetch_read(struct fetch *fetch)
{
    fetch->request = (struct io_request){
        .op = IO_READ,
        .fd = table_reader_fd(fetch->table),
        .buffer = fetch->bytes + fetch->filled,
        .size = fetch->read_size - fetch->filled,
        .offset = fetch->read_offset + fetch->filled,
        .done = on_read_done,
        .owner = fetch,
    };
    io_submit(fetch->fetcher->io, &fetch->request);
}

static void
on_open_done(struct io_request *request)
{
    struct fetch *fetch = request->owner;
    enum kv_status st;

    if (request->result == -EINVAL && (request->open_flags & O_DIRECT) != 0) {
        if (fetch->fetcher->is_direct)
            kv_log(LOG_LEVEL_NOTICE, "%s: no direct reads on this file system",
                   table_reader_path(fetch->table));
        fetch->fetcher->is_direct = false;
        fetch_start(fetch);
        return;
    }
    if (request->result < 0) {
        st = kv_status_from_errno((int)request->result);
        st = KV_FAIL(st, "%s: open: %s", table_reader_path(fetch->table),
                     strerror((int)-request->result));
        fetch_finish(fetch, st);
        return;
    }
    if (table_reader_fd(fetch->table) < 0) {
        table_reader_set_fd(fetch->table, fetch->fetcher->io, (int)request->result);
    } else { /* another piece of the same table was faster */
        struct io_request close = {.op = IO_CLOSE, .fd = (int)request->result};

        io_call(fetch->fetcher->io, &close);
    }
    fetch_begin_read(fetch);
}

static void
fetch_start(struct fetch *fetch)
{
    if (table_reader_fd(fetch->table) >= 0) {
        fetch_begin_read(fetch);
        return;
    }
    fetch->request = (struct io_request){
        .op = IO_OPEN,
        .path = table_reader_path(fetch->table),
        .open_flags = O_RDONLY | O_CLOEXEC | (fetch->fetcher->is_direct ? O_DIRECT : 0),
        .done = on_open_done,
        .owner = fetch,
    };
    io_submit(fetch->fetcher->io, &fetch->request);
}

/* A used one if there is any, with whatever its fields have. */
static struct fetch *
fetch_take(struct block_fetcher *fetcher)
{
    struct fetch *fetch;

    if (list_empty(&fetcher->pool)) {
        fetch = kv_alloc_zero(sizeof(*fetch));
    } else {
        fetch = LIST_ENTRY(fetcher->pool.next, struct fetch, bucket_link);
        list_remove(&fetch->bucket_link);
        fetcher->pool_count--;
    }
    return fetch;
}

static struct fetch *
fetch_new(struct block_fetcher *fetcher, struct list *bucket, const struct read_want *want)
{
    struct fetch *fetch = fetch_take(fetcher);

    fetch->fetcher = fetcher;
    fetch->table = want->table;
    table_reader_ref(want->table);
    fetch->offset = want->offset;
    fetch->size = want->size;
    list_init(&fetch->interests);
    list_push_back(bucket, &fetch->bucket_link);
    fetcher->in_flight++;
    fetcher->fetch_count++;
    fetcher->fetch_bytes += want->size;
    return fetch;
}

static void
add_interest(struct fetch *fetch, struct read_ctx *ctx, struct db_waiter *waiter)
{
    struct fetch_interest *interest = &fetch->first;

    if (!list_empty(&fetch->interests))
        interest = kv_alloc_zero(sizeof(*interest));
    interest->ctx = ctx;
    interest->waiter = waiter;
    list_init(&interest->link);
    list_push_back(&fetch->interests, &interest->link);
}

void
block_fetch(struct block_fetcher *fetcher, struct read_ctx *ctx, struct db_waiter *waiter)
{
    KV_ASSERT(ctx->want_count > 0);
    waiter->missing_count = ctx->want_count;
    waiter->st = KV_OK;
    for (uint32_t i = 0; i < ctx->want_count; i++) {
        const struct read_want *want = &ctx->wants[i];
        struct list *bucket = bucket_of(fetcher, want->table, want->offset);
        struct fetch *fetch = find_fetch(bucket, want);
        const bool is_new = fetch == NULL;

        if (is_new)
            fetch = fetch_new(fetcher, bucket, want);
        add_interest(fetch, ctx, waiter);
        if (is_new)
            fetch_start(fetch);
    }
    read_ctx_clear_wants(ctx);
}
