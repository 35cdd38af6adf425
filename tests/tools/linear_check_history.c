/* linear_check_history - says whether recorded histories (support/linear_history.h) are
 * linearizable.
 *
 *   linear_check_history FILE...
 *
 * Exit codes: 0 all are; 1 one is not; 2 one cannot be read, or is too hard to decide.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "support/linear_check.h"

enum { CONFIGURATION_COUNT_MAX = 20 * 1000 * 1000, READ_BYTES = 64 * 1024 };

static bool
read_file(const char *path, struct buffer *text)
{
    FILE *file = fopen(path, "r");
    size_t got;

    if (file == NULL) {
        perror(path);
        return false;
    }
    do {
        got = fread(buffer_reserve(text, READ_BYTES), 1, READ_BYTES, file);
        text->size += got;
    } while (got > 0);
    fclose(file);
    return true;
}

static int
check_file(const char *path)
{
    struct buffer text = {0};
    struct linear_history history = {0};
    struct linear_report report = {.configuration_count_max = CONFIGURATION_COUNT_MAX};
    enum linear_verdict verdict = LINEAR_TOO_HARD;

    if (read_file(path, &text) && linear_history_parse(&history, buffer_slice(&text))) {
        verdict = linear_check(&history, &report);
        printf("%s: %u operations on %u keys, %u never answered, %" PRIu64 " configurations: %s\n",
               path, history.op_count, history.key_count, history.pending_count,
               report.configuration_count,
               verdict == LINEAR_YES  ? "linearizable"
               : verdict == LINEAR_NO ? "NOT LINEARIZABLE"
                                      : "too hard");
        if (report.culprit != NULL)
            printf("no order of the operations gets past: %.*s\n", (int)report.culprit->line.size,
                   (const char *)report.culprit->line.data);
    }
    linear_history_deinit(&history);
    buffer_deinit(&text);
    return verdict == LINEAR_YES ? 0 : verdict == LINEAR_NO ? 1 : 2;
}

int
main(int argc, char **argv)
{
    int worst = argc > 1 ? 0 : 2;

    for (int i = 1; i < argc; i++) {
        const int code = check_file(argv[i]);

        if (code != 0 && worst != 1)
            worst = code;
    }
    return worst;
}
