/* A frozen memtable is read-only in this process as well, a step at a time, and its mapping can be
 * filled again however far the steps had got. */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <unistd.h>

#include "mem/memtable_internal.h"
#include "support/unit.h"

enum { MAPPING_BYTES = 8 * 1024 * 1024, STEP_BYTES = 1024 * 1024, MANY = 40000, FEW = 100 };

/* As the kernel sees it: a write there would be a fault. */
static bool
is_writable(uint8_t *address)
{
    const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    const ssize_t got = read(fd, address, 1);

    close(fd);
    return got == 1;
}

static struct memtable *
filled_memtable(struct memtable_pool *pool, uint32_t count)
{
    struct memtable *memtable = NULL;

    CU_ASSERT_EQUAL_FATAL(memtable_new(pool, 0, &memtable), KV_OK);
    for (uint32_t i = 0; i < count; i++) {
        char key[32];
        const int size = snprintf(key, sizeof(key), "key:%012u", i);
        const struct batch_record record = {.type = TYPE_VALUE,
                                            .seq = i + 1,
                                            .key = slice_of(key, (size_t)size),
                                            .value = slice_of(&i, sizeof(i))};

        memtable_add(memtable, &record);
    }
    CU_ASSERT_EQUAL(memtable_entry_count(memtable), count);
    memtable_freeze(memtable);
    return memtable;
}

static uint32_t
guard_all(struct memtable *memtable)
{
    uint32_t step_count = 1;

    while (!memtable_guard(memtable))
        step_count++;
    return step_count;
}

/* Method: one mapping is filled six times: guarded to its end, guarded in part, little of it used
 * and guarded, not guarded at all, and so on.  A step too few in between would be a fault. */
static void
frozen_memtables_are_guarded_and_used_again(void)
{
    static const uint32_t counts[] = {MANY, MANY, FEW, MANY, FEW, MANY};
    struct memtable_pool *pool = memtable_pool_new(MAPPING_BYTES, 1);
    uint8_t *base = NULL;

    for (size_t use = 0; use < sizeof(counts) / sizeof(counts[0]); use++) {
        struct memtable *memtable = filled_memtable(pool, counts[use]);
        const size_t used = memtable_bytes_used(memtable);

        CU_ASSERT(base == NULL || base == memtable->base);
        base = memtable->base;
        CU_ASSERT(is_writable(base) && is_writable(base + used - 1));
        if (use == 0 || use == 2)
            CU_ASSERT_EQUAL(guard_all(memtable), (used + STEP_BYTES - 1) / STEP_BYTES);
        if (use == 1)
            CU_ASSERT(!memtable_guard(memtable));
        CU_ASSERT_EQUAL(is_writable(base), use > 2);
        CU_ASSERT_EQUAL(is_writable(base + used - 1), use == 1 || use > 2);
        memtable_unref(memtable);
    }
    memtable_pool_free(pool);
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(frozen_memtables_are_guarded_and_used_again),
        UNIT_TEST_END,
    };

    return unit_main("memtable_guard", tests, argc, argv);
}
