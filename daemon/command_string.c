/* command_string.c - GET, APPEND, MSET and their relatives; SET: command_set.c.
 *
 * Every handler reads first, then writes once, then replies, so it can be run again from the top
 * when a block is missing; see command.h.
 */
#include "base/alloc.h"
#include "base/limits.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"
#include "daemon/value_condition.h"
#include "daemon/value_list.h"

/* --- reading --- */

static void
reply_value(struct command_call *call, bool exists, struct slice value)
{
    if (exists)
        resp_bulk(&call->reply, value);
    else
        resp_null(&call->reply);
}

enum kv_status
command_get_value(struct command_call *call)
{
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st == KV_OK)
        reply_value(call, exists, value);
    return st;
}

/* A few keys can be asked for a million times over: the reply is measured before it is made.
 * False: an error has been replied. */
static bool
fits_output(struct command_call *call, const struct value_list *list)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < list->count; i++)
        size += list->items[i].value.size;
    if (size <= call->server->config.output_buffer_bytes_max)
        return true;
    resp_error(&call->reply, "ERR the reply would exceed client-output-buffer-limit");
    return false;
}

enum kv_status
command_mget(struct command_call *call)
{
    struct value_list list;
    const enum kv_status st = value_list_read(call, 1, 1, &list);

    if (st == KV_OK && fits_output(call, &list)) {
        resp_array(&call->reply, list.count);
        for (uint32_t i = 0; i < list.count; i++)
            reply_value(call, list.items[i].exists, list.items[i].value);
    }
    value_list_deinit(&list);
    return st;
}

enum kv_status
command_exists(struct command_call *call)
{
    struct value_list list;
    const enum kv_status st = value_list_read(call, 1, 1, &list);
    int64_t count = 0;

    if (st == KV_OK) {
        for (uint32_t i = 0; i < list.count; i++)
            count += list.items[i].exists;
        resp_integer(&call->reply, count);
    }
    value_list_deinit(&list);
    return st;
}

enum kv_status
command_strlen(struct command_call *call)
{
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st == KV_OK)
        resp_integer(&call->reply, (int64_t)value.size);
    return st;
}

enum kv_status
command_type(struct command_call *call)
{
    struct slice value;
    bool exists;
    const enum kv_status st = value_read(call, call->args[1], &exists, &value);

    if (st == KV_OK)
        resp_simple(&call->reply, exists ? "string" : "none");
    return st;
}

/* From Redis's start and end, which may be negative and out of range, to a run inside `size`. */
static struct slice
cut(struct slice value, int64_t start, int64_t end)
{
    const int64_t size = (int64_t)value.size;

    if (start < 0 && end < 0 && start > end)
        return slice_of(NULL, 0);
    if (start < 0)
        start = start + size < 0 ? 0 : start + size;
    if (end < 0)
        end = end + size < 0 ? 0 : end + size;
    if (end >= size)
        end = size - 1;
    if (size == 0 || start > end)
        return slice_of(NULL, 0);
    return slice_of(value.data + start, (size_t)(end - start + 1));
}

enum kv_status
command_getrange(struct command_call *call)
{
    int64_t start, end;
    struct slice value;
    bool exists;
    enum kv_status st;

    if (!value_parse_int64(call, call->args[2], &start) ||
        !value_parse_int64(call, call->args[3], &end))
        return KV_OK;
    st = value_read(call, call->args[1], &exists, &value);
    if (st == KV_OK)
        resp_bulk(&call->reply, cut(value, start, end));
    return st;
}

enum kv_status
command_getdel(struct command_call *call)
{
    struct slice old;
    bool exists;
    enum kv_status st = value_read(call, call->args[1], &exists, &old);

    if (st != KV_OK)
        return st;
    reply_value(call, exists, old);
    if (!exists)
        return KV_OK;
    write_batch_delete(call->batch, call->cf_id, call->args[1]);
    return command_write(call);
}

/* --- several keys --- */

/* False: the error reply has been written. */
static bool
put_pairs(struct command_call *call)
{
    for (uint32_t i = 1; i + 1 < call->arg_count; i += 2) {
        if (!value_put(call, call->args[i], call->args[i + 1]))
            return false;
    }
    return true;
}

static bool
has_pairs(struct command_call *call)
{
    if (call->arg_count % 2 == 1)
        return true;
    resp_error_format(&call->reply, "ERR wrong number of arguments for '%s' command",
                      call->command->name);
    return false;
}

enum kv_status
command_mset(struct command_call *call)
{
    enum kv_status st;

    if (!has_pairs(call) || !put_pairs(call))
        return KV_OK;
    st = command_write(call);
    if (st == KV_OK)
        resp_simple(&call->reply, "OK");
    return st;
}

static bool
any_exists(const struct value_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->items[i].exists)
            return true;
    }
    return false;
}

enum kv_status
command_msetnx(struct command_call *call)
{
    struct value_list list;
    enum kv_status st;
    bool is_taken;

    if (!has_pairs(call))
        return KV_OK;
    st = value_list_read(call, 1, 2, &list);
    is_taken = st == KV_OK && any_exists(&list);
    value_list_deinit(&list);
    if (st != KV_OK)
        return st;
    if (!is_taken) {
        if (!put_pairs(call))
            return KV_OK;
        st = command_write(call);
    }
    if (st == KV_OK)
        resp_integer(&call->reply, !is_taken);
    return st;
}

/* Puts the deletions of the keys that exist into the batch; a key that is named twice counts once.
 * Returns how many. */
static int64_t
delete_existing(struct command_call *call, const struct value_list *list)
{
    bool one = true;
    bool *is_first = list->count == 1 ? &one : kv_alloc(list->count * sizeof(bool));
    int64_t count = 0;

    if (list->count > 1)
        value_find_first_keys(call->args + 1, list->count, is_first);
    for (uint32_t i = 0; i < list->count; i++) {
        if (!list->items[i].exists || !is_first[i])
            continue;
        write_batch_delete(call->batch, call->cf_id, call->args[i + 1]);
        count++;
    }
    if (is_first != &one)
        free(is_first);
    return count;
}

enum kv_status
command_del(struct command_call *call)
{
    struct value_list list;
    enum kv_status st = value_list_read(call, 1, 1, &list);
    int64_t count = 0;

    if (st == KV_OK)
        count = delete_existing(call, &list);
    value_list_deinit(&list);
    if (count > 0)
        st = command_write(call);
    if (st == KV_OK)
        resp_integer(&call->reply, count);
    return st;
}

/* --- changing a part --- */

/* Writes the parts over `old`, one behind the other, and replies with the new size. */
static enum kv_status
write_joined(struct command_call *call, const struct lookup *old, const struct slice *parts,
             uint32_t part_count)
{
    struct buffer joined = {0};
    enum kv_status st;
    size_t size = 0;

    for (uint32_t i = 0; i < part_count; i++)
        size += parts[i].size;
    (void)buffer_reserve(&joined, size);
    for (uint32_t i = 0; i < part_count; i++)
        buffer_append_slice(&joined, parts[i]);
    st = value_write_over(call, call->args[1], old, buffer_slice(&joined), (int64_t)joined.size);
    buffer_deinit(&joined);
    return st;
}

enum kv_status
command_append(struct command_call *call)
{
    struct slice parts[2];
    struct lookup old;
    const enum kv_status st = value_find(call, call->args[1], &old);

    if (st != KV_OK)
        return st;
    parts[0] = old.value;
    parts[1] = call->args[2];
    if (!value_check_size(call, (uint64_t)parts[0].size + parts[1].size))
        return KV_OK;
    return write_joined(call, &old, parts, 2);
}

/* `old` with `patch` at `at`, zeros in between if it was shorter. */
static enum kv_status
write_patched(struct command_call *call, const struct lookup *found, size_t at, struct slice patch)
{
    const struct slice old = found->value;
    const size_t behind = at + patch.size;
    const size_t gap = old.size < at ? at - old.size : 0;
    struct buffer zeros = {0};
    struct slice parts[4];
    enum kv_status st;

    if (gap > 0) {
        memset(buffer_reserve(&zeros, gap), 0, gap);
        zeros.size = gap;
    }
    parts[0] = slice_of(old.data, at - gap);
    parts[1] = buffer_slice(&zeros);
    parts[2] = patch;
    parts[3] =
        behind < old.size ? slice_of(old.data + behind, old.size - behind) : slice_of(NULL, 0);
    st = write_joined(call, found, parts, 4);
    buffer_deinit(&zeros);
    return st;
}

enum kv_status
command_setrange(struct command_call *call)
{
    const struct slice patch = call->args[3];
    struct lookup old;
    int64_t offset;
    enum kv_status st;

    if (!value_parse_int64(call, call->args[2], &offset))
        return KV_OK;
    if (offset < 0) {
        resp_error(&call->reply, "ERR offset is out of range");
        return KV_OK;
    }
    st = value_find(call, call->args[1], &old);
    if (st != KV_OK)
        return st;
    if (patch.size == 0) {
        resp_integer(&call->reply, (int64_t)old.value.size);
        return KV_OK;
    }
    if (!value_check_size(call, (uint64_t)offset + patch.size))
        return KV_OK;
    return write_patched(call, &old, (size_t)offset, patch);
}
