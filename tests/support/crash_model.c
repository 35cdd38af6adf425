/* crash_model.c - commands from numbers, and the search for the prefix that a crash has left.
 *
 * Commands are never numbered twice: after a check the client goes on behind the newest number
 * that it had sent, so a value that comes back from a lost write is known as what it is.
 */
#include "support/crash_model.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/random.h"

static const char magic[8] = "kvcrash1";

enum { VALUE_BYTES_MIN = 16, HEADER_TEXT_BYTES = 96 };

static size_t
journal_size(const struct crash_header *header)
{
    return sizeof(*header) + header->client_count * sizeof(struct crash_client) +
           (size_t)header->client_count * header->key_count * sizeof(uint64_t);
}

static bool
has_sane_parameters(const struct crash_header *header)
{
    return header->client_count >= 1 && header->client_count <= CRASH_CLIENT_COUNT_MAX &&
           header->key_count >= CRASH_KEYS_PER_COMMAND_MAX &&
           header->key_count <= CRASH_KEY_COUNT_MAX && header->value_bytes_max >= 1 &&
           header->value_bytes_max <= 64U << 20;
}

bool
crash_journal_create(const char *path, const struct crash_header *parameters)
{
    struct crash_header header = *parameters;
    bool is_made = false;
    int fd;

    if (!has_sane_parameters(parameters)) {
        fprintf(stderr, "crash journal: parameters out of range\n");
        return false;
    }
    memcpy(header.magic, magic, sizeof(magic));
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        is_made = ftruncate(fd, (off_t)journal_size(&header)) == 0 &&
                  pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header);
    if (!is_made)
        perror(path);
    if (fd >= 0)
        close(fd);
    return is_made;
}

bool
crash_journal_open(struct crash_journal *journal, const char *path)
{
    struct stat state;
    void *memory = MAP_FAILED;
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &state) == 0 && state.st_size >= (off_t)sizeof(*journal->header))
        memory = mmap(NULL, (size_t)state.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "%s: cannot be mapped\n", path);
        return false;
    }
    journal->header = memory;
    journal->size = (size_t)state.st_size;
    if (memcmp(journal->header->magic, magic, sizeof(magic)) != 0 ||
        !has_sane_parameters(journal->header) || journal_size(journal->header) != journal->size) {
        fprintf(stderr, "%s: is no crash journal\n", path);
        crash_journal_close(journal);
        return false;
    }
    journal->clients = (struct crash_client *)(void *)(journal->header + 1);
    journal->floors = (uint64_t *)(void *)(journal->clients + journal->header->client_count);
    return true;
}

void
crash_journal_close(struct crash_journal *journal)
{
    if (journal->header != NULL)
        munmap(journal->header, journal->size);
    memset(journal, 0, sizeof(*journal));
}

bool
crash_journal_is_frozen(const struct crash_journal *journal)
{
    return __atomic_load_n(&journal->header->is_frozen, __ATOMIC_SEQ_CST) != 0;
}

void
crash_journal_set_frozen(struct crash_journal *journal, bool is_frozen)
{
    __atomic_store_n(&journal->header->is_frozen, is_frozen, __ATOMIC_SEQ_CST);
}

static void
random_init_for(struct random *random, const struct crash_header *header, uint32_t client,
                uint64_t number, uint64_t what)
{
    const uint64_t words[] = {header->seed, client, number, what};

    random_init(random, hash_xxph3(words, sizeof(words)));
}

static enum crash_command_kind
draw_kind(struct random *random)
{
    const uint64_t draw = random_below(random, 100);

    if (draw < 50)
        return CRASH_SET;
    if (draw < 70)
        return CRASH_MSET;
    return draw < 82 ? CRASH_DEL : CRASH_GET;
}

void
crash_command_make(const struct crash_header *header, uint32_t client, uint64_t number,
                   struct crash_command *command)
{
    struct random random;
    uint64_t first, stride;

    KV_ASSERT(client < header->client_count);
    KV_ASSERT(number > 0);
    random_init_for(&random, header, client, number, UINT64_MAX);
    command->kind = draw_kind(&random);
    command->key_count = 1;
    if (command->kind == CRASH_MSET)
        command->key_count = 2 + (uint32_t)random_below(&random, CRASH_KEYS_PER_COMMAND_MAX - 1);
    else if (command->kind == CRASH_DEL)
        command->key_count = 1 + (uint32_t)random_below(&random, 3);
    first = random_below(&random, header->key_count);
    stride = 1 + random_below(&random, header->key_count / CRASH_KEYS_PER_COMMAND_MAX);
    for (uint32_t i = 0; i < command->key_count; i++)
        command->keys[i] = (uint32_t)((first + i * stride) % header->key_count);
}

size_t
crash_key_format(uint32_t client, uint32_t key, char *text)
{
    return (size_t)snprintf(text, CRASH_KEY_BYTES_MAX, "c%03u:k%06u", client, key);
}

/* Half of the filler repeats, so that compression has something to do. */
static void
value_append(const struct crash_header *header, uint32_t client, uint32_t key, uint64_t number,
             struct buffer *target)
{
    struct random random;
    uint64_t size_max = header->value_bytes_max;
    uint64_t size;
    size_t start;

    random_init_for(&random, header, client, number, key);
    if (random_below(&random, 4) != 0)
        size_max = size_max / 16 + 1;
    size = VALUE_BYTES_MIN + random_below(&random, size_max);
    start = target->size;
    for (uint64_t i = 0; i < size; i += 8) {
        const uint64_t word = i % 16 == 0 ? random_next(&random) : number;

        buffer_append(target, &word, size - i < 8 ? (size_t)(size - i) : 8);
    }
    buffer_append_format(target, ":%016" PRIx64,
                         hash_xxph3(target->data + start, target->size - start));
}

static void
labelled_value_append(const struct crash_header *header, uint32_t client, uint32_t key,
                      uint64_t number, struct buffer *target)
{
    buffer_append_format(target, "%u:%u:%" PRIu64 ":", client, key, number);
    value_append(header, client, key, number, target);
}

struct crash_observed
crash_value_read(const struct crash_header *header, uint32_t client, uint32_t key,
                 struct slice value)
{
    struct crash_observed observed = {.is_foreign = true};
    struct buffer expected = {0};
    char label[HEADER_TEXT_BYTES] = "";
    unsigned label_client, label_key;
    uint64_t number;

    memcpy(label, value.data, value.size < sizeof(label) - 1 ? value.size : sizeof(label) - 1);
    for (char *c = label; *c != '\0'; c++)
        *c = (char)(*c >= ' ' && *c <= '~' ? *c : '?');
    if (sscanf(label, "%u:%u:%" SCNu64 ":", &label_client, &label_key, &number) != 3 ||
        label_client != client || label_key != key || number == 0) {
        fprintf(stderr, "c%03u:k%06u: %zu bytes that nobody wrote there: %.40s\n", client, key,
                value.size, label);
        return observed;
    }
    labelled_value_append(header, client, key, number, &expected);
    observed.number = number;
    observed.is_foreign = !slice_equal(buffer_slice(&expected), value);
    if (observed.is_foreign)
        fprintf(stderr, "c%03u:k%06u: damaged value of command %" PRIu64 ", %zu bytes for %zu\n",
                client, key, number, value.size, expected.size);
    buffer_deinit(&expected);
    return observed;
}

static void
bulk_append(struct buffer *target, struct slice bytes)
{
    buffer_append_format(target, "$%zu\r\n", bytes.size);
    buffer_append_slice(target, bytes);
    buffer_append(target, "\r\n", 2);
}

void
crash_command_append(const struct crash_header *header, uint32_t client, uint64_t number,
                     const struct crash_command *command, struct buffer *target)
{
    static const char *const names[] = {"SET", "MSET", "DEL", "GET"};
    const bool has_values = command->kind == CRASH_SET || command->kind == CRASH_MSET;
    struct buffer value = {0};
    char key[CRASH_KEY_BYTES_MAX];

    buffer_append_format(target, "*%u\r\n", 1 + command->key_count * (has_values ? 2 : 1));
    bulk_append(target, slice_from_text(names[command->kind]));
    for (uint32_t i = 0; i < command->key_count; i++) {
        bulk_append(target, slice_of(key, crash_key_format(client, command->keys[i], key)));
        if (!has_values)
            continue;
        buffer_clear(&value);
        labelled_value_append(header, client, command->keys[i], number, &value);
        bulk_append(target, buffer_slice(&value));
    }
    buffer_deinit(&value);
}

static uint64_t *
floors_of(const struct crash_journal *journal, uint32_t client)
{
    KV_ASSERT(client < journal->header->client_count);
    return journal->floors + (size_t)client * journal->header->key_count;
}

void
crash_client_ack(struct crash_journal *journal, uint32_t client,
                 const struct crash_command *command)
{
    struct crash_client *state = &journal->clients[client];
    uint64_t *floors = floors_of(journal, client);

    KV_ASSERT(state->acked_number < state->sent_number);
    state->acked_number++;
    if (command->kind == CRASH_GET) {
        journal->header->read_count++;
        return;
    }
    for (uint32_t i = 0; i < command->key_count; i++)
        floors[command->keys[i]] = state->acked_number;
    journal->header->write_count++;
}

void
crash_client_refuse(struct crash_journal *journal, uint32_t client)
{
    struct crash_client *state = &journal->clients[client];

    KV_ASSERT(state->acked_number < state->sent_number);
    state->acked_number++;
    journal->header->error_count++;
}

bool
crash_client_doubt(struct crash_journal *journal, uint32_t client)
{
    struct crash_client *state = &journal->clients[client];

    KV_ASSERT(state->acked_number < state->sent_number);
    if (state->doubt_count == CRASH_DOUBT_COUNT_MAX)
        return false;
    state->doubts[state->doubt_count++] = ++state->acked_number;
    journal->header->error_count++;
    return true;
}

/* Whether the key holds what command `number` (0: none) has left in it. */
static bool
is_left_by(const struct crash_header *header, uint32_t client, uint64_t number,
           struct crash_observed observed)
{
    struct crash_command command;

    if (observed.is_foreign)
        return false;
    if (number == 0)
        return observed.number == 0;
    crash_command_make(header, client, number, &command);
    return observed.number == (command.kind == CRASH_DEL ? 0 : number);
}

static bool
touches(const struct crash_command *command, uint32_t key)
{
    for (uint32_t i = 0; i < command->key_count; i++) {
        if (command->keys[i] == key)
            return command->kind != CRASH_GET;
    }
    return false;
}

/* The newest command of unknown outcome that explains what the key holds; 0: there is none. */
static uint64_t
find_doubt(const struct crash_journal *journal, uint32_t client, uint32_t key,
           struct crash_observed observed)
{
    const struct crash_client *state = &journal->clients[client];
    const uint64_t floor = floors_of(journal, client)[key];
    struct crash_command command;

    for (uint32_t i = state->doubt_count; i-- > 0 && state->doubts[i] > floor;) {
        crash_command_make(journal->header, client, state->doubts[i], &command);
        if (touches(&command, key) &&
            is_left_by(journal->header, client, state->doubts[i], observed))
            return state->doubts[i];
    }
    return 0;
}

bool
crash_may_observe(const struct crash_journal *journal, uint32_t client, uint32_t key,
                  struct crash_observed observed)
{
    return is_left_by(journal->header, client, floors_of(journal, client)[key], observed) ||
           find_doubt(journal, client, key, observed) != 0;
}

int
crash_count_present(const struct crash_journal *journal, uint32_t client,
                    const struct crash_command *command)
{
    const uint64_t *floors = floors_of(journal, client);
    const struct crash_observed absent = {0};
    int count = 0;

    if (journal->clients[client].doubt_count > 0)
        return -1;
    for (uint32_t i = 0; i < command->key_count; i++)
        count += !is_left_by(journal->header, client, floors[command->keys[i]], absent);
    return count;
}

uint64_t
crash_count_all_present(const struct crash_journal *journal)
{
    const struct crash_observed absent = {0};
    uint64_t count = 0;

    for (uint32_t client = 0; client < journal->header->client_count; client++) {
        for (uint32_t key = 0; key < journal->header->key_count; key++)
            count += !is_left_by(journal->header, client, floors_of(journal, client)[key], absent);
    }
    return count;
}

/* A search for the prefix: the state after one more command at a time. */
struct prefix {
    uint64_t number;      /* the commands up to here have happened */
    uint64_t *floors;     /* owned: by key, the newest of them that wrote it */
    uint32_t wrong_count; /* keys that hold something else than this */
};

static void
prefix_advance(struct prefix *prefix, const struct crash_header *header, uint32_t client,
               const struct crash_observed *observed)
{
    struct crash_command command;

    crash_command_make(header, client, ++prefix->number, &command);
    if (command.kind == CRASH_GET)
        return;
    for (uint32_t i = 0; i < command.key_count; i++) {
        const uint32_t key = command.keys[i];
        const bool was_right = is_left_by(header, client, prefix->floors[key], observed[key]);

        prefix->floors[key] = prefix->number;
        prefix->wrong_count += was_right;
        prefix->wrong_count -= is_left_by(header, client, prefix->number, observed[key]);
    }
}

/* Keys that a command of unknown outcome explains are taken as that command has left them; the
 * rest must be right after the prefix. */
static void
prefix_init(struct prefix *prefix, const struct crash_journal *journal, uint32_t client,
            const struct crash_observed *observed)
{
    const uint32_t key_count = journal->header->key_count;

    prefix->number = journal->clients[client].acked_number;
    prefix->floors = kv_alloc(key_count * sizeof(*prefix->floors));
    prefix->wrong_count = 0;
    for (uint32_t key = 0; key < key_count; key++) {
        const uint64_t floor = floors_of(journal, client)[key];
        uint64_t doubt = 0;

        if (!is_left_by(journal->header, client, floor, observed[key]))
            doubt = find_doubt(journal, client, key, observed[key]);
        prefix->floors[key] = doubt != 0 ? doubt : floor;
        prefix->wrong_count +=
            !is_left_by(journal->header, client, prefix->floors[key], observed[key]);
    }
}

/* Why no prefix fits: each key alone first, then the keys together. */
static uint32_t
explain(const struct crash_journal *journal, uint32_t client, const struct crash_observed *observed)
{
    const struct crash_client *state = &journal->clients[client];
    const uint64_t *floors = floors_of(journal, client);
    struct crash_command command;
    uint32_t offence_count = 0;

    for (uint32_t key = 0; key < journal->header->key_count; key++) {
        bool is_explained = crash_may_observe(journal, client, key, observed[key]);

        for (uint64_t number = state->acked_number + 1; number <= state->sent_number; number++) {
            crash_command_make(journal->header, client, number, &command);
            is_explained |= touches(&command, key) &&
                            is_left_by(journal->header, client, number, observed[key]);
        }
        if (is_explained)
            continue;
        offence_count++;
        fprintf(stderr,
                "c%03u:k%06u: holds command %" PRIu64 "%s, acknowledged was %" PRIu64
                " (of %" PRIu64 " acknowledged, %" PRIu64 " sent)\n",
                client, key, observed[key].number,
                observed[key].is_foreign    ? " (not as it was written)"
                : observed[key].number == 0 ? " (absent)"
                                            : "",
                floors[key], state->acked_number, state->sent_number);
    }
    if (offence_count == 0) {
        offence_count = 1;
        fprintf(stderr,
                "client %u: no prefix of its commands fits (%" PRIu64 " acknowledged, %" PRIu64
                " sent): a command is half there, or one is missing before a later one\n",
                client, state->acked_number, state->sent_number);
    }
    return offence_count;
}

uint32_t
crash_client_check(struct crash_journal *journal, uint32_t client,
                   const struct crash_observed *observed)
{
    struct crash_client *state = &journal->clients[client];
    const uint64_t acked_number = state->acked_number;
    uint32_t offence_count = 0;
    struct prefix prefix;

    prefix_init(&prefix, journal, client, observed);
    while (prefix.wrong_count > 0 && prefix.number < state->sent_number)
        prefix_advance(&prefix, journal->header, client, observed);
    if (prefix.wrong_count > 0) {
        offence_count = explain(journal, client, observed);
    } else {
        memcpy(floors_of(journal, client), prefix.floors,
               journal->header->key_count * sizeof(*prefix.floors));
        journal->header->survivor_count += prefix.number - acked_number;
        state->acked_number = state->sent_number;
        state->doubt_count = 0;
    }
    free(prefix.floors);
    return offence_count;
}
