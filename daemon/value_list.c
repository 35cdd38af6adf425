/* value_list.c - the values of several keys, their blocks fetched side by side. */
#include "daemon/value_list.h"

#include "base/alloc.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

void
value_list_deinit(struct value_list *list)
{
    if (list->items != list->inline_items)
        free(list->items);
}

enum kv_status
value_list_read(struct command_call *call, uint32_t first, uint32_t step, struct value_list *list)
{
    enum kv_status result = KV_OK;

    KV_ASSERT(first < call->arg_count && step > 0);
    list->count = (call->arg_count - first - 1) / step + 1;
    list->items = list->inline_items;
    if (list->count > VALUE_LIST_INLINE_COUNT)
        list->items = kv_alloc(list->count * sizeof(list->items[0]));
    for (uint32_t i = 0; i < list->count; i++) {
        struct value_found *found = &list->items[i];
        enum kv_status st;

        if (i % READ_PREFETCH_COUNT_MAX == 0 && list->count > 1 && call->client->try_count == 0 &&
            call->seq_max == SEQUENCE_MAX)
            read_ahead_begin(&call->server->ahead, call->server->db, call->cf_id,
                             &call->args[first + i * step], step, list->count - i);
        st = value_read(call, call->args[first + i * step], &found->exists, &found->value);
        if (st != KV_OK)
            result = st;
        if (st != KV_OK && (st != KV_WANT_BLOCK || read_ctx_wants_enough(call->ctx)))
            break;
    }
    return result;
}
