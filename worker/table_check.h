/* table_check.h - whether a finished table can be opened and read by those who will need it. */
#ifndef KV_WORKER_TABLE_CHECK_H
#define KV_WORKER_TABLE_CHECK_H

#include "io/io.h"
#include "sst/table_builder.h"

/* Opens the table as a reader does, holds its properties against the summary, and finds its
 * smallest key.  output_file_verify has seen every byte before; this sees that they make a table.
 * KV_CORRUPT: they do not. */
MUST_CHECK enum kv_status table_check_run(struct io *io, const char *path,
                                          const struct table_summary *summary);

#endif
