/* config_file.h - the configuration file: redis.conf's form, read and rewritten.
 *
 *     # a comment
 *     name value
 *     requirepass "with \"escapes\" as in redis.conf"
 *     include other.conf        relative to the including file
 */
#ifndef KV_DAEMON_CONFIG_FILE_H
#define KV_DAEMON_CONFIG_FILE_H

#include "daemon/config.h"

enum { CONFIG_FILE_BYTES_MAX = 1024 * 1024, CONFIG_INCLUDE_DEPTH_MAX = 8 };

/* Applies the file.  False: `error` (CONFIG_ERROR_BYTES) is "file:line: reason"; some of the
 * settings may have been applied. */
bool config_file_load(struct config *config, const char *path, char *error);
/* The same from memory; `path` is for messages and relative includes. */
bool config_file_parse(struct config *config, const char *path, struct slice text, char *error);
/* Writes what changed at run time back into config->file: lines keep their order and their
 * comments, new settings go to the end.  By temporary file, fsync and rename.  False: `error`. */
bool config_file_rewrite(const struct config *config, char *error);

#endif
