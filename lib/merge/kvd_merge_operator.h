/* kvd_merge_operator.h - merge operators of one's own, as a shared object for kvd.
 *
 * This header is all that such an object needs; it stands alone.  kvd and every kvd-worker load the
 * same file (the setting merge-library) and look for the one symbol below.  The object runs inside
 * kvd: what it does wrong, kvd does wrong, and a crash in it is a crash of kvd.
 *
 * The functions are called from one thread, at any time and any number of times.  The result may
 * depend on nothing but the input, today and in later releases of the object: values are folded
 * when they are read, flushed or compacted, and each time the answer must be the same.  In a worker
 * they run in a jail that permits memory and nothing else: no files, no sockets, no clock.
 */
#ifndef KVD_MERGE_OPERATOR_H
#define KVD_MERGE_OPERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KVD_MERGE_INTERFACE_VERSION = 1 };

/* Borrowed for the call.  data may be NULL when size is 0. */
struct kvd_merge_bytes {
    const uint8_t *data;
    size_t size;
};

struct kvd_merge_input {
    struct kvd_merge_bytes key;
    const struct kvd_merge_bytes *base;     /* NULL: there is no value below the operands */
    const struct kvd_merge_bytes *operands; /* newest first */
    size_t operand_count;                   /* at least 1 */
};

/* Where the result goes.  append: false if it gets longer than kvd allows; then give up. */
struct kvd_merge_output {
    bool (*append)(struct kvd_merge_output *output, const void *bytes, size_t size);
};

struct kvd_merge_operator {
    uint32_t interface_version; /* KVD_MERGE_INTERFACE_VERSION */
    /* Stored with the data.  At most 100 letters, digits, '.', '_' and '-'; not a built-in one's.
     */
    const char *name;
    /* What a reader sees.  False: the operands cannot be applied; the key reads as an error until
     * it is written anew. */
    bool (*full)(const struct kvd_merge_input *input, struct kvd_merge_output *output);
    /* One operand that stands for all of them, without a base; false: they have to stay as they
     * are.  Must not change what `full` gives in the end.  NULL: never. */
    bool (*partial)(const struct kvd_merge_input *input, struct kvd_merge_output *output);
    /* Whether KV.MERGE may write this operand.  NULL: every one. */
    bool (*accepts)(struct kvd_merge_bytes operand);
};

/* The symbol: operators that live for ever, and how many there are. */
const struct kvd_merge_operator *kvd_merge_operators(size_t *count_out);

#endif
