/* common_subsequence.c - see the header.  Ties go the way that Redis goes, so that of several
 * longest ones the same is found. */
#include "daemon/common_subsequence.h"

#include "base/alloc.h"
#include "base/assert.h"

static struct slice
copy_of(struct slice bytes)
{
    uint8_t *copy = kv_alloc(bytes.size + 1);

    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return slice_of(copy, bytes.size);
}

static bool
is_a_shorter(const struct common_subsequence *work)
{
    return work->a.size <= work->b.size;
}

void
common_subsequence_init(struct common_subsequence *work, struct slice a, struct slice b)
{
    KV_ASSERT(a.size < UINT32_MAX && b.size < UINT32_MAX);
    *work = (struct common_subsequence){.a = copy_of(a), .b = copy_of(b)};
    work->line = kv_alloc_zero(((a.size < b.size ? a.size : b.size) + 1) * sizeof(work->line[0]));
    work->goes_to_a = kv_alloc_zero(a.size * b.size / 8 + 1);
}

void
common_subsequence_deinit(struct common_subsequence *work)
{
    free((void *)(uintptr_t)work->a.data);
    free((void *)(uintptr_t)work->b.data);
    free(work->line);
    free(work->goes_to_a);
    *work = (struct common_subsequence){0};
}

static uint64_t
cell_index(const struct common_subsequence *work, uint64_t a_at, uint64_t b_at)
{
    return is_a_shorter(work) ? b_at * work->a.size + a_at : a_at * work->b.size + b_at;
}

/* One line: all of the shorter string against one byte of the longer one. */
static void
make_line(struct common_subsequence *work, struct slice shorter, uint8_t byte, uint64_t cell)
{
    const bool along_a = is_a_shorter(work);
    uint32_t diagonal = 0, before = 0;

    for (size_t i = 0; i < shorter.size; i++, cell++) {
        const uint32_t above = work->line[i + 1];
        uint32_t length = diagonal + 1;

        if (shorter.data[i] != byte) {
            const uint32_t without_a = along_a ? before : above;
            const uint32_t without_b = along_a ? above : before;

            length = without_a > without_b ? without_a : without_b;
            if (without_a > without_b)
                work->goes_to_a[cell / 8] |= (uint8_t)(1u << cell % 8);
        }
        diagonal = above;
        work->line[i + 1] = before = length;
    }
}

bool
common_subsequence_advance(struct common_subsequence *work, uint64_t cell_count)
{
    const struct slice shorter = is_a_shorter(work) ? work->a : work->b;
    const struct slice longer = is_a_shorter(work) ? work->b : work->a;

    for (uint64_t done = 0; done < cell_count && work->lines_done < longer.size;
         done += shorter.size + 1) {
        make_line(work, shorter, longer.data[work->lines_done], work->lines_done * shorter.size);
        work->lines_done++;
    }
    return work->lines_done == longer.size;
}

uint32_t
common_subsequence_length(const struct common_subsequence *work)
{
    KV_ASSERT(work->lines_done == (is_a_shorter(work) ? work->b.size : work->a.size));
    return work->line[is_a_shorter(work) ? work->a.size : work->b.size];
}

struct common_path
common_subsequence_path(const struct common_subsequence *work)
{
    return (struct common_path){
        .work = work, .a_size = (uint32_t)work->a.size, .b_size = (uint32_t)work->b.size};
}

bool
common_path_next(struct common_path *path, struct common_run *run)
{
    const struct common_subsequence *work = path->work;

    run->size = 0;
    while (path->a_size > 0 && path->b_size > 0) {
        const uint64_t cell = cell_index(work, path->a_size - 1, path->b_size - 1);

        if (work->a.data[path->a_size - 1] == work->b.data[path->b_size - 1]) {
            run->a_first = --path->a_size;
            run->b_first = --path->b_size;
            run->size++;
            continue;
        }
        if (run->size > 0)
            return true;
        if (work->goes_to_a[cell / 8] >> cell % 8 & 1)
            path->a_size--;
        else
            path->b_size--;
    }
    return run->size > 0;
}
