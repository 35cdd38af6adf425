/* chain_table.h - a hash table whose entries carry their own links.
 *
 * Owns only its slots; the entries are the user's, who compares them: the table knows their hashes
 * and nothing else of them.  Zeroed is empty and valid.
 */
#ifndef KV_DAEMON_CHAIN_TABLE_H
#define KV_DAEMON_CHAIN_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct chain_node {
    struct chain_node *next;
    uint64_t hash; /* set by the user before it goes in */
};

struct chain_table {
    struct chain_node **slots; /* owned */
    uint32_t slot_count;       /* 0 or a power of two */
    uint32_t count;
};

/* Gives the slots back; the table must be empty. */
void chain_table_deinit(struct chain_table *table);
void chain_table_insert(struct chain_table *table, struct chain_node *node);
/* `node` is in it. */
void chain_table_remove(struct chain_table *table, struct chain_node *node);
/* The entries with this hash, one after another; NULL: no more. */
struct chain_node *chain_table_find(const struct chain_table *table, uint64_t hash);
struct chain_node *chain_table_find_next(const struct chain_node *node);

#endif
