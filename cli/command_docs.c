/* command_docs.c - COMMAND DOCS' nested arrays as the lines that they were made of.
 *
 *     CLIENT PAUSE timeout [WRITE|ALL]
 *       Let the commands of all clients wait, or those that write.
 *
 * Whatever has not the form that is expected is left out.
 */
#include "cli/command_docs.h"

#include <ctype.h>
#include <string.h>

/* The value behind a name in an array of names and values; NULL: there is none of this type. */
static const redisReply *
find_field(const redisReply *map, const char *name, int type)
{
    for (size_t i = 0; map->type == REDIS_REPLY_ARRAY && i + 1 < map->elements; i += 2) {
        const redisReply *field = map->element[i], *value = map->element[i + 1];

        if (field->type == REDIS_REPLY_STRING && value->type == type &&
            strcmp(field->str, name) == 0)
            return value;
    }
    return NULL;
}

static void
add_text(const redisReply *map, const char *name, struct buffer *target)
{
    const redisReply *text = find_field(map, name, REDIS_REPLY_STRING);

    if (text != NULL)
        buffer_append(target, text->str, text->len);
}

static bool
has_flag(const redisReply *argument, const char *name)
{
    const redisReply *flags = find_field(argument, "flags", REDIS_REPLY_ARRAY);

    for (size_t i = 0; flags != NULL && i < flags->elements; i++) {
        if (flags->element[i]->type == REDIS_REPLY_STATUS &&
            strcmp(flags->element[i]->str, name) == 0)
            return true;
    }
    return false;
}

static bool
is_of_type(const redisReply *argument, const char *name)
{
    const redisReply *type = find_field(argument, "type", REDIS_REPLY_STRING);

    return type != NULL && strcmp(type->str, name) == 0;
}

static void add_arguments(const redisReply *arguments, const char *between, struct buffer *target);

/* Behind its word, if it has one. */
static void
add_value(const redisReply *argument, struct buffer *target)
{
    const redisReply *inside = find_field(argument, "arguments", REDIS_REPLY_ARRAY);

    if (inside != NULL)
        add_arguments(inside, is_of_type(argument, "oneof") ? "|" : " ", target);
    else
        add_text(argument, "name", target);
}

static void
add_word_and_value(const redisReply *argument, bool has_word, struct buffer *target)
{
    if (has_word)
        add_text(argument, "token", target);
    if (has_word && !is_of_type(argument, "pure-token"))
        buffer_append_byte(target, ' ');
    if (!is_of_type(argument, "pure-token"))
        add_value(argument, target);
}

static void
add_argument(const redisReply *argument, struct buffer *target)
{
    const bool has_word = find_field(argument, "token", REDIS_REPLY_STRING) != NULL;
    const bool is_optional = has_flag(argument, "optional");

    if (is_optional)
        buffer_append_byte(target, '[');
    add_word_and_value(argument, has_word, target);
    if (has_flag(argument, "multiple")) {
        buffer_append_format(target, " [");
        add_word_and_value(argument, has_word && has_flag(argument, "multiple_token"), target);
        buffer_append_format(target, " ...]");
    }
    if (is_optional)
        buffer_append_byte(target, ']');
}

static void
add_arguments(const redisReply *arguments, const char *between, struct buffer *target)
{
    for (size_t i = 0; i < arguments->elements; i++) {
        if (i > 0)
            buffer_append_format(target, "%s", between);
        add_argument(arguments->element[i], target);
    }
}

/* "client|pause" is CLIENT PAUSE. */
static void
add_name(const redisReply *name, struct buffer *target)
{
    for (size_t i = 0; i < name->len; i++) {
        const char byte = name->str[i];

        buffer_append_byte(target, byte == '|' ? ' ' : (uint8_t)toupper((unsigned char)byte));
    }
}

static void
add_command(const redisReply *name, const redisReply *docs, struct buffer *target)
{
    const redisReply *arguments = find_field(docs, "arguments", REDIS_REPLY_ARRAY);

    add_name(name, target);
    if (arguments != NULL) {
        buffer_append_byte(target, ' ');
        add_arguments(arguments, " ", target);
    }
    buffer_append_format(target, "\n  ");
    add_text(docs, "summary", target);
    buffer_append_byte(target, '\n');
}

static bool
is_command(const redisReply *pairs, size_t i)
{
    return pairs->element[i]->type == REDIS_REPLY_STRING &&
           pairs->element[i + 1]->type == REDIS_REPLY_ARRAY;
}

bool
command_docs_format(const redisReply *reply, struct buffer *target)
{
    const redisReply *docs, *seconds;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !is_command(reply, 0))
        return false;
    docs = reply->element[1];
    add_command(reply->element[0], docs, target);
    buffer_append_format(target, "  ");
    add_text(docs, "complexity", target);
    buffer_append_byte(target, '\n');
    seconds = find_field(docs, "subcommands", REDIS_REPLY_ARRAY);
    for (size_t i = 0; seconds != NULL && i + 1 < seconds->elements; i += 2) {
        if (is_command(seconds, i))
            add_command(seconds->element[i], seconds->element[i + 1], target);
    }
    return true;
}
