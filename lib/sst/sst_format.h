/* sst_format.h - the constants of a table file (FORMAT.md section 5), for who writes and reads it.
 *
 *     data blocks | filter | index | [range tombstones] | properties | metaindex | footer
 *
 * Each block is followed by a trailer: the compression's type byte and a fixed32 checksum.
 * The footer, the last 53 bytes of the file:
 *
 *     +0   checksum kind, 1 byte (enum checksum_kind)
 *     +1   metaindex handle, index handle (varint64 offset and size each), zeros up to +41
 *     +41  format version, fixed32
 *     +45  magic, fixed64
 */
#ifndef KV_SST_SST_FORMAT_H
#define KV_SST_SST_FORMAT_H

#include <stdint.h>

enum {
    BLOCK_TRAILER_BYTES = 5,
    FOOTER_BYTES = 53,
    FOOTER_HANDLES_OFFSET = 1,
    FOOTER_HANDLES_BYTES = 40,
    FOOTER_VERSION_OFFSET = 41,
    FOOTER_MAGIC_OFFSET = 45,
    FORMAT_VERSION_READ_MIN = 2,
    FORMAT_VERSION_WRITTEN = 5, /* the highest that is read, too */
};

static const uint64_t TABLE_MAGIC = UINT64_C(0x88e241b785f4cff7);
/* Tables of format 0 (48-byte footer) and RocksDB's plain tables: known, refused. */
static const uint64_t TABLE_MAGIC_LEGACY = UINT64_C(0xdb4775248b80fb57);
static const uint64_t TABLE_MAGIC_PLAIN = UINT64_C(0x8242229663bf9564);
static const uint64_t TABLE_MAGIC_PLAIN_LEGACY = UINT64_C(0x4f3418eb7a8f13b8);

/* The last fixed32 of a block: number of restarts, and in blocks up to BLOCK_HASHED_BYTES_MAX
 * bit 31 for a hash index. */
enum { RESTART_INTERVAL_DATA = 8, BLOCK_HASHED_BYTES_MAX = 64 * 1024 };
static const uint32_t BLOCK_HASH_INDEX_FLAG = UINT32_C(1) << 31;

/* Property rocksdb.block.based.table.index.type */
enum index_type {
    INDEX_BINARY_SEARCH = 0,
    INDEX_HASH_SEARCH = 1, /* read as binary search */
    INDEX_TWO_LEVEL = 2,
    INDEX_WITH_FIRST_KEY = 3,
};

/* The filter block's last five bytes. */
enum {
    FILTER_METADATA_BYTES = 5,
    FILTER_MARK_BLOOM = 0xff,  /* byte 0; FastLocalBloom: bytes 1, 3 and 4 are 0 */
    FILTER_MARK_RIBBON = 0xfe, /* byte 0 */
    FILTER_LINE_BYTES = 64,
    FILTER_PROBES_MAX = 30,
};
static const uint32_t FILTER_PROBE_MULTIPLIER = 0x9e3779b9u;
static const uint32_t FILTER_LEGACY_SEED = 0xbc9f1d34u; /* of hash32 */
static const uint32_t BLOCK_HASH_INDEX_SEED = 397;      /* likewise */

/* Keys of the metaindex block. */
#define META_FULL_FILTER        "fullfilter.rocksdb.BuiltinBloomFilter"
#define META_PARTITIONED_FILTER "partitionedfilter.rocksdb.BuiltinBloomFilter"
#define META_PROPERTIES         "rocksdb.properties"
#define META_PROPERTIES_OLD     "rocksdb.stats"
#define META_RANGE_DEL          "rocksdb.range_del"
#define META_COMPRESSION_DICT   "rocksdb.compression_dict"

/* Keys of the properties block (FORMAT.md section 5.10); integers are varint64 where nothing
 * else is said. */
/* kvd's own (key/deadlines.h): varint64 each, in tables that have deadlines. */
#define PROPERTY_KVD_EXPIRE_COUNT  "kvd.expire.count"
#define PROPERTY_KVD_EXPIRE_DUE    "kvd.expire.due"
#define PROPERTY_KVD_EXPIRE_NEWEST "kvd.expire.newest"
#define PROPERTY_KVD_EXPIRE_OLDEST "kvd.expire.oldest"
#define PROPERTY_INDEX_TYPE        "rocksdb.block.based.table.index.type"       /* fixed32 */
#define PROPERTY_PREFIX_FILTERING  "rocksdb.block.based.table.prefix.filtering" /* "0", "1" */
#define PROPERTY_WHOLE_KEY_FILTERING                                                               \
    "rocksdb.block.based.table.whole.key.filtering" /* "0", "1"                                    \
                                                     */
#define PROPERTY_CF_ID                 "rocksdb.column.family.id"
#define PROPERTY_CF_NAME               "rocksdb.column.family.name"
#define PROPERTY_COMPARATOR            "rocksdb.comparator"
#define PROPERTY_COMPRESSION           "rocksdb.compression"
#define PROPERTY_COMPRESSION_OPTIONS   "rocksdb.compression_options"
#define PROPERTY_DB_IDENTITY           "rocksdb.creating.db.identity"
#define PROPERTY_HOST_IDENTITY         "rocksdb.creating.host.identity"
#define PROPERTY_SESSION_IDENTITY      "rocksdb.creating.session.identity"
#define PROPERTY_CREATION_TIME         "rocksdb.creation.time"
#define PROPERTY_DATA_SIZE             "rocksdb.data.size"
#define PROPERTY_DELETED_KEYS          "rocksdb.deleted.keys"
#define PROPERTY_FILE_CREATION_TIME    "rocksdb.file.creation.time"
#define PROPERTY_FILTER_POLICY         "rocksdb.filter.policy"
#define PROPERTY_FILTER_SIZE           "rocksdb.filter.size"
#define PROPERTY_FIXED_KEY_LENGTH      "rocksdb.fixed.key.length"
#define PROPERTY_FORMAT_VERSION        "rocksdb.format.version"
#define PROPERTY_INDEX_KEY_IS_USER_KEY "rocksdb.index.key.is.user.key"
#define PROPERTY_INDEX_SIZE            "rocksdb.index.size"
#define PROPERTY_INDEX_VALUE_IS_DELTA  "rocksdb.index.value.is.delta.encoded"
#define PROPERTY_MERGE_OPERANDS        "rocksdb.merge.operands"
#define PROPERTY_MERGE_OPERATOR        "rocksdb.merge.operator"
#define PROPERTY_DATA_BLOCKS           "rocksdb.num.data.blocks"
#define PROPERTY_ENTRIES               "rocksdb.num.entries"
#define PROPERTY_FILTER_ENTRIES        "rocksdb.num.filter_entries"
#define PROPERTY_RANGE_DELETIONS       "rocksdb.num.range-deletions"
#define PROPERTY_OLDEST_KEY_TIME       "rocksdb.oldest.key.time"
#define PROPERTY_FILE_NUMBER           "rocksdb.original.file.number"
#define PROPERTY_PREFIX_EXTRACTOR      "rocksdb.prefix.extractor.name"
#define PROPERTY_COLLECTORS            "rocksdb.property.collectors"
#define PROPERTY_RAW_KEY_SIZE          "rocksdb.raw.key.size"
#define PROPERTY_RAW_VALUE_SIZE        "rocksdb.raw.value.size"
#define PROPERTY_EXTERNAL_VERSION      "rocksdb.external_sst_file.version"      /* fixed32 */
#define PROPERTY_EXTERNAL_GLOBAL_SEQNO "rocksdb.external_sst_file.global_seqno" /* fixed64 */

#define COMPARATOR_BYTEWISE_NAME       "leveldb.BytewiseComparator"

#endif
