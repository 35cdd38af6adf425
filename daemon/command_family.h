/* command_family.h - which column family a client reads and writes.
 *
 * A client has a family by name: that of a numbered database, "default" or "db<n>", or any other
 * that KV.USE was given.  The id is looked up when a family has come or gone, and between commands
 * only, so that a try of a command sees one family from its start to its end.
 *
 * A numbered database is there whether it has a family or not: without one it reads as empty, and
 * the first command that writes to it makes the family and is run again when that is durable.
 */
#ifndef KV_DAEMON_COMMAND_FAMILY_H
#define KV_DAEMON_COMMAND_FAMILY_H

#include "daemon/client.h"
#include "daemon/command.h"
#include "db/db_family.h"

/* SELECT; `database` is below the setting databases. */
void client_use_database(struct client *client, uint32_t database);
/* KV.USE; false: there is no such family, and nothing has changed. */
bool client_use_family(struct client *client, struct slice name);
/* Before a command is begun: where the family is by now. */
void client_find_family(struct client *client);
/* What the client's choice was before. */
void client_restore_family(struct client *client, const struct family_choice *choice);
/* False: the command is about keys, and the family has been dropped that KV.USE chose; the error
 * reply has been written. */
bool command_has_family(struct command_call *call);
/* "default", "db3", "users"; of at most COLUMN_FAMILY_NAME_BYTES_MAX bytes. */
const char *client_family_name(const struct client *client);

/* Of a command that is about to write to `cf_id`.  KV_OK: it is there; or the command is of a
 * transaction, for which EXEC sees to it.  KV_BUSY: it is being made, and the handler returns that.
 * KV_CANCELLED: it was dropped. */
MUST_CHECK enum kv_status command_need_family(struct command_call *call, uint32_t cf_id);
/* The family of this name; false: the error reply has been written. */
bool command_find_family(struct command_call *call, struct slice name, uint32_t *cf_id_out);

#endif
