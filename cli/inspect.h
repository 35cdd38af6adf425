/* inspect.h - kvctl inspect: what is in a log, a MANIFEST, a table, a directory.
 *
 * Reads through the engine's own readers and writes nothing.  The bytes may be anything: damage
 * is printed where it is met, the rest is printed as far as it can be told, and the exit code is
 * EXIT_DAMAGE.
 */
#ifndef KV_CLI_INSPECT_H
#define KV_CLI_INSPECT_H

#include <stdbool.h>

#include "cli/exit_code.h"

/* argv[0] is "inspect".  `hex`: keys and values as hex digits. */
enum exit_code inspect_main(int argc, char **argv, bool hex);

#endif
