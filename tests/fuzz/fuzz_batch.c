/* Goal: no bytes upset the batch reader. */
#include "base/assert.h"
#include "base/log.h"
#include "key/write_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ignore_line(void *owner, enum log_level level, const char *line)
{
    (void)owner;
    (void)level;
    (void)line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct write_batch_reader reader;
    struct batch_record record;
    uint64_t record_count = 0;
    bool found = true;

    log_set_sink(ignore_line, NULL);
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
