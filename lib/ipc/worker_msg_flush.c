/* worker_msg_flush.c - FLUSH to its wire form and back. */
#include "base/alloc.h"
#include "ipc/worker_msg_internal.h"

void
worker_flush_deinit(struct worker_flush *flush)
{
    for (uint32_t i = 0; i < flush->output_count; i++) {
        buffer_deinit(&flush->outputs[i].cf_name);
        buffer_deinit(&flush->outputs[i].merge_operator);
    }
    free(flush->outputs);
    free(flush->snapshots);
    buffer_deinit(&flush->db_identity);
    buffer_deinit(&flush->session_identity);
}

static void
encode_flush_output(const struct worker_flush_output *output, Kvd__FlushOutput *wire)
{
    KV_ASSERT(output->cf_name.size <= WORKER_TEXT_BYTES_MAX);
    KV_ASSERT(output->merge_operator.size <= WORKER_TEXT_BYTES_MAX);
    kvd__flush_output__init(wire);
    wire->cf_id = output->cf_id;
    wire->file_number = output->file_number;
    wire->cf_name = worker_wire_bytes(buffer_slice(&output->cf_name));
    wire->merge_operator = worker_wire_bytes(buffer_slice(&output->merge_operator));
    wire->compression = output->compression;
    wire->block_bytes = output->block_bytes;
    wire->bloom_bits_per_key = output->bloom_bits_per_key;
}

void
worker_flush_encode(const struct worker_flush *flush, Kvd__Envelope *envelope,
                    struct buffer *target)
{
    Kvd__FlushOutput *outputs = kv_alloc(flush->output_count * sizeof(*outputs));
    Kvd__FlushOutput **pointers = kv_alloc(flush->output_count * sizeof(Kvd__FlushOutput *));
    Kvd__Flush wire = KVD__FLUSH__INIT;

    KV_ASSERT(flush->output_count <= WORKER_JOB_OUTPUT_COUNT_MAX);
    KV_ASSERT(flush->snapshot_count <= WORKER_JOB_SNAPSHOT_COUNT_MAX);
    for (uint32_t i = 0; i < flush->output_count; i++) {
        encode_flush_output(&flush->outputs[i], &outputs[i]);
        pointers[i] = &outputs[i];
    }
    wire.job_id = flush->job_id;
    wire.db_identity = worker_wire_bytes(buffer_slice(&flush->db_identity));
    wire.session_identity = worker_wire_bytes(buffer_slice(&flush->session_identity));
    wire.creation_time_s = flush->creation_time_s;
    wire.now_ms = flush->now_ms;
    wire.seq_first = flush->seq_first;
    wire.seq_last = flush->seq_last;
    wire.n_snapshots = flush->snapshot_count;
    wire.snapshots = flush->snapshots;
    wire.n_outputs = flush->output_count;
    wire.outputs = pointers;
    envelope->body_case = KVD__ENVELOPE__BODY_FLUSH;
    envelope->flush = &wire;
    worker_wire_pack(envelope, target);
    free(pointers);
    free(outputs);
}

static bool
decode_flush_output(const Kvd__FlushOutput *wire, struct worker_flush_output *output)
{
    if (wire->file_number == 0 || wire->compression > UINT8_MAX)
        return false;
    if (wire->block_bytes > BLOCK_BYTES_MAX || wire->bloom_bits_per_key > BLOOM_BITS_MAX)
        return false;
    output->cf_id = wire->cf_id;
    output->file_number = wire->file_number;
    output->compression = wire->compression;
    output->block_bytes = wire->block_bytes;
    output->bloom_bits_per_key = wire->bloom_bits_per_key;
    return worker_wire_take_text(&wire->cf_name, WORKER_TEXT_BYTES_MAX, &output->cf_name) &&
           worker_wire_take_text(&wire->merge_operator, WORKER_TEXT_BYTES_MAX,
                                 &output->merge_operator);
}

static bool
decode_flush_outputs(const Kvd__Flush *wire, struct worker_flush *flush)
{
    if (wire->n_outputs == 0 || wire->n_outputs > WORKER_JOB_OUTPUT_COUNT_MAX)
        return false;
    flush->outputs = kv_alloc_zero(wire->n_outputs * sizeof(*flush->outputs));
    for (size_t i = 0; i < wire->n_outputs; i++) {
        flush->output_count++;
        if (!decode_flush_output(wire->outputs[i], &flush->outputs[i]))
            return false;
        if (i > 0 && flush->outputs[i].cf_id <= flush->outputs[i - 1].cf_id)
            return false;
    }
    return true;
}

static bool
decode_snapshots(const Kvd__Flush *wire, struct worker_flush *flush)
{
    if (!worker_wire_snapshots_ascend(wire->snapshots, wire->n_snapshots))
        return false;
    if (wire->n_snapshots == 0)
        return true;
    flush->snapshots = kv_alloc(wire->n_snapshots * sizeof(*flush->snapshots));
    memcpy(flush->snapshots, wire->snapshots, wire->n_snapshots * sizeof(*flush->snapshots));
    flush->snapshot_count = (uint32_t)wire->n_snapshots;
    return true;
}

bool
worker_flush_decode(const Kvd__Flush *wire, struct worker_flush *flush)
{
    if (wire->job_id == 0 || wire->seq_first > wire->seq_last || wire->seq_last > SEQUENCE_MAX)
        return false;
    flush->job_id = wire->job_id;
    flush->creation_time_s = wire->creation_time_s;
    flush->now_ms = wire->now_ms;
    flush->seq_first = wire->seq_first;
    flush->seq_last = wire->seq_last;
    return worker_wire_take_text(&wire->db_identity, WORKER_TEXT_BYTES_MAX, &flush->db_identity) &&
           worker_wire_take_text(&wire->session_identity, WORKER_TEXT_BYTES_MAX,
                                 &flush->session_identity) &&
           decode_snapshots(wire, flush) && decode_flush_outputs(wire, flush);
}
