/* json_read.h - takes a JSON text apart, piece by piece, as the caller's schema expects it.
 *
 * The text is untrusted.  The first thing that is not as asked for ends the reading: a message with
 * its offset is logged, and every later call fails quietly, so a caller need only look at
 * json_has_failed in the end - and in loops, which json_member and json_element end by themselves.
 * There is no recursion: the depth is that of the schema.
 */
#ifndef KV_KVBENCH_JSON_READ_H
#define KV_KVBENCH_JSON_READ_H

#include "base/slice.h"

/* Integers that every JSON reader keeps exactly. */
#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1)

struct json {
    struct slice text; /* borrowed */
    size_t at;
    const char *name; /* borrowed; what to call the text in messages */
    bool has_failed;
};

void json_init(struct json *json, struct slice text, const char *name);
static inline bool
json_has_failed(const struct json *json)
{
    return json->has_failed;
}
/* The caller found that what was read makes no sense. */
void json_fail(struct json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* '{' or '['. */
void json_open(struct json *json, char bracket);
/* Begins the next member of an object: the index of its name, -1 after the last one.  Each of the
 * `count` <= 31 names must come once, in any order; *seen is 0 at first. */
int json_member(struct json *json, const char *const *names, uint32_t count, uint32_t *seen);
/* The same with any name, of less than `size` bytes; *count is 0 at first. */
bool json_any_member(struct json *json, char *name, size_t size, uint32_t *count);
/* Begins the next element of an array; false: there is none.  *count is 0 at first. */
bool json_element(struct json *json, uint32_t *count);

/* Printable UTF-8 of less than `size` bytes. */
void json_string(struct json *json, char *target, size_t size);
/* 0 to `max` <= JSON_INTEGER_MAX; 0 after a failure. */
uint64_t json_integer(struct json *json, uint64_t max);
/* 0 to `max`; 0 after a failure. */
double json_number(struct json *json, double max);
/* Takes a null if there is one. */
bool json_null(struct json *json);
/* Nothing but white space is left. */
void json_end(struct json *json);

#endif
