/* journal_read.c - reads a journal, believing nothing.
 *
 * A frame that the file is too short for is a torn tail: kvbench was killed in the middle of the
 * write, so nothing in it was sent or counted, and it is dropped.  Everything else that is not as
 * the writer makes it is damage, for a journal with a hole would accuse the server of losses or,
 * worse, hide some.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "cli/kvbench/journal.h"
#include "cli/kvbench/journal_internal.h"

struct journal_reader {
    struct slice rest;  /* behind the frame */
    struct slice frame; /* the records of it that are left */
    size_t offset;      /* of `rest` in the file */
};

/* KV_OK: a frame; KV_NO_FILE: there is no further whole one. */
static enum kv_status
next_frame(struct journal_reader *reader)
{
    struct slice rest = reader->rest;
    uint32_t crc, records_bytes;

    if (!get_fixed32(&rest, &crc) || !get_fixed32(&rest, &records_bytes))
        return KV_NO_FILE;
    if (records_bytes == 0 || records_bytes > JOURNAL_FRAME_BYTES_MAX)
        return KV_FAIL(KV_CORRUPT, "journal: the frame at offset %zu claims %" PRIu32 " bytes",
                       reader->offset, records_bytes);
    if (!get_bytes(&rest, records_bytes, &reader->frame))
        return KV_NO_FILE;
    if (crc != crc32c_mask(crc32c_extend(0, reader->rest.data + 4, 4 + (size_t)records_bytes)))
        return KV_FAIL(KV_CORRUPT, "journal: the frame at offset %zu fails its checksum",
                       reader->offset);
    reader->offset += reader->rest.size - rest.size;
    reader->rest = rest;
    return KV_OK;
}

/* A name of printable bytes, so that it can be shown and used. */
static bool
read_prefix(struct slice *records, char prefix[JOURNAL_PREFIX_BYTES])
{
    struct slice name;

    if (!get_lstr(records, &name) || name.size >= JOURNAL_PREFIX_BYTES)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 0x20 || name.data[i] > 0x7e)
            return false;
    }
    memset(prefix, 0, JOURNAL_PREFIX_BYTES);
    memcpy(prefix, name.data, name.size);
    return true;
}

static enum kv_status
read_head(struct slice records, struct journal_head *head)
{
    struct slice byte;
    uint32_t version;

    if (!get_bytes(&records, 1, &byte) || byte.data[0] != JOURNAL_HEAD ||
        !get_fixed32(&records, &version))
        return KV_FAIL(KV_CORRUPT, "journal: it does not begin as a journal does");
    if (version != JOURNAL_FORMAT_VERSION)
        return KV_FAIL(KV_UNSUPPORTED, "journal: its format is %" PRIu32 ", this program knows %d",
                       version, JOURNAL_FORMAT_VERSION);
    if (!get_fixed32(&records, &head->run_tag) || !get_varint64(&records, &head->key_count) ||
        !get_bytes(&records, 1, &byte) || byte.data[0] > JOURNAL_DIGITS_MAX ||
        !read_prefix(&records, head->prefix) || records.size != 0)
        return KV_FAIL(KV_CORRUPT, "journal: its head is malformed");
    head->digits = byte.data[0];
    return KV_OK;
}

/* False: the record is malformed, or contradicts those before it. */
static bool
apply_record(struct slice *records, struct ledger *ledger)
{
    const struct ledger_entry *entry;
    struct slice kind;
    uint64_t key_id;
    uint32_t version;

    if (!get_bytes(records, 1, &kind) || !get_varint64(records, &key_id) ||
        !get_varint32(records, &version) || key_id >= ledger->key_count)
        return false;
    entry = &ledger->entries[key_id];
    switch (kind.data[0]) {
    case JOURNAL_VALUE_SENT:
    case JOURNAL_DELETION_SENT:
        if (entry->sent == UINT32_MAX || version != entry->sent + 1)
            return false;
        (void)ledger_send(ledger, key_id, kind.data[0] == JOURNAL_DELETION_SENT);
        return true;
    case JOURNAL_ACKNOWLEDGED:
        if (version <= entry->acknowledged || version > entry->sent)
            return false;
        ledger_acknowledge(ledger, key_id, version);
        return true;
    default:
        return false;
    }
}

static enum kv_status
apply_frames(struct journal_reader *reader, struct ledger *ledger)
{
    enum kv_status st;

    for (;;) {
        st = next_frame(reader);
        if (st != KV_OK)
            return st == KV_NO_FILE ? KV_OK : st;
        while (reader->frame.size > 0) {
            if (!apply_record(&reader->frame, ledger))
                return KV_FAIL(KV_CORRUPT,
                               "journal: the frame before offset %zu has a record that is "
                               "malformed or contradicts earlier ones",
                               reader->offset);
        }
    }
}

enum kv_status
journal_parse(struct slice bytes, uint64_t key_count_max, struct journal_head *head_out,
              struct ledger *ledger, size_t *whole_bytes_out)
{
    struct journal_reader reader = {.rest = bytes};
    enum kv_status st;

    *ledger = (struct ledger){0};
    *head_out = (struct journal_head){0};
    *whole_bytes_out = 0;
    st = next_frame(&reader);
    if (st == KV_NO_FILE)
        return KV_FAIL(KV_CORRUPT, "journal: it has no head");
    if (st == KV_OK)
        st = read_head(reader.frame, head_out);
    if (st != KV_OK)
        return st;
    if (head_out->key_count == 0 || head_out->key_count > key_count_max)
        return KV_FAIL(KV_CORRUPT, "journal: it claims %" PRIu64 " keys", head_out->key_count);
    if (!ledger_init(ledger, head_out->key_count, head_out->run_tag))
        return KV_FAIL(KV_LIMIT, "no memory for a ledger of %" PRIu64 " keys", head_out->key_count);
    st = apply_frames(&reader, ledger);
    if (st != KV_OK) {
        ledger_deinit(ledger);
        return st;
    }
    *whole_bytes_out = reader.offset;
    return KV_OK;
}

enum kv_status
journal_read(const char *path, struct journal_head *head_out, struct ledger *ledger,
             uint64_t *torn_bytes_out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    void *bytes = NULL;
    size_t size = 0, whole_bytes;
    enum kv_status st;

    if (fd < 0)
        return KV_FAIL(kv_status_from_errno(-errno), "cannot open the journal %s: %s", path,
                       strerror(errno));
    if (fstat(fd, &stat) == 0 && stat.st_size > 0) {
        size = (size_t)stat.st_size;
        bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (bytes == MAP_FAILED || bytes == NULL) {
        st = KV_FAIL(bytes == NULL ? KV_CORRUPT : KV_IO, "cannot read the journal %s: %s", path,
                     bytes == NULL ? "it is empty" : strerror(errno));
        (void)close(fd);
        return st;
    }
    st = journal_parse(slice_of(bytes, size), LEDGER_KEY_COUNT_MAX, head_out, ledger, &whole_bytes);
    if (st == KV_OK)
        *torn_bytes_out = size - whole_bytes;
    (void)munmap(bytes, size);
    (void)close(fd);
    return st;
}
