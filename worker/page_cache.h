/* page_cache.h - whether readers' data lie in the page cache, and how new tables get there.
 *
 * A compaction reads and writes past the page cache, which is right for tables that nobody reads.
 * But the outputs take the place of the inputs: where readers had found those in the cache they
 * would have to go to the disk, all of them at once.
 */
#ifndef KV_WORKER_PAGE_CACHE_H
#define KV_WORKER_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "compact/compaction_spec.h"

/* Of the inputs that lie deepest, by a sample; those of level 0 are there because they are new. */
bool page_cache_has_inputs(const char *dir, const struct compaction_spec *spec);
/* What the cache has of the file goes, so that the next read is one of the disk. */
void page_cache_forget(int fd);
/* Each read through `fd` brings what it asks for and no more. */
void page_cache_read_nothing_ahead(int fd);
/* The disk begins to read this, as far as the file goes, and nobody waits for it. */
void page_cache_want(int fd, uint64_t offset, uint64_t bytes);

#endif
