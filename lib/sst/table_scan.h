/* table_scan.h - all point entries of one table from front to back, past every cache.
 *
 * For compactions: reads large windows of the file, with O_DIRECT where that is possible and
 * wanted, checks and uncompresses block by block, and keeps nothing behind it.  Blocking: never
 * KV_WANT_BLOCK.  Unlike other iterators (iter.h) a scan is of no further use after a failure.
 */
#ifndef KV_SST_TABLE_SCAN_H
#define KV_SST_TABLE_SCAN_H

#include "iter/iter.h"
#include "sst/table_reader.h"

struct io;
struct table_scan;

/* Keeps a reference to the table.  `window_bytes` is what one read brings, more only for a larger
 * block.  `cached`: the page cache has the file, so it is read from there. */
struct table_scan *table_scan_new(struct table_reader *table, struct io *io, size_t window_bytes,
                                  bool cached);
void table_scan_free(struct table_scan *scan); /* NULL is fine */

/* Lives as long as the scan. */
struct iter *table_scan_iter(struct table_scan *scan);
/* As table_reader_tombstones, opening the table if need be. */
MUST_CHECK enum kv_status table_scan_tombstones(struct table_scan *scan,
                                                const struct range_tombstone **tombstones_out,
                                                size_t *count_out);
/* Behind the end: the last key that was shown; empty: none was. */
struct slice table_scan_last_key(const struct table_scan *scan);
/* Stored bytes of the blocks that have been entered. */
uint64_t table_scan_bytes_done(const struct table_scan *scan);

#endif
