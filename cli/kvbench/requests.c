/* requests.c - each kind of operation is a template; here stand the commands. */
#include "cli/kvbench/requests.h"

#include "base/assert.h"

static const char *const commands[OP_KIND_COUNT] = {
    [OP_GET] = "GET __key__",
    [OP_GET_MISSING] = "GET __key__.",
    [OP_SET] = "SET __key__ __data__",
    [OP_RMW] = "GET __key__",
    [OP_RANGE] = "KV.RANGE [__key__ + LIMIT __count__",
    [OP_DELETE] = "DEL __key__",
    [OP_MERGE] = "KV.MERGE __key__ __data__",
};

enum exit_code
requests_init(struct requests *requests, const struct bench_options *options)
{
    const uint32_t key_bytes = (uint32_t)options->key_bytes;
    const char *why = NULL;
    bool is_good;

    *requests = (struct requests){0};
    for (unsigned kind = 0; kind < OP_KIND_COUNT; kind++) {
        if (commands[kind] == NULL)
            continue;
        is_good =
            request_template_init(&requests->templates[kind], commands[kind], key_bytes, &why);
        KV_ASSERT(is_good);
    }
    is_good = request_template_init(&requests->set_with_ttl, "SET __key__ __data__ EX __ttl__",
                                    key_bytes, &why);
    KV_ASSERT(is_good);
    if (options->command == NULL ||
        request_template_init(&requests->templates[OP_COMMAND], options->command, key_bytes, &why))
        return EXIT_OK;
    complain("--command: %s", why);
    return EXIT_USAGE;
}

void
requests_deinit(struct requests *requests)
{
    for (unsigned kind = 0; kind < OP_KIND_COUNT; kind++)
        request_template_deinit(&requests->templates[kind]);
    request_template_deinit(&requests->set_with_ttl);
}

static const struct request_template *
template_of(const struct requests *requests, const struct op *op)
{
    const bool is_set = op->kind == OP_SET || (op->kind == OP_RMW && op->phase == 1);

    KV_ASSERT(op->kind < OP_KIND_COUNT);
    if (is_set)
        return op->ttl_s > 0 ? &requests->set_with_ttl : &requests->templates[OP_SET];
    return &requests->templates[op->kind];
}

void
requests_append(const struct requests *requests, struct run *run, struct op *op,
                struct buffer *target)
{
    const struct request_template *request = template_of(requests, op);
    uint8_t key[BENCH_KEY_BYTES_MAX], *value;
    const struct request_values values = {
        .key = slice_of(key, run_key_bytes(run)),
        .value_bytes = op->value_bytes,
        .ttl_s = op->ttl_s,
        .count = op->range_count,
    };

    KV_ASSERT(request->piece_count > 0);
    if (request->has_data || op->kind == OP_DELETE)
        run_begin_write(run, op);
    run_put_key(run, op, key);
    request_template_append(request, target, &values, &value);
    if (value != NULL)
        run_put_value(run, op, value);
}
