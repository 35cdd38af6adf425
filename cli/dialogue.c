/* dialogue.c - the same way for one verb and for a shell's thousand commands; a lost connection
 * is made anew with the next command. */
#include "cli/dialogue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/local_server.h"
#include "cli/reply_format.h"
#include "resp/resp_number.h"

void
dialogue_init(struct dialogue *dialogue, const struct options *options, bool in_shell)
{
    *dialogue = (struct dialogue){
        .options = *options,
        .for_person = isatty(STDOUT_FILENO) == 1,
        .in_shell = in_shell,
    };
}

enum exit_code
dialogue_close(struct dialogue *dialogue)
{
    connection_close(&dialogue->connection);
    dialogue->has_target = false;
    return local_server_stop();
}

enum exit_code
dialogue_connect(struct dialogue *dialogue)
{
    enum exit_code code = EXIT_OK;

    if (dialogue->connection.context != NULL)
        return EXIT_OK;
    if (!dialogue->has_target) {
        code = target_find(&dialogue->target, &dialogue->options);
        dialogue->has_target = code == EXIT_OK;
        if (dialogue->target.is_private)
            dialogue->options.password = NULL;
    }
    if (code == EXIT_OK)
        code =
            connection_open(&dialogue->connection, &dialogue->target.endpoint, &dialogue->options);
    return code;
}

/* A reconnect must find the same database or family. */
static void
note_select(struct dialogue *dialogue, const struct request *request, const redisReply *reply)
{
    int64_t index;

    if (request->count != 2 || reply->type != REDIS_REPLY_STATUS)
        return;
    if (request_word_is(request, 0, "SELECT") && resp_parse_int64(request->words[1], &index) &&
        index >= 0 && index <= DB_INDEX_MAX) {
        dialogue->options.db_index = (uint32_t)index;
        dialogue->options.family = NULL;
    }
    if (request_word_is(request, 0, "KV.USE") &&
        request->words[1].size < sizeof(dialogue->family)) {
        memcpy(dialogue->family, request->words[1].data, request->words[1].size);
        dialogue->family[request->words[1].size] = '\0';
        dialogue->options.family = dialogue->family;
    }
}

/* The same, as of the snapshot that --at names. */
static enum exit_code
run_at_snapshot(struct dialogue *dialogue, const struct request *request, redisReply **reply_out)
{
    struct request at = {0};
    enum exit_code code;

    request_add_text(&at, "KV.AT");
    request_add_text(&at, dialogue->options.snapshot);
    for (uint32_t i = 0; i < request->count; i++)
        request_add(&at, request->words[i]);
    code = connection_run(&dialogue->connection, &at, reply_out);
    request_deinit(&at);
    return code;
}

enum exit_code
dialogue_run(struct dialogue *dialogue, const struct request *request, redisReply **reply_out)
{
    enum exit_code code = dialogue_connect(dialogue);

    KV_ASSERT(request->count > 0);
    if (code == EXIT_OK && dialogue->options.snapshot != NULL)
        code = run_at_snapshot(dialogue, request, reply_out);
    else if (code == EXIT_OK)
        code = connection_run(&dialogue->connection, request, reply_out);
    if (code == EXIT_OK)
        note_select(dialogue, request, *reply_out);
    return code;
}

static enum output
choose_output(const struct dialogue *dialogue, const redisReply *reply)
{
    if (dialogue->options.output != OUTPUT_AUTO)
        return dialogue->options.output;
    if (!dialogue->for_person)
        return OUTPUT_RAW;
    return dialogue->in_shell || reply->type == REDIS_REPLY_ARRAY ? OUTPUT_PRETTY : OUTPUT_RAW;
}

static enum exit_code
print(const struct dialogue *dialogue, const struct request *request, const redisReply *reply)
{
    const struct reply_format format = {
        .output = choose_output(dialogue, reply),
        .shape = verb_shape(request),
        .request = request,
        .end_line = dialogue->for_person || dialogue->in_shell,
    };
    struct buffer text = {0};
    bool is_written;

    reply_format(&format, reply, &text);
    is_written = (text.size == 0 || fwrite(text.data, 1, text.size, stdout) == text.size) &&
                 fflush(stdout) == 0;
    buffer_deinit(&text);
    if (is_written)
        return EXIT_OK;
    complain("cannot write to standard output: %s", strerror(errno));
    return EXIT_IO;
}

enum exit_code
dialogue_show(struct dialogue *dialogue, const struct verb *verb, const struct request *request)
{
    redisReply *reply = NULL;
    enum exit_code code = dialogue_run(dialogue, request, &reply);
    enum exit_code written = EXIT_OK;

    if (code != EXIT_OK)
        return code;
    code = verb_judge(verb, request, reply);
    if (code == EXIT_SERVER_ERROR)
        complain("%s", reply->str);
    else
        written = print(dialogue, request, reply);
    freeReplyObject(reply);
    return written != EXIT_OK ? written : code;
}
