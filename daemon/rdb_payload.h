/* rdb_payload.h - a value as DUMP gives it and RESTORE takes it: as Redis 7.0 stores it in an RDB.
 *
 *     type (0: a string) | string | RDB version, 2 bytes | CRC-64 of all before it, 8 bytes
 *
 *     string = length, bytes               length: 6, 14, 32 or 64 bits, by the first two bits
 *            | 0xc0 int8 | 0xc1 int16 | 0xc2 int32                      numbers, little-endian
 *            | 0xc3, length packed, length unpacked, LZF
 *
 * Numbers are written as Redis writes them, other strings always plain; all of them are read.
 */
#ifndef KV_DAEMON_RDB_PAYLOAD_H
#define KV_DAEMON_RDB_PAYLOAD_H

#include "base/buffer.h"

enum rdb_payload_verdict {
    RDB_PAYLOAD_GOOD,
    RDB_PAYLOAD_DAMAGED,    /* or of a later version */
    RDB_PAYLOAD_MALFORMED,  /* the checksum is right, the rest is not */
    RDB_PAYLOAD_OTHER_TYPE, /* a list, a hash, ... */
};

void rdb_payload_append(struct buffer *target, struct slice value);
/* `payload` may be anything.  GOOD: *value is borrowed from it or from `scratch`, and has at most
 * `value_bytes_max`. */
enum rdb_payload_verdict rdb_payload_read(struct slice payload, size_t value_bytes_max,
                                          struct buffer *scratch, struct slice *value);

#endif
