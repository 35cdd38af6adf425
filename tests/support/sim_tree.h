/* sim_tree.h - the names of the simulated file system.
 *
 * Each directory has its names twice: as everyone sees them and as they are on the platter.
 * What lies between is one journal of changes over all directories, in order.  A change is
 * atomic.  Syncing a file never makes its name durable; syncing the directory does.
 */
#ifndef KV_TESTS_SUPPORT_SIM_TREE_H
#define KV_TESTS_SUPPORT_SIM_TREE_H

#include "support/sim_file.h"

struct sim_node;

struct sim_name {
    char *name; /* owned */
    struct sim_node *node;
};

struct sim_names {
    struct sim_name *list; /* owned */
    size_t count;
    size_t capacity;
};

struct sim_node {
    uint32_t id;
    bool is_dir;
    bool marked;
    struct sim_file file;   /* of a file */
    struct sim_names seen;  /* of a directory: as everyone sees it */
    struct sim_names fixed; /* of a directory: on the platter */
    char *path;             /* owned; the latest name, for messages and faults */
    uint32_t open_count;
    int lock_fd; /* 0: none */
};

/* Puts `node` at to/name_to, then takes it away from from/name_from; either may be missing. */
struct sim_change {
    struct sim_node *node;
    struct sim_node *from, *to;
    char *name_from, *name_to; /* owned */
};

struct sim_tree {
    struct sim_node *root;
    struct sim_node **nodes; /* owned, all there are */
    size_t node_count, node_capacity;
    struct sim_change *journal; /* owned */
    size_t change_count, change_capacity;
    uint32_t next_id;
    bool harsh; /* a sync or a cut takes any subset of the journal, not a prefix */
};

void sim_tree_init(struct sim_tree *tree);
void sim_tree_deinit(struct sim_tree *tree);
/* The directory that `path` is in and the last part of it; NULL if there is no such directory. */
struct sim_node *sim_tree_parent(struct sim_tree *tree, const char *path, const char **leaf);
struct sim_node *sim_tree_find(struct sim_tree *tree, const char *path); /* NULL: none */
struct sim_node *sim_tree_create(struct sim_tree *tree, const char *path, bool is_dir);
/* 0 or a negative errno. */
int sim_tree_rename(struct sim_tree *tree, const char *path, const char *path_to);
int sim_tree_unlink(struct sim_tree *tree, const char *path);
int sim_tree_link(struct sim_tree *tree, const char *path, const char *path_to);
int sim_tree_rmdir(struct sim_tree *tree, const char *path);
void sim_tree_sync_dir(struct sim_tree *tree, struct sim_node *dir);
/* Of the journal and of every file survives what chance leaves; nothing is open afterwards. */
void sim_tree_power_cut(struct sim_tree *tree, struct random *random);
/* Names that everyone sees. */
uint32_t sim_tree_link_count(const struct sim_tree *tree, const struct sim_node *node);
/* Of what has a name or is open. */
uint64_t sim_tree_used_bytes(const struct sim_tree *tree);
/* Frees nodes that have no name and are not open. */
void sim_tree_collect(struct sim_tree *tree);

#endif
