/* block_fetch.h - brings wanted pieces of tables from disk to where reads find them.
 *
 * Reads that want the same piece share one fetch.  Completions come from the loop, never from
 * inside block_fetch.  A fetch holds its table, so a version may die meanwhile.
 */
#ifndef KV_DB_BLOCK_FETCH_H
#define KV_DB_BLOCK_FETCH_H

#include "db/db.h"

struct block_fetcher;

/* is_direct: past the page cache, where the file system allows that. */
struct block_fetcher *block_fetcher_new(struct io *io, struct block_cache *cache, bool is_direct);
void block_fetcher_free(struct block_fetcher *fetcher); /* nothing in flight */
/* Fetches all that ctx wants; see db_fetch. */
void block_fetch(struct block_fetcher *fetcher, struct read_ctx *ctx, struct db_waiter *waiter);
/* A piece of this table is on its way: its file is about to be opened or is being read. */
bool block_fetcher_needs(const struct block_fetcher *fetcher, uint64_t table_number);
uint32_t block_fetcher_in_flight(const struct block_fetcher *fetcher);
void block_fetcher_get_stats(const struct block_fetcher *fetcher, uint64_t *fetch_count_out,
                             uint64_t *fetch_bytes_out);

#endif
