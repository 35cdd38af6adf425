/* number.h - numbers as people type them. */
#ifndef KV_KVBENCH_NUMBER_H
#define KV_KVBENCH_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, and k, m or g for thousands, millions, milliards; moves *text behind what was
 * taken.  False: no digit, or more than `max`. */
bool number_take(const char **text, uint64_t max, uint64_t *value_out);
/* The same, and nothing may follow. */
bool number_parse(const char *text, uint64_t max, uint64_t *value_out);
/* Decimal, with a fraction; between `min` and `max`; nothing may follow. */
bool fraction_parse(const char *text, double min, double max, double *value_out);

#endif
