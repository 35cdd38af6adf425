/* file_name.h - the names in a database directory (FORMAT.md section 1.1). */
#ifndef KV_VERSION_FILE_NAME_H
#define KV_VERSION_FILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Larger numbers are not ours: no counter may come near the end of 64 bits. */
#define FILE_NUMBER_MAX (UINT64_C(1) << 62)

enum file_kind {
    FILE_OTHER, /* not RocksDB's: never touched */
    FILE_WAL,
    FILE_TABLE, /* .sst or .ldb */
    FILE_BLOB,
    FILE_MANIFEST,
    FILE_OPTIONS,
    FILE_TEMPORARY,
    FILE_CURRENT,
    FILE_LOCK,
    FILE_IDENTITY,
    FILE_INFO_LOG,
};

/* The kind of a name without its directory, and its number (0 when it has none). */
enum file_kind file_name_parse(const char *name, uint64_t *number_out);
/* dir/NNNNNN.log and so on; `target` has PATH_BYTES_MAX bytes.  Asserts that it fits: `dir` was
 * checked at open to leave 64 bytes of room.  FILE_TABLE is an .sst, FILE_TEMPORARY an
 * NNNNNN.dbtmp; FILE_OTHER has no name. */
void file_name_format(char *target, const char *dir, enum file_kind kind, uint64_t number);

#endif
