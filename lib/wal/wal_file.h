/* wal_file.h - the name of a WAL file (FORMAT.md section 1.1). */
#ifndef KV_WAL_WAL_FILE_H
#define KV_WAL_WAL_FILE_H

#include <stdint.h>

/* dir/NNNNNN.log; `target` has PATH_BYTES_MAX bytes.  Asserts that it fits: `dir` was checked at
 * open to leave room. */
void wal_file_name(char *target, const char *dir, uint64_t number);

#endif
