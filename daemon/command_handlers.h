/* command_handlers.h - the functions that the rows name, by the file they are in. */
#ifndef KV_DAEMON_COMMAND_HANDLERS_H
#define KV_DAEMON_COMMAND_HANDLERS_H

#include "daemon/command_table.h"

/* command_acl.c */
extern const struct subcommand acl_subcommands[];

/* command_connection.c */
enum kv_status command_auth(struct command_call *call);
enum kv_status command_echo(struct command_call *call);
enum kv_status command_hello(struct command_call *call);
enum kv_status command_ping(struct command_call *call);
enum kv_status command_quit(struct command_call *call);
enum kv_status command_reset(struct command_call *call);
enum kv_status command_select(struct command_call *call);

/* command_bit.c */
enum kv_status command_bitcount(struct command_call *call);
enum kv_status command_bitop(struct command_call *call);
enum kv_status command_bitpos(struct command_call *call);
enum kv_status command_getbit(struct command_call *call);
enum kv_status command_setbit(struct command_call *call);

/* command_bitfield.c */
enum kv_status command_bitfield(struct command_call *call);
enum kv_status command_bitfield_ro(struct command_call *call);

/* command_client.c */
extern const struct subcommand client_subcommands[];

/* command_snapshot.c, command_snapshot_at.c */
extern const struct subcommand snapshot_subcommands[];
enum kv_status command_kv_at(struct command_call *call);

/* command_durability.c */
enum kv_status command_kv_seq(struct command_call *call);
enum kv_status command_kv_waitseq(struct command_call *call);
enum kv_status command_kv_write(struct command_call *call);
enum kv_status command_wait(struct command_call *call);

/* command_save.c */
enum kv_status command_bgsave(struct command_call *call);
enum kv_status command_kv_checkpoint(struct command_call *call);
enum kv_status command_lastsave(struct command_call *call);
enum kv_status command_save(struct command_call *call);

/* command_cf.c */
extern const struct subcommand family_subcommands[];

/* command_family.c */
enum kv_status command_kv_in(struct command_call *call);
enum kv_status command_kv_use(struct command_call *call);

/* command_config.c */
extern const struct subcommand config_subcommands[];
enum kv_status command_shutdown(struct command_call *call);
enum kv_status command_time(struct command_call *call);

/* command_command.c */
extern const struct subcommand command_subcommands[];
enum kv_status command_command(struct command_call *call);

/* command_debug.c */
enum kv_status command_debug(struct command_call *call);

/* command_delex.c */
enum kv_status command_delex(struct command_call *call);
enum kv_status command_delifeq(struct command_call *call);
enum kv_status command_digest(struct command_call *call);

/* command_dump.c */
enum kv_status command_dump(struct command_call *call);
enum kv_status command_restore(struct command_call *call);

/* command_server.c */
enum kv_status command_dbsize(struct command_call *call);
enum kv_status command_info(struct command_call *call);
enum kv_status command_kv_stats(struct command_call *call);
enum kv_status command_kv_workers(struct command_call *call);

/* command_expire.c */
enum kv_status command_expire(struct command_call *call);
enum kv_status command_expireat(struct command_call *call);
enum kv_status command_expiretime(struct command_call *call);
enum kv_status command_persist(struct command_call *call);
enum kv_status command_pexpire(struct command_call *call);
enum kv_status command_pexpireat(struct command_call *call);
enum kv_status command_pexpiretime(struct command_call *call);
enum kv_status command_pttl(struct command_call *call);
enum kv_status command_ttl(struct command_call *call);

/* command_flush.c */
enum kv_status command_kv_flush(struct command_call *call);

/* command_jobs.c */
enum kv_status command_kv_compact(struct command_call *call);
enum kv_status command_kv_jobs(struct command_call *call);

/* command_key.c */
enum kv_status command_copy(struct command_call *call);
enum kv_status command_move(struct command_call *call);
extern const struct subcommand object_subcommands[];
enum kv_status command_rename(struct command_call *call);
enum kv_status command_renamenx(struct command_call *call);

/* command_lcs.c */
enum kv_status command_lcs(struct command_call *call);

/* command_memory.c */
extern const struct subcommand memory_subcommands[];

/* command_merge.c */
enum kv_status command_kv_merge(struct command_call *call);

/* command_client_pause.c */
enum kv_status command_monitor(struct command_call *call);

/* command_latency.c */
extern const struct subcommand latency_subcommands[];

/* command_multi.c */
enum kv_status command_discard(struct command_call *call);
enum kv_status command_exec(struct command_call *call);
enum kv_status command_multi(struct command_call *call);
enum kv_status command_unwatch(struct command_call *call);
enum kv_status command_watch(struct command_call *call);

/* command_pubsub.c */
extern const struct subcommand pubsub_subcommands[];
enum kv_status command_psubscribe(struct command_call *call);
enum kv_status command_publish(struct command_call *call);
enum kv_status command_punsubscribe(struct command_call *call);
enum kv_status command_spublish(struct command_call *call);
enum kv_status command_ssubscribe(struct command_call *call);
enum kv_status command_subscribe(struct command_call *call);
enum kv_status command_sunsubscribe(struct command_call *call);
enum kv_status command_unsubscribe(struct command_call *call);

/* command_range.c */
enum kv_status command_kv_count(struct command_call *call);
enum kv_status command_kv_delrange(struct command_call *call);
enum kv_status command_kv_prefix(struct command_call *call);
enum kv_status command_kv_range(struct command_call *call);
enum kv_status command_kv_seek(struct command_call *call);
enum kv_status command_kv_singledel(struct command_call *call);
enum kv_status command_kv_size(struct command_call *call);

/* command_scan.c */
enum kv_status command_flushall(struct command_call *call);
enum kv_status command_flushdb(struct command_call *call);
enum kv_status command_keys(struct command_call *call);
enum kv_status command_randomkey(struct command_call *call);
enum kv_status command_scan(struct command_call *call);

/* command_slowlog.c */
extern const struct subcommand slowlog_subcommands[];

/* command_string.c */
enum kv_status command_del(struct command_call *call);
enum kv_status command_exists(struct command_call *call);
enum kv_status command_type(struct command_call *call);
enum kv_status command_append(struct command_call *call);
enum kv_status command_get_value(struct command_call *call);
enum kv_status command_getdel(struct command_call *call);
enum kv_status command_getrange(struct command_call *call);
enum kv_status command_mget(struct command_call *call);
enum kv_status command_mset(struct command_call *call);
enum kv_status command_msetnx(struct command_call *call);
enum kv_status command_setrange(struct command_call *call);
enum kv_status command_strlen(struct command_call *call);

/* command_set.c */
enum kv_status command_getex(struct command_call *call);
enum kv_status command_getset(struct command_call *call);
enum kv_status command_psetex(struct command_call *call);
enum kv_status command_set(struct command_call *call);
enum kv_status command_setex(struct command_call *call);
enum kv_status command_setnx(struct command_call *call);

/* command_number.c */
enum kv_status command_decr(struct command_call *call);
enum kv_status command_decrby(struct command_call *call);
enum kv_status command_incr(struct command_call *call);
enum kv_status command_incrby(struct command_call *call);
enum kv_status command_incrbyfloat(struct command_call *call);

/* command_tools.c */
extern const struct subcommand module_subcommands[];
enum kv_status command_cluster(struct command_call *call);
enum kv_status command_readonly(struct command_call *call);
enum kv_status command_role(struct command_call *call);

#endif
