#include "support/sim_tree.h"

#include <errno.h>

#include "base/alloc.h"

enum { JOURNAL_COUNT_MAX = 2048 };

static char *
text_copy(const char *text)
{
    const size_t size = strlen(text) + 1;

    return memcpy(kv_alloc(size), text, size);
}

static struct sim_name *
names_find(const struct sim_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].name, name) == 0)
            return &names->list[i];
    }
    return NULL;
}

static void
names_set(struct sim_names *names, const char *name, struct sim_node *node)
{
    struct sim_name *found = names_find(names, name);

    if (found != NULL) {
        found->node = node;
        return;
    }
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 16 : names->capacity * 2;
        names->list = kv_realloc(names->list, names->capacity * sizeof(names->list[0]));
    }
    names->list[names->count++] = (struct sim_name){.name = text_copy(name), .node = node};
}

static void
names_remove(struct sim_names *names, const char *name, const struct sim_node *node)
{
    struct sim_name *found = names_find(names, name);

    if (found == NULL || found->node != node)
        return;
    free(found->name);
    *found = names->list[--names->count];
}

static void
names_clear(struct sim_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i].name);
    free(names->list);
    *names = (struct sim_names){0};
}

static struct sim_node *
node_new(struct sim_tree *tree, const char *path, bool is_dir)
{
    struct sim_node *node = kv_alloc_zero(sizeof(*node));

    node->id = tree->next_id++;
    node->is_dir = is_dir;
    node->path = text_copy(path);
    if (tree->node_count == tree->node_capacity) {
        tree->node_capacity = tree->node_capacity == 0 ? 64 : tree->node_capacity * 2;
        tree->nodes = kv_realloc(tree->nodes, tree->node_capacity * sizeof(tree->nodes[0]));
    }
    tree->nodes[tree->node_count++] = node;
    return node;
}

static void
node_free(struct sim_node *node)
{
    sim_file_deinit(&node->file);
    names_clear(&node->seen);
    names_clear(&node->fixed);
    free(node->path);
    free(node);
}

void
sim_tree_init(struct sim_tree *tree)
{
    *tree = (struct sim_tree){.next_id = 1};
    tree->root = node_new(tree, "/", true);
}

static void
change_deinit(struct sim_change *change)
{
    free(change->name_from);
    free(change->name_to);
}

void
sim_tree_deinit(struct sim_tree *tree)
{
    for (size_t i = 0; i < tree->change_count; i++)
        change_deinit(&tree->journal[i]);
    for (size_t i = 0; i < tree->node_count; i++)
        node_free(tree->nodes[i]);
    free(tree->journal);
    free(tree->nodes);
    *tree = (struct sim_tree){0};
}

/* The next part of *path into `part`; false at the end.  "." and "//" are nothing. */
static bool
next_part(const char **path, char part[256])
{
    size_t size;

    for (;;) {
        while (**path == '/')
            (*path)++;
        size = strcspn(*path, "/");
        if (size == 0)
            return false;
        KV_ASSERT(size < 256);
        memcpy(part, *path, size);
        part[size] = '\0';
        if (strcmp(part, ".") != 0)
            return true;
        *path += size;
    }
}

struct sim_node *
sim_tree_parent(struct sim_tree *tree, const char *path, const char **leaf)
{
    struct sim_node *dir = tree->root;
    char part[256];

    while (next_part(&path, part)) {
        const size_t size = strlen(part);
        const struct sim_name *found;

        if (path[size + strspn(path + size, "/")] == '\0') {
            *leaf = path;
            return path[size] == '\0' ? dir : NULL;
        }
        found = names_find(&dir->seen, part);
        if (found == NULL || !found->node->is_dir)
            return NULL;
        dir = found->node;
        path += size;
    }
    return NULL;
}

struct sim_node *
sim_tree_find(struct sim_tree *tree, const char *path)
{
    struct sim_node *node = tree->root;
    char part[256];

    while (next_part(&path, part)) {
        const struct sim_name *found = node->is_dir ? names_find(&node->seen, part) : NULL;

        if (found == NULL)
            return NULL;
        node = found->node;
        path += strlen(part);
    }
    return node;
}

static void
change_apply(const struct sim_change *change, bool fixed)
{
    if (change->name_to != NULL)
        names_set(fixed ? &change->to->fixed : &change->to->seen, change->name_to, change->node);
    if (change->name_from != NULL)
        names_remove(fixed ? &change->from->fixed : &change->from->seen, change->name_from,
                     change->node);
}

/* Moves the changes for which keep[i] is set to the platter and the rest to the front. */
static void
journal_commit(struct sim_tree *tree, const bool *keep)
{
    size_t left = 0;

    for (size_t i = 0; i < tree->change_count; i++) {
        if (!keep[i]) {
            tree->journal[left++] = tree->journal[i];
            continue;
        }
        change_apply(&tree->journal[i], true);
        change_deinit(&tree->journal[i]);
    }
    tree->change_count = left;
}

/* The system writes old changes back by itself after a while. */
static void
journal_write_back(struct sim_tree *tree)
{
    bool keep[JOURNAL_COUNT_MAX];

    for (size_t i = 0; i < JOURNAL_COUNT_MAX; i++)
        keep[i] = i < JOURNAL_COUNT_MAX / 2;
    journal_commit(tree, keep);
}

static void
change_make(struct sim_tree *tree, struct sim_change change)
{
    if (tree->change_count == tree->change_capacity) {
        tree->change_capacity = tree->change_capacity == 0 ? 64 : tree->change_capacity * 2;
        tree->journal = kv_realloc(tree->journal, tree->change_capacity * sizeof(change));
    }
    if (tree->change_count == JOURNAL_COUNT_MAX)
        journal_write_back(tree);
    tree->journal[tree->change_count++] = change;
    change_apply(&change, false);
}

struct sim_node *
sim_tree_create(struct sim_tree *tree, const char *path, bool is_dir)
{
    const char *leaf;
    struct sim_node *dir = sim_tree_parent(tree, path, &leaf);
    struct sim_node *node;

    KV_ASSERT(sim_tree_find(tree, path) == NULL);
    if (dir == NULL)
        return NULL;
    node = node_new(tree, path, is_dir);
    change_make(tree, (struct sim_change){.node = node, .to = dir, .name_to = text_copy(leaf)});
    return node;
}

int
sim_tree_rename(struct sim_tree *tree, const char *path, const char *path_to)
{
    const char *leaf, *leaf_to;
    struct sim_node *dir = sim_tree_parent(tree, path, &leaf);
    struct sim_node *dir_to = sim_tree_parent(tree, path_to, &leaf_to);
    struct sim_node *node = sim_tree_find(tree, path);
    const struct sim_node *replaced = sim_tree_find(tree, path_to);

    if (node == NULL || dir == NULL || dir_to == NULL)
        return -ENOENT;
    if (replaced == node)
        return 0;
    if (replaced != NULL && (replaced->is_dir || node->is_dir))
        return replaced->is_dir ? -EISDIR : -ENOTDIR;
    free(node->path);
    node->path = text_copy(path_to);
    change_make(tree, (struct sim_change){.node = node,
                                          .from = dir,
                                          .to = dir_to,
                                          .name_from = text_copy(leaf),
                                          .name_to = text_copy(leaf_to)});
    return 0;
}

int
sim_tree_unlink(struct sim_tree *tree, const char *path)
{
    const char *leaf;
    struct sim_node *dir = sim_tree_parent(tree, path, &leaf);
    struct sim_node *node = sim_tree_find(tree, path);

    if (node == NULL || dir == NULL)
        return -ENOENT;
    if (node->is_dir)
        return -EISDIR;
    change_make(tree, (struct sim_change){.node = node, .from = dir, .name_from = text_copy(leaf)});
    return 0;
}

int
sim_tree_link(struct sim_tree *tree, const char *path, const char *path_to)
{
    const char *leaf;
    struct sim_node *dir = sim_tree_parent(tree, path_to, &leaf);
    struct sim_node *node = sim_tree_find(tree, path);

    if (node == NULL || dir == NULL)
        return -ENOENT;
    if (node->is_dir)
        return -EPERM;
    if (sim_tree_find(tree, path_to) != NULL)
        return -EEXIST;
    change_make(tree, (struct sim_change){.node = node, .to = dir, .name_to = text_copy(leaf)});
    return 0;
}

int
sim_tree_rmdir(struct sim_tree *tree, const char *path)
{
    const char *leaf;
    struct sim_node *dir = sim_tree_parent(tree, path, &leaf);
    struct sim_node *node = sim_tree_find(tree, path);

    if (node == NULL || dir == NULL)
        return -ENOENT;
    if (!node->is_dir)
        return -ENOTDIR;
    if (node->seen.count > 0)
        return -ENOTEMPTY;
    change_make(tree, (struct sim_change){.node = node, .from = dir, .name_from = text_copy(leaf)});
    return 0;
}

void
sim_tree_sync_dir(struct sim_tree *tree, struct sim_node *dir)
{
    bool *keep;
    bool later = false;

    KV_ASSERT(dir->is_dir);
    if (tree->change_count == 0)
        return;
    keep = kv_alloc_zero(tree->change_count * sizeof(*keep));
    for (size_t i = tree->change_count; i-- > 0;) {
        const struct sim_change *change = &tree->journal[i];

        keep[i] = change->from == dir || change->to == dir || (later && !tree->harsh);
        later |= keep[i];
    }
    journal_commit(tree, keep);
    free(keep);
}

static void
journal_power_cut(struct sim_tree *tree, struct random *random)
{
    const size_t count = tree->change_count;
    const uint64_t mood = random_below(random, 4);
    const size_t prefix = mood == 0 ? 0 : mood == 1 ? count : random_below(random, count + 1);
    bool *keep;

    if (count == 0)
        return;
    keep = kv_alloc_zero(count * sizeof(*keep));
    for (size_t i = 0; i < count; i++)
        keep[i] = tree->harsh && mood >= 2 ? random_below(random, 2) == 0 : i < prefix;
    journal_commit(tree, keep);
    for (size_t i = 0; i < tree->change_count; i++)
        change_deinit(&tree->journal[i]);
    tree->change_count = 0;
    free(keep);
}

/* The names that files have now; a directory is older than what is in it. */
static void
renew_paths(struct sim_tree *tree)
{
    for (size_t i = 0; i < tree->node_count; i++) {
        const struct sim_node *dir = tree->nodes[i];

        for (size_t j = 0; j < dir->seen.count; j++) {
            struct sim_node *node = dir->seen.list[j].node;
            struct buffer path = {0};

            buffer_append_format(&path, "%s/%s", dir == tree->root ? "" : dir->path,
                                 dir->seen.list[j].name);
            free(node->path);
            node->path = kv_alloc_zero(path.size + 1);
            memcpy(node->path, path.data, path.size);
            buffer_deinit(&path);
        }
    }
}

void
sim_tree_power_cut(struct sim_tree *tree, struct random *random)
{
    journal_power_cut(tree, random);
    for (size_t i = 0; i < tree->node_count; i++) {
        struct sim_node *node = tree->nodes[i];

        node->open_count = 0;
        node->lock_fd = 0;
        if (!node->is_dir) {
            sim_file_power_cut(&node->file, random);
            continue;
        }
        names_clear(&node->seen);
        for (size_t j = 0; j < node->fixed.count; j++)
            names_set(&node->seen, node->fixed.list[j].name, node->fixed.list[j].node);
    }
    sim_tree_collect(tree);
    renew_paths(tree);
}

uint32_t
sim_tree_link_count(const struct sim_tree *tree, const struct sim_node *node)
{
    uint32_t count = 0;

    for (size_t i = 0; i < tree->node_count; i++) {
        const struct sim_names *names = &tree->nodes[i]->seen;

        for (size_t j = 0; j < names->count; j++)
            count += names->list[j].node == node;
    }
    return count;
}

static void
mark_names(const struct sim_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        names->list[i].node->marked = true;
}

uint64_t
sim_tree_used_bytes(const struct sim_tree *tree)
{
    uint64_t used = 0;

    for (size_t i = 0; i < tree->node_count; i++)
        tree->nodes[i]->marked = tree->nodes[i]->open_count > 0;
    for (size_t i = 0; i < tree->node_count; i++)
        mark_names(&tree->nodes[i]->seen);
    for (size_t i = 0; i < tree->node_count; i++) {
        if (tree->nodes[i]->marked)
            used += sim_file_bytes_used(&tree->nodes[i]->file);
    }
    return used;
}

void
sim_tree_collect(struct sim_tree *tree)
{
    size_t left = 0;

    for (size_t i = 0; i < tree->node_count; i++)
        tree->nodes[i]->marked = tree->nodes[i]->open_count > 0 || tree->nodes[i]->is_dir;
    for (size_t i = 0; i < tree->node_count; i++) {
        mark_names(&tree->nodes[i]->seen);
        mark_names(&tree->nodes[i]->fixed);
    }
    for (size_t i = 0; i < tree->change_count; i++)
        tree->journal[i].node->marked = true;
    for (size_t i = 0; i < tree->node_count; i++) {
        if (tree->nodes[i]->marked)
            tree->nodes[left++] = tree->nodes[i];
        else
            node_free(tree->nodes[i]);
    }
    tree->node_count = left;
}
