/* worker_msg_compact.c - the one message that is too large for copying field by field: a decoded
 * COMPACT keeps protobuf-c's own memory, and its description points into that. */
#include "base/alloc.h"
#include "ipc/worker_msg_internal.h"

enum { FIXED_BYTES = 4096, ENTRY_BYTES = 64 }; /* room for all but keys, on the wire */

static_assert(WORKER_TEXT_BYTES_MAX * 4 + 512 < FIXED_BYTES, "texts and numbers fit");

struct worker_compact_memory {
    Kvd__Compact *wire;
    struct buffer db_identity, session_identity, cf_name, merge_operator; /* text */
    struct compact_input *inputs;
    struct compact_range *below, *grandparents;
};

/* --- limits: the same for what is sent and what is received --- */

static bool
inputs_fit(const struct compaction_spec *spec)
{
    if (spec->input_count == 0 || spec->input_count > COMPACT_INPUT_COUNT_MAX)
        return false;
    for (uint32_t i = 0; i < spec->input_count; i++) {
        const struct compact_input *input = &spec->inputs[i], *before = input - 1;

        if (input->file_number == 0 || input->level >= LEVEL_COUNT ||
            input->seq_smallest > input->seq_largest || input->seq_largest > SEQUENCE_MAX)
            return false;
        if (input->smallest.size < KEY_FOOTER_BYTES || input->largest.size < KEY_FOOTER_BYTES ||
            input->smallest.size > INTERNAL_KEY_BYTES_MAX ||
            input->largest.size > INTERNAL_KEY_BYTES_MAX ||
            internal_key_compare(input->smallest, input->largest) > 0)
            return false;
        if (i > 0 && input->level < before->level)
            return false;
        if (i > 0 && input->level > 0 && input->level == before->level &&
            internal_key_compare(before->largest, input->smallest) >= 0)
            return false;
    }
    return true;
}

static bool
ranges_fit(const struct compact_range *ranges, uint32_t count)
{
    if (count > COMPACT_RANGE_COUNT_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].smallest.size > KEY_BOUND_BYTES_MAX ||
            ranges[i].largest.size > KEY_BOUND_BYTES_MAX ||
            slice_compare(ranges[i].smallest, ranges[i].largest) > 0)
            return false;
    return true;
}

static bool
outputs_fit(const struct compaction_spec *spec)
{
    const uint64_t first = spec->output_number_first;

    if (first == 0 || spec->output_number_count == 0 ||
        spec->output_number_count > COMPACT_OUTPUT_COUNT_MAX ||
        first > UINT64_MAX - spec->output_number_count)
        return false;
    for (uint32_t i = 0; i < spec->input_count; i++)
        if (spec->inputs[i].file_number >= first &&
            spec->inputs[i].file_number - first < spec->output_number_count)
            return false;
    return spec->output_level < LEVEL_COUNT && spec->block_bytes <= BLOCK_BYTES_MAX / 8 &&
           spec->bloom_bits_per_key <= BLOOM_BITS_MAX && (uint32_t)spec->compression <= UINT8_MAX &&
           spec->compression != COMPRESSION_BZIP2;
}

static bool
bounds_fit(const struct compaction_spec *spec)
{
    return spec->begin.size <= KEY_BOUND_BYTES_MAX && spec->end.size <= KEY_BOUND_BYTES_MAX &&
           (spec->end.size == 0 || slice_compare(spec->begin, spec->end) < 0);
}

static uint64_t
ranges_bytes(const struct compact_range *ranges, uint32_t count)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < count; i++)
        bytes += ranges[i].smallest.size + ranges[i].largest.size + ENTRY_BYTES;
    return bytes;
}

/* More than the message takes. */
static uint64_t
bytes_estimate(const struct compaction_spec *spec)
{
    uint64_t bytes = FIXED_BYTES + spec->begin.size + spec->end.size;

    for (uint32_t i = 0; i < spec->input_count; i++)
        bytes += spec->inputs[i].smallest.size + spec->inputs[i].largest.size + ENTRY_BYTES;
    bytes += ranges_bytes(spec->below, spec->below_count);
    bytes += ranges_bytes(spec->grandparents, spec->grandparent_count);
    return bytes + spec->snapshot_count * (uint64_t)VARINT64_BYTES_MAX;
}

bool
worker_compact_fits(const struct compaction_spec *spec)
{
    return inputs_fit(spec) && ranges_fit(spec->below, spec->below_count) &&
           ranges_fit(spec->grandparents, spec->grandparent_count) && bounds_fit(spec) &&
           worker_wire_snapshots_ascend(spec->snapshots, spec->snapshot_count) &&
           outputs_fit(spec) && strlen(spec->db_identity) <= WORKER_TEXT_BYTES_MAX &&
           strlen(spec->cf_name) <= WORKER_TEXT_BYTES_MAX &&
           strlen(spec->merge_operator) <= WORKER_TEXT_BYTES_MAX &&
           bytes_estimate(spec) <= WORKER_LARGE_BYTES_MAX;
}

/* --- encoding --- */

/* The caller frees both; *messages_out is what the pointers point to. */
static Kvd__CompactInput **
encode_inputs(const struct compaction_spec *spec, Kvd__CompactInput **messages_out)
{
    Kvd__CompactInput **pointers = kv_alloc(spec->input_count * sizeof(Kvd__CompactInput *));
    Kvd__CompactInput *messages = kv_alloc(spec->input_count * sizeof(*messages));

    for (uint32_t i = 0; i < spec->input_count; i++) {
        const struct compact_input *input = &spec->inputs[i];

        kvd__compact_input__init(&messages[i]);
        messages[i].file_number = input->file_number;
        messages[i].file_bytes = input->file_bytes;
        messages[i].level = input->level;
        messages[i].smallest = worker_wire_bytes(input->smallest);
        messages[i].largest = worker_wire_bytes(input->largest);
        messages[i].seq_smallest = input->seq_smallest;
        messages[i].seq_largest = input->seq_largest;
        pointers[i] = &messages[i];
    }
    *messages_out = messages;
    return pointers;
}

static Kvd__CompactRange **
encode_ranges(const struct compact_range *ranges, uint32_t count, Kvd__CompactRange **messages_out)
{
    Kvd__CompactRange **pointers = kv_alloc((count + 1) * sizeof(Kvd__CompactRange *));
    Kvd__CompactRange *messages = kv_alloc((count + 1) * sizeof(*messages));

    for (uint32_t i = 0; i < count; i++) {
        kvd__compact_range__init(&messages[i]);
        messages[i].smallest = worker_wire_bytes(ranges[i].smallest);
        messages[i].largest = worker_wire_bytes(ranges[i].largest);
        messages[i].bytes = ranges[i].bytes;
        pointers[i] = &messages[i];
    }
    *messages_out = messages;
    return pointers;
}

static void
encode_fields(const struct compaction_spec *spec, Kvd__Compact *wire)
{
    wire->db_identity = worker_wire_bytes(slice_from_text(spec->db_identity));
    wire->creation_time_s = spec->creation_time_s;
    wire->now_ms = spec->now_ms;
    wire->cf_id = spec->cf_id;
    wire->cf_name = worker_wire_bytes(slice_from_text(spec->cf_name));
    wire->merge_operator = worker_wire_bytes(slice_from_text(spec->merge_operator));
    wire->begin = worker_wire_bytes(spec->begin);
    wire->end = worker_wire_bytes(spec->end);
    wire->n_snapshots = spec->snapshot_count;
    wire->snapshots = (uint64_t *)(uintptr_t)spec->snapshots; /* packing only reads */
    wire->output_level = spec->output_level;
    wire->grandparent_bytes_max = spec->grandparent_bytes_max;
    wire->output_bytes_max = spec->output_bytes_max;
    wire->output_number_first = spec->output_number_first;
    wire->output_number_count = spec->output_number_count;
    wire->compression = (uint32_t)spec->compression;
    wire->block_bytes = spec->block_bytes;
    wire->bloom_bits_per_key = spec->bloom_bits_per_key;
    wire->rate_bytes_per_s = spec->rate_bytes_per_s;
    wire->leaves_core = spec->leaves_core;
}

void
worker_compact_encode(const struct worker_compact *compact, Kvd__Envelope *envelope,
                      struct buffer *target)
{
    const struct compaction_spec *spec = &compact->spec;
    Kvd__CompactInput *inputs;
    Kvd__CompactRange *below, *grandparents;
    Kvd__Compact wire = KVD__COMPACT__INIT;

    KV_ASSERT(worker_compact_fits(spec));
    encode_fields(spec, &wire);
    wire.job_id = compact->job_id;
    wire.session_identity = worker_wire_bytes(slice_from_text(compact->session_identity));
    wire.inputs = encode_inputs(spec, &inputs);
    wire.n_inputs = spec->input_count;
    wire.below = encode_ranges(spec->below, spec->below_count, &below);
    wire.n_below = spec->below_count;
    wire.grandparents = encode_ranges(spec->grandparents, spec->grandparent_count, &grandparents);
    wire.n_grandparents = spec->grandparent_count;
    envelope->body_case = KVD__ENVELOPE__BODY_COMPACT;
    envelope->compact = &wire;
    worker_wire_pack(envelope, target);
    free(inputs);
    free(below);
    free(grandparents);
    free(wire.inputs);
    free(wire.below);
    free(wire.grandparents);
}

/* --- decoding --- */

static struct slice
slice_of_wire(const ProtobufCBinaryData *wire)
{
    return slice_of(wire->data, wire->len);
}

static struct compact_input *
decode_inputs(const Kvd__Compact *wire)
{
    struct compact_input *inputs = kv_alloc_zero((wire->n_inputs + 1) * sizeof(*inputs));

    for (size_t i = 0; i < wire->n_inputs; i++)
        inputs[i] = (struct compact_input){
            .file_number = wire->inputs[i]->file_number,
            .file_bytes = wire->inputs[i]->file_bytes,
            .level = wire->inputs[i]->level,
            .smallest = slice_of_wire(&wire->inputs[i]->smallest),
            .largest = slice_of_wire(&wire->inputs[i]->largest),
            .seq_smallest = wire->inputs[i]->seq_smallest,
            .seq_largest = wire->inputs[i]->seq_largest,
        };
    return inputs;
}

static struct compact_range *
decode_ranges(Kvd__CompactRange *const *wire, size_t count)
{
    struct compact_range *ranges = kv_alloc_zero((count + 1) * sizeof(*ranges));

    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct compact_range){.smallest = slice_of_wire(&wire[i]->smallest),
                                           .largest = slice_of_wire(&wire[i]->largest),
                                           .bytes = wire[i]->bytes};
    return ranges;
}

static bool
decode_texts(const Kvd__Compact *wire, struct worker_compact *compact)
{
    struct worker_compact_memory *memory = compact->memory;

    if (!worker_wire_take_text(&wire->db_identity, WORKER_TEXT_BYTES_MAX, &memory->db_identity) ||
        !worker_wire_take_text(&wire->session_identity, WORKER_TEXT_BYTES_MAX,
                               &memory->session_identity) ||
        !worker_wire_take_text(&wire->cf_name, WORKER_TEXT_BYTES_MAX, &memory->cf_name) ||
        !worker_wire_take_text(&wire->merge_operator, WORKER_TEXT_BYTES_MAX,
                               &memory->merge_operator))
        return false;
    compact->session_identity = (const char *)memory->session_identity.data;
    compact->spec.db_identity = (const char *)memory->db_identity.data;
    compact->spec.cf_name = (const char *)memory->cf_name.data;
    compact->spec.merge_operator = (const char *)memory->merge_operator.data;
    return true;
}

static void
decode_fields(const Kvd__Compact *wire, struct compaction_spec *spec)
{
    spec->creation_time_s = wire->creation_time_s;
    spec->now_ms = wire->now_ms;
    spec->cf_id = wire->cf_id;
    spec->begin = slice_of_wire(&wire->begin);
    spec->end = slice_of_wire(&wire->end);
    spec->snapshots = wire->snapshots;
    spec->snapshot_count = (uint32_t)wire->n_snapshots;
    spec->output_level = wire->output_level;
    spec->grandparent_bytes_max = wire->grandparent_bytes_max;
    spec->output_bytes_max = wire->output_bytes_max;
    spec->output_number_first = wire->output_number_first;
    spec->output_number_count = wire->output_number_count;
    spec->compression = (enum compression)wire->compression;
    spec->block_bytes = wire->block_bytes;
    spec->bloom_bits_per_key = wire->bloom_bits_per_key;
    spec->rate_bytes_per_s = wire->rate_bytes_per_s;
    spec->leaves_core = wire->leaves_core;
}

bool
worker_compact_decode(Kvd__Compact *wire, struct worker_compact *compact)
{
    struct worker_compact_memory *memory = kv_alloc_zero(sizeof(*memory));

    compact->memory = memory;
    memory->wire = wire;
    compact->job_id = wire->job_id;
    if (wire->job_id == 0 || wire->n_snapshots > WORKER_JOB_SNAPSHOT_COUNT_MAX ||
        wire->n_inputs > COMPACT_INPUT_COUNT_MAX || wire->n_below > COMPACT_RANGE_COUNT_MAX ||
        wire->n_grandparents > COMPACT_RANGE_COUNT_MAX || wire->compression > UINT8_MAX)
        return false;
    if (!decode_texts(wire, compact))
        return false;
    decode_fields(wire, &compact->spec);
    compact->spec.inputs = memory->inputs = decode_inputs(wire);
    compact->spec.input_count = (uint32_t)wire->n_inputs;
    compact->spec.below = memory->below = decode_ranges(wire->below, wire->n_below);
    compact->spec.below_count = (uint32_t)wire->n_below;
    compact->spec.grandparents = memory->grandparents =
        decode_ranges(wire->grandparents, wire->n_grandparents);
    compact->spec.grandparent_count = (uint32_t)wire->n_grandparents;
    return worker_compact_fits(&compact->spec);
}

void
worker_compact_deinit(struct worker_compact *compact)
{
    struct worker_compact_memory *memory = compact->memory;

    if (memory == NULL)
        return;
    buffer_deinit(&memory->db_identity);
    buffer_deinit(&memory->session_identity);
    buffer_deinit(&memory->cf_name);
    buffer_deinit(&memory->merge_operator);
    free(memory->inputs);
    free(memory->below);
    free(memory->grandparents);
    kvd__compact__free_unpacked(memory->wire, NULL);
    free(memory);
    compact->memory = NULL;
}
