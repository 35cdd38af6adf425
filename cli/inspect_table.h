/* inspect_table.h - the two halves of inspecting a table. */
#ifndef KV_CLI_INSPECT_TABLE_H
#define KV_CLI_INSPECT_TABLE_H

#include "cli/inspect_internal.h"

/* Index and, as the inspection asks, entries and checksums, through table_reader. */
void inspect_table_data(struct inspection *inspection, const struct inspected_file *file);

#endif
