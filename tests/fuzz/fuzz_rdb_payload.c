/* Goal: no payload breaks RESTORE's parser, and what it takes is dumped and taken again.
 * Method: parse the input as it is and with the footer that makes its checksum right. */
#include "base/assert.h"
#include "base/crc64.h"
#include "daemon/rdb_payload.h"

enum { VALUE_BYTES_MAX_HERE = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct slice payload)
{
    struct buffer scratch = {0}, again_scratch = {0}, again = {0};
    struct slice value, again_value;

    if (rdb_payload_read(payload, VALUE_BYTES_MAX_HERE, &scratch, &value) == RDB_PAYLOAD_GOOD) {
        KV_ASSERT(value.size <= VALUE_BYTES_MAX_HERE);
        rdb_payload_append(&again, value);
        KV_ASSERT(rdb_payload_read(buffer_slice(&again), VALUE_BYTES_MAX_HERE, &again_scratch,
                                   &again_value) == RDB_PAYLOAD_GOOD);
        KV_ASSERT(slice_equal(value, again_value));
    }
    buffer_deinit(&scratch);
    buffer_deinit(&again_scratch);
    buffer_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer payload = {0};

    check(slice_of(data, size));
    buffer_append(&payload, data, size);
    buffer_put_fixed16(&payload, 10);
    buffer_put_fixed64(&payload, crc64_extend(0, payload.data, payload.size));
    check(buffer_slice(&payload));
    buffer_deinit(&payload);
    return 0;
}
