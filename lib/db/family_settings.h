/* family_settings.h - what one column family has set for itself, and the file that keeps it.
 *
 * What a family has not set is as kvd's settings say for all, and what they do not say is as
 * RocksDB's OPTIONS file has it.  OPTIONS holds the result, for RocksDB; which of it was the
 * family's own wish is kept in a file of kvd's beside it:
 *
 *     # comment
 *     family 3 users                  id and name; bytes outside '!'..'~', and '%', as %XX
 *     compaction-style 1              settings of the family above, by kvd.conf's names: numbers
 *     compaction-ttl auto             it has no wish, and what OPTIONS says was a wish of before
 *     merge-operator {id=...;...}     as OPTIONS has it
 *     options ignored                 what OPTIONS says was of another family of this name
 *
 * The id says whose settings they are: a family of the same name that is made later has another.
 */
#ifndef KV_DB_FAMILY_SETTINGS_H
#define KV_DB_FAMILY_SETTINGS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/status.h"
#include "merge/merge_operator.h"

#define FAMILY_SETTINGS_FILE "kvd.families"

/* Units as in db_compaction_settings; styles and compressions as their enums. */
enum family_setting {
    FAMILY_COMPACTION_STYLE,
    FAMILY_COMPRESSION,
    FAMILY_BOTTOMMOST_COMPRESSION,
    FAMILY_COMPACTION_TRIGGER,
    FAMILY_FIFO_BYTES,
    FAMILY_TABLE_TTL_S,
    FAMILY_BLOOM_BITS,
    FAMILY_BLOCK_BYTES,
    FAMILY_LEVEL_COMPRESSIONS, /* as version/level_compressions.h packs them */
    FAMILY_MEMTABLE_BYTES,
    FAMILY_SETTING_COUNT,
};

/* A plain value; zeroed: nothing is set. */
struct family_settings {
    bool has[FAMILY_SETTING_COUNT];
    bool taken_back[FAMILY_SETTING_COUNT]; /* not had, and OPTIONS may tell of when it was */
    uint64_t values[FAMILY_SETTING_COUNT];
    bool ignores_options; /* OPTIONS may tell of another family of this name */
    char merge_operator[MERGE_SPEC_BYTES_MAX + 1]; /* as merge_operator_format; "": none */
};

bool family_settings_is_empty(const struct family_settings *settings);
bool family_settings_equal(const struct family_settings *a, const struct family_settings *b);
/* kvd.conf's name of a setting; -1: there is none of this name (merge-operator is none). */
const char *family_setting_name(enum family_setting setting);
int family_setting_find(struct slice name);
/* What `before` had and `settings` has not is taken back. */
void family_settings_take_back(struct family_settings *settings,
                               const struct family_settings *before);
/* False: out of the setting's range; nothing has changed. */
bool family_settings_set(struct family_settings *settings, enum family_setting setting,
                         uint64_t value);

/* One family of the file. */
struct family_entry {
    uint32_t id;
    char name[COLUMN_FAMILY_NAME_BYTES_MAX + 1];
    struct family_settings settings;
};

void family_file_begin(struct buffer *target);
void family_file_add(struct buffer *target, const struct family_entry *entry);
/* Untrusted text; unknown settings are passed over with a warning.  KV_CORRUPT names the line.
 * *entries_out is the caller's to free, also after a failure. */
MUST_CHECK enum kv_status family_file_parse(struct slice text, struct family_entry **entries_out,
                                            uint32_t *count_out);

#endif
