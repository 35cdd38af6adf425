/* svg.h - the few shapes that our plots are made of.
 *
 * Coordinates are pixels.  Looks come from classes, which the style sheet at the head of the
 * document gives for a light and for a dark background.
 */
#ifndef KV_KVBENCH_SVG_H
#define KV_KVBENCH_SVG_H

#include "base/buffer.h"

enum { SVG_COLOUR_COUNT = 8 };

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* The document up to the first shape, with a background. */
void svg_begin(struct buffer *svg, double width, double height);
void svg_end(struct buffer *svg);

/* `class` and, in svg_text, any `text`: the latter is escaped. */
void svg_line(struct buffer *svg, const char *class, double x1, double y1, double x2, double y2);
void svg_rect(struct buffer *svg, const char *class, double x, double y, double width,
              double height);
void svg_text(struct buffer *svg, const char *class, enum svg_anchor anchor, double x, double y,
              const char *text);
/* What a pointer that rests on the next group of shapes shows. */
void svg_open_group(struct buffer *svg, const char *title);
void svg_close_group(struct buffer *svg);

/* A line through points: begin, points, end.  After svg_path_gap the next point begins anew; a
 * point between two gaps is a dot. */
struct svg_path {
    struct buffer *svg;
    bool is_down;
};
struct svg_path svg_path_begin(struct buffer *svg, const char *class);
void svg_path_point(struct svg_path *path, double x, double y);
void svg_path_gap(struct svg_path *path);
void svg_path_end(struct svg_path *path);

#endif
