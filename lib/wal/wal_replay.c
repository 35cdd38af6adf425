/* The rules are the table of FORMAT.md section 2.1, as measured on RocksDB, plus one of our own.
 *
 *     damage              torn tail     failed check, bad batch
 *     tolerate tail       next log      open fails
 *     absolute            open fails    open fails
 *     point in time       stop          stop
 *     skip any            next log      go on behind it
 *
 * After a stop, replay resumes at a later log whose first batch has the next expected sequence:
 * that log was begun by a process that had recovered up to the same stop.
 *
 * Our own rule: the tail of a recycled or zero-filled file that was lost looks like its end.  So
 * in point-in-time mode a later log must go on at the next sequence after such a file too;
 * otherwise acknowledged batches are missing in between, and what follows must not be shown.
 * (Plain files may leave out sequences: RocksDB's writes without WAL, ingested files.)
 * The same goes for an empty file if the log behind it has log-numbered records: written through
 * the page cache, the later file can outlive a power cut that leaves nothing of the earlier. */
#include "wal/wal_replay.h"

#include <fcntl.h>

#include "base/assert.h"
#include "base/log.h"
#include "io/file.h"
#include "key/write_batch.h"
#include "wal/log_reader.h"
#include "wal/wal_file.h"

enum { PROGRESS_STEP_BYTES = 8 * 1024 * 1024 };

struct replay_state {
    struct wal_replay *replay;
    struct log_reader reader;
    uint64_t number;      /* of the log that is read */
    uint64_t seq_min;     /* the next batch may not begin below; 0: no batch yet */
    bool must_continue;   /* the next log has to begin at seq_next */
    bool was_empty;       /* a log before had no bytes, so the next may have to, too */
    bool stopped;         /* point in time: only a log that continues is replayed */
    bool log_has_records; /* the current one gave a batch or damage */
    uint64_t bytes_before, bytes_total, bytes_told;
    char path[PATH_BYTES_MAX];
};

enum verdict { GO_ON, NEXT_LOG, FAIL };

static const char *const mode_names[] = {
    [WAL_TOLERATE_CORRUPTED_TAIL] = "tolerate-corrupted-tail",
    [WAL_ABSOLUTE_CONSISTENCY] = "absolute-consistency",
    [WAL_POINT_IN_TIME] = "point-in-time",
    [WAL_SKIP_ANY_CORRUPTED] = "skip-any-corrupted",
};
enum { MODE_COUNT = sizeof(mode_names) / sizeof(mode_names[0]) };

bool
wal_recovery_mode_parse(const char *name, enum wal_recovery_mode *mode_out)
{
    for (unsigned mode = 0; mode < MODE_COUNT; mode++) {
        if (strcmp(name, mode_names[mode]) == 0) {
            *mode_out = (enum wal_recovery_mode)mode;
            return true;
        }
    }
    return false;
}

const char *
wal_recovery_mode_name(enum wal_recovery_mode mode)
{
    KV_ASSERT((unsigned)mode < MODE_COUNT);
    return mode_names[mode];
}

static void
tell_progress(struct replay_state *state, bool now)
{
    struct wal_replay *replay = state->replay;
    const uint64_t done = state->bytes_before + state->reader.offset;

    if (replay->on_progress == NULL || (!now && done - state->bytes_told < PROGRESS_STEP_BYTES))
        return;
    state->bytes_told = done;
    replay->on_progress(replay->owner, done, state->bytes_total);
}

static uint64_t
bytes_left(const struct replay_state *state, uint64_t offset)
{
    KV_ASSERT(offset <= state->reader.file_bytes);
    return state->reader.file_bytes - offset;
}

/* Point in time: nothing more of this log is used. */
static enum verdict
stop_here(struct replay_state *state, uint64_t offset, const char *reason)
{
    const uint64_t left = bytes_left(state, offset);

    if (!state->stopped)
        kv_log(LOG_LEVEL_WARNING,
               "%s: offset %llu: %s; recovery mode point-in-time stops here, before sequence "
               "%llu; %llu bytes of this log are not used",
               state->path, (unsigned long long)offset, reason,
               (unsigned long long)state->replay->seq_next, (unsigned long long)left);
    if (!state->stopped)
        state->replay->stopped_in = state->number;
    state->stopped = true;
    state->replay->bytes_dropped += left;
    return NEXT_LOG;
}

static enum verdict
refuse(struct replay_state *state, uint64_t offset, const char *reason, const char *other_modes,
       enum kv_status *st_out)
{
    *st_out = KV_FAIL(KV_CORRUPT,
                      "%s: offset %llu: %s; recovery mode %s does not open such a log, %s would",
                      state->path, (unsigned long long)offset, reason,
                      wal_recovery_mode_name(state->replay->mode), other_modes);
    return FAIL;
}

static enum verdict
judge_torn(struct replay_state *state, enum kv_status *st_out)
{
    const struct log_reader *reader = &state->reader;
    const uint64_t offset = reader->damage_offset;

    switch (state->replay->mode) {
    case WAL_ABSOLUTE_CONSISTENCY:
        return refuse(state, offset, reader->damage,
                      "point-in-time, tolerate-corrupted-tail and skip-any-corrupted", st_out);
    case WAL_POINT_IN_TIME:
        return stop_here(state, offset, reader->damage);
    case WAL_TOLERATE_CORRUPTED_TAIL:
    case WAL_SKIP_ANY_CORRUPTED:
        break;
    }
    kv_log(LOG_LEVEL_WARNING, "%s: offset %llu: %s; the unfinished record is dropped", state->path,
           (unsigned long long)offset, reader->damage);
    state->replay->bytes_dropped +=
        reader->first_is_recyclable ? offset - reader->record_offset : bytes_left(state, offset);
    return NEXT_LOG;
}

/* `size`: of the damaged bytes, where replay can go on behind them. */
static enum verdict
judge_corrupt(struct replay_state *state, uint64_t offset, uint64_t size, const char *reason,
              enum kv_status *st_out)
{
    switch (state->replay->mode) {
    case WAL_TOLERATE_CORRUPTED_TAIL:
    case WAL_ABSOLUTE_CONSISTENCY:
        return refuse(state, offset, reason, "point-in-time and skip-any-corrupted", st_out);
    case WAL_POINT_IN_TIME:
        return stop_here(state, offset, reason);
    case WAL_SKIP_ANY_CORRUPTED:
        break;
    }
    kv_log(LOG_LEVEL_WARNING, "%s: offset %llu: %s; about %llu bytes are skipped", state->path,
           (unsigned long long)offset, reason, (unsigned long long)size);
    state->replay->bytes_dropped += size;
    return GO_ON;
}

/* Reads the batch through; `next_out`: the sequence behind it. */
static enum kv_status
check_batch(struct slice batch, uint64_t *first_out, uint64_t *next_out)
{
    struct write_batch_reader reader;
    struct batch_record record;
    bool found = true;
    enum kv_status st = write_batch_reader_init(&reader, batch);

    if (st != KV_OK)
        return st;
    *first_out = reader.seq_next;
    while (st == KV_OK && found)
        st = write_batch_reader_next(&reader, &record, &found);
    *next_out = reader.seq_next;
    return st;
}

/* The first batch of a log: whether it may be used, seen from how the logs before it ended. */
static enum verdict
judge_continuity(struct replay_state *state, uint64_t seq_first, enum kv_status *st_out)
{
    static const char reason[] = "the sequences before this log are missing";
    const enum wal_recovery_mode mode = state->replay->mode;
    const bool must_continue =
        state->must_continue || (state->was_empty && state->reader.first_is_recyclable);
    const bool has_gap = must_continue && seq_first > state->replay->seq_next;
    const bool was_stopped = state->stopped;

    state->must_continue = state->was_empty = false;
    if (was_stopped && seq_first == state->replay->seq_next) {
        kv_log(LOG_LEVEL_NOTICE, "%s: goes on at sequence %llu, where replay had stopped",
               state->path, (unsigned long long)seq_first);
        state->stopped = false;
        state->replay->stopped_in = 0;
        return GO_ON;
    }
    if (was_stopped || (has_gap && mode == WAL_POINT_IN_TIME))
        return stop_here(state, 0, reason);
    if (has_gap && mode == WAL_ABSOLUTE_CONSISTENCY)
        return refuse(state, 0, reason,
                      "point-in-time, tolerate-corrupted-tail and skip-any-corrupted", st_out);
    return GO_ON;
}

static enum verdict
take_record(struct replay_state *state, struct slice record, enum kv_status *st_out)
{
    struct wal_replay *replay = state->replay;
    const uint64_t offset = state->reader.record_offset;
    const bool is_first = !state->log_has_records;
    uint64_t seq_first, seq_behind;
    enum kv_status st = check_batch(record, &seq_first, &seq_behind);

    state->log_has_records = true;
    if (st == KV_CORRUPT)
        return judge_corrupt(state, offset, record.size, "a malformed batch", st_out);
    if (st != KV_OK) {
        *st_out = KV_FAIL(st,
                          "%s: offset %llu: a batch that kvd cannot apply; no recovery mode "
                          "opens it, the software that wrote it must empty the log first",
                          state->path, (unsigned long long)offset);
        return FAIL;
    }
    if (is_first) {
        const enum verdict verdict = judge_continuity(state, seq_first, st_out);

        if (verdict != GO_ON)
            return verdict;
    }
    if (seq_first < state->seq_min)
        return judge_corrupt(state, offset, record.size, "a batch with a sequence number again",
                             st_out);
    st = replay->on_batch(replay->owner, state->number, record);
    if (st == KV_CORRUPT)
        return judge_corrupt(state, offset, record.size, "a batch that cannot be applied", st_out);
    if (st != KV_OK) {
        *st_out = st;
        return FAIL;
    }
    replay->batch_count++;
    replay->seq_next = seq_behind;
    state->seq_min = seq_behind;
    return GO_ON;
}

static enum verdict
read_one(struct replay_state *state, enum kv_status *st_out)
{
    struct log_reader *reader = &state->reader;
    struct slice record;

    switch (log_reader_next(reader, &record)) {
    case LOG_READ_RECORD:
        return take_record(state, record, st_out);
    case LOG_READ_END:
        if (reader->damage[0] != '\0' && state->replay->mode != WAL_SKIP_ANY_CORRUPTED)
            kv_log(LOG_LEVEL_NOTICE, "%s: offset %llu: the log ends here: %s", state->path,
                   (unsigned long long)reader->damage_offset, reader->damage);
        return NEXT_LOG;
    case LOG_READ_TORN:
        return judge_torn(state, st_out);
    case LOG_READ_CORRUPT:
        state->log_has_records = true;
        return judge_corrupt(state, reader->damage_offset, reader->offset - reader->damage_offset,
                             reader->damage, st_out);
    case LOG_READ_REFUSED:
        *st_out = KV_FAIL(KV_UNSUPPORTED, "%s: %s, which kvd lacks; no recovery mode opens it",
                          state->path, reader->damage);
        return FAIL;
    case LOG_READ_FAILED:
        break;
    }
    *st_out = reader->status;
    return FAIL;
}

static enum kv_status
replay_log(struct replay_state *state, uint64_t number)
{
    struct io *io = state->replay->io;
    enum kv_status st;
    enum verdict verdict = GO_ON;
    uint64_t file_bytes;
    int fd = -1;

    state->number = number;
    state->log_has_records = false;
    wal_file_name(state->path, state->replay->dir, number);
    /* Through the page cache: under wal-sync interval and never, what a failed fsync has left there
     * and a killed kvd had acknowledged is nowhere else.  Recovery makes it durable anew. */
    st = file_open(io, state->path, O_RDONLY | O_CLOEXEC, &fd);
    if (st != KV_OK)
        return st;
    st = file_size(io, fd, &file_bytes);
    if (st != KV_OK)
        goto done;
    log_reader_init(&state->reader, io, fd, file_bytes, number);
    while (verdict == GO_ON) {
        verdict = read_one(state, &st);
        tell_progress(state, false);
    }
    if (state->reader.first_is_recyclable || (file_bytes > 0 && !state->log_has_records))
        state->must_continue = true;
    if (file_bytes == 0)
        state->was_empty = true;
    state->reader.offset = file_bytes;
    tell_progress(state, true);
    state->bytes_before += file_bytes;
    log_reader_deinit(&state->reader);
done:
    file_close(io, fd);
    return st;
}

static enum kv_status
sum_sizes(struct replay_state *state, const uint64_t *log_numbers, uint32_t log_count)
{
    for (uint32_t i = 0; i < log_count; i++) {
        struct io_request request = {.op = IO_STAT, .fd = -1, .path = state->path};

        KV_ASSERT(i == 0 || log_numbers[i - 1] < log_numbers[i]);
        wal_file_name(state->path, state->replay->dir, log_numbers[i]);
        if (io_call(state->replay->io, &request) < 0)
            return KV_FAIL(kv_status_from_errno((int)request.result), "%s: cannot be examined",
                           state->path);
        state->bytes_total += request.size_out;
    }
    return KV_OK;
}

enum kv_status
wal_replay_run(struct wal_replay *replay, const uint64_t *log_numbers, uint32_t log_count)
{
    struct replay_state state = {.replay = replay};
    enum kv_status st;

    KV_ASSERT(replay->on_batch != NULL);
    KV_ASSERT((unsigned)replay->mode < MODE_COUNT);
    replay->stopped_in = 0;
    replay->batch_count = 0;
    replay->bytes_dropped = 0;
    st = sum_sizes(&state, log_numbers, log_count);
    for (uint32_t i = 0; i < log_count && st == KV_OK; i++)
        st = replay_log(&state, log_numbers[i]);
    return st;
}
