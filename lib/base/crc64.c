/* crc64.c - eight bytes a step, by eight tables that are made at the first use. */
#include "base/crc64.h"

#include <endian.h>
#include <string.h>

enum { STEP_BYTES = 8 };

static const uint64_t POLYNOMIAL_REFLECTED = UINT64_C(0x95ac9329ac4bc9b5);
static uint64_t tables[STEP_BYTES][256]; /* [0][1] is 0 until they are made */

static void
make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL_REFLECTED : 0);
        tables[0][byte] = crc;
    }
    for (int i = 1; i < STEP_BYTES; i++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            const uint64_t before = tables[i - 1][byte];

            tables[i][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

uint64_t
crc64_extend(uint64_t crc, const void *data, size_t size)
{
    const uint8_t *at = data;

    if (tables[0][1] == 0)
        make_tables();
    for (; size >= STEP_BYTES; size -= STEP_BYTES, at += STEP_BYTES) {
        uint64_t word, sum = 0;

        memcpy(&word, at, sizeof(word));
        word = le64toh(word) ^ crc;
        for (int i = 0; i < STEP_BYTES; i++)
            sum ^= tables[STEP_BYTES - 1 - i][word >> 8 * i & 0xff];
        crc = sum;
    }
    for (; size > 0; size--, at++)
        crc = crc >> 8 ^ tables[0][(crc ^ *at) & 0xff];
    return crc;
}
