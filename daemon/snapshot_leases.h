/* snapshot_leases.h - the engine's snapshots as clients have them: each for a time.
 *
 * A snapshot that nobody releases keeps old versions on the disk for ever, so clients get a lease:
 * it ends by itself, on a timer, unless it is extended, and never lives longer than a setting
 * allows.  Any client may use, extend or drop it, by its id or its name; it ends with the server.
 *
 * A command that reads at a lease over several tries pins it, so that what it reads stays the same
 * even if the lease ends meanwhile.
 */
#ifndef KV_DAEMON_SNAPSHOT_LEASES_H
#define KV_DAEMON_SNAPSHOT_LEASES_H

#include "base/list.h"
#include "base/slice.h"
#include "db/db.h"
#include "io/io.h"

enum {
    LEASE_NAME_BYTES_MAX = 128,
    LEASE_OWNER_BYTES = 132, /* of each of the two texts, with a zero at its end */
};

struct db_snapshot;

struct snapshot_lease {
    struct list link; /* in leases->all, ascending by id; in none when it has ended */
    uint64_t id;
    char name[LEASE_NAME_BYTES_MAX + 1]; /* "": none */
    char owner_name[LEASE_OWNER_BYTES], owner_address[LEASE_OWNER_BYTES];
    struct db_snapshot *snapshot; /* owned; NULL: ended, and not pinned any more, or taken back */
    uint64_t seq;                 /* the newest sequence that is visible */
    uint64_t created_us, deadline_us; /* io_now_us */
    uint64_t log_bytes;               /* that had ever been logged when it was made */
    uint32_t pin_count;
    bool is_taken_back; /* it has shown a write that could not be made durable */
};

struct snapshot_leases {
    struct db *db; /* borrowed; NULL: not begun */
    struct io *io; /* borrowed */
    struct list all;
    uint32_t count;
    uint64_t id_next;
    struct io_timer timer; /* of the next end */
    uint64_t created_count, expired_count;
};

/* Ids count from `id_first` on, which should differ between two runs of a server, so that an id of
 * the one means nothing to the other. */
void snapshot_leases_init(struct snapshot_leases *leases, struct db *db, struct io *io,
                          uint64_t id_first);
/* Before db_close; nothing may be pinned.  Zeroed is fine. */
void snapshot_leases_deinit(struct snapshot_leases *leases);

struct snapshot_lease_request {
    struct slice name;                      /* empty: none; else one that no lease has */
    const char *owner_name, *owner_address; /* copied, as far as they fit */
    uint64_t ttl_us;
    uint32_t count_max; /* leases that there may be */
};
/* Of all families, as they are now.  The reply that tells of it waits until lease->seq is durable.
 * KV_LIMIT: there are too many; KV_INVALID: the name is taken. */
MUST_CHECK enum kv_status snapshot_lease_create(struct snapshot_leases *leases,
                                                const struct snapshot_lease_request *request,
                                                struct snapshot_lease **lease_out);
/* By its id, in digits, or by its name; NULL: there is none. */
struct snapshot_lease *snapshot_lease_find(struct snapshot_leases *leases, struct slice text);
/* Whether a lease may have this name: it cannot be taken for an id. */
bool snapshot_lease_may_be_called(struct slice name);
/* From now on it has so much time left, be that more or less than before. */
void snapshot_lease_extend(struct snapshot_leases *leases, struct snapshot_lease *lease,
                           uint64_t ttl_us);
/* Ends it; who has it pinned reads on. */
void snapshot_lease_drop(struct snapshot_leases *leases, struct snapshot_lease *lease);

void snapshot_lease_pin(struct snapshot_lease *lease);
/* NULL is fine. */
void snapshot_lease_unpin(struct snapshot_leases *leases, struct snapshot_lease *lease);

/* Versions above `seq_durable` are gone: what has seen them ends. */
void snapshot_leases_take_back(struct snapshot_leases *leases, uint64_t seq_durable);

#endif
