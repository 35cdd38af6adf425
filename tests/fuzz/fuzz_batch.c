/* Goal: no bytes upset the batch reader. */
#include "base/assert.h"
#include "key/write_batch.h"
#include "support/quiet_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct write_batch_reader reader;
    struct batch_record record;
    uint64_t record_count = 0;
    bool found = true;

    quiet_log();
    if (write_batch_reader_init(&reader, slice_of(data, size)) != KV_OK)
        return 0;
    while (write_batch_reader_next(&reader, &record, &found) == KV_OK && found) {
        KV_ASSERT(record.key.size + record.value.size < size);
        KV_ASSERT(record.seq <= SEQUENCE_MAX);
        record_count++;
    }
    KV_ASSERT(record_count <= reader.count);
    return 0;
}
