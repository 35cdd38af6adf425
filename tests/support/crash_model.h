/* crash_model.h - what clients of a server under test have sent, what they were told, and whether
 * what a server shows after a crash agrees with that.
 *
 * Every client owns its keys and sends numbered commands over one connection.  Command `number` of
 * a client, and each value that it writes, are pure functions of the seed, so the journal only
 * keeps counters.  A server that loses nothing that it acknowledged, and keeps each command whole,
 * shows the state after one prefix of a client's commands, which reaches at least to the last
 * acknowledged one: crash_model_check looks for that prefix.
 *
 * The journal is one shared mapping of a file that lies outside the disk under test.  One process
 * writes to it at a time; only `is_frozen` is set from outside, by whatever simulates a power cut,
 * at the instant of the cut: replies that are read later count as never received.
 */
#ifndef KV_TESTS_CRASH_MODEL_H
#define KV_TESTS_CRASH_MODEL_H

#include "base/buffer.h"

enum {
    CRASH_KEYS_PER_COMMAND_MAX = 8,
    CRASH_DOUBT_COUNT_MAX = 8192, /* commands of one client that got an error reply */
    CRASH_CLIENT_COUNT_MAX = 1000,
    CRASH_KEY_COUNT_MAX = 100000,
    CRASH_KEY_BYTES_MAX = 32,
};

enum crash_command_kind { CRASH_SET, CRASH_MSET, CRASH_DEL, CRASH_GET };

struct crash_command {
    enum crash_command_kind kind;
    uint32_t key_count;
    uint32_t keys[CRASH_KEYS_PER_COMMAND_MAX]; /* all different */
};

struct crash_header {
    char magic[8];
    uint32_t is_frozen; /* atomic */
    uint32_t client_count;
    uint32_t key_count; /* of each client */
    uint32_t value_bytes_max;
    uint64_t seed;
    uint64_t check_count;    /* crashes survived */
    uint64_t write_count;    /* acknowledged commands that wrote, in all */
    uint64_t read_count;     /* GETs that were compared under load */
    uint64_t error_count;    /* commands that got an error reply */
    uint64_t survivor_count; /* commands found after a crash that nobody had been told about */
};

struct crash_client {
    uint64_t sent_number;  /* the newest command that was sent, or tried to */
    uint64_t acked_number; /* the newest one whose reply came */
    uint32_t doubt_count;
    uint64_t doubts[CRASH_DOUBT_COUNT_MAX]; /* got an error reply: may have happened or not */
};

struct crash_journal {
    struct crash_header *header; /* the mapping; the other two point into it */
    struct crash_client *clients;
    uint64_t *floors; /* by client * key_count + key: newest acknowledged command; 0: none */
    size_t size;
};

/* What a key held: the command whose value it was. */
struct crash_observed {
    uint64_t number; /* 0: absent */
    bool is_foreign; /* a value that nobody wrote, or a damaged one */
};

/* All of these print what is wrong to standard error.  False: it cannot be made or mapped. */
bool crash_journal_create(const char *path, const struct crash_header *parameters);
bool crash_journal_open(struct crash_journal *journal, const char *path);
void crash_journal_close(struct crash_journal *journal);
bool crash_journal_is_frozen(const struct crash_journal *journal);
void crash_journal_set_frozen(struct crash_journal *journal, bool is_frozen);

void crash_command_make(const struct crash_header *header, uint32_t client, uint64_t number,
                        struct crash_command *command);
/* As RESP, with its values. */
void crash_command_append(const struct crash_header *header, uint32_t client, uint64_t number,
                          const struct crash_command *command, struct buffer *target);
size_t crash_key_format(uint32_t client, uint32_t key, char *text);

/* Whose value `value` is; the answer is checked against every byte that it should have. */
struct crash_observed crash_value_read(const struct crash_header *header, uint32_t client,
                                       uint32_t key, struct slice value);

/* The reply of `command`, the next after acked_number, has come.  A write moves its keys' floors.
 */
void crash_client_ack(struct crash_journal *journal, uint32_t client,
                      const struct crash_command *command);
/* It was an error that says that the command has changed nothing; so it must not have. */
void crash_client_refuse(struct crash_journal *journal, uint32_t client);
/* It was another error.  False: there are too many of them to remember. */
bool crash_client_doubt(struct crash_journal *journal, uint32_t client);
/* Whether a reader that has seen all replies so far may see `observed`. */
bool crash_may_observe(const struct crash_journal *journal, uint32_t client, uint32_t key,
                       struct crash_observed observed);
/* How many of the keys exist; -1: nobody can know. */
int crash_count_present(const struct crash_journal *journal, uint32_t client,
                        const struct crash_command *command);
/* How many keys exist after everything that was acknowledged. */
uint64_t crash_count_all_present(const struct crash_journal *journal);

/* After a restart: `observed` has a client's key_count keys.  Prints each offence and returns
 * their number; when there are none, what was observed becomes the new ground. */
uint32_t crash_client_check(struct crash_journal *journal, uint32_t client,
                            const struct crash_observed *observed);

#endif
