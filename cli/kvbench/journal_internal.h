/* journal_internal.h - the bytes of a journal, for its writer and its reader. */
#ifndef KV_KVBENCH_JOURNAL_INTERNAL_H
#define KV_KVBENCH_JOURNAL_INTERNAL_H

enum { JOURNAL_FRAME_HEAD_BYTES = 8, JOURNAL_FORMAT_VERSION = 1 };

enum journal_record {
    JOURNAL_HEAD = 'H',
    JOURNAL_VALUE_SENT = 'S',
    JOURNAL_DELETION_SENT = 'D',
    JOURNAL_ACKNOWLEDGED = 'A',
};

#endif
