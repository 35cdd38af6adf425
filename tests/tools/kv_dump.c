/* kv_dump DIR [FAMILY] - prints every live key of a database as `ldb scan --hex` does:
 * "0xKEY ==> 0xVALUE".  Opens it read-write through the engine. */
#include <stdio.h>

#include "support/tool_db.h"

static void
print_hex(struct slice bytes)
{
    printf("0x");
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02X", bytes.data[i]);
}

/* One step that has happened, however many fetches it took. */
static enum kv_status
step(struct tool_db *tool, struct db_scan *scan, struct read_ctx *ctx, bool is_first, bool *found)
{
    enum kv_status st;

    for (;;) {
        st = is_first ? db_scan_seek(scan, slice_of(NULL, 0), found) : db_scan_next(scan, found);
        if (st != KV_WANT_BLOCK)
            return st;
        st = tool_db_fetch(tool, ctx);
        if (st != KV_OK)
            return st;
    }
}

static enum kv_status
dump(struct tool_db *tool, uint32_t cf_id)
{
    struct read_ctx ctx;
    struct db_scan *scan;
    bool found;
    enum kv_status st;

    read_ctx_init(&ctx, db_block_cache(tool->db));
    scan = db_scan_new(tool->db, &ctx, cf_id);
    st = step(tool, scan, &ctx, true, &found);
    while (st == KV_OK && found) {
        print_hex(db_scan_key(scan));
        printf(" ==> ");
        print_hex(db_scan_value(scan));
        putchar('\n');
        st = step(tool, scan, &ctx, false, &found);
    }
    db_scan_free(scan);
    read_ctx_deinit(&ctx);
    return st;
}

int
main(int argc, char **argv)
{
    struct tool_db tool;
    uint32_t cf_id = CF_DEFAULT;
    enum kv_status st;

    if (argc < 2) {
        fprintf(stderr, "usage: kv_dump DIR [FAMILY]\n");
        return 64;
    }
    tool_db_init(&tool, argv[1]);
    tool.options.create_if_missing = false;
    tool_db_open(&tool);
    if (argc > 2 && !db_find_family(tool.db, slice_from_text(argv[2]), &cf_id)) {
        fprintf(stderr, "kv_dump: no family '%s'\n", argv[2]);
        return 66;
    }
    st = dump(&tool, cf_id);
    if (st != KV_OK)
        fprintf(stderr, "kv_dump: %s\n", kv_status_text(st));
    tool_db_close(&tool);
    return st == KV_OK ? 0 : 65;
}
