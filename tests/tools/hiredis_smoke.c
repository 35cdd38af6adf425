/* hiredis_smoke.c - hiredis, the library under most C clients, talks to a server.
 *
 *     hiredis_smoke <port>        exit code 0: all as expected
 *
 * Method: the synchronous calls with each kind of reply, binary bytes and a megabyte; then the
 * append form, which is how C programs pipeline: the replies come in order, whatever they wait for.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINE_COUNT = 20000, BIG_BYTES = 1024 * 1024 };

static int failed_count;

static void
expect(int is_true, const char *what)
{
    if (is_true)
        return;
    failed_count++;
    (void)fprintf(stderr, "hiredis_smoke: FAILED: %s\n", what);
}

/* Whether it is of the kind and, unless `text` is NULL, says that.  Frees it. */
static int
is_reply(redisReply *reply, int type, const char *text)
{
    const int is_good =
        reply != NULL && reply->type == type &&
        (text == NULL || (reply->len == strlen(text) && memcmp(reply->str, text, reply->len) == 0));

    freeReplyObject(reply);
    return is_good;
}

static int
is_integer(redisReply *reply, long long value)
{
    const int is_good =
        reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == value;

    freeReplyObject(reply);
    return is_good;
}

static void
check_kinds(redisContext *context)
{
    redisReply *reply;

    expect(is_reply(redisCommand(context, "PING"), REDIS_REPLY_STATUS, "PONG"), "PING");
    expect(is_reply(redisCommand(context, "SET hiredis:a %s", "value"), REDIS_REPLY_STATUS, "OK"),
           "SET");
    expect(is_reply(redisCommand(context, "GET hiredis:a"), REDIS_REPLY_STRING, "value"), "GET");
    expect(is_reply(redisCommand(context, "GET hiredis:none"), REDIS_REPLY_NIL, NULL), "a null");
    expect(is_reply(redisCommand(context, "INCR hiredis:a"), REDIS_REPLY_ERROR,
                    "ERR value is not an integer or out of range"),
           "an error");
    expect(is_integer(redisCommand(context, "DEL hiredis:a"), 1), "DEL");
    reply = redisCommand(context, "MGET hiredis:none hiredis:a hiredis:none");
    expect(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
               reply->element[1]->type == REDIS_REPLY_NIL,
           "MGET");
    freeReplyObject(reply);
}

static void
check_binary(redisContext *context)
{
    static const char key[] = "hiredis:\0\r\n\xff";
    char *big = malloc(BIG_BYTES);
    redisReply *reply;

    expect(big != NULL, "memory");
    if (big == NULL)
        return;
    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = (char)(i * 131 + i / 251);
    reply = redisCommand(context, "SET %b %b", key, sizeof(key), big, (size_t)BIG_BYTES);
    expect(is_reply(reply, REDIS_REPLY_STATUS, "OK"), "SET of a megabyte");
    reply = redisCommand(context, "GET %b", key, sizeof(key));
    expect(reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len == BIG_BYTES &&
               memcmp(reply->str, big, BIG_BYTES) == 0,
           "GET of a megabyte");
    freeReplyObject(reply);
    expect(is_integer(redisCommand(context, "DEL %b", key, sizeof(key)), 1), "DEL of binary");
    free(big);
}

static void
check_pipeline(redisContext *context)
{
    char text[32];

    for (int i = 0; i < PIPELINE_COUNT; i++) {
        redisAppendCommand(context, "INCR hiredis:counter");
        redisAppendCommand(context, "SET hiredis:%d %d", i % 100, i);
        redisAppendCommand(context, "GET hiredis:%d", i % 100);
    }
    for (int i = 0; i < PIPELINE_COUNT && failed_count == 0; i++) {
        void *replies[3] = {NULL};

        for (int j = 0; j < 3; j++)
            expect(redisGetReply(context, &replies[j]) == REDIS_OK, context->errstr);
        (void)snprintf(text, sizeof(text), "%d", i);
        expect(is_integer(replies[0], i + 1), "pipelined INCR");
        expect(is_reply(replies[1], REDIS_REPLY_STATUS, "OK"), "pipelined SET");
        expect(is_reply(replies[2], REDIS_REPLY_STRING, text), "pipelined GET");
    }
}

int
main(int argc, char **argv)
{
    redisContext *context = NULL;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: hiredis_smoke <port>\n");
        return 64;
    }
    context = redisConnect("127.0.0.1", atoi(argv[1]));
    if (context == NULL || context->err != 0) {
        (void)fprintf(stderr, "hiredis_smoke: %s\n", context == NULL ? "memory" : context->errstr);
        redisFree(context);
        return 69;
    }
    freeReplyObject(redisCommand(context, "DEL hiredis:counter"));
    check_kinds(context);
    check_binary(context);
    check_pipeline(context);
    redisFree(context);
    return failed_count == 0 ? 0 : 1;
}
