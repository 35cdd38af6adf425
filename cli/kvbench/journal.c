/* journal.c - writes the journal, frame by frame.
 *
 * Invariant: what is noted is in `pending` behind room for a frame head, or was written whole.  A
 * write(2) that fails, or writes a part, is final: a journal that may have a hole proves nothing.
 */
#include "cli/kvbench/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "cli/kvbench/journal_internal.h"

enum { RECORD_BYTES_MAX = 1 + VARINT64_BYTES_MAX + VARINT32_BYTES_MAX };

/* Makes room for one record, and for the head of its frame. */
static void
begin_record(struct journal *journal, uint8_t kind)
{
    const uint8_t room[JOURNAL_FRAME_HEAD_BYTES] = {0};

    KV_ASSERT(journal->fd >= 0);
    if (journal->pending.size == 0)
        buffer_append(&journal->pending, room, sizeof(room));
    buffer_append_byte(&journal->pending, kind);
}

static void
note(struct journal *journal, uint8_t kind, uint64_t key_id, uint32_t version)
{
    begin_record(journal, kind);
    buffer_put_varint64(&journal->pending, key_id);
    buffer_put_varint32(&journal->pending, version);
}

void
journal_note_sent(struct journal *journal, uint64_t key_id, uint32_t version, bool is_deletion)
{
    note(journal, is_deletion ? JOURNAL_DELETION_SENT : JOURNAL_VALUE_SENT, key_id, version);
}

void
journal_note_acknowledged(struct journal *journal, uint64_t key_id, uint32_t version)
{
    note(journal, JOURNAL_ACKNOWLEDGED, key_id, version);
}

static enum kv_status
write_frame(struct journal *journal, uint8_t *frame, size_t records_bytes)
{
    const size_t frame_bytes = JOURNAL_FRAME_HEAD_BYTES + records_bytes;
    ssize_t written;

    KV_ASSERT(records_bytes > 0 && records_bytes <= JOURNAL_FRAME_BYTES_MAX);
    put_fixed32(frame + 4, (uint32_t)records_bytes);
    put_fixed32(frame, crc32c_mask(crc32c_extend(0, frame + 4, 4 + records_bytes)));
    do {
        written = write(journal->fd, frame, frame_bytes);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)frame_bytes)
        return KV_OK;
    if (written >= 0)
        return KV_FAIL(KV_NO_SPACE, "the journal took only %zd of %zu bytes", written, frame_bytes);
    return KV_FAIL(kv_status_from_errno(-errno), "cannot write to the journal: %s",
                   strerror(errno));
}

/* The number of bytes of the records from `at` on that fit in one frame; they are our own. */
static size_t
records_for_a_frame(const struct buffer *pending, size_t at)
{
    const size_t rest = pending->size - at;
    struct slice records, whole;
    size_t taken = 0;

    if (rest <= JOURNAL_FRAME_BYTES_MAX)
        return rest;
    records = slice_of(pending->data + at, JOURNAL_FRAME_BYTES_MAX);
    whole = records;
    while (records.size >= RECORD_BYTES_MAX) {
        uint64_t number;
        uint8_t kind = records.data[0];

        records = slice_of(records.data + 1, records.size - 1);
        KV_ASSERT(kind != JOURNAL_HEAD);
        KV_ASSERT(get_varint64(&records, &number) && get_varint64(&records, &number));
        taken = whole.size - records.size;
    }
    return taken;
}

enum kv_status
journal_flush(struct journal *journal)
{
    size_t at = JOURNAL_FRAME_HEAD_BYTES;
    enum kv_status st = KV_OK;

    KV_ASSERT(journal->fd >= 0);
    /* The head of a later frame overwrites records that were written already. */
    while (st == KV_OK && at < journal->pending.size) {
        const size_t bytes = records_for_a_frame(&journal->pending, at);

        st = write_frame(journal, journal->pending.data + at - JOURNAL_FRAME_HEAD_BYTES, bytes);
        at += bytes;
    }
    buffer_clear(&journal->pending);
    return st;
}

static enum kv_status
write_head(struct journal *journal, const struct journal_head *head)
{
    begin_record(journal, JOURNAL_HEAD);
    buffer_put_fixed32(&journal->pending, JOURNAL_FORMAT_VERSION);
    buffer_put_fixed32(&journal->pending, head->run_tag);
    buffer_put_varint64(&journal->pending, head->key_count);
    buffer_append_byte(&journal->pending, head->digits);
    buffer_put_lstr(&journal->pending, slice_from_text(head->prefix));
    return journal_flush(journal);
}

static bool
is_same_keys(const struct journal_head *a, const struct journal_head *b)
{
    return a->key_count == b->key_count && a->digits == b->digits &&
           strcmp(a->prefix, b->prefix) == 0;
}

/* Goes on behind the last whole frame. */
static enum kv_status
continue_journal(struct journal *journal, const char *path, struct journal_head *head,
                 struct ledger *ledger)
{
    struct journal_head found;
    uint64_t torn_bytes;
    enum kv_status st = journal_read(path, &found, ledger, &torn_bytes);
    off_t end;

    if (st != KV_OK)
        return st;
    if (!is_same_keys(&found, head)) {
        st = KV_FAIL(KV_INVALID,
                     "%s is the journal of %" PRIu64 " keys named %s<%u digits>, which are not "
                     "the keys of this run",
                     path, found.key_count, found.prefix, found.digits);
        goto fail;
    }
    end = lseek(journal->fd, 0, SEEK_END);
    if (end < 0 || ftruncate(journal->fd, end - (off_t)torn_bytes) != 0) {
        st = KV_FAIL(kv_status_from_errno(-errno), "cannot cut the end of %s: %s", path,
                     strerror(errno));
        goto fail;
    }
    head->run_tag = found.run_tag;
    return KV_OK;

fail:
    ledger_deinit(ledger);
    return st;
}

enum kv_status
journal_open(struct journal *journal, const char *path, struct journal_head *head,
             struct ledger *ledger)
{
    enum kv_status st;

    KV_ASSERT(memchr(head->prefix, 0, sizeof(head->prefix)) != NULL);
    KV_ASSERT(head->digits <= JOURNAL_DIGITS_MAX);
    *journal = (struct journal){.fd = -1};
    *ledger = (struct ledger){0};
    journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (journal->fd < 0)
        return KV_FAIL(kv_status_from_errno(-errno), "cannot open the journal %s: %s", path,
                       strerror(errno));
    if (lseek(journal->fd, 0, SEEK_END) > 0)
        st = continue_journal(journal, path, head, ledger);
    else if (!ledger_init(ledger, head->key_count, head->run_tag))
        st = KV_FAIL(KV_LIMIT, "no memory for a ledger of %" PRIu64 " keys", head->key_count);
    else
        st = write_head(journal, head);
    if (st == KV_OK)
        return KV_OK;
    ledger_deinit(ledger);
    (void)close(journal->fd);
    buffer_deinit(&journal->pending);
    journal->fd = -1;
    return st;
}

enum kv_status
journal_close(struct journal *journal)
{
    enum kv_status st = journal_flush(journal);

    if (close(journal->fd) != 0 && st == KV_OK)
        st = KV_FAIL(kv_status_from_errno(-errno), "cannot close the journal: %s", strerror(errno));
    buffer_deinit(&journal->pending);
    journal->fd = -1;
    return st;
}

size_t
journal_key_name(const struct journal_head *head, uint64_t key_id,
                 char name[JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX])
{
    const int length = snprintf(name, JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX, "%s%0*" PRIu64,
                                head->prefix, (int)head->digits, key_id);

    KV_ASSERT(length > 0 && length < JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX);
    return (size_t)length;
}
