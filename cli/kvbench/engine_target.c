/* engine_target.c - what a run asks for, done by the engine, --clients x --pipeline at a time.
 *
 * A slot is idle, busy with one operation, or ended (its lane gets no more).  The loop's turn is
 * kvd's: take in what is done, start as many again, then let the engine write and wait.
 */
#include "cli/kvbench/engine_target.h"

#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cli/kvbench/engine.h"
#include "daemon/config.h"

enum { TICK_US = 100 * 1000 };

struct slot {
    struct engine_op engine_op;
    struct op op;
    uint64_t able_ns; /* idle since */
    uint32_t lane;
    bool is_writing; /* an OP_RMW has come to its second half */
    struct slot *next_idle;
    struct buffer value; /* owned: to be written, or read if the run wants it */
    uint8_t key[BENCH_KEY_BYTES_MAX + 1];
};

struct engine_state {
    struct target target; /* first */
    const struct bench_options *options;
    struct engine *engine;   /* owned */
    struct slot *slots;      /* owned array */
    struct slot *idle_slots; /* the last that became idle is the first that is used */
    uint32_t slot_count;
};

static uint64_t
clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- opening --- */

static bool
set_config(struct config *config, struct slice name, struct slice text)
{
    const int index = config_option_find(name);
    char error[CONFIG_ERROR_BYTES];

    if (index < 0) {
        complain("--engine-set: kvd has no setting %.*s", (int)name.size, (const char *)name.data);
        return false;
    }
    if (config_set(config, (uint32_t)index, text, CONFIG_FROM_COMMAND_LINE, error))
        return true;
    complain("--engine-set: %s", error);
    return false;
}

/* "name=value,name=value" */
static bool
set_configs(struct config *config, const char *text)
{
    while (*text != '\0') {
        const size_t size = strcspn(text, ",");
        const char *value = memchr(text, '=', size);

        if (value == NULL) {
            complain("--engine-set: NAME=VALUE expected at %s", text);
            return false;
        }
        value++;
        if (!set_config(config, slice_of(text, (size_t)(value - 1 - text)),
                        slice_of(value, (size_t)(text + size - value))))
            return false;
        text += size + (text[size] == ',');
    }
    return true;
}

static bool
make_config(const struct bench_options *options, struct config *config)
{
    char error[CONFIG_ERROR_BYTES];

    config_init(config);
    if (!set_config(config, slice_from_text("dir"), slice_from_text(options->engine_dir)))
        return false;
    if (options->engine_settings != NULL && !set_configs(config, options->engine_settings))
        return false;
    if (config_check(config, error))
        return true;
    complain("--engine-set: %s", error);
    return false;
}

static void
make_slots(struct engine_state *state)
{
    const struct bench_options *options = state->options;

    state->slot_count = (uint32_t)(options->connection_count * options->depth);
    state->slots = kv_alloc_zero(sizeof(*state->slots) * state->slot_count);
    /* The first slot is on top, and with it the first lane. */
    for (uint32_t i = state->slot_count; i-- > 0;) {
        struct slot *slot = &state->slots[i];

        engine_op_init(&slot->engine_op);
        slot->lane = i % (uint32_t)options->connection_count;
    }
}

static enum exit_code
open_target(const struct bench_options *options, struct target **target_out)
{
    struct engine_state *state;
    struct config config;
    int code = EX_USAGE;

    if (options->ttl_s != 0) {
        complain("--engine has no --ttl");
        return EXIT_USAGE;
    }
    log_set_level(LOG_LEVEL_WARNING);
    state = kv_alloc_zero(sizeof(*state));
    state->target.class = &engine_target;
    state->options = options;
    if (make_config(options, &config))
        code = engine_open(&config, (uint32_t)options->batch_count, &state->engine);
    config_deinit(&config);
    if (code != 0) {
        free(state);
        if (code == EX_USAGE)
            return EXIT_USAGE;
        complain("%s cannot be opened", options->engine_dir);
        return code == EX_OSERR ? EXIT_NO_RING : EXIT_IO;
    }
    make_slots(state);
    *target_out = &state->target;
    return EXIT_OK;
}

/* --- driving --- */

static void
make_idle(struct engine_state *state, struct slot *slot, uint64_t now_ns)
{
    slot->able_ns = now_ns;
    slot->next_idle = state->idle_slots;
    state->idle_slots = slot;
}

static void
put_key(const struct run *run, struct slot *slot)
{
    uint32_t size = run_key_bytes(run);

    run_put_key(run, &slot->op, slot->key);
    if (slot->op.kind == OP_GET_MISSING)
        slot->key[size++] = '.';
    slot->engine_op.key = slice_of(slot->key, size);
}

static void
start_read(struct engine_state *state, struct run *run, struct slot *slot, enum engine_op_kind kind)
{
    struct engine_op *engine_op = &slot->engine_op;

    slot->is_writing = false;
    engine_op->kind = kind;
    engine_op->entry_count_max = slot->op.range_count;
    engine_op->read_value = run_wants_values(run) ? &slot->value : NULL;
    engine_start(state->engine, engine_op);
}

/* Noted first, if the run notes its writes; if it cannot, it has stopped, and the slot is idle. */
static void
start_write(struct engine_state *state, struct run *run, struct slot *slot,
            enum engine_op_kind kind)
{
    struct engine_op *engine_op = &slot->engine_op;

    slot->is_writing = true;
    engine_op->kind = kind;
    run_begin_write(run, &slot->op);
    if (kind == ENGINE_PUT) {
        buffer_clear(&slot->value);
        run_put_value(run, &slot->op, buffer_reserve(&slot->value, slot->op.value_bytes));
        engine_op->value = slice_of(slot->value.data, slot->op.value_bytes);
    }
    if (run_may_send(run))
        engine_start(state->engine, engine_op);
    else
        make_idle(state, slot, clock_ns());
}

/* False: the engine has no such operation. */
static bool
start(struct engine_state *state, struct run *run, struct slot *slot)
{
    put_key(run, slot);
    switch ((enum op_kind)slot->op.kind) {
    case OP_GET:
    case OP_GET_MISSING:
    case OP_RMW:
        start_read(state, run, slot, ENGINE_GET);
        return true;
    case OP_RANGE:
        start_read(state, run, slot, ENGINE_SCAN);
        return true;
    case OP_SET:
        start_write(state, run, slot, ENGINE_PUT);
        return true;
    case OP_DELETE:
        start_write(state, run, slot, ENGINE_DELETE);
        return true;
    case OP_MERGE:
    case OP_COMMAND:
    case OP_KIND_COUNT:
        break;
    }
    complain("--engine runs no merges and no --command");
    make_idle(state, slot, clock_ns());
    return false;
}

/* What is done is told to the run, and the slot is free again; but a read-modify-write goes on. */
static void
finish(struct engine_state *state, struct run *run, struct slot *slot)
{
    const struct engine_op *engine_op = &slot->engine_op;
    const bool is_found = !slot->is_writing && engine_op->entry_count > 0;
    const struct slice value =
        is_found && engine_op->read_value != NULL ? buffer_slice(&slot->value) : slice_of(NULL, 0);
    const uint64_t now_ns = clock_ns();

    if (engine_op->st == KV_OK && slot->op.kind == OP_RMW && !slot->is_writing) {
        run_done_reading(run, &slot->op, is_found, value);
        start_write(state, run, slot, ENGINE_PUT);
        return;
    }
    if (engine_op->st == KV_OK)
        run_done(run, &slot->op, is_found, value, now_ns);
    else
        run_failed(run, &slot->op, slice_from_text(kv_status_text(engine_op->st)), now_ns);
    make_idle(state, slot, now_ns);
}

/* Fills the idle slots as far as the run has something for them.  False: it asks for what the
 * engine cannot do. */
static bool
start_due(struct engine_state *state, struct run *run)
{
    const bool is_open_loop = run_is_open_loop(run);

    while (state->idle_slots != NULL) {
        struct slot *slot = state->idle_slots;
        /* In the closed loop an operation begins where the one before it in the slot ended. */
        const uint64_t now_ns = is_open_loop ? clock_ns() : slot->able_ns;
        const enum run_next next = run_next(run, slot->lane, now_ns, &slot->op);

        if (next == RUN_WAIT)
            return true;
        state->idle_slots = slot->next_idle;
        if (next == RUN_END)
            continue;
        if (is_open_loop)
            run_started(run, &slot->op, slot->able_ns, now_ns);
        else
            slot->op.start_ns = now_ns;
        if (!start(state, run, slot))
            return false;
    }
    return true;
}

/* How long the engine may wait: until the next operation is due. */
static uint64_t
patience_us(const struct engine_state *state, const struct run *run)
{
    const uint64_t now_ns = clock_ns();
    const uint64_t due_ns = run_due_ns(run);

    if (state->idle_slots == NULL || due_ns == UINT64_MAX)
        return TICK_US;
    if (due_ns <= now_ns)
        return 0;
    return (due_ns - now_ns) / 1000 < TICK_US ? (due_ns - now_ns) / 1000 : TICK_US;
}

static enum exit_code
drive(struct target *target, struct run *run, const volatile bool *interrupted)
{
    struct engine_state *state = (struct engine_state *)target;
    enum exit_code code = EXIT_OK;

    state->idle_slots = NULL;
    for (uint32_t i = state->slot_count; i-- > 0;)
        make_idle(state, &state->slots[i], clock_ns());
    do {
        struct engine_op *done;

        if (*interrupted)
            run_stop(run);
        if (!start_due(state, run)) {
            run_stop(run);
            code = EXIT_USAGE;
        }
        engine_turn(state->engine, patience_us(state, run));
        while ((done = engine_next_done(state->engine)) != NULL)
            finish(state, run, KV_CONTAINER_OF(done, struct slot, engine_op));
        run_tick(run, clock_ns());
    } while (state->idle_slots != NULL || engine_busy_count(state->engine) > 0);
    return code;
}

/* --- the rest --- */

static bool
cpu_ns(struct target *target, uint64_t *cpu_ns_out)
{
    const struct engine_state *state = (const struct engine_state *)target;
    struct engine_usage usage;

    engine_get_usage(state->engine, &usage);
    *cpu_ns_out = (usage.cpu_us + usage.worker_cpu_us) * 1000;
    return true;
}

static void
close_target(struct target *target)
{
    struct engine_state *state = (struct engine_state *)target;

    if (target == NULL)
        return;
    if (state->options->is_settling)
        engine_settle(state->engine);
    if (engine_close(state->engine) != 0)
        complain("%s was not closed cleanly", state->options->engine_dir);
    for (uint32_t i = 0; i < state->slot_count; i++)
        buffer_deinit(&state->slots[i].value);
    free(state->slots);
    free(state);
}

const struct target_class engine_target = {
    .open = open_target,
    .drive = drive,
    .cpu_ns = cpu_ns,
    .close = close_target,
};
