#include "support/sim_file.h"

#include "base/alloc.h"

static void
image_resize(struct buffer *image, uint64_t size)
{
    if (size > image->size) {
        const size_t more = (size_t)size - image->size;

        memset(buffer_reserve(image, more), 0, more);
    }
    image->size = (size_t)size;
}

static void
image_write(struct buffer *image, uint64_t offset, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (offset + size > image->size)
        image_resize(image, offset + size);
    memcpy(image->data + offset, data, size);
}

static void
image_copy(struct buffer *target, const struct buffer *source)
{
    buffer_clear(target);
    buffer_append(target, source->data, source->size);
}

static void
piece_push(struct sim_file *file, uint64_t offset, const void *data, size_t size)
{
    struct sim_piece *piece;

    if (file->piece_count == file->piece_capacity) {
        file->piece_capacity = file->piece_capacity == 0 ? 8 : file->piece_capacity * 2;
        file->pieces = kv_realloc(file->pieces, file->piece_capacity * sizeof(file->pieces[0]));
    }
    piece = &file->pieces[file->piece_count++];
    *piece = (struct sim_piece){.offset = offset, .size = size};
    if (data != NULL) {
        piece->data = kv_alloc(size);
        memcpy(piece->data, data, size);
    }
}

static void
pieces_free(struct sim_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(pieces[i].data);
    free(pieces);
}

static void
pieces_clear(struct sim_file *file)
{
    pieces_free(file->pieces, file->piece_count);
    file->pieces = NULL;
    file->piece_count = 0;
    file->piece_capacity = 0;
}

static void
piece_apply(const struct sim_piece *piece, struct buffer *image)
{
    if (piece->data == NULL)
        image_resize(image, piece->offset);
    else
        image_write(image, piece->offset, piece->data, piece->size);
}

/* Takes [from, to) out of the pieces that were written before piece `before`. */
static void
pieces_clip(struct sim_file *file, size_t before, uint64_t from, uint64_t to)
{
    struct sim_piece *old = file->pieces;
    const size_t old_count = file->piece_count;

    file->pieces = NULL;
    file->piece_count = 0;
    file->piece_capacity = 0;
    for (size_t i = 0; i < old_count; i++) {
        const struct sim_piece *piece = &old[i];
        const uint64_t end = piece->offset + piece->size;

        if (i >= before || piece->data == NULL || end <= from || piece->offset >= to) {
            piece_push(file, piece->offset, piece->data, piece->size);
            continue;
        }
        if (piece->offset < from)
            piece_push(file, piece->offset, piece->data, (size_t)(from - piece->offset));
        if (end > to)
            piece_push(file, to, piece->data + (to - piece->offset), (size_t)(end - to));
    }
    pieces_free(old, old_count);
}

/* A journal commits size changes in order: before anything later is durable, so are they. */
static void
settle_resizes(struct sim_file *file)
{
    size_t i = 0;

    while (i < file->piece_count) {
        const uint64_t size = file->pieces[i].offset;

        if (file->pieces[i].data != NULL) {
            i++;
            continue;
        }
        image_resize(&file->disk, size);
        file->piece_count--;
        memmove(&file->pieces[i], &file->pieces[i + 1],
                (file->piece_count - i) * sizeof(file->pieces[0]));
        pieces_clip(file, i, size, UINT64_MAX);
        i = 0;
    }
}

uint64_t
sim_file_bytes_used(const struct sim_file *file)
{
    const uint64_t end = file->cache.size > file->kept_bytes ? file->cache.size : file->kept_bytes;

    return end > file->hole_bytes ? end - file->hole_bytes : 0;
}

void
sim_file_deinit(struct sim_file *file)
{
    pieces_clear(file);
    buffer_deinit(&file->cache);
    buffer_deinit(&file->disk);
}

static void
view_of_disk(const struct sim_file *file, struct buffer *view)
{
    image_copy(view, &file->disk);
    for (size_t i = 0; i < file->piece_count; i++)
        piece_apply(&file->pieces[i], view);
    image_resize(view, file->cache.size);
}

size_t
sim_file_read(const struct sim_file *file, uint64_t offset, void *target, size_t size, bool direct)
{
    struct buffer view = {0};
    const struct buffer *image = &file->cache;

    if (offset >= file->cache.size)
        return 0;
    if (size > file->cache.size - offset)
        size = (size_t)(file->cache.size - offset);
    if (direct && file->lost) {
        view_of_disk(file, &view);
        image = &view;
    }
    if (size > 0)
        memcpy(target, image->data + offset, size);
    buffer_deinit(&view);
    return size;
}

void
sim_file_write(struct sim_file *file, uint64_t offset, const void *data, size_t size, bool durable)
{
    if (size == 0)
        return;
    if (offset < file->hole_bytes)
        file->hole_bytes = offset;
    image_write(&file->cache, offset, data, size);
    if (!durable) {
        piece_push(file, offset, data, size);
        return;
    }
    if (file->piece_count > 0) {
        settle_resizes(file);
        pieces_clip(file, file->piece_count, offset, offset + size);
    }
    image_write(&file->disk, offset, data, size);
}

void
sim_file_resize(struct sim_file *file, uint64_t size)
{
    if (size == file->cache.size)
        return;
    image_resize(&file->cache, size);
    piece_push(file, size, NULL, 0);
}

void
sim_file_punch(struct sim_file *file, uint64_t offset, uint64_t size)
{
    const uint64_t hole_bytes = file->hole_bytes;
    uint8_t *zeros;

    if (offset >= file->cache.size)
        return;
    if (size > file->cache.size - offset)
        size = file->cache.size - offset;
    zeros = kv_alloc_zero((size_t)size);
    sim_file_write(file, offset, zeros, (size_t)size, false);
    free(zeros);
    file->hole_bytes =
        offset <= hole_bytes && offset + size > hole_bytes ? offset + size : hole_bytes;
}

void
sim_file_sync(struct sim_file *file)
{
    for (size_t i = 0; i < file->piece_count; i++)
        piece_apply(&file->pieces[i], &file->disk);
    pieces_clear(file);
    KV_ASSERT(file->lost || file->disk.size == file->cache.size);
}

void
sim_file_drop_cache(struct sim_file *file)
{
    struct buffer view = {0};

    if (!file->lost)
        return;
    view_of_disk(file, &view);
    buffer_deinit(&file->cache);
    file->cache = view;
    file->lost = false;
    /* The size lives in the inode, not in the pages: it is written again. */
    if (file->disk.size != file->cache.size)
        piece_push(file, file->cache.size, NULL, 0);
}

enum survival { SURVIVE_NONE, SURVIVE_ALL, SURVIVE_SECTORS, SURVIVE_TORN, SURVIVAL_COUNT };

static bool
chance(struct random *random, uint64_t one_in)
{
    return random_below(random, one_in) == 0;
}

/* Some of the sectors, and of some of those only what lies before or behind a tear. */
static void
survive_in_part(const struct sim_piece *piece, struct buffer *disk, struct random *random,
                bool torn)
{
    const uint64_t unit = chance(random, 2) ? 128 : 32;
    const uint64_t survivors_in_4 = 1 + random_below(random, 3);
    const uint64_t end = piece->offset + piece->size;

    for (uint64_t at = piece->offset, next; at < end; at = next) {
        uint64_t from = at, to;

        next = (at / SIM_SECTOR_BYTES + 1) * SIM_SECTOR_BYTES;
        if (next > end)
            next = end;
        to = next;
        if (random_below(random, 4) >= survivors_in_4)
            continue;
        if (torn && chance(random, 4)) {
            const uint64_t sector = at / SIM_SECTOR_BYTES * SIM_SECTOR_BYTES;
            const uint64_t tear =
                sector + unit * (1 + random_below(random, SIM_SECTOR_BYTES / unit - 1));

            if (tear > from && tear < to) {
                if (chance(random, 4))
                    from = tear;
                else
                    to = tear;
            }
        }
        image_write(disk, from, piece->data + (from - piece->offset), (size_t)(to - from));
    }
}

/* Moves what survives of the pieces to the disk. */
static void
survive(struct sim_file *file, struct random *random, enum survival survival)
{
    const size_t size_before = file->disk.size;
    bool resized = false;

    if (survival == SURVIVE_NONE)
        return;
    for (size_t i = 0; i < file->piece_count; i++) {
        const struct sim_piece *piece = &file->pieces[i];

        if (survival == SURVIVE_ALL) {
            piece_apply(piece, &file->disk);
        } else if (piece->data != NULL) {
            survive_in_part(piece, &file->disk, random, survival == SURVIVE_TORN);
        } else if (chance(random, 2)) {
            piece_apply(piece, &file->disk);
            resized = true;
        }
    }
    if (survival == SURVIVE_ALL)
        return;
    if (file->disk.size < file->cache.size && chance(random, 3))
        image_resize(&file->disk, file->cache.size);
    else if (file->disk.size > size_before && !resized && chance(random, 4))
        image_resize(&file->disk, size_before);
}

void
sim_file_fail_sync(struct sim_file *file, struct random *random)
{
    survive(file, random, chance(random, 2) ? SURVIVE_NONE : SURVIVE_SECTORS);
    pieces_clear(file);
    file->lost = true;
}

void
sim_file_power_cut(struct sim_file *file, struct random *random)
{
    survive(file, random, (enum survival)random_below(random, SURVIVAL_COUNT));
    pieces_clear(file);
    image_copy(&file->cache, &file->disk);
    file->lost = false;
    file->kept_bytes = file->hole_bytes = 0;
}

void
sim_file_flip_bit(struct sim_file *file, uint64_t bit_offset)
{
    const uint64_t byte = bit_offset / 8;
    const uint8_t mask = (uint8_t)(1u << (bit_offset % 8));

    KV_ASSERT(byte < file->cache.size);
    file->cache.data[byte] ^= mask;
    if (byte < file->disk.size)
        file->disk.data[byte] ^= mask;
}
