/* scan.h - kvctl scan: the keys of a range and their values, page by page, as they come.
 *
 * Nothing is collected, so a range may be of any size.  Each page is read at one point in time;
 * keys that are there throughout are printed once.
 */
#ifndef KV_CLI_SCAN_H
#define KV_CLI_SCAN_H

#include "cli/dialogue.h"

void scan_print_usage(void);
/* words[0] is "scan". */
enum exit_code scan_main(const struct options *options, int count, char **words);

#endif
