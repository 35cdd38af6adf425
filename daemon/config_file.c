/* config_file.c - the file is text of the user's: it is read strictly and rewritten gently.
 *
 * A rewrite changes the lines of settings whose value is another one now, drops later lines of
 * the same name, and appends what has no line and is not the default.  Includes are left alone:
 * a setting of an included file that was changed is appended to the main file, where it comes
 * later and so wins.
 */
#include "daemon/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "resp/resp_inline.h"

enum { WORDS_MAX = 64 };

struct reader {
    struct config *config;
    const char *path;
    uint32_t line_number;
    uint32_t depth;
    char *error;
};

static bool load(struct config *config, const char *path, uint32_t depth, char *error);

static bool
fail_line(const struct reader *reader, const char *reason)
{
    char text[CONFIG_ERROR_BYTES];

    (void)snprintf(text, sizeof(text), "%s", reason);
    (void)snprintf(reader->error, CONFIG_ERROR_BYTES, "%.120s:%u: %.120s", reader->path,
                   reader->line_number, text);
    return false;
}

/* Reads all of a small file.  False: errno says why. */
static bool
read_file(const char *path, struct buffer *content)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (fd < 0)
        return false;
    do {
        got = read(fd, buffer_reserve(content, 4096), 4096);
        if (got > 0)
            content->size += (size_t)got;
        if (content->size > CONFIG_FILE_BYTES_MAX) {
            errno = EFBIG;
            got = -1;
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    (void)close(fd);
    return got == 0;
}

/* A relative path counts from the folder of the including file. */
static bool
include_file(struct reader *reader, const char *name)
{
    const char *slash = strrchr(reader->path, '/');
    char path[PATH_MAX];
    int size;

    if (reader->depth + 1 >= CONFIG_INCLUDE_DEPTH_MAX)
        return fail_line(reader, "includes are nested too deeply");
    if (name[0] == '/' || slash == NULL)
        size = snprintf(path, sizeof(path), "%s", name);
    else
        size = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - reader->path), reader->path,
                        name);
    if (size < 0 || (size_t)size >= sizeof(path))
        return fail_line(reader, "the path is too long");
    return load(reader->config, path, reader->depth + 1, reader->error);
}

/* `words` are the line's, `values` all but the first joined by spaces. */
static bool
apply_line(struct reader *reader, struct slice name, struct slice values, uint32_t value_count)
{
    char reason[CONFIG_ERROR_BYTES];
    const int index = config_option_find(name);

    if (name.size == 9 && strncasecmp((const char *)name.data, "daemonize", 9) == 0) {
        if (slice_equal(values, slice_from_text("no")))
            return true;
        return fail_line(reader, "kvd stays in the foreground; let systemd or & do this");
    }
    if (name.size == 7 && strncasecmp((const char *)name.data, "include", 7) == 0) {
        char path[PATH_MAX];

        if (value_count != 1 || values.size >= sizeof(path))
            return fail_line(reader, "include takes one path");
        (void)snprintf(path, sizeof(path), "%.*s", (int)values.size, (const char *)values.data);
        return include_file(reader, path);
    }
    if (index < 0) {
        (void)snprintf(reason, sizeof(reason), "unknown setting '%.*s'",
                       (int)(name.size < 64 ? name.size : 64), (const char *)name.data);
        return fail_line(reader, reason);
    }
    if (value_count == 0)
        return fail_line(reader, "the setting has no value");
    if (value_count > 1 && !slice_equal(name, slice_from_text("bind")))
        return fail_line(reader, "the setting takes one value; quote it if it has spaces");
    if (!config_set(reader->config, (uint32_t)index, values, CONFIG_FROM_FILE, reason)) {
        char told[CONFIG_ERROR_BYTES * 2];

        (void)snprintf(told, sizeof(told), "%s: %s", config_option_at((uint32_t)index)->name,
                       reason);
        return fail_line(reader, told);
    }
    return true;
}

/* The name, and the values behind it as one text.  Both end up in `words`. */
static bool
read_line(struct reader *reader, struct slice line)
{
    struct buffer words = {0};
    size_t name_size;
    uint32_t count = 0;
    enum resp_inline word;
    bool is_fine = true;

    while (line.size > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) {
        line.data++;
        line.size--;
    }
    if (line.size == 0 || line.data[0] == '#' || line.data[0] == '\r')
        return true;
    word = resp_inline_next(&line, &words);
    name_size = words.size;
    while (word == RESP_INLINE_WORD && count < WORDS_MAX) {
        const size_t before = words.size;

        if (count > 0)
            buffer_append_byte(&words, ' ');
        word = resp_inline_next(&line, &words);
        if (word == RESP_INLINE_WORD)
            count++;
        else
            words.size = before;
    }
    (void)buffer_reserve(&words, 1);
    if (word == RESP_INLINE_UNBALANCED)
        is_fine = fail_line(reader, "unbalanced quotes");
    else if (word == RESP_INLINE_WORD)
        is_fine = fail_line(reader, "too many words");
    else
        is_fine = apply_line(reader, slice_of(words.data, name_size),
                             slice_of(words.data + name_size, words.size - name_size), count);
    buffer_deinit(&words);
    return is_fine;
}

static bool
parse(struct config *config, const char *path, struct slice text, uint32_t depth, char *error)
{
    struct reader reader = {.config = config, .path = path, .depth = depth, .error = error};

    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        const size_t size = end == NULL ? text.size : (size_t)(end - text.data);

        reader.line_number++;
        if (!read_line(&reader, slice_of(text.data, size)))
            return false;
        text.data += size + (end != NULL);
        text.size -= size + (end != NULL);
    }
    return true;
}

bool
config_file_parse(struct config *config, const char *path, struct slice text, char *error)
{
    return parse(config, path, text, 0, error);
}

static bool
load(struct config *config, const char *path, uint32_t depth, char *error)
{
    struct buffer content = {0};
    bool is_fine;

    if (read_file(path, &content)) {
        is_fine = parse(config, path, buffer_slice(&content), depth, error);
    } else {
        (void)snprintf(error, CONFIG_ERROR_BYTES, "%.160s: %s", path, strerror(errno));
        is_fine = false;
    }
    buffer_deinit(&content);
    return is_fine;
}

bool
config_file_load(struct config *config, const char *path, char *error)
{
    char *absolute = realpath(path, NULL);

    KV_ASSERT(config->file == NULL || config->file != path);
    if (absolute == NULL) {
        (void)snprintf(error, CONFIG_ERROR_BYTES, "%.160s: %s", path, strerror(errno));
        return false;
    }
    free(config->file);
    config->file = absolute;
    return load(config, absolute, 0, error);
}

/* "name value\n", quoted when the value is not a plain word. */
static void
append_setting(const struct config *config, uint32_t index, struct buffer *target)
{
    const char *name = config_option_at(index)->name;
    struct buffer value = {0};
    bool is_plain = true;

    config_format(config, index, &value);
    for (size_t i = 0; i < value.size; i++) {
        const uint8_t byte = value.data[i];

        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '\'' || byte == '\\')
            is_plain = byte == ' ' && strcmp(name, "bind") == 0 && is_plain;
    }
    buffer_append_format(target, "%s ", name);
    if (is_plain && value.size > 0) {
        buffer_append_slice(target, buffer_slice(&value));
    } else {
        buffer_append_byte(target, '"');
        for (size_t i = 0; i < value.size; i++) {
            const uint8_t byte = value.data[i];

            if (byte == '"' || byte == '\\')
                buffer_append_format(target, "\\%c", byte);
            else if (byte < ' ' || byte >= 0x7f)
                buffer_append_format(target, "\\x%02x", byte);
            else
                buffer_append_byte(target, byte);
        }
        buffer_append_byte(target, '"');
    }
    buffer_append_byte(target, '\n');
    buffer_deinit(&value);
}

/* Which setting a line of the file is about; -1: none. */
static int
setting_of_line(struct slice line)
{
    struct buffer name = {0};
    int index = -1;

    if (resp_inline_next(&line, &name) == RESP_INLINE_WORD && name.data != NULL)
        index = config_option_find(buffer_slice(&name));
    buffer_deinit(&name);
    return index;
}

static bool
is_changed(const struct config *config, const struct config *of_file, uint32_t index)
{
    return config->source[index] == CONFIG_FROM_RUNTIME && config_differs(config, of_file, index);
}

/* What `text` would set; one that does not parse any more counts as far as it does. */
static void
parse_again(const struct config *config, struct slice text, struct config *of_file)
{
    char error[CONFIG_ERROR_BYTES];

    config_init(of_file);
    (void)parse(of_file, config->file, text, 0, error);
}

/* The first line of a changed setting gets the new value, later ones go. */
static void
rewrite_lines(const struct config *config, struct slice text, struct buffer *target)
{
    bool is_written[CONFIG_OPTION_COUNT_MAX] = {false};
    struct config of_file;

    parse_again(config, text, &of_file);
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        const size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        const int index = setting_of_line(slice_of(text.data, size));

        if (index < 0 || !is_changed(config, &of_file, (uint32_t)index)) {
            buffer_append(target, text.data, size);
            buffer_append_byte(target, '\n');
        } else if (!is_written[index]) {
            append_setting(config, (uint32_t)index, target);
            is_written[index] = true;
        }
        text.data += size + (end != NULL);
        text.size -= size + (end != NULL);
    }
    config_deinit(&of_file);
}

/* Settings without a line, or whose line an include overrides, go to the end. */
static void
append_missing(const struct config *config, struct buffer *target)
{
    struct config of_file;

    parse_again(config, buffer_slice(target), &of_file);
    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        if (is_changed(config, &of_file, i))
            append_setting(config, i, target);
    }
    config_deinit(&of_file);
}

/* False: errno says why. */
static bool
write_all(int fd, struct slice content)
{
    while (content.size > 0) {
        const ssize_t written = write(fd, content.data, content.size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        content = slice_of(content.data + written, content.size - (size_t)written);
    }
    return true;
}

/* Durable, with the mode of the old file; the old file or the new one is there, never half. */
static bool
replace_file(const char *path, struct slice content)
{
    char temporary[PATH_MAX];
    char folder[PATH_MAX];
    struct stat stat_old;
    bool is_done = false;
    int fd, folder_fd;

    if (stat(path, &stat_old) != 0 || snprintf(temporary, sizeof(temporary), "%s.tmp-%d", path,
                                               (int)getpid()) >= (int)sizeof(temporary))
        return false;
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path + 1), path);
    (void)unlink(temporary); /* of a process with our number that a crash ended */
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, stat_old.st_mode & 0777);
    if (fd < 0)
        return false;
    if (write_all(fd, content) && fchmod(fd, stat_old.st_mode & 0777) == 0 && fsync(fd) == 0 &&
        rename(temporary, path) == 0) {
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        is_done = folder_fd >= 0 && fsync(folder_fd) == 0;
        if (folder_fd >= 0)
            (void)close(folder_fd);
    } else {
        const int saved = errno;

        (void)unlink(temporary);
        errno = saved;
    }
    (void)close(fd);
    return is_done;
}

bool
config_file_rewrite(const struct config *config, char *error)
{
    struct buffer old = {0}, content = {0};
    bool is_done = false;

    if (config->file == NULL) {
        (void)snprintf(error, CONFIG_ERROR_BYTES, "The server is running without a config file");
        return false;
    }
    KV_ASSERT(config->file[0] == '/');
    if (read_file(config->file, &old)) {
        rewrite_lines(config, buffer_slice(&old), &content);
        append_missing(config, &content);
        is_done = replace_file(config->file, buffer_slice(&content));
    }
    if (!is_done)
        (void)snprintf(error, CONFIG_ERROR_BYTES, "Rewriting config file: %s", strerror(errno));
    buffer_deinit(&old);
    buffer_deinit(&content);
    return is_done;
}
