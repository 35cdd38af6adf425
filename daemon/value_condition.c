#include "daemon/value_condition.h"

#include <ctype.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/assert.h"
#include "daemon/command_value.h"

void
value_digest(struct slice value, char text[DIGEST_TEXT_BYTES])
{
    char with_end[DIGEST_TEXT_BYTES + 1];

    (void)snprintf(with_end, sizeof(with_end), "%016llx",
                   (unsigned long long)XXH3_64bits(value.data, value.size));
    memcpy(text, with_end, DIGEST_TEXT_BYTES);
}

enum value_condition_kind
value_condition_kind_of(struct slice word)
{
    static const char *const words[] = {"ifeq", "ifne", "ifdeq", "ifdne"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (argument_is(word, words[i]))
            return (enum value_condition_kind)(CONDITION_EQUAL + i);
    }
    return CONDITION_NONE;
}

static bool
is_of_digest(const struct value_condition *condition)
{
    return condition->kind == CONDITION_DIGEST_EQUAL ||
           condition->kind == CONDITION_DIGEST_NOT_EQUAL;
}

bool
value_condition_is_valid(const struct value_condition *condition)
{
    if (!is_of_digest(condition))
        return true;
    for (size_t i = 0; i < condition->operand.size; i++) {
        if (!isxdigit(condition->operand.data[i]))
            return false;
    }
    return condition->operand.size == DIGEST_TEXT_BYTES;
}

/* In any case of the letters. */
static bool
has_digest(struct slice value, struct slice digest)
{
    char text[DIGEST_TEXT_BYTES];

    value_digest(value, text);
    for (size_t i = 0; i < DIGEST_TEXT_BYTES; i++) {
        if (tolower(digest.data[i]) != text[i])
            return false;
    }
    return true;
}

bool
value_condition_holds(const struct value_condition *condition, bool exists, struct slice value)
{
    bool is_same;

    KV_ASSERT(value_condition_is_valid(condition));
    if (condition->kind == CONDITION_NONE)
        return true;
    if (is_of_digest(condition))
        is_same = exists && has_digest(value, condition->operand);
    else
        is_same = exists && slice_equal(value, condition->operand);
    return is_same ==
           (condition->kind == CONDITION_EQUAL || condition->kind == CONDITION_DIGEST_EQUAL);
}
