/* glob.c - one star is remembered at a time, and a mismatch goes back to the last star only,
 * which is enough: what an earlier star could take, the later one can take as well.  So the time
 * is bounded by pattern times text, where the recursive form is exponential.
 */
#include "daemon/glob.h"

#include <ctype.h>

#include "base/assert.h"

static uint8_t
fold(uint8_t byte, bool ignore_case)
{
    return ignore_case ? (uint8_t)tolower(byte) : byte;
}

/* The set that starts behind the '[' at pattern[*at]; moves *at behind its ']'.  A set that is
 * not closed ends with the pattern, as in Redis. */
static bool
match_set(struct slice pattern, size_t *at, uint8_t byte, bool ignore_case)
{
    size_t i = *at + 1;
    bool is_negated = i < pattern.size && pattern.data[i] == '^';
    bool is_in = false;

    byte = fold(byte, ignore_case);
    if (is_negated)
        i++;
    for (; i < pattern.size && pattern.data[i] != ']'; i++) {
        uint8_t low, high;

        if (pattern.data[i] == '\\' && i + 1 < pattern.size)
            i++;
        low = high = fold(pattern.data[i], ignore_case);
        if (i + 2 < pattern.size && pattern.data[i + 1] == '-') {
            high = fold(pattern.data[i + 2], ignore_case);
            i += 2;
        }
        if (low > high) {
            const uint8_t swapped = low;

            low = high;
            high = swapped;
        }
        if (byte >= low && byte <= high)
            is_in = true;
    }
    *at = i < pattern.size ? i + 1 : i;
    return is_in != is_negated;
}

/* Whether the pattern's element at *at takes `byte`; moves *at behind the element. */
static bool
match_one(struct slice pattern, size_t *at, uint8_t byte, bool ignore_case)
{
    KV_ASSERT(*at < pattern.size);
    if (pattern.data[*at] == '[')
        return match_set(pattern, at, byte, ignore_case);
    if (pattern.data[*at] == '?') {
        (*at)++;
        return true;
    }
    if (pattern.data[*at] == '\\' && *at + 1 < pattern.size)
        (*at)++;
    return fold(pattern.data[(*at)++], ignore_case) == fold(byte, ignore_case);
}

bool
glob_match(struct slice pattern, struct slice text, bool ignore_case)
{
    size_t at = 0, i = 0, star = SIZE_MAX, star_text = 0;

    while (i < text.size) {
        if (at < pattern.size && pattern.data[at] == '*') {
            star = ++at;
            star_text = i;
            continue;
        }
        if (at < pattern.size && match_one(pattern, &at, text.data[i], ignore_case)) {
            i++;
            continue;
        }
        if (star == SIZE_MAX)
            return false;
        at = star;
        i = ++star_text;
    }
    while (at < pattern.size && pattern.data[at] == '*')
        at++;
    return at == pattern.size;
}
