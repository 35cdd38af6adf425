/* Goal: the judge of the crash tests lets right states pass and no wrong one.
 *
 * Method: a server of one array per client runs a client's commands up to some number, the journal
 * says what was acknowledged and sent, and the check sees the state, right or with a planted fault.
 */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "support/crash_model.h"
#include "support/unit.h"

enum { KEY_COUNT = 40, CLIENT = 1 };

struct world {
    struct crash_journal journal;
    struct crash_observed state[KEY_COUNT];
};

static void
world_init(struct world *world, uint64_t seed)
{
    const struct crash_header parameters = {
        .client_count = 2, .key_count = KEY_COUNT, .value_bytes_max = 100, .seed = seed};
    char path[] = "/tmp/crash_model_test.XXXXXX";
    const int fd = mkstemp(path);

    memset(world, 0, sizeof(*world));
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    CU_ASSERT_FATAL(crash_journal_create(path, &parameters));
    CU_ASSERT_FATAL(crash_journal_open(&world->journal, path));
    unlink(path);
}

static void
happen(struct world *world, uint64_t number)
{
    struct crash_command command;

    crash_command_make(world->journal.header, CLIENT, number, &command);
    for (uint32_t i = 0; i < command.key_count && command.kind != CRASH_GET; i++)
        world->state[command.keys[i]].number = command.kind == CRASH_DEL ? 0 : number;
}

/* Sends `sent`, acknowledges `acked`; the server has done `done` of them. */
static void
run(struct world *world, uint64_t acked, uint64_t done, uint64_t sent)
{
    struct crash_client *client = &world->journal.clients[CLIENT];
    const uint64_t start = client->sent_number;
    struct crash_command command;

    client->sent_number += sent;
    for (uint64_t i = 1; i <= acked; i++) {
        crash_command_make(world->journal.header, CLIENT, start + i, &command);
        crash_client_ack(&world->journal, CLIENT, &command);
    }
    for (uint64_t i = 1; i <= done; i++)
        happen(world, start + i);
}

static uint32_t
judge(struct world *world)
{
    return crash_client_check(&world->journal, CLIENT, world->state);
}

static void
every_prefix_behind_the_acknowledged_passes(void)
{
    struct random random;
    struct world world;

    random_init(&random, unit_seed());
    world_init(&world, random_next(&random));
    for (int round = 0; round < 300; round++) {
        const uint64_t sent = random_below(&random, 100);
        const uint64_t done = random_below(&random, sent + 1);

        run(&world, random_below(&random, done + 1), done, sent);
        CU_ASSERT_EQUAL_FATAL(judge(&world), 0);
    }
    crash_journal_close(&world.journal);
}

/* The number of the next command from `number` on of this kind. */
static uint64_t
find_kind(const struct world *world, uint64_t number, enum crash_command_kind kind,
          struct crash_command *command)
{
    do
        crash_command_make(world->journal.header, CLIENT, ++number, command);
    while (command->kind != kind);
    return number;
}

static void
a_lost_acknowledged_write_is_seen(void)
{
    struct crash_command command;
    struct world world;
    uint64_t number;

    world_init(&world, unit_seed());
    number = find_kind(&world, 0, CRASH_SET, &command);
    run(&world, number, number - 1, number);
    CU_ASSERT_EQUAL(judge(&world), 1);
    crash_journal_close(&world.journal);
}

static void
half_of_a_command_is_seen(void)
{
    struct crash_command command;
    struct world world;
    uint64_t number;

    world_init(&world, unit_seed());
    number = find_kind(&world, 0, CRASH_MSET, &command);
    run(&world, number - 1, number, number);
    world.state[command.keys[0]] =
        (struct crash_observed){.number = world.journal.floors[KEY_COUNT + command.keys[0]]};
    if (world.state[command.keys[0]].number != 0) {
        struct crash_command earlier;

        crash_command_make(world.journal.header, CLIENT, world.state[command.keys[0]].number,
                           &earlier);
        if (earlier.kind == CRASH_DEL)
            world.state[command.keys[0]].number = 0;
    }
    CU_ASSERT_EQUAL(judge(&world), 1);
    crash_journal_close(&world.journal);
}

/* Two SETs under way: the later one is there and the earlier one is not. */
static void
a_hole_before_a_later_command_is_seen(void)
{
    struct crash_command first, second;
    bool is_hidden = false; /* a command in between has written the same key */
    struct world world;
    uint64_t number, later;

    world_init(&world, unit_seed());
    number = find_kind(&world, 0, CRASH_SET, &first);
    later = number;
    do
        later = find_kind(&world, later, CRASH_SET, &second);
    while (second.keys[0] == first.keys[0]);
    run(&world, number - 1, number - 1, later);
    for (uint64_t between = number + 1; between <= later; between++) {
        struct crash_command command;

        happen(&world, between);
        crash_command_make(world.journal.header, CLIENT, between, &command);
        for (uint32_t i = 0; i < command.key_count; i++)
            is_hidden |= command.kind != CRASH_GET && command.keys[i] == first.keys[0];
    }
    CU_ASSERT_EQUAL(judge(&world), is_hidden ? 0 : 1);
    crash_journal_close(&world.journal);
}

static void
a_value_that_was_never_sent_is_seen(void)
{
    struct world world;

    world_init(&world, unit_seed());
    run(&world, 50, 50, 50);
    world.state[3].number = 51;
    CU_ASSERT_EQUAL(judge(&world), 1);
    world.state[3] = (struct crash_observed){.is_foreign = true};
    CU_ASSERT_EQUAL(judge(&world), 1);
    crash_journal_close(&world.journal);
}

/* A lost write that comes back after a later restart has shown it lost. */
static void
what_was_lost_once_may_not_come_back(void)
{
    struct crash_command command;
    struct world world;
    uint64_t number;

    world_init(&world, unit_seed());
    number = find_kind(&world, 0, CRASH_SET, &command);
    run(&world, number - 1, number - 1, number);
    CU_ASSERT_EQUAL(judge(&world), 0);
    world.state[command.keys[0]].number = number;
    CU_ASSERT_EQUAL(judge(&world), 1);
    crash_journal_close(&world.journal);
}

static void
a_command_with_an_error_may_have_happened_or_not(void)
{
    for (int happens = 0; happens < 2; happens++) {
        struct crash_command command;
        struct world world;
        uint64_t number;

        world_init(&world, unit_seed());
        number = find_kind(&world, 0, CRASH_SET, &command);
        run(&world, number - 1, number - 1, number);
        CU_ASSERT_TRUE(crash_client_doubt(&world.journal, CLIENT));
        if (happens)
            happen(&world, number);
        run(&world, 5, 5, 5);
        CU_ASSERT_EQUAL(judge(&world), 0);
        crash_journal_close(&world.journal);
    }
}

/* Every byte of a value is known: one flipped bit, a byte less, a byte more. */
static void
a_damaged_value_is_foreign(void)
{
    struct crash_command command;
    struct buffer bytes = {0};
    struct world world;
    struct slice value;
    uint8_t *text;
    uint64_t number;

    world_init(&world, unit_seed());
    number = find_kind(&world, 0, CRASH_SET, &command);
    crash_command_append(world.journal.header, CLIENT, number, &command, &bytes);
    /* Its last bulk: behind the last '$', a line and the value, then the end of line. */
    text = bytes.data + bytes.size;
    do
        text--;
    while (memcmp(text, "$", 1) != 0 || memcmp(text - 2, "\r\n", 2) != 0);
    text = (uint8_t *)memchr(text, '\n', 20) + 1;
    value = slice_of(text, (size_t)(bytes.data + bytes.size - 2 - text));
    CU_ASSERT_FALSE(
        crash_value_read(world.journal.header, CLIENT, command.keys[0], value).is_foreign);
    for (size_t i = 0; i < value.size; i++) {
        text[i] ^= 1;
        CU_ASSERT_TRUE(
            crash_value_read(world.journal.header, CLIENT, command.keys[0], value).is_foreign);
        text[i] ^= 1;
    }
    value.size--;
    CU_ASSERT_TRUE(
        crash_value_read(world.journal.header, CLIENT, command.keys[0], value).is_foreign);
    buffer_deinit(&bytes);
    crash_journal_close(&world.journal);
}

static const struct unit_test tests[] = {
    UNIT_TEST(every_prefix_behind_the_acknowledged_passes),
    UNIT_TEST(a_lost_acknowledged_write_is_seen),
    UNIT_TEST(half_of_a_command_is_seen),
    UNIT_TEST(a_hole_before_a_later_command_is_seen),
    UNIT_TEST(a_value_that_was_never_sent_is_seen),
    UNIT_TEST(what_was_lost_once_may_not_come_back),
    UNIT_TEST(a_command_with_an_error_may_have_happened_or_not),
    UNIT_TEST(a_damaged_value_is_foreign),
    UNIT_TEST_END,
};

int
main(int argc, char **argv)
{
    return unit_main("crash_model", tests, argc, argv);
}
