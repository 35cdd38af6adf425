/* plot_panel.h - a frame with two axes, lines in it, and a legend beside it. */
#ifndef KV_KVBENCH_PLOT_PANEL_H
#define KV_KVBENCH_PLOT_PANEL_H

#include "cli/kvbench/plot_axis.h"
#include "cli/kvbench/svg.h"

struct panel {
    struct buffer *svg; /* borrowed */
    struct axis x;
    struct axis y;
    double left;
    double top;
    double width;
    double height;
    uint32_t legend_count;
};

/* Where the frame is; the axes have been initialised. */
void panel_place(struct panel *panel, double left, double top, double width, double height);
/* Title above, grid, ticks, and what the x axis shows. */
void panel_draw(struct panel *panel, const char *title, const char *x_title);
/* Says in the frame why there is nothing in it. */
void panel_draw_remark(struct panel *panel, const char *remark);

/* A line of its own in the legend; `class` is that of the path. */
void panel_add_legend(struct panel *panel, const char *class, const char *name);
void panel_add_legend_area(struct panel *panel, const char *class, const char *name);

/* Draws a line with a legend: begin, points in the values of the axes, end. */
struct svg_path panel_begin_line(struct panel *panel, const char *class, const char *name);
void panel_add_point(const struct panel *panel, struct svg_path *path, double x, double y);
void panel_end_line(struct panel *panel, struct svg_path *path);
/* A band over the whole height, behind what is drawn later. */
void panel_draw_band(struct panel *panel, const char *class, double x_from, double x_to);

#endif
