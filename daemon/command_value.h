/* command_value.h - what the handlers of string commands share: values, limits, numbers. */
#ifndef KV_DAEMON_COMMAND_VALUE_H
#define KV_DAEMON_COMMAND_VALUE_H

#include "daemon/command.h"

/* What there is under a key: LOOKUP_VALUE or LOOKUP_ABSENT, borrowed until anything else is read or
 * written. */
MUST_CHECK enum kv_status value_find(struct command_call *call, struct slice key,
                                     struct lookup *found);
/* Its value alone.  KV_OK: *exists says whether there is one. */
MUST_CHECK enum kv_status value_read(struct command_call *call, struct slice key, bool *exists,
                                     struct slice *value);
/* Adds a put to the batch.  False: the key or the value is too long, and the error reply has
 * been written; the handler returns KV_OK without writing the batch. */
bool value_put(struct command_call *call, struct slice key, struct slice value);
/* Puts the value, writes the batch and replies with the number; or as value_put when it does not
 * fit. */
MUST_CHECK enum kv_status value_write(struct command_call *call, struct slice key,
                                      struct slice value, int64_t reply);
/* The same over `old`, of which all but the value stays. */
MUST_CHECK enum kv_status value_write_over(struct command_call *call, struct slice key,
                                           const struct lookup *old, struct slice value,
                                           int64_t reply);
/* Whether a key may be written; false: the error reply has been written. */
bool value_check_key(struct command_call *call, struct slice key);
/* Checks before anything is built: appending may not make a value longer than Redis allows. */
bool value_check_size(struct command_call *call, uint64_t size);

/* An integer argument or value; false: Redis's error reply has been written. */
bool value_parse_int64(struct command_call *call, struct slice text, int64_t *number_out);
/* A float as INCRBYFLOAT reads it. */
bool value_parse_float(struct command_call *call, struct slice text, long double *number_out);
/* As Redis prints the result of INCRBYFLOAT: up to 17 decimals, without trailing zeros. */
enum { FLOAT_TEXT_BYTES_MAX = 5 * 1024 };
struct slice value_format_float(char text[FLOAT_TEXT_BYTES_MAX], long double number);

/* Sets is_first[i] for each key that did not stand at a lower index. */
void value_find_first_keys(const struct slice *keys, uint32_t count, bool *is_first);

/* "nx", case-insensitive. */
bool argument_is(struct slice argument, const char *lower_case);

#endif
