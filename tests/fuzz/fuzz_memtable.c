/* Goal: whatever a mapping holds, opening and walking it ends, without a crash.
 * Method: a sound frozen memtable is copied to a memfd of its own; the input is a list of edits
 * (offset, value) to the copy, which is then sealed, opened, walked and sought in. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "mem/memtable_internal.h"
#include "support/quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY_COUNT = 700, FAMILY_COUNT = 3, STEP_COUNT_MAX = 100000 };

static struct memtable_pool *sound_pool;
static struct memtable *sound;

static void
add(uint32_t number, uint64_t seq)
{
    struct buffer key = {0};
    struct batch_record record = {.cf_id = number % FAMILY_COUNT, .type = TYPE_VALUE, .seq = seq};

    if (number % 2 == 0)
        buffer_append_format(&key, "a long prefix that all of the even keys share, so: ");
    buffer_append_format(&key, "key:%05u", number * 7919 % KEY_COUNT);
    record.key = buffer_slice(&key);
    record.value = slice_of("zzz value", 9);
    if (number % 50 == 0)
        record.type = TYPE_RANGE_DELETION;
    memtable_add(sound, &record);
    buffer_deinit(&key);
}

static void
make_sound(void)
{
    enum kv_status st;

    sound_pool = memtable_pool_new(1 << 20, 0);
    st = memtable_new(sound_pool, 0, &sound);
    KV_ASSERT(st == KV_OK);
    quiet_log();
    for (uint32_t i = 0; i < 2 * KEY_COUNT; i++)
        add(i % KEY_COUNT, i + 1);
    for (uint32_t i = 0; i < 50; i++)
        add(7, 2 * KEY_COUNT + 1 + i);
    memtable_freeze(sound);
}

/* Six bytes an edit: a 24-bit place in units of 4 bytes, how to change it, and a 16-bit value. */
static void
edit(uint8_t *copy, const uint8_t *data, size_t size)
{
    for (; size >= 6; data += 6, size -= 6) {
        const uint32_t words = (uint32_t)(sound->used_bytes / 4);
        const uint32_t place = (load_fixed32(data) & 0xffffff) % words * 4;
        const uint32_t value = load_fixed16(data + 4);
        const uint32_t old = load_fixed32(copy + place);

        switch (data[3] % 5) {
        case 0:
            put_fixed32(copy + place, value);
            break;
        case 1:
            put_fixed32(copy + place, value << 16);
            break;
        case 2:
            put_fixed32(copy + place, value * 8);
            break;
        case 3:
            put_fixed32(copy + place, old + value * 8);
            break;
        default:
            put_fixed32(copy + place, old ^ value);
        }
    }
}

static void
walk(struct iter *iter, struct slice target)
{
    uint64_t sum = 0;
    enum kv_status st = iter_seek_first(iter);

    for (uint32_t step = 0; st == KV_OK && iter->valid; step++) {
        KV_ASSERT(step < STEP_COUNT_MAX);
        for (size_t i = 0; i < iter->key.size; i += 16)
            sum += iter->key.data[i];
        for (size_t i = 0; i < iter->value.size; i += 16)
            sum += iter->value.data[i];
        st = iter_next(iter);
    }
    st = iter_seek(iter, target);
    for (uint32_t step = 0; st == KV_OK && iter->valid && step < 5; step++)
        st = iter_next(iter);
    if (sum == 1)
        KV_ASSERT(st == KV_OK || st == KV_CORRUPT);
    iter_free(iter);
}

static void
walk_all(struct memtable *memtable)
{
    static const char target[] = "a long prefix that all of the even keys share, so: key:00300\x80"
                                 "\0\0\0\0\0\0\0";
    struct memtable_family families[8];

    (void)memtable_families(memtable, families, 8);
    for (uint32_t cf_id = 0; cf_id <= FAMILY_COUNT; cf_id++) {
        walk(memtable_iter_new(memtable, cf_id), slice_of(target, sizeof(target)));
        walk(memtable_iter_new(memtable, cf_id), slice_of(target + 51, sizeof(target) - 51));
        walk(memtable_tombstone_iter_new(memtable, cf_id), slice_of(target, sizeof(target)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memtable *opened = NULL;
    uint8_t *copy;
    size_t bytes;
    int fd;

    if (sound == NULL)
        make_sound();
    bytes = sound->used_bytes;
    fd = memfd_create("fuzz", MFD_ALLOW_SEALING);
    KV_ASSERT(fd >= 0);
    KV_ASSERT(ftruncate(fd, (off_t)bytes) == 0);
    copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    KV_ASSERT(copy != MAP_FAILED);
    memcpy(copy, sound->base, bytes);
    edit(copy, data, size);
    munmap(copy, bytes);
    KV_ASSERT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) == 0);
    if (memtable_open(fd, &opened) == KV_OK)
        walk_all(opened);
    memtable_unref(opened);
    close(fd);
    return 0;
}
