/* version_edit_tags.h - the numbers of FORMAT.md section 6; for version_edit*.c only. */
#ifndef KV_VERSION_VERSION_EDIT_TAGS_H
#define KV_VERSION_VERSION_EDIT_TAGS_H

enum edit_tag {
    EDIT_COMPARATOR = 1,
    EDIT_LOG_NUMBER = 2,
    EDIT_NEXT_FILE = 3,
    EDIT_LAST_SEQ = 4,
    EDIT_COMPACT_CURSOR = 5,
    EDIT_DELETED_FILE = 6,
    EDIT_NEW_FILE_LEVELDB = 7,
    EDIT_PREV_LOG = 9,
    EDIT_MIN_LOG_TO_KEEP = 10,
    EDIT_NEW_FILE2 = 100,
    EDIT_NEW_FILE3 = 102,
    EDIT_NEW_FILE4 = 103,
    EDIT_CF_ID = 200,
    EDIT_CF_ADD = 201,
    EDIT_CF_DROP = 202,
    EDIT_MAX_CF_ID = 203,
    EDIT_ATOMIC_GROUP = 300,
    EDIT_BLOB_ADD_OLD = 400,
    EDIT_BLOB_GARBAGE_OLD = 401,
    EDIT_SKIPPABLE_BIT = 1 << 13, /* unknown tags with it are an lstr to pass over */
    EDIT_DB_ID = 8193,
    EDIT_BLOB_ADD = 8194,
    EDIT_BLOB_GARBAGE = 8195,
    EDIT_WAL_ADD_OLD = 8196,    /* not length-prefixed, in spite of the bit */
    EDIT_WAL_DELETE_OLD = 8197, /* the same */
    EDIT_FULL_HISTORY_TS_LOW = 8198,
};

/* Behind a tag 103. */
enum custom_tag {
    CUSTOM_END = 1,
    CUSTOM_MARKED_FOR_COMPACTION = 2,
    CUSTOM_MIN_LOG_TO_KEEP = 3,
    CUSTOM_OLDEST_BLOB = 4,
    CUSTOM_OLDEST_ANCESTOR_TIME = 5,
    CUSTOM_CREATION_TIME = 6,
    CUSTOM_CHECKSUM = 7,
    CUSTOM_CHECKSUM_NAME = 8,
    CUSTOM_KVD_TOMBSTONES = 58, /* ours: varint64 range tombstones; if there are any */
    CUSTOM_KVD_DEADLINES = 59,  /* ours: varint64 count, oldest, newest, due; if there are any */
    CUSTOM_KVD_COUNTS = 60,     /* ours: varint64 entries, varint64 deletions among them */
    CUSTOM_MUST_UNDERSTAND_BIT = 1 << 6,
    CUSTOM_PATH_ID = 65,
};

#define CHECKSUM_CRC32C_NAME "FileChecksumCrc32c"

#endif
