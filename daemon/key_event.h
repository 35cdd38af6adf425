/* key_event.h - keyspace notifications: what happened to keys, as messages to subscribers.
 *
 *     PUBLISH __keyspace@<database>__:<key> <event>        PUBLISH __keyevent@<database>__:<event>
 * <key>
 *
 * The setting notify-keyspace-events says which classes of events are told, and in which of the
 * two forms; nothing is told by default, and then it costs a test.  A message leaves when what it
 * tells is durable.  The database is its number, or the name of a family that has none.
 *
 * What commands write is told by command_write, from the batch: a command's row in key_event.c says
 * what its puts are called.  Other events are told by notify_key_event.
 */
#ifndef KV_DAEMON_KEY_EVENT_H
#define KV_DAEMON_KEY_EVENT_H

#include "daemon/server.h"

/* Redis's, of which lists, sets, hashes, sorted sets, streams and modules have no events here. */
enum key_event_class {
    NOTIFY_KEYSPACE = 1 << 0,  /* K */
    NOTIFY_KEYEVENT = 1 << 1,  /* E */
    NOTIFY_GENERIC = 1 << 2,   /* g */
    NOTIFY_STRING = 1 << 3,    /* $ */
    NOTIFY_LIST = 1 << 4,      /* l */
    NOTIFY_SET = 1 << 5,       /* s */
    NOTIFY_HASH = 1 << 6,      /* h */
    NOTIFY_ZSET = 1 << 7,      /* z */
    NOTIFY_EXPIRED = 1 << 8,   /* x */
    NOTIFY_EVICTED = 1 << 9,   /* e */
    NOTIFY_STREAM = 1 << 10,   /* t */
    NOTIFY_KEY_MISS = 1 << 11, /* m, not in A */
    NOTIFY_MODULE = 1 << 13,   /* d */
    NOTIFY_NEW = 1 << 14,      /* n, not in A */
    NOTIFY_ALL = NOTIFY_GENERIC | NOTIFY_STRING | NOTIFY_LIST | NOTIFY_SET | NOTIFY_HASH |
                 NOTIFY_ZSET | NOTIFY_EXPIRED | NOTIFY_EVICTED | NOTIFY_STREAM | NOTIFY_MODULE,
};

/* For notify_key_event, after its test. */
void key_event_stage(struct server *server, const char *event, struct slice key, uint32_t cf_id);
/* Before call->batch is written: stages an event for each of its keys.  KV_WANT_BLOCK: class n is
 * told, for which the keys are read first. */
MUST_CHECK enum kv_status key_event_stage_batch(struct command_call *call);
/* A read of the command has not found the key. */
void key_event_stage_miss(struct command_call *call, struct slice key);

/* Tells `event` of the key in the family, if its class is told, once the command is over.  May be
 * called in any try. */
static inline void
notify_key_event(struct command_call *call, enum key_event_class class, const char *event,
                 struct slice key, uint32_t cf_id)
{
    if (call->server->config.notify_events & class)
        key_event_stage(call->server, event, key, cf_id);
}

#endif
