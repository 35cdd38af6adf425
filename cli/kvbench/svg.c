/* svg.c - writes shapes as text.
 *
 * A picture has its own background and follows the reader's colour scheme, so it can be read on
 * any page; a program that knows nothing of colour schemes shows the light one.
 */
#include "cli/kvbench/svg.h"

#include "base/assert.h"

static const char style_sheet[] =
    "<style>\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;"
    "font-size:12px;fill:#24292f}\n"
    ".background{fill:#ffffff}.heading{font-size:17px;font-weight:600}\n"
    ".title{font-size:13px;font-weight:600}.note{fill:#57606a}.warning{fill:#b3261e}\n"
    ".grid{stroke:#d8dee4;stroke-width:1}.minor{stroke:#eef1f4;stroke-width:1}\n"
    ".axis{stroke:#57606a;stroke-width:1}.stall{fill:#d55e00;fill-opacity:.13}\n"
    "path{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}\n"
    ".thin{stroke-width:1.2;stroke-dasharray:5 3}.dotted{stroke-width:1.2;stroke-dasharray:1 4}\n"
    ".c0{stroke:#0072b2}.c1{stroke:#d55e00}.c2{stroke:#009e73}.c3{stroke:#b8559b}\n"
    ".c4{stroke:#b58900}.c5{stroke:#2f9fd8}.c6{stroke:#7a5c3e}.c7{stroke:#6b5bd2}\n"
    ".all{stroke:#24292f}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text{fill:#e6edf3}.background{fill:#0d1117}.note{fill:#9da7b3}.warning{fill:#ff8a80}\n"
    ".grid{stroke:#30363d}.minor{stroke:#1f252c}.axis{stroke:#9da7b3}.stall{fill-opacity:.25}\n"
    ".c0{stroke:#4aa8e8}.c1{stroke:#ff8c42}.c2{stroke:#34d3a0}.c3{stroke:#e58ac6}\n"
    ".c4{stroke:#e8c13a}.c5{stroke:#8fd3ff}.c6{stroke:#c9a27a}.c7{stroke:#a99bff}\n"
    ".all{stroke:#e6edf3}\n"
    "}\n"
    "</style>\n";

static void
append_escaped(struct buffer *svg, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '&')
            buffer_append_format(svg, "&amp;");
        else if (*text == '<')
            buffer_append_format(svg, "&lt;");
        else if (*text == '>')
            buffer_append_format(svg, "&gt;");
        else
            buffer_append_byte(svg, (uint8_t)*text);
    }
}

void
svg_begin(struct buffer *svg, double width, double height)
{
    KV_ASSERT(width > 0.0 && height > 0.0);
    buffer_append_format(svg,
                         "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                         "viewBox=\"0 0 %.0f %.0f\">\n",
                         width, height, width, height);
    buffer_append_slice(svg, slice_from_text(style_sheet));
    svg_rect(svg, "background", 0.0, 0.0, width, height);
}

void
svg_end(struct buffer *svg)
{
    buffer_append_format(svg, "</svg>\n");
}

void
svg_line(struct buffer *svg, const char *class, double x1, double y1, double x2, double y2)
{
    buffer_append_format(svg,
                         "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                         class, x1, y1, x2, y2);
}

void
svg_rect(struct buffer *svg, const char *class, double x, double y, double width, double height)
{
    buffer_append_format(
        svg, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class,
        x, y, width, height);
}

void
svg_text(struct buffer *svg, const char *class, enum svg_anchor anchor, double x, double y,
         const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};

    KV_ASSERT(anchor <= SVG_END);
    buffer_append_format(svg, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", class,
                         anchors[anchor], x, y);
    append_escaped(svg, text);
    buffer_append_format(svg, "</text>\n");
}

void
svg_open_group(struct buffer *svg, const char *title)
{
    buffer_append_format(svg, "<g><title>");
    append_escaped(svg, title);
    buffer_append_format(svg, "</title>\n");
}

void
svg_close_group(struct buffer *svg)
{
    buffer_append_format(svg, "</g>\n");
}

struct svg_path
svg_path_begin(struct buffer *svg, const char *class)
{
    buffer_append_format(svg, "<path class=\"%s\" d=\"", class);
    return (struct svg_path){.svg = svg};
}

void
svg_path_point(struct svg_path *path, double x, double y)
{
    /* "h0" makes a dot of a point that no other follows. */
    buffer_append_format(path->svg, path->is_down ? "L%.1f %.1f" : "M%.1f %.1fh0", x, y);
    path->is_down = true;
}

void
svg_path_gap(struct svg_path *path)
{
    path->is_down = false;
}

void
svg_path_end(struct svg_path *path)
{
    buffer_append_format(path->svg, "\"/>\n");
    path->svg = NULL;
}
