/* Goal: no file breaks the reader of journals, and a ledger that it makes keeps its invariants.
 * Method: the input as it is, and as the records of one frame with a right checksum behind a head.
 */
#include "base/assert.h"
#include "base/coding.h"
#include "base/crc32c.h"
#include "cli/kvbench/journal.h"
#include "support/quiet_log.h"

enum { KEY_COUNT_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
parse(struct slice bytes)
{
    struct journal_head head;
    struct ledger ledger;
    size_t whole_bytes;

    if (journal_parse(bytes, KEY_COUNT_MAX, &head, &ledger, &whole_bytes) != KV_OK)
        return;
    KV_ASSERT(whole_bytes <= bytes.size);
    for (uint64_t i = 0; i < ledger.key_count; i++) {
        const struct ledger_entry *entry = &ledger.entries[i];
        char name[JOURNAL_PREFIX_BYTES + JOURNAL_DIGITS_MAX];

        KV_ASSERT(entry->acknowledged <= entry->sent && entry->deleted <= entry->sent);
        KV_ASSERT(ledger_bounds(&ledger, i, ledger_floor(&ledger, i)).version_max == entry->sent);
        KV_ASSERT(journal_key_name(&head, i, name) < sizeof(name));
    }
    ledger_deinit(&ledger);
}

static void
append_frame(struct buffer *file, struct slice records)
{
    const size_t at = file->size;

    buffer_put_fixed32(file, 0);
    buffer_put_fixed32(file, (uint32_t)records.size);
    buffer_append_slice(file, records);
    put_fixed32(file->data + at,
                crc32c_mask(crc32c_extend(0, file->data + at + 4, 4 + records.size)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t head[] = {'H', 1, 0, 0, 0, 1, 2, 3, 4, 100, 12, 4, 'k', 'e', 'y', ':'};
    struct buffer file = {0};

    quiet_log();
    parse(slice_of(data, size));
    append_frame(&file, slice_of(head, sizeof(head)));
    append_frame(&file, slice_of(data, size));
    parse(buffer_slice(&file));
    buffer_clear(&file);
    append_frame(&file, slice_of(data, size));
    parse(buffer_slice(&file));
    buffer_deinit(&file);
    return 0;
}
