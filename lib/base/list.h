/* list.h - an intrusive doubly linked list; the head is a node that points to itself. */
#ifndef KV_BASE_LIST_H
#define KV_BASE_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void
list_init(struct list *node)
{
    node->next = node;
    node->prev = node;
}

static inline bool
list_empty(const struct list *head)
{
    return head->next == head;
}

/* Before `position`; with the head as position: at the end. */
static inline void
list_insert_before(struct list *position, struct list *node)
{
    node->next = position;
    node->prev = position->prev;
    position->prev->next = node;
    position->prev = node;
}

static inline void
list_push_back(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void
list_push_front(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

/* The node is a list of its own afterwards, so removing it twice is harmless. */
static inline void
list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline uint32_t
list_length(const struct list *head)
{
    uint32_t length = 0;

    for (const struct list *node = head->next; node != head; node = node->next)
        length++;
    return length;
}

#define LIST_ENTRY(node, type, member) KV_CONTAINER_OF(node, type, member)

#endif
