/* scan_cursors.h - SCAN's cursors: a position among the keys as a decimal number below 2^63.
 *
 *     0                        the beginning, and the end
 *     1..7 | 7 bytes           the position itself, if it has at most seven bytes: needs no memory,
 *                              so it works for ever, on any server, and after a restart
 *     slot | tail              all but the last three bytes are in a table, which cursors share
 *
 * A position is the shortest string that lies between the last key of a page and the next one, so
 * it is short unless keys have long beginnings in common, and then these are shared: scanning ten
 * million keys like "user:00000001" takes some thousand slots.  The table has 64 Ki slots and at
 * most 16 MiB; beyond that the beginning that was used least recently is forgotten.  Its cursors,
 * and those with a slot from before a restart, are known to be lost: the client gets an error,
 * never another place.  Cursors of any number of scans and clients may be used at once, again, and
 * in any order.
 */
#ifndef KV_DAEMON_SCAN_CURSORS_H
#define KV_DAEMON_SCAN_CURSORS_H

#include "base/buffer.h"

struct scan_cursors;

/* `random`: what tells this process's cursors from those of others. */
struct scan_cursors *scan_cursors_new(uint64_t random);
void scan_cursors_free(struct scan_cursors *cursors);
/* The cursor of a position; not 0. */
uint64_t scan_cursors_encode(struct scan_cursors *cursors, struct slice position);

enum cursor_answer { CURSOR_FOUND, CURSOR_LOST, CURSOR_INVALID };
/* Appends the position; of 0 it is empty. */
enum cursor_answer scan_cursors_decode(struct scan_cursors *cursors, uint64_t cursor,
                                       struct buffer *position);

#endif
