/* shell_completion.c - only the first word is completed: the server does not tell more. */
#include "cli/shell_completion.h"

#include <editline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

enum { NAME_COUNT_MAX = 10000 };

static struct {
    struct dialogue *dialogue; /* borrowed */
    char **names;              /* owned array of owned */
    size_t count;
    bool asked;
} completion;

static void
add_name(struct slice name)
{
    char *copy = kv_alloc(name.size + 1);

    KV_ASSERT(completion.count < NAME_COUNT_MAX);
    if (name.size > 0)
        memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    completion.names[completion.count++] = copy;
}

static void
load_names(void)
{
    struct request request = {0};
    redisReply *reply = NULL;

    if (completion.asked || completion.dialogue->connection.context == NULL)
        return;
    completion.asked = true;
    request_add_text(&request, "COMMAND");
    request_add_text(&request, "LIST");
    if (dialogue_run(completion.dialogue, &request, &reply) == EXIT_OK &&
        reply->type == REDIS_REPLY_ARRAY) {
        completion.names = kv_alloc_zero((NAME_COUNT_MAX + 8) * sizeof(completion.names[0]));
        for (size_t i = 0; i < reply->elements && completion.count < NAME_COUNT_MAX - 32; i++) {
            const redisReply *name = reply->element[i];

            if (name->type == REDIS_REPLY_STRING || name->type == REDIS_REPLY_STATUS)
                add_name(slice_of(name->str, name->len));
        }
        for (size_t i = 0; verb_at(i) != NULL; i++) {
            if (verb_at(i)->in_shell)
                add_name(slice_from_text(verb_at(i)->name));
        }
        add_name(slice_from_text("help"));
    }
    freeReplyObject(reply);
    request_deinit(&request);
}

/* The next name that begins with `text`, malloc'd, in the case that the user types in. */
static char *
next_name(const char *text, int state)
{
    static size_t at;
    const size_t size = strlen(text);
    const bool upper = size > 0 && text[0] >= 'A' && text[0] <= 'Z';

    if (state == 0)
        at = 0;
    while (at < completion.count) {
        const char *name = completion.names[at++];
        char *copy;

        if (strncasecmp(name, text, size) != 0)
            continue;
        copy = strdup(name);
        KV_ASSERT(copy != NULL);
        for (char *byte = copy; upper && *byte != '\0'; byte++) {
            if (*byte >= 'a' && *byte <= 'z')
                *byte = (char)(*byte - 'a' + 'A');
        }
        return copy;
    }
    return NULL;
}

static char **
complete(const char *text, int start, int end)
{
    (void)end;
    rl_attempted_completion_over = 1;
    if (start > 0)
        return NULL;
    load_names();
    return rl_completion_matches(text, next_name);
}

void
shell_completion_start(struct dialogue *dialogue)
{
    KV_ASSERT(completion.dialogue == NULL);
    completion.dialogue = dialogue;
    rl_attempted_completion_function = complete;
}

void
shell_completion_end(void)
{
    for (size_t i = 0; i < completion.count; i++)
        free(completion.names[i]);
    free(completion.names);
    memset(&completion, 0, sizeof(completion));
}
