/* vdisk - a disk with a volatile write cache whose power can be cut, as one FUSE file for a loop
 * device to sit on.
 *
 *   vdisk IMAGE MOUNT [JOURNAL]     IMAGE is the platter, MOUNT/disk what the loop device opens
 *
 * A write goes to the cache; fsync of MOUNT/disk, which is the block layer's FLUSH, moves the cache
 * to the platter.  Control: write one line to MOUNT/ctl, read the answer from it.
 *
 *   cut SEED MODE [KEEP]      power off.  Of what was not flushed there survives
 *         none     nothing                    all      everything
 *         prefix   what came first            subset   each write, with KEEP percent
 *         torn     each sector of 512 bytes, with KEEP percent
 *       From then on every read, write and flush is an I/O error, until
 *   on                        the power is back
 *   cutat N SEED MODE [KEEP]  the same at the N-th write from now
 *   flush                     the cache gets to the platter, as it does in time without being told
 *   eio KIND 0|1              KIND is write, read or flush: an I/O error each time while 1.  A
 *                             write that failed is not in the cache
 *   lie 0|1                   while 1, a flush is acknowledged and does nothing
 *   stat                      counts
 *
 * JOURNAL (crash_model.h) is frozen in the instant of the cut, so nothing that a client is told
 * later counts.  One thread, so N, SEED and MODE are one state of the platter.  It speaks the
 * kernel's FUSE protocol itself: with these two files that is less than a library would need.
 * Root only.  It ends when MOUNT is unmounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "support/crash_model.h"

enum {
    NODE_ROOT = FUSE_ROOT_ID,
    NODE_DISK,
    NODE_CONTROL,
    SECTOR_BYTES = 512,
    WRITE_BYTES_MAX = 1 << 20,
    REQUEST_BYTES_MAX = WRITE_BYTES_MAX + 65536,
    ANSWER_BYTES = 256,
    MODE_BYTES = 16,
};

struct cached_write {
    uint64_t offset;
    uint32_t size;
    uint8_t *data; /* owned */
};

struct vdisk {
    int fd;                     /* /dev/fuse */
    uint8_t *platter, *current; /* mapped: what survives, what the host sees */
    uint64_t size;
    struct cached_write *cache; /* owned */
    size_t cache_count, cache_capacity;
    struct crash_journal journal;
    bool has_journal;
    bool is_off, is_lying, fails_write, fails_read, fails_flush;
    uint64_t write_count, flush_count, cut_count;
    uint64_t cut_at_write, cut_seed; /* 0: not planned */
    unsigned cut_keep;
    char cut_mode[MODE_BYTES];
    char answer[ANSWER_BYTES];
};

static uint8_t request_bytes[REQUEST_BYTES_MAX] __attribute__((aligned(8)));

static void
cache_clear(struct vdisk *disk)
{
    for (size_t i = 0; i < disk->cache_count; i++)
        free(disk->cache[i].data);
    disk->cache_count = 0;
}

static void
cache_append(struct vdisk *disk, uint64_t offset, const uint8_t *data, uint32_t size)
{
    struct cached_write *entry;

    if (disk->cache_count == disk->cache_capacity) {
        disk->cache_capacity = disk->cache_capacity == 0 ? 1024 : disk->cache_capacity * 2;
        disk->cache = kv_realloc(disk->cache, disk->cache_capacity * sizeof(*disk->cache));
    }
    entry = &disk->cache[disk->cache_count++];
    entry->offset = offset;
    entry->size = size;
    entry->data = kv_alloc(size);
    memcpy(entry->data, data, size);
    memcpy(disk->current + offset, data, size);
}

static void
destage(struct vdisk *disk)
{
    for (size_t i = 0; i < disk->cache_count; i++)
        memcpy(disk->platter + disk->cache[i].offset, disk->cache[i].data, disk->cache[i].size);
    cache_clear(disk);
}

static uint64_t
sector_count(const struct vdisk *disk)
{
    uint64_t count = 0;

    for (size_t i = 0; i < disk->cache_count; i++)
        count += (disk->cache[i].size + SECTOR_BYTES - 1) / SECTOR_BYTES;
    return count;
}

/* Power off.  What of the cache gets to the platter is drawn sector by sector, in the order of the
 * writes, so a later write of the same sector wins when both do. */
static void
cut(struct vdisk *disk, uint64_t seed, const char *mode, unsigned keep)
{
    const uint64_t total = sector_count(disk);
    uint64_t prefix, kept = 0, index = 0;
    struct random random;

    if (disk->has_journal)
        crash_journal_set_frozen(&disk->journal, true);
    random_init(&random, seed);
    prefix = random_below(&random, total + 1);
    for (size_t i = 0; i < disk->cache_count; i++) {
        const struct cached_write *entry = &disk->cache[i];
        const bool is_kept_whole = random_below(&random, 100) < keep;

        for (uint32_t at = 0; at < entry->size; at += SECTOR_BYTES, index++) {
            const uint32_t rest = entry->size - at;
            bool is_kept = strcmp(mode, "all") == 0;

            if (strcmp(mode, "prefix") == 0)
                is_kept = index < prefix;
            else if (strcmp(mode, "subset") == 0)
                is_kept = is_kept_whole;
            else if (strcmp(mode, "torn") == 0)
                is_kept = random_below(&random, 100) < keep;
            if (!is_kept)
                continue;
            memcpy(disk->platter + entry->offset + at, entry->data + at,
                   rest < SECTOR_BYTES ? rest : SECTOR_BYTES);
            kept++;
        }
    }
    for (size_t i = 0; i < disk->cache_count; i++)
        memcpy(disk->current + disk->cache[i].offset, disk->platter + disk->cache[i].offset,
               disk->cache[i].size);
    (void)snprintf(disk->answer, sizeof(disk->answer),
                   "cut at write %" PRIu64 ": %zu writes unflushed, %" PRIu64 " of %" PRIu64
                   " sectors kept\n",
                   disk->write_count, disk->cache_count, kept, total);
    cache_clear(disk);
    disk->is_off = true;
    disk->cut_at_write = 0;
    disk->cut_count++;
}

static int
control(struct vdisk *disk, const uint8_t *data, uint32_t size)
{
    char line[ANSWER_BYTES] = "", word[MODE_BYTES];
    uint64_t number, seed;
    unsigned keep = 50, flag;

    memcpy(line, data, size < sizeof(line) - 1 ? size : sizeof(line) - 1);
    if (sscanf(line, "cutat %" SCNu64 " %" SCNu64 " %15s %u", &number, &seed, word, &keep) >= 3) {
        disk->cut_at_write = disk->write_count + number;
        disk->cut_seed = seed;
        disk->cut_keep = keep;
        memcpy(disk->cut_mode, word, sizeof(word));
        (void)snprintf(disk->answer, sizeof(disk->answer), "not cut yet\n");
    } else if (sscanf(line, "cut %" SCNu64 " %15s %u", &seed, word, &keep) >= 2) {
        cut(disk, seed, word, keep);
    } else if (sscanf(line, "eio %15s %u", word, &flag) == 2) {
        *(word[0] == 'w'   ? &disk->fails_write
          : word[0] == 'r' ? &disk->fails_read
                           : &disk->fails_flush) = flag != 0;
    } else if (sscanf(line, "lie %u", &flag) == 1) {
        disk->is_lying = flag != 0;
    } else if (strncmp(line, "flush", 5) == 0) {
        destage(disk);
    } else if (strncmp(line, "on", 2) == 0) {
        disk->is_off = false;
        disk->cut_at_write = 0;
    } else if (strncmp(line, "stat", 4) == 0) {
        (void)snprintf(
            disk->answer, sizeof(disk->answer),
            "writes=%" PRIu64 " flushes=%" PRIu64 " cuts=%" PRIu64 " cached=%zu off=%d\n",
            disk->write_count, disk->flush_count, disk->cut_count, disk->cache_count, disk->is_off);
    } else {
        return -EINVAL;
    }
    return 0;
}

static int
disk_write(struct vdisk *disk, uint64_t offset, const uint8_t *data, uint32_t size)
{
    if (disk->is_off || disk->fails_write)
        return -EIO;
    if (offset > disk->size || size > disk->size - offset)
        return -ENOSPC;
    if (size > 0)
        cache_append(disk, offset, data, size);
    if (++disk->write_count == disk->cut_at_write) {
        cut(disk, disk->cut_seed, disk->cut_mode, disk->cut_keep);
        return -EIO;
    }
    return 0;
}

static int
disk_flush(struct vdisk *disk)
{
    disk->flush_count++;
    if (disk->is_off || disk->fails_flush)
        return -EIO;
    if (!disk->is_lying)
        destage(disk);
    return 0;
}

/* `error` is 0 or a negative errno; the kernel may have given the request up, so nothing is
 * checked. */
static void
reply(struct vdisk *disk, const struct fuse_in_header *request, int error, const void *data,
      size_t size)
{
    struct fuse_out_header head = {.error = error, .unique = request->unique};
    struct iovec parts[2] = {{.iov_base = &head, .iov_len = sizeof(head)}};

    if (error != 0)
        size = 0;
    parts[1].iov_base = (void *)(uintptr_t)data;
    parts[1].iov_len = size;
    head.len = (uint32_t)(sizeof(head) + size);
    (void)!writev(disk->fd, parts, size > 0 ? 2 : 1);
}

static struct fuse_attr
attributes(const struct vdisk *disk, uint64_t node)
{
    struct fuse_attr attr = {.ino = node, .nlink = 1, .mode = S_IFREG | 0600, .blksize = 4096};

    if (node == NODE_ROOT)
        attr.mode = S_IFDIR | 0700;
    else
        attr.size = node == NODE_DISK ? disk->size : ANSWER_BYTES;
    return attr;
}

static void
on_init(struct vdisk *disk, const struct fuse_in_header *request, const struct fuse_init_in *in)
{
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = in->max_readahead,
        .flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES),
        .max_write = WRITE_BYTES_MAX,
        .max_pages = WRITE_BYTES_MAX / 4096,
        .max_background = 16,
        .congestion_threshold = 12,
        .time_gran = 1,
    };

    reply(disk, request, 0, &out, sizeof(out));
}

static void
on_lookup(struct vdisk *disk, const struct fuse_in_header *request, const char *name)
{
    struct fuse_entry_out out = {.entry_valid = 3600};

    if (strcmp(name, "disk") == 0)
        out.nodeid = NODE_DISK;
    else if (strcmp(name, "ctl") == 0)
        out.nodeid = NODE_CONTROL;
    out.attr = attributes(disk, out.nodeid);
    reply(disk, request, out.nodeid == 0 ? -ENOENT : 0, &out, sizeof(out));
}

static void
on_read(struct vdisk *disk, const struct fuse_in_header *request, const struct fuse_read_in *in)
{
    const bool is_disk = request->nodeid == NODE_DISK;
    const uint64_t end = is_disk ? disk->size : strlen(disk->answer);
    const uint8_t *source = is_disk ? disk->current : (const uint8_t *)disk->answer;
    uint64_t size = in->size;

    if (is_disk && (disk->is_off || disk->fails_read)) {
        reply(disk, request, -EIO, NULL, 0);
        return;
    }
    if (in->offset >= end)
        size = 0;
    else if (size > end - in->offset)
        size = end - in->offset;
    reply(disk, request, 0, size > 0 ? source + in->offset : NULL, size);
}

static void
on_write(struct vdisk *disk, const struct fuse_in_header *request, const struct fuse_write_in *in)
{
    const uint8_t *data = (const uint8_t *)(in + 1);
    const struct fuse_write_out out = {.size = in->size};
    int error;

    if (in->size > request->len - sizeof(*request) - sizeof(*in))
        error = -EINVAL;
    else if (request->nodeid == NODE_DISK)
        error = disk_write(disk, in->offset, data, in->size);
    else
        error = control(disk, data, in->size);
    reply(disk, request, error, &out, sizeof(out));
}

static void
serve(struct vdisk *disk, const struct fuse_in_header *request)
{
    const void *body = request + 1;
    const struct fuse_attr_out attr = {.attr_valid = 3600,
                                       .attr = attributes(disk, request->nodeid)};
    const struct fuse_open_out open_out = {.open_flags = FOPEN_DIRECT_IO};
    const struct fuse_statfs_out statfs_out = {.st = {.bsize = 4096, .namelen = 255}};

    switch (request->opcode) {
    case FUSE_INIT:
        on_init(disk, request, body);
        return;
    case FUSE_LOOKUP:
        on_lookup(disk, request, body);
        return;
    case FUSE_GETATTR:
    case FUSE_SETATTR: /* `echo >ctl` truncates: let it think so */
        reply(disk, request, 0, &attr, sizeof(attr));
        return;
    case FUSE_OPEN:
        reply(disk, request, 0, &open_out, sizeof(open_out));
        return;
    case FUSE_READ:
        on_read(disk, request, body);
        return;
    case FUSE_WRITE:
        on_write(disk, request, body);
        return;
    case FUSE_FSYNC:
        reply(disk, request, request->nodeid == NODE_DISK ? disk_flush(disk) : 0, NULL, 0);
        return;
    case FUSE_STATFS:
        reply(disk, request, 0, &statfs_out, sizeof(statfs_out));
        return;
    case FUSE_OPENDIR:
        reply(disk, request, 0, &(struct fuse_open_out){0}, sizeof(struct fuse_open_out));
        return;
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_READDIR: /* an empty list: the two names are known */
    case FUSE_RELEASEDIR:
    case FUSE_ACCESS:
    case FUSE_DESTROY:
        reply(disk, request, 0, NULL, 0);
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        reply(disk, request, -ENOSYS, NULL, 0);
    }
}

static bool
open_image(struct vdisk *disk, const char *path)
{
    struct stat state;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    off_t data = 0;

    if (fd < 0 || fstat(fd, &state) != 0 || state.st_size == 0) {
        perror(path);
        return false;
    }
    disk->size = (uint64_t)state.st_size;
    disk->platter = mmap(NULL, disk->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    disk->current = mmap(NULL, disk->size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (disk->platter == MAP_FAILED || disk->current == MAP_FAILED) {
        perror("mapping the image");
        return false;
    }
    while ((data = lseek(fd, data, SEEK_DATA)) >= 0) {
        const off_t hole = lseek(fd, data, SEEK_HOLE);

        memcpy(disk->current + data, disk->platter + data, (size_t)(hole - data));
        data = hole;
    }
    close(fd);
    return true;
}

static bool
mount_at(struct vdisk *disk, const char *path)
{
    char options[96];

    disk->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    (void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", disk->fd);
    if (disk->fd < 0 || mount("vdisk", path, "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
        perror("mounting");
        return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    static struct vdisk disk;
    const struct fuse_in_header *request = (const void *)request_bytes;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: vdisk IMAGE MOUNT [JOURNAL]\n");
        return 2;
    }
    disk.has_journal = argc == 4;
    if ((disk.has_journal && !crash_journal_open(&disk.journal, argv[3])) ||
        !open_image(&disk, argv[1]) || !mount_at(&disk, argv[2]))
        return 2;
    for (;;) {
        const ssize_t got = read(disk.fd, request_bytes, sizeof(request_bytes) - 1);

        if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
            continue;
        if (got < (ssize_t)sizeof(*request))
            break; /* ENODEV: unmounted */
        request_bytes[got] = '\0';
        serve(&disk, request);
    }
    return 0;
}
