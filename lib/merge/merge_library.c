/* merge_library.c - operators that come from outside, in the clothes of those that are built in. */
#include "merge/merge_library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "merge/kvd_merge_operator.h"
#include "merge/merge_operator_kind.h"

/* The interface has a slice of its own, since its header stands alone. */
static_assert(sizeof(struct kvd_merge_bytes) == sizeof(struct slice) &&
                  offsetof(struct kvd_merge_bytes, data) == offsetof(struct slice, data) &&
                  offsetof(struct kvd_merge_bytes, size) == offsetof(struct slice, size),
              "a slice is passed as it is");

struct loaded_kind {
    struct merge_operator_kind kind;
    const struct kvd_merge_operator *loaded;
};

static struct loaded_kind loaded_kinds[MERGE_LIBRARY_OPERATOR_COUNT_MAX];
static size_t loaded_count;

const struct merge_operator_kind *
merge_library_kind_at(size_t index)
{
    return index < loaded_count ? &loaded_kinds[index].kind : NULL;
}

struct output {
    struct kvd_merge_output output;
    struct buffer *target;
    bool is_full;
};

static bool
append(struct kvd_merge_output *base, const void *bytes, size_t size)
{
    struct output *output = KV_CONTAINER_OF(base, struct output, output);

    output->is_full = output->is_full || size > VALUE_BYTES_MAX - output->target->size;
    if (!output->is_full)
        buffer_append(output->target, bytes, size);
    return !output->is_full;
}

static struct kvd_merge_input
input_of(const struct merge_input *input)
{
    return (struct kvd_merge_input){
        .key = {.data = input->key.data, .size = input->key.size},
        .base = (const struct kvd_merge_bytes *)(const void *)input->base,
        .operands = (const struct kvd_merge_bytes *)(const void *)input->operands,
        .operand_count = input->operand_count,
    };
}

static const struct kvd_merge_operator *
loaded_of(const struct merge_operator *op)
{
    return KV_CONTAINER_OF(op->kind, struct loaded_kind, kind)->loaded;
}

static enum kv_status
loaded_full(const struct merge_operator *op, const struct merge_input *input, struct buffer *value)
{
    struct output output = {.output = {.append = append}, .target = value};
    const struct kvd_merge_input passed = input_of(input);
    bool is_done;

    buffer_clear(value);
    is_done = loaded_of(op)->full(&passed, &output.output);
    if (output.is_full)
        return KV_LIMIT;
    return is_done ? KV_OK : KV_INVALID;
}

static bool
loaded_partial(const struct merge_operator *op, const struct merge_input *input,
               struct buffer *operand)
{
    struct output output = {.output = {.append = append}, .target = operand};
    const struct kvd_merge_input passed = input_of(input);

    buffer_clear(operand);
    return loaded_of(op)->partial(&passed, &output.output) && !output.is_full;
}

static bool
loaded_accepts(const struct merge_operator *op, struct slice operand)
{
    return loaded_of(op)->accepts(
        (struct kvd_merge_bytes){.data = operand.data, .size = operand.size});
}

static bool
name_is_good(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t size = name != NULL ? strlen(name) : 0;

    return size > 0 && size <= MERGE_LIBRARY_NAME_BYTES_MAX && strspn(name, letters) == size &&
           strcmp(name, "nullptr") != 0;
}

static enum kv_status
check(const char *path, const struct kvd_merge_operator *loaded)
{
    struct merge_operator same;

    if (loaded->interface_version != KVD_MERGE_INTERFACE_VERSION)
        return KV_FAIL(KV_UNSUPPORTED, "%s: made for interface version %u, this is %d", path,
                       loaded->interface_version, KVD_MERGE_INTERFACE_VERSION);
    if (!name_is_good(loaded->name))
        return KV_FAIL(KV_INVALID, "%s: the name of a merge operator is malformed", path);
    if (loaded->full == NULL)
        return KV_FAIL(KV_INVALID, "%s: merge operator %s has no function `full`", path,
                       loaded->name);
    if (merge_operator_parse(slice_from_text(loaded->name), &same) == KV_OK)
        return KV_FAIL(KV_INVALID, "%s: there is a merge operator %s already", path, loaded->name);
    return KV_OK;
}

static void
add(const struct kvd_merge_operator *loaded)
{
    struct loaded_kind *added = &loaded_kinds[loaded_count++];

    *added = (struct loaded_kind){.kind = {.class_name = loaded->name, .full = loaded_full},
                                  .loaded = loaded};
    if (loaded->partial != NULL)
        added->kind.partial = loaded_partial;
    if (loaded->accepts != NULL)
        added->kind.accepts = loaded_accepts;
}

static enum kv_status
add_all(const char *path, const struct kvd_merge_operator *loaded, size_t count)
{
    const size_t count_before = loaded_count;

    if (count == 0 || count > MERGE_LIBRARY_OPERATOR_COUNT_MAX - loaded_count)
        return KV_FAIL(KV_LIMIT, "%s: %zu merge operators; 1 to %zu are possible", path, count,
                       MERGE_LIBRARY_OPERATOR_COUNT_MAX - loaded_count);
    for (size_t i = 0; i < count; i++) {
        const enum kv_status st = check(path, &loaded[i]);

        if (st != KV_OK) {
            loaded_count = count_before;
            return st;
        }
        add(&loaded[i]);
    }
    return KV_OK;
}

enum kv_status
merge_library_load(const char *path)
{
    const struct kvd_merge_operator *(*operators)(size_t * count_out);
    const struct kvd_merge_operator *loaded;
    enum kv_status st;
    size_t count = 0;
    void *library;

    if (path[0] != '/')
        return KV_FAIL(KV_NO_FILE, "merge library %s: give its whole path", path);
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return KV_FAIL(KV_NO_FILE, "merge library: %s", dlerror());
    /* Not a cast: ISO C has none from an object to a function. */
    *(void **)&operators = dlsym(library, "kvd_merge_operators");
    if (operators == NULL) {
        st = KV_FAIL(KV_INVALID, "merge library %s: %s", path, dlerror());
    } else {
        loaded = operators(&count);
        st = loaded == NULL ? KV_FAIL(KV_INVALID, "merge library %s: it has no operators", path)
                            : add_all(path, loaded, count);
    }
    if (st != KV_OK)
        dlclose(library);
    return st;
}
