/* inspect_log.c - a WAL, record by record; goes on behind damage as far as the format lets it.
 *
 * In a recycled file a failed check is the end, since the file's former life lies behind it.  So
 * that damage in the middle does not pass for an end, what follows is searched for fragments that
 * bear this log's number and a good checksum.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "cli/inspect_internal.h"
#include "io/file.h"
#include "key/write_batch.h"
#include "wal/log_reader.h"

struct log_totals {
    uint64_t record_count;
    uint64_t entry_count;
    uint64_t seq_next; /* what the next record should begin with; 0: unknown */
};

static void
print_record(struct inspection *inspection, const struct batch_record *record)
{
    (void)printf("    %llu %s", (unsigned long long)record->seq, inspect_type_name(record->type));
    if (record->cf_id != 0)
        (void)printf(" cf=%u", record->cf_id);
    (void)putchar(' ');
    inspect_bytes(inspection, record->key);
    if (record->type == TYPE_RANGE_DELETION)
        (void)printf(" .. ");
    else if (record->type == TYPE_VALUE || record->type == TYPE_MERGE ||
             record->type == TYPE_ENTITY)
        (void)printf(" = ");
    if (record->type != TYPE_DELETION && record->type != TYPE_SINGLE_DELETION)
        inspect_bytes(inspection, record->value);
    (void)putchar('\n');
}

static void
print_batch(struct inspection *inspection, uint64_t offset, struct slice encoded, void *owner)
{
    struct log_totals *totals = owner;
    struct write_batch_reader batch;
    struct batch_record record;
    bool found = true;
    enum kv_status st = write_batch_reader_init(&batch, encoded);

    (void)printf("record at %llu, %zu bytes", (unsigned long long)offset, encoded.size);
    if (st == KV_OK)
        (void)printf(": sequence %llu, %u entries", (unsigned long long)batch.seq_next,
                     batch.count);
    (void)putchar('\n');
    if (st == KV_OK && totals->seq_next != 0 && batch.seq_next != totals->seq_next)
        (void)printf("    the sequence jumps from %llu to %llu\n",
                     (unsigned long long)totals->seq_next, (unsigned long long)batch.seq_next);
    while (st == KV_OK && found) {
        st = write_batch_reader_next(&batch, &record, &found);
        if (st == KV_OK && found) {
            print_record(inspection, &record);
            totals->entry_count++;
        }
    }
    totals->record_count++;
    totals->seq_next = st == KV_OK ? batch.seq_next : 0;
    if (st != KV_OK)
        inspect_damage(inspection, "the batch at %llu: %s", (unsigned long long)offset,
                       kv_status_text(st));
}

/* A renamed file has no number; a recycled one carries its own in every header. */
static uint64_t
guess_number(struct inspection *inspection, const struct inspected_file *file)
{
    uint8_t header[LOG_HEADER_RECYCLABLE_BYTES];

    if (file->number != 0 || file->bytes < sizeof(header) ||
        file_read(inspection->io, file->fd, 0, header, sizeof(header)) != KV_OK)
        return file->number;
    return header[6] >= LOG_RECYCLABLE_FULL && header[6] < LOG_COMPRESSION
               ? load_fixed32(header + LOG_HEADER_BYTES)
               : 0;
}

/* False: that was the last. */
static bool
print_next(struct inspection *inspection, struct log_reader *reader, inspect_record_fn *on_record,
           void *owner)
{
    struct slice record;

    switch (log_reader_next(reader, &record)) {
    case LOG_READ_RECORD:
        on_record(inspection, reader->record_offset, record, owner);
        return true;
    case LOG_READ_CORRUPT:
        inspect_damage(inspection, "at %llu: %s", (unsigned long long)reader->damage_offset,
                       reader->damage);
        return true;
    case LOG_READ_TORN:
        inspect_damage(inspection,
                       "the file ends inside the record at %llu; a crash while writing, or a cut",
                       (unsigned long long)reader->record_offset);
        return false;
    case LOG_READ_REFUSED:
        inspect_damage(inspection, "a compressed log, which kvd does not support");
        return false;
    case LOG_READ_FAILED:
        inspect_note(inspection, reader->status);
        return false;
    case LOG_READ_END:
        break;
    }
    return false;
}

uint64_t
inspect_records(struct inspection *inspection, const struct inspected_file *file,
                uint64_t log_number, inspect_record_fn *on_record, void *owner)
{
    struct log_reader reader;
    uint64_t end;

    log_reader_init(&reader, inspection->io, file->fd, file->bytes, log_number);
    while (!ferror(stdout) && print_next(inspection, &reader, on_record, owner))
        continue;
    end = reader.offset;
    log_reader_deinit(&reader);
    return end;
}

enum { LENGTH_OFFSET = 4, TYPE_OFFSET = 6, NUMBER_OFFSET = 7 };

/* Whether a fragment of this log begins here; `rest` goes to the end of the block. */
static bool
is_fragment(struct slice rest, uint32_t log_number)
{
    uint8_t type;
    size_t length;

    if (rest.size < LOG_HEADER_RECYCLABLE_BYTES ||
        load_fixed32(rest.data + NUMBER_OFFSET) != log_number)
        return false;
    type = rest.data[TYPE_OFFSET];
    length = load_fixed16(rest.data + LENGTH_OFFSET);
    if (type < LOG_RECYCLABLE_FULL || type >= LOG_COMPRESSION ||
        length > rest.size - LOG_HEADER_RECYCLABLE_BYTES)
        return false;
    return crc32c_mask(crc32c_extend(0, rest.data + TYPE_OFFSET,
                                     LOG_HEADER_RECYCLABLE_BYTES - TYPE_OFFSET + length)) ==
           load_fixed32(rest.data);
}

/* *found_out: where the first one is at or behind `offset`. */
static bool
find_fragment(struct inspection *inspection, const struct inspected_file *file, uint64_t offset,
              uint32_t log_number, uint64_t *found_out)
{
    uint8_t *block = kv_alloc(LOG_BLOCK_BYTES);
    uint64_t start = offset - offset % LOG_BLOCK_BYTES;
    enum kv_status st = KV_OK;
    bool found = false;

    while (start < file->bytes && st == KV_OK && !found) {
        const uint64_t left = file->bytes - start;
        const size_t size = left < LOG_BLOCK_BYTES ? left : LOG_BLOCK_BYTES;

        st = file_read(inspection->io, file->fd, start, block, size);
        for (size_t at = offset > start ? offset - start : 0; st == KV_OK && at < size; at++) {
            if (!is_fragment(slice_of(block + at, size - at), log_number))
                continue;
            *found_out = start + at;
            found = true;
            break;
        }
        start += LOG_BLOCK_BYTES;
    }
    inspect_note(inspection, st);
    free(block);
    return found;
}

void
inspect_log(struct inspection *inspection)
{
    struct log_totals totals = {0};
    struct inspected_file file;
    uint64_t number, end, found;

    if (!inspect_open(inspection, &file))
        return;
    (void)printf("log %s, %llu bytes\n", inspection->path, (unsigned long long)file.bytes);
    number = guess_number(inspection, &file);
    end = inspect_records(inspection, &file, number, print_batch, &totals);
    (void)printf("%llu records, %llu entries, end at %llu\n",
                 (unsigned long long)totals.record_count, (unsigned long long)totals.entry_count,
                 (unsigned long long)end);
    if (number != 0 && find_fragment(inspection, &file, end, (uint32_t)number, &found))
        inspect_damage(
            inspection,
            "there is more of this log behind its end, from %llu: bytes before that were "
            "changed, or a power cut left the last write in pieces",
            (unsigned long long)found);
    file_close(inspection->io, file.fd);
}
