/* family_choice.h - a column family by name: what SELECT or KV.USE has chosen.  A plain value. */
#ifndef KV_DAEMON_FAMILY_CHOICE_H
#define KV_DAEMON_FAMILY_CHOICE_H

#include <stdint.h>

#include "base/limits.h"

struct family_choice {
    int32_t database; /* as SELECT names it; -1: KV.USE has chosen one that is no database's */
    char name[COLUMN_FAMILY_NAME_BYTES_MAX + 1]; /* "": the default one */
};

#endif
