#include "cli/scan.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/escape.h"

struct scan {
    const char *prefix;           /* NULL: none */
    struct buffer from, to, next; /* bounds, as KV.RANGE takes them; owned */
    bool is_reverse, keys_only, count_only;
    uint64_t limit; /* UINT64_MAX: none */
    uint64_t count; /* so far */
    enum output output;
};

void
scan_print_usage(void)
{
    complain("usage: kvctl scan [--prefix TEXT | --from BOUND --to BOUND] [--reverse] [--limit N] "
             "[--keys-only | --count]; a BOUND is a key, [key, (key, - or +");
}

/* A plain key is included. */
static void
set_bound(struct buffer *bound, const char *text)
{
    const bool is_plain =
        strchr("[(", text[0]) == NULL && strcmp(text, "-") != 0 && strcmp(text, "+") != 0;

    buffer_clear(bound);
    if (is_plain || text[0] == '\0')
        buffer_append_byte(bound, '[');
    buffer_append(bound, text, strlen(text));
}

static bool
read_limit(const char *text, uint64_t *limit)
{
    char *end;

    errno = 0;
    *limit = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool
read_options(int count, char **words, struct scan *scan)
{
    static const struct option known[] = {
        {"prefix", required_argument, NULL, 'p'}, {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},     {"reverse", no_argument, NULL, 'r'},
        {"limit", required_argument, NULL, 'l'},  {"keys-only", no_argument, NULL, 'k'},
        {"count", no_argument, NULL, 'c'},        {0},
    };
    bool is_valid = true;
    int letter;

    optind = 1;
    while (is_valid && (letter = getopt_long(count, words, "", known, NULL)) != -1) {
        switch (letter) {
        case 'p':
            scan->prefix = optarg;
            break;
        case 'f':
            set_bound(&scan->from, optarg);
            break;
        case 't':
            set_bound(&scan->to, optarg);
            break;
        case 'r':
            scan->is_reverse = true;
            break;
        case 'l':
            is_valid = read_limit(optarg, &scan->limit);
            break;
        case 'k':
            scan->keys_only = true;
            break;
        case 'c':
            scan->count_only = true;
            break;
        default:
            is_valid = false;
        }
    }
    return is_valid && optind == count && !(scan->keys_only && scan->count_only) &&
           !(scan->prefix != NULL && scan->from.size + scan->to.size > 0);
}

/* The command for the next page. */
static void
build(const struct scan *scan, struct request *request)
{
    char number[24];
    const struct slice from = buffer_slice(&scan->from), to = buffer_slice(&scan->to);
    const struct slice low = from.size > 0 ? from : slice_from_text("-");
    const struct slice high = to.size > 0 ? to : slice_from_text("+");

    request_clear(request);
    if (scan->prefix != NULL) {
        request_add_text(request, "KV.PREFIX");
        request_add_text(request, scan->prefix);
        if (scan->next.size > 0) {
            request_add_text(request, "FROM");
            request_add(request, buffer_slice(&scan->next));
        }
    } else {
        const struct slice first = scan->is_reverse ? high : low;

        request_add_text(request, "KV.RANGE");
        request_add(request, scan->next.size > 0 ? buffer_slice(&scan->next) : first);
        request_add(request, scan->is_reverse ? low : high);
    }
    if (scan->is_reverse)
        request_add_text(request, "REV");
    if (scan->keys_only || scan->count_only)
        request_add_text(request, scan->count_only ? "COUNT" : "KEYS");
    if (scan->limit - scan->count < 1000) {
        (void)snprintf(number, sizeof(number), "%" PRIu64, scan->limit - scan->count);
        request_add_text(request, "LIMIT");
        request_add_text(request, number);
    }
}

static struct slice
text_of(const redisReply *reply)
{
    return slice_of(reply->str, reply->len);
}

static void
append_string(const struct scan *scan, struct slice bytes, struct buffer *target)
{
    switch (scan->output) {
    case OUTPUT_JSON:
        escape_append_json(target, bytes);
        break;
    case OUTPUT_HEX:
        escape_append_hex(target, bytes);
        break;
    case OUTPUT_RAW:
        buffer_append_slice(target, bytes);
        break;
    case OUTPUT_TABLE:
        escape_append(target, bytes);
        break;
    default:
        escape_append_quoted(target, bytes);
        break;
    }
}

static bool
is_pair(const redisReply *entry)
{
    return entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
           entry->element[0]->type == REDIS_REPLY_STRING &&
           entry->element[1]->type == REDIS_REPLY_STRING;
}

/* One entry a line: key and value with a tab between, or an array of JSON. */
static bool
append_entry(const struct scan *scan, const redisReply *entry, struct buffer *target)
{
    const bool is_json = scan->output == OUTPUT_JSON;

    if (scan->keys_only ? entry->type != REDIS_REPLY_STRING : !is_pair(entry))
        return false;
    if (scan->keys_only) {
        append_string(scan, text_of(entry), target);
    } else {
        buffer_append(target, "[", is_json ? 1 : 0);
        append_string(scan, text_of(entry->element[0]), target);
        buffer_append_byte(target, is_json ? ',' : '\t');
        append_string(scan, text_of(entry->element[1]), target);
        buffer_append(target, "]", is_json ? 1 : 0);
    }
    buffer_append_byte(target, '\n');
    return true;
}

static enum exit_code
write_out(const struct buffer *text)
{
    if (text->size == 0 ||
        (fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0))
        return EXIT_OK;
    complain("cannot write to standard output: %s", strerror(errno));
    return EXIT_IO;
}

/* Takes a page: prints its entries and remembers where to go on.  *done: it was the last one. */
static enum exit_code
take_page(struct scan *scan, const redisReply *page, bool *done)
{
    const redisReply *next, *entries;
    struct buffer text = {0};
    enum exit_code code;
    bool is_valid = page->type == REDIS_REPLY_ARRAY && page->elements == 2;

    *done = true;
    if (!is_valid)
        goto strange;
    next = page->element[0];
    entries = page->element[1];
    if (scan->count_only) {
        is_valid = entries->type == REDIS_REPLY_INTEGER;
        scan->count += is_valid ? (uint64_t)entries->integer : 0;
    }
    for (size_t i = 0; is_valid && !scan->count_only && i < entries->elements; i++) {
        is_valid = append_entry(scan, entries->element[i], &text);
        scan->count++;
    }
    if (!is_valid)
        goto strange;
    code = write_out(&text);
    buffer_deinit(&text);
    *done = next->type != REDIS_REPLY_STRING || scan->count >= scan->limit;
    buffer_clear(&scan->next);
    if (next->type == REDIS_REPLY_STRING)
        buffer_append_slice(&scan->next, text_of(next));
    return code;
strange:
    buffer_deinit(&text);
    complain("the server's reply is not a page of a range");
    return EXIT_SERVER_ERROR;
}

static enum exit_code
run_pages(struct scan *scan, struct dialogue *dialogue)
{
    struct request request = {0};
    enum exit_code code = EXIT_OK;
    bool done = scan->limit == 0;

    while (code == EXIT_OK && !done) {
        redisReply *reply = NULL;

        build(scan, &request);
        code = dialogue_run(dialogue, &request, &reply);
        if (code != EXIT_OK)
            break;
        if (reply->type == REDIS_REPLY_ERROR) {
            complain("%s", reply->str);
            code = EXIT_SERVER_ERROR;
        } else {
            code = take_page(scan, reply, &done);
        }
        freeReplyObject(reply);
    }
    request_deinit(&request);
    if (code == EXIT_OK && scan->count_only)
        (void)printf("%" PRIu64 "\n", scan->count);
    return code;
}

enum exit_code
scan_main(const struct options *options, int count, char **words)
{
    struct scan scan = {.limit = UINT64_MAX, .output = options->output};
    enum exit_code code = EXIT_USAGE, close_code;
    struct dialogue dialogue;

    if (!read_options(count, words, &scan)) {
        scan_print_usage();
        goto done;
    }
    dialogue_init(&dialogue, options, false);
    if (scan.output == OUTPUT_AUTO)
        scan.output = dialogue.for_person ? OUTPUT_PRETTY : OUTPUT_RAW;
    code = run_pages(&scan, &dialogue);
    close_code = dialogue_close(&dialogue);
    if (code == EXIT_OK)
        code = close_code;
done:
    buffer_deinit(&scan.from);
    buffer_deinit(&scan.to);
    buffer_deinit(&scan.next);
    return code;
}
