/* plot_panel.c - frames, grids and legends. */
#include "cli/kvbench/plot_panel.h"

#include "base/assert.h"

enum { LEGEND_LINE = 17, LEGEND_SAMPLE = 24, LEGEND_GAP = 18 };

void
panel_place(struct panel *panel, double left, double top, double width, double height)
{
    KV_ASSERT(width > 0.0 && height > 0.0);
    panel->left = left;
    panel->top = top;
    panel->width = width;
    panel->height = height;
    panel->x.pixel_low = left;
    panel->x.pixel_high = left + width;
    panel->y.pixel_low = top + height; /* pixels count downwards */
    panel->y.pixel_high = top;
}

void
panel_draw(struct panel *panel, const char *title, const char *x_title)
{
    const double right = panel->left + panel->width, bottom = panel->top + panel->height;

    svg_text(panel->svg, "title", SVG_START, panel->left, panel->top - 10.0, title);
    for (uint32_t i = 0; i < panel->y.tick_count; i++) {
        const struct axis_tick *tick = &panel->y.ticks[i];
        const double y = axis_place(&panel->y, tick->value);

        svg_line(panel->svg, tick->label[0] == '\0' ? "minor" : "grid", panel->left, y, right, y);
        if (tick->label[0] != '\0')
            svg_text(panel->svg, "tick", SVG_END, panel->left - 8.0, y + 4.0, tick->label);
    }
    for (uint32_t i = 0; i < panel->x.tick_count; i++) {
        const struct axis_tick *tick = &panel->x.ticks[i];
        const double x = axis_place(&panel->x, tick->value);

        svg_line(panel->svg, "minor", x, panel->top, x, bottom);
        svg_line(panel->svg, "axis", x, bottom, x, bottom + 4.0);
        svg_text(panel->svg, "tick", SVG_MIDDLE, x, bottom + 18.0, tick->label);
    }
    svg_line(panel->svg, "axis", panel->left, bottom, right, bottom);
    svg_text(panel->svg, "note", SVG_MIDDLE, panel->left + panel->width / 2.0, bottom + 36.0,
             x_title);
}

void
panel_draw_remark(struct panel *panel, const char *remark)
{
    svg_text(panel->svg, "note", SVG_MIDDLE, panel->left + panel->width / 2.0,
             panel->top + panel->height / 2.0, remark);
}

/* The middle of the next line of the legend. */
static double
next_legend(struct panel *panel, const char *name)
{
    const double y = panel->top + 8.0 + (double)panel->legend_count * LEGEND_LINE;

    panel->legend_count++;
    svg_text(panel->svg, "tick", SVG_START,
             panel->left + panel->width + LEGEND_GAP + LEGEND_SAMPLE + 8.0, y + 4.0, name);
    return y;
}

void
panel_add_legend(struct panel *panel, const char *class, const char *name)
{
    const double y = next_legend(panel, name);
    const double x = panel->left + panel->width + LEGEND_GAP;
    struct svg_path sample = svg_path_begin(panel->svg, class);

    svg_path_point(&sample, x, y);
    svg_path_point(&sample, x + LEGEND_SAMPLE, y);
    svg_path_end(&sample);
}

void
panel_add_legend_area(struct panel *panel, const char *class, const char *name)
{
    const double y = next_legend(panel, name);

    svg_rect(panel->svg, class, panel->left + panel->width + LEGEND_GAP, y - 6.0, LEGEND_SAMPLE,
             12.0);
}

struct svg_path
panel_begin_line(struct panel *panel, const char *class, const char *name)
{
    panel_add_legend(panel, class, name);
    svg_open_group(panel->svg, name);
    return svg_path_begin(panel->svg, class);
}

void
panel_add_point(const struct panel *panel, struct svg_path *path, double x, double y)
{
    svg_path_point(path, axis_place(&panel->x, x), axis_place(&panel->y, y));
}

void
panel_end_line(struct panel *panel, struct svg_path *path)
{
    svg_path_end(path);
    svg_close_group(panel->svg);
}

void
panel_draw_band(struct panel *panel, const char *class, double x_from, double x_to)
{
    const double left = axis_place(&panel->x, x_from), right = axis_place(&panel->x, x_to);

    KV_ASSERT(left <= right);
    svg_rect(panel->svg, class, left, panel->top, right - left, panel->height);
}
