/* word_lines.h - any number of ascending words (words.h) as a tree whose nodes are cache lines.
 *
 * A search of twenty thousand words reads five lines, one behind the other; several searches go
 * down side by side, so that what one waits for, the others load meanwhile.
 */
#ifndef KV_KEY_WORD_LINES_H
#define KV_KEY_WORD_LINES_H

#include <stddef.h>
#include <stdint.h>

enum {
    WORD_LINE_COUNT = 8,            /* words of a line */
    WORD_LINES_LEVEL_COUNT_MAX = 16 /* 8 ^ 16 words do not fit in memory */
};

/* Zero-initialised: no words, not to be searched. */
struct word_lines {
    int64_t *words; /* owned: all levels; the first `count` are the words themselves */
    size_t count;
    size_t line_count; /* of all levels */
    /* levels[0] is words, and each word above is the last one of a line below. */
    const int64_t *levels[WORD_LINES_LEVEL_COUNT_MAX];
    unsigned level_count;
};

/* Room for `count` > 0 words, which the caller puts into words[0 .. count), ascending; then
 * word_lines_finish. */
void word_lines_init(struct word_lines *lines, size_t count);
void word_lines_finish(struct word_lines *lines);
void word_lines_deinit(struct word_lines *lines); /* zero-initialised is fine */

/* How many of the words are below `word`: with AVX2 where the CPU has it. */
size_t word_lines_below(const struct word_lines *lines, int64_t word);
/* What it is on other CPUs; public so that a test compares the two. */
size_t word_lines_below_portable(const struct word_lines *lines, int64_t word);

/* The same in two steps, of which the first begins to load what the second reads. */
size_t word_lines_find_line(const struct word_lines *lines, int64_t word);
size_t word_lines_below_from(const struct word_lines *lines, size_t line, int64_t word);

/* One of several searches, of the same words or of others. */
struct word_search {
    const struct word_lines *lines;
    int64_t word;
    size_t below;   /* the answer */
    unsigned level; /* private */
};
void word_lines_search(struct word_search *searches, unsigned count);

static inline size_t
word_lines_bytes(const struct word_lines *lines)
{
    return lines->line_count * WORD_LINE_COUNT * sizeof(lines->words[0]);
}

#endif
