/* client.h - one connection: bytes in, commands one after another, replies out in order.
 *
 *     recv (provided buffer) -> parse in place -> command -> replies -> send once a turn
 *
 * A client runs its commands until its input ends, a command waits (for a block, or for the
 * engine to be writable), its replies pile up, or its share of the turn is used up.  What is
 * left of the input is then copied to `query`, and is gone on with when the reason is gone.
 *
 * The kernel knows addresses inside a client while a receive, a send or a fetch is in flight, so
 * a closed one lives on until all of them are back; then it returns to the server's pool.
 */
#ifndef KV_DAEMON_CLIENT_H
#define KV_DAEMON_CLIENT_H

#include "base/list.h"
#include "cache/read_ctx.h"
#include "daemon/family_choice.h"
#include "daemon/read_ahead.h"
#include "daemon/reply_queue.h"
#include "daemon/transaction.h"
#include "db/db.h"
#include "io/ring.h"
#include "resp/resp_parser.h"
#include "resp/resp_writer.h"

enum {
    CLIENT_NAME_BYTES_MAX = 128, /* of names that CLIENT SETNAME and SETINFO set */
    CLIENT_ADDRESS_BYTES = 128,
    CLIENT_COMMANDS_A_TURN_MAX = 1024,
    /* Bounds of server.client_soft_bytes.  More unsent: no further command is run.  More unparsed
     * while waiting: nothing is received. */
    CLIENT_SOFT_BYTES_MIN = 16 * 1024,
    CLIENT_SOFT_BYTES_MAX = 1024 * 1024,
    CLIENT_KEPT_BYTES = 16 * 1024, /* of each buffer that an idle client keeps */
    CLIENT_POOL_COUNT_MAX = 256,   /* closed clients kept for reuse */
};

struct command;
struct command_work;
struct flush_ticket;
struct server;
struct snapshot_lease;
struct subscriber;

/* Why a client's commands are looked at more closely before they are run. */
enum client_gate {
    CLIENT_GATE_SUBSCRIBED = 1 << 0, /* has subscriptions: with RESP2 it may do little else */
    CLIENT_GATE_MONITOR = 1 << 1,    /* is shown all commands: it may not touch keys */
};

/* Why no further command is run. */
enum client_wait {
    CLIENT_READY,
    CLIENT_WAITS_FOR_BLOCK,    /* db_fetch is under way */
    CLIENT_WAITS_FOR_WRITABLE, /* for room to write; in server.busy_clients */
    CLIENT_WAITS_FOR_TABLES,   /* KV.FLUSH, KV.CF; its ticket makes it runnable */
    CLIENT_WAITS_FOR_UNPAUSE,  /* CLIENT PAUSE; in server.paused_clients */
    CLIENT_WAITS_FOR_TURN,     /* its share is used up; in server.runnable_clients */
    CLIENT_WAITS_FOR_OUTPUT,   /* over server.client_soft_bytes */
    CLIENT_WAITS_FOR_FLUSH,    /* closes once its replies are out */
};

struct client {
    struct server *server; /* borrowed */
    uint64_t id;
    int fd;
    bool is_unix;
    bool is_authenticated;
    bool is_ended;   /* the peer sends no more */
    bool is_closing; /* nothing more is parsed or sent; waits for what is in flight */
    bool is_no_evict, is_no_touch;
    bool replies_off, skips_reply, skips_next_reply; /* CLIENT REPLY */
    uint8_t gate;                                    /* enum client_gate */
    uint8_t protocol;                                /* 2 or 3 */
    /* See command_family.h. */
    struct family_choice choice;
    uint32_t cf_id;
    uint64_t family_generation; /* of the engine, when cf_id was looked up */
    enum client_wait wait;
    uint64_t created_us, active_us; /* io_now_us */
    uint64_t command_count, net_in_bytes, net_out_bytes;
    const struct command *last_command; /* NULL: none yet */
    char address[CLIENT_ADDRESS_BYTES];
    char local_address[CLIENT_ADDRESS_BYTES];
    char name[CLIENT_NAME_BYTES_MAX + 1];
    char library_name[CLIENT_NAME_BYTES_MAX + 1];
    char library_version[CLIENT_NAME_BYTES_MAX + 1];

    /* in */
    struct ring_event recv_event;
    bool recv_armed, recv_paused;
    struct resp_parser parser;
    struct buffer query; /* owned: input that was not parsed yet */
    size_t query_offset; /* of its first unparsed byte */
    uint64_t turn;       /* the server's, in which turn_command_count counts */
    uint32_t turn_command_count;

    /* the command in progress */
    bool command_started; /* ctx is initialised; a try wanted a block or was busy */
    bool fetch_armed;
    bool ends_after_command; /* it has asked for that itself, in the try that runs */
    bool is_first_writer;    /* the command has stood in line for room: it need not again */
    uint32_t try_count;
    bool is_cold;              /* the last command had to wait for blocks */
    uint64_t command_us;       /* spent in earlier tries */
    uint64_t begun_us;         /* server.now_us at its first try */
    uint64_t fetch_begun_us;   /* the same, of the latest db_fetch */
    struct command_work *work; /* owned: what it keeps between its tries; NULL: nothing */
    struct read_ctx ctx;       /* also lives between the commands of a wave */
    struct read_wave wave;     /* the commands behind this one that are served with it */
    struct db_waiter waiter;
    enum kv_status fetch_status;
    struct transaction transaction; /* MULTI and WATCH */
    struct flush_ticket *flush;     /* KV.FLUSH waits for it; see command_flush.c */
    struct snapshot_lease *lease;   /* pinned: the command reads at it; NULL: at none */

    /* out */
    struct ring_event send_event;
    bool send_armed;
    struct reply_queue replies;
    struct buffer sending;         /* owned; the kernel reads it while send_armed */
    size_t sent_bytes;             /* of `sending` */
    struct subscriber *subscriber; /* owned: its subscriptions; NULL: none */
    uint64_t push_soft_since_us;   /* over the soft limit of pushes since then; 0: it is not */

    uint64_t accounted_bytes; /* its part of server.client_buffer_bytes */
    struct list
        all_link; /* server.clients (the longest idle first), .closing_clients or the pool */
    struct list held_link;    /* server.held_clients: replies wait for durability */
    struct list wait_link;    /* busy_, paused_ or runnable_clients, by `wait` */
    struct list monitor_link; /* server.monitors */
    struct list send_link;    /* server.sending_clients: replies were added in this turn */
};

/* Takes over the connected socket, for the life of the client. */
struct client *client_open(struct server *server, int fd, bool is_unix);
/* Ends the connection at once; the client itself lives until the end of the turn at least.
 * `reason` is for the log; NULL: an ordinary end. */
void client_close(struct client *client, const char *reason);
/* Runs no further command and ends the connection when the replies so far are out. */
void client_close_after_reply(struct client *client);
/* A closed client of which the kernel and the engine have nothing any more can be freed. */
bool client_is_at_rest(const struct client *client);
/* Closes the socket and returns the client to the pool. */
void client_retire(struct client *client);
/* Gives the memory back. */
void client_free(struct client *client);

/* Goes on with the commands in `query`, now that a wait is over. */
void client_resume(struct client *client);
/* Starts sending what may go; called once a turn for each client with new replies. */
void client_flush(struct client *client);
/* After a change in the durable sequence or its replies: sends at the end of the turn. */
void client_want_flush(struct client *client);
/* Whether a reply is still owed or under way. */
bool client_is_busy(const struct client *client);
/* Unsent reply bytes, and all memory of its buffers. */
size_t client_output_bytes(const struct client *client);
size_t client_memory_bytes(const struct client *client);
/* After a change of its buffers: keeps the sum of all, and closes the largest clients when that
 * is more than a quarter of memory-limit; `client` may be one of them. */
void client_account(struct client *client);
/* As after connecting, but for the name of the library: RESET. */
void client_reset(struct client *client);
/* Whether `name` may be a client's or library's name; else replies with an error about `what`. */
bool client_check_name(struct slice name, const char *what, struct resp_writer *reply);
/* Copies a checked name to one of the client's. */
void client_set_text(char *target, struct slice text);
/* One line of CLIENT LIST, without the line end. */
void client_describe(const struct client *client, struct buffer *target);

#endif
