/* memtable_pool.c - mappings: made, handed over by descriptor, used again.
 *
 * The first write to a page of a fresh memfd costs a page fault, which in sum is as dear as the
 * inserts.  So a finished memtable's mapping goes back to the pool with its pages, and the next
 * memtable starts in it by resetting the header: nothing behind used_bytes is ever read.
 *
 * Sealing: the size is fixed from the start, and once kvd has its own mapping nobody can make
 * another writable one.  kvd's mapping turns read-only after freeze and writable again with reuse.
 * To change all of it at once takes milliseconds, so it goes by steps: what is frozen is guarded a
 * step each turn, and what is used again is opened as it is filled.
 *
 *     0 ........ guarded_bytes ........ ready_bytes ........ locked_bytes ........ populated_bytes
 *     read-only  |  writable (frozen: the rest to guard)  |  read-only            |  writable
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mem/memtable_internal.h"

enum { POPULATE_BYTES = 256 * 1024, GUARD_BYTES = 1024 * 1024 };

/* The last page is left out so that no offset behind an object overflows. */
static const size_t MAPPED_BYTES_MAX = ((size_t)1 << 32) - MEM_HEADER_BYTES;

static const int SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;

struct memtable_pool {
    size_t mapped_bytes; /* of a usual mapping */
    uint32_t spare_count_max;
    uint32_t spare_count;
    uint32_t live_count;     /* memtables given out */
    struct memtable *spares; /* owned: linked by next_spare */
};

static size_t
mapped_bytes_for(size_t capacity_bytes)
{
    return (capacity_bytes + 2 * MEM_HEADER_BYTES - 1) / MEM_HEADER_BYTES * MEM_HEADER_BYTES;
}

static void
memtable_destroy(struct memtable *memtable)
{
    if (memtable->base != NULL)
        munmap(memtable->base, memtable->mapped_bytes);
    if (memtable->fd >= 0)
        close(memtable->fd);
    mem_tombstone_maps_free(memtable);
    mem_filter_deinit(&memtable->filter);
    free(memtable->family_slots);
    free(memtable);
}

static void
drop_spares(struct memtable_pool *pool)
{
    while (pool->spares != NULL) {
        struct memtable *memtable = pool->spares;

        pool->spares = memtable->next_spare;
        memtable_destroy(memtable);
    }
    pool->spare_count = 0;
}

void
memtable_pool_set_capacity(struct memtable_pool *pool, size_t capacity_bytes)
{
    const size_t capacity_bytes_max = MAPPED_BYTES_MAX - MEM_HEADER_BYTES;

    KV_ASSERT(capacity_bytes > 0);
    pool->mapped_bytes =
        mapped_bytes_for(capacity_bytes < capacity_bytes_max ? capacity_bytes : capacity_bytes_max);
    drop_spares(pool);
}

struct memtable_pool *
memtable_pool_new(size_t capacity_bytes, uint32_t spare_count_max)
{
    struct memtable_pool *pool = kv_alloc_zero(sizeof(*pool));

    memtable_pool_set_capacity(pool, capacity_bytes);
    pool->spare_count_max = spare_count_max;
    return pool;
}

void
memtable_pool_free(struct memtable_pool *pool)
{
    if (pool == NULL)
        return;
    KV_ASSERT(pool->live_count == 0);
    drop_spares(pool);
    free(pool);
}

/* Any failure here is the system's lack of memory, descriptors or rights to them. */
static enum kv_status
memtable_map(struct memtable *memtable, size_t mapped_bytes)
{
    const char *step = "memfd_create";

    memtable->fd = memfd_create("kvd-memtable", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memtable->fd < 0)
        goto fail;
    step = "ftruncate";
    if (ftruncate(memtable->fd, (off_t)mapped_bytes) != 0)
        goto fail;
    step = "mmap";
    memtable->base = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memtable->fd, 0);
    if (memtable->base == MAP_FAILED) {
        memtable->base = NULL;
        goto fail;
    }
    memtable->mapped_bytes = mapped_bytes;
    /* A descent looks at places all over the mapping.  Where the system grants no large pages to
     * memfds (shmem_enabled), small ones do. */
    (void)madvise(memtable->base, mapped_bytes, MADV_HUGEPAGE);
    step = "seal";
    if (fcntl(memtable->fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) != 0)
        goto fail;
    return KV_OK;
fail:
    return KV_FAIL(KV_NO_SPACE, "memtable of %zu bytes: %s: %s", mapped_bytes, step,
                   strerror(errno));
}

static void
memtable_reset(struct memtable *memtable)
{
    *mem_header(memtable) = (struct mem_header){
        .magic = MEM_MAGIC,
        .layout_version = MEM_LAYOUT_VERSION,
    };
    mem_tombstone_maps_free(memtable);
    mem_filter_reset(&memtable->filter, memtable->mapped_bytes);
    memtable->deletion_count = 0;
    memtable->deleted_entry = 0;
    memtable->used_bytes = MEM_HEADER_BYTES;
    memtable->guarded_bytes = 0;
    memtable->ref_count = 1;
    memtable->frozen = false;
    memtable->next_spare = NULL;
    memtable->hints.next = memtable->hints.count = 0;
    memtable->key_count = memtable->leaf_count = memtable->inner_count = 0;
    if (memtable->family_slot_count > 0)
        memset(memtable->family_slots, 0,
               memtable->family_slot_count * sizeof(memtable->family_slots[0]));
}

/* The next part of what was guarded in an earlier use.  False: the system would not. */
static bool
unlock_ahead(struct memtable *memtable)
{
    const size_t start = memtable->ready_bytes;
    const size_t left = memtable->locked_bytes - start;
    const size_t size = left < GUARD_BYTES ? left : GUARD_BYTES;

    KV_ASSERT(start < memtable->locked_bytes);
    if (mprotect(memtable->base + start, size, PROT_READ | PROT_WRITE) != 0)
        return false;
    memtable->ready_bytes = start + size;
    if (size == left) {
        memtable->locked_bytes = 0;
        memtable->ready_bytes = memtable->populated_bytes;
    }
    return true;
}

/* What may have been guarded in any use is locked in the next one until it is reached. */
static bool
unlock_front(struct memtable *memtable)
{
    if (memtable->locked_bytes < memtable->guarded_bytes)
        memtable->locked_bytes = memtable->guarded_bytes;
    if (memtable->locked_bytes == 0)
        return true;
    memtable->ready_bytes = 0;
    return unlock_ahead(memtable);
}

/* NULL: no spare, or it cannot be made writable again and was dropped. */
static struct memtable *
pool_take_spare(struct memtable_pool *pool)
{
    struct memtable *memtable = pool->spares;

    if (memtable == NULL)
        return NULL;
    KV_ASSERT(pool->spare_count > 0);
    pool->spares = memtable->next_spare;
    pool->spare_count--;
    if (!unlock_front(memtable)) {
        memtable_destroy(memtable);
        return NULL;
    }
    return memtable;
}

enum kv_status
memtable_new(struct memtable_pool *pool, size_t capacity_bytes, struct memtable **memtable_out)
{
    size_t mapped_bytes;
    struct memtable *memtable = NULL;
    enum kv_status st;

    *memtable_out = NULL;
    if (capacity_bytes > MAPPED_BYTES_MAX - MEM_HEADER_BYTES)
        return KV_FAIL(KV_NO_SPACE, "memtable of %zu bytes: 4 GiB is the limit", capacity_bytes);
    mapped_bytes = mapped_bytes_for(capacity_bytes);
    if (mapped_bytes <= pool->mapped_bytes) {
        mapped_bytes = pool->mapped_bytes;
        memtable = pool_take_spare(pool);
    }
    if (memtable == NULL) {
        memtable = kv_alloc_zero(sizeof(*memtable));
        memtable->pool = pool;
        st = memtable_map(memtable, mapped_bytes);
        if (st != KV_OK) {
            memtable_destroy(memtable);
            return st;
        }
    }
    memtable_reset(memtable);
    pool->live_count++;
    *memtable_out = memtable;
    return KV_OK;
}

/* What can be told before walking it. */
static bool
header_is_sound(const struct mem_header *header, uint64_t file_bytes)
{
    return header->magic == MEM_MAGIC && header->layout_version == MEM_LAYOUT_VERSION &&
           header->frozen == 1 && header->used_bytes >= MEM_HEADER_BYTES &&
           header->used_bytes <= file_bytes;
}

static enum kv_status
read_header(int fd, uint64_t file_bytes, struct mem_header *header)
{
    const int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS)
        return KV_FAIL(KV_CORRUPT, "memtable descriptor %d: seals %d, wanted %d", fd, seals, SEALS);
    if (file_bytes < MEM_HEADER_BYTES || file_bytes > MAPPED_BYTES_MAX)
        return KV_FAIL(KV_CORRUPT, "memtable descriptor %d: %llu bytes", fd,
                       (unsigned long long)file_bytes);
    if (pread(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
        return KV_FAIL(KV_CORRUPT, "memtable descriptor %d: header: %s", fd, strerror(errno));
    if (!header_is_sound(header, file_bytes))
        return KV_FAIL(KV_CORRUPT,
                       "memtable descriptor %d: magic %llx, version %u, frozen %u, used %llu of "
                       "%llu bytes",
                       fd, (unsigned long long)header->magic, header->layout_version,
                       header->frozen, (unsigned long long)header->used_bytes,
                       (unsigned long long)file_bytes);
    return KV_OK;
}

enum kv_status
memtable_open(int fd, struct memtable **memtable_out)
{
    struct mem_header header;
    struct memtable *memtable;
    struct stat info;
    enum kv_status st;
    void *base;

    *memtable_out = NULL;
    if (fstat(fd, &info) != 0)
        return KV_FAIL(KV_CORRUPT, "memtable descriptor %d: fstat: %s", fd, strerror(errno));
    st = read_header(fd, (uint64_t)info.st_size, &header);
    if (st != KV_OK)
        return st;
    /* Only the used part: populating maps what is there, but would fill holes behind it. */
    base = mmap(NULL, header.used_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (base == MAP_FAILED)
        return KV_FAIL(KV_NO_SPACE, "memtable descriptor %d: mmap of %llu bytes: %s", fd,
                       (unsigned long long)header.used_bytes, strerror(errno));
    memtable = kv_alloc_zero(sizeof(*memtable));
    memtable->base = base;
    memtable->mapped_bytes = memtable->used_bytes = header.used_bytes;
    memtable->ref_count = 1;
    memtable->fd = -1;
    memtable->frozen = true;
    if (!mem_families_are_sound(memtable)) {
        memtable_destroy(memtable);
        return KV_FAIL(KV_CORRUPT, "memtable descriptor %d: list of families", fd);
    }
    *memtable_out = memtable;
    return KV_OK;
}

void
memtable_ref(struct memtable *memtable)
{
    KV_ASSERT(memtable->ref_count > 0);
    memtable->ref_count++;
}

void
memtable_unref(struct memtable *memtable)
{
    struct memtable_pool *pool;

    if (memtable == NULL)
        return;
    KV_ASSERT(memtable->ref_count > 0);
    if (--memtable->ref_count > 0)
        return;
    pool = memtable->pool;
    if (pool == NULL) {
        memtable_destroy(memtable);
        return;
    }
    KV_ASSERT(pool->live_count > 0);
    pool->live_count--;
    if (memtable->mapped_bytes != pool->mapped_bytes ||
        pool->spare_count == pool->spare_count_max) {
        memtable_destroy(memtable);
        return;
    }
    memtable->next_spare = pool->spares;
    pool->spares = memtable;
    pool->spare_count++;
}

/* Asks for the next pages in one go: a fault for each is several times as dear. */
static void
populate_ahead(struct memtable *memtable)
{
    const size_t start = memtable->populated_bytes;
    const size_t left = memtable->mapped_bytes - start;
    const size_t size = left < POPULATE_BYTES ? left : POPULATE_BYTES;

    /* If the kernel cannot, the pages come by faults. */
    (void)madvise(memtable->base + start, size, MADV_POPULATE_WRITE);
    memtable->populated_bytes = memtable->ready_bytes = start + size;
}

/* Unlocking moves the border of two mappings that are there, which takes no memory. */
static void
make_ready(struct memtable *memtable)
{
    if (memtable->locked_bytes == 0)
        populate_ahead(memtable);
    else if (!unlock_ahead(memtable))
        KV_ASSERT(false && "a memtable is writable");
}

void *
mem_allocate(struct memtable *memtable, size_t size, size_t alignment)
{
    const size_t start = (memtable->used_bytes + alignment - 1) & ~(alignment - 1);
    const size_t end = (start + size + 7) & ~(size_t)7;

    KV_ASSERT(!memtable->frozen);
    KV_ASSERT(end <= memtable->mapped_bytes);
    while (end > memtable->ready_bytes)
        make_ready(memtable);
    memtable->used_bytes = end;
    return memtable->base + start;
}

void
memtable_freeze(struct memtable *memtable)
{
    struct mem_header *header = mem_header(memtable);

    KV_ASSERT(!memtable->frozen);
    KV_ASSERT(memtable->pool != NULL);
    header->used_bytes = memtable->used_bytes;
    header->frozen = 1;
    memtable->frozen = true;
}

bool
memtable_guard(struct memtable *memtable)
{
    const size_t start = memtable->guarded_bytes;
    const size_t end = mapped_bytes_for(memtable->used_bytes) - MEM_HEADER_BYTES;
    const size_t size = end - start < GUARD_BYTES ? end - start : GUARD_BYTES;

    KV_ASSERT(memtable->frozen && memtable->pool != NULL);
    KV_ASSERT(start < end && end <= memtable->mapped_bytes);
    /* Only a safety net against our own stray writes, so a failure changes nothing. */
    if (mprotect(memtable->base + start, size, PROT_READ) != 0) {
        kv_log(LOG_LEVEL_WARNING, "memtable: mprotect: %s", strerror(errno));
        return true;
    }
    memtable->guarded_bytes = start + size;
    return memtable->guarded_bytes == end;
}

int
memtable_fd(const struct memtable *memtable)
{
    KV_ASSERT(memtable->fd >= 0);
    return memtable->fd;
}

size_t
memtable_bytes_used(const struct memtable *memtable)
{
    return memtable->used_bytes;
}

size_t
memtable_bytes_mapped(const struct memtable *memtable)
{
    return memtable->mapped_bytes + mem_filter_bytes(&memtable->filter);
}
