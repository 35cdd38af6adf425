/* options_file.h - RocksDB's OPTIONS-NNNNNN text (FORMAT.md section 7).
 *
 * kvd writes one so that stock tools open the directory with the right settings, and reads the
 * few settings that decide what stored bytes mean.
 */
#ifndef KV_VERSION_OPTIONS_FILE_H
#define KV_VERSION_OPTIONS_FILE_H

#include "base/buffer.h"
#include "base/limits.h"
#include "base/status.h"
#include "sst/compression.h"
#include "version/compaction_options.h"

struct io;

struct family_options {
    char name[COLUMN_FAMILY_NAME_BYTES_MAX + 1];
    char comparator[128];     /* "" : not said */
    char merge_operator[256]; /* as written there: a class name, an id or {id=...;...}; "": none */
    enum compression compression;
    uint64_t write_buffer_bytes;
    uint32_t block_bytes;
    uint32_t bloom_bits_per_key; /* 0: no filter */
    struct compaction_options compaction;
};

struct options_file {
    uint32_t wal_recovery_mode;
    char wal_dir[1024];              /* read only; "": the logs lie with the tables */
    struct family_options *families; /* owned array */
    uint32_t family_count;
    uint64_t number; /* of the file that it was loaded from; 0: none */
};

void options_file_deinit(struct options_file *options);
/* Untrusted text; unknown sections and names are passed over.  KV_CORRUPT names the line. */
MUST_CHECK enum kv_status options_file_parse(struct slice text, struct options_file *options_out);
void options_file_format(const struct options_file *options, struct buffer *target);

/* The highest-numbered OPTIONS file of `dir`.  KV_NO_FILE: there is none. */
MUST_CHECK enum kv_status options_file_load(struct io *io, const char *dir,
                                            struct options_file *options_out);
/* Writes OPTIONS-<number> by way of a temporary file, durable, and deletes all but the two
 * newest.  Takes two file numbers, as RocksDB does. */
MUST_CHECK enum kv_status options_file_store(struct io *io, const char *dir, uint64_t number_tmp,
                                             uint64_t number, const struct options_file *options);

#endif
