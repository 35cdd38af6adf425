/* command_acl.c - ACL for tools that ask: there is one user, "default", who may do everything and
 * whose password is the setting requirepass.  What would make another is refused. */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "daemon/command_entry.h"
#include "daemon/command_handlers.h"
#include "daemon/command_value.h"
#include "daemon/server.h"

enum { HASH_TEXT_BYTES = 2 * SHA256_BYTES, PASSWORD_BITS_MAX = 4096 };

static void
put_hex(char *target, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(target + 2 * i, 3, "%02x", bytes[i]);
}

static bool
has_password(const struct command_call *call)
{
    return call->server->config.requirepass[0] != '\0';
}

static void
hash_password(const struct command_call *call, char text[HASH_TEXT_BYTES + 1])
{
    uint8_t digest[SHA256_BYTES];

    sha256(slice_from_text(call->server->config.requirepass), digest);
    put_hex(text, digest, sizeof(digest));
}

static bool
is_default(struct slice user)
{
    return slice_equal(user, slice_from_text("default"));
}

static enum kv_status
acl_whoami(struct command_call *call)
{
    resp_bulk_text(&call->reply, "default");
    return KV_OK;
}

static enum kv_status
acl_users(struct command_call *call)
{
    resp_array(&call->reply, 1);
    resp_bulk_text(&call->reply, "default");
    return KV_OK;
}

static enum kv_status
acl_list(struct command_call *call)
{
    char hash[HASH_TEXT_BYTES + 1], line[HASH_TEXT_BYTES + 64];

    resp_array(&call->reply, 1);
    if (has_password(call)) {
        hash_password(call, hash);
        (void)snprintf(line, sizeof(line), "user default on #%s ~* &* +@all", hash);
        resp_bulk_text(&call->reply, line);
    } else {
        resp_bulk_text(&call->reply, "user default on nopass ~* &* +@all");
    }
    return KV_OK;
}

static void
pair(struct command_call *call, const char *name, const char *value)
{
    resp_bulk_text(&call->reply, name);
    resp_bulk_text(&call->reply, value);
}

static enum kv_status
acl_getuser(struct command_call *call)
{
    char hash[HASH_TEXT_BYTES + 1];

    if (!is_default(call->args[2])) {
        resp_null(&call->reply);
        return KV_OK;
    }
    resp_map(&call->reply, 6);
    resp_bulk_text(&call->reply, "flags");
    resp_set(&call->reply, has_password(call) ? 1 : 2);
    resp_bulk_text(&call->reply, "on");
    if (!has_password(call))
        resp_bulk_text(&call->reply, "nopass");
    resp_bulk_text(&call->reply, "passwords");
    resp_array(&call->reply, has_password(call) ? 1 : 0);
    if (has_password(call)) {
        hash_password(call, hash);
        resp_bulk_text(&call->reply, hash);
    }
    pair(call, "commands", "+@all");
    pair(call, "keys", "~*");
    pair(call, "channels", "&*");
    resp_bulk_text(&call->reply, "selectors");
    resp_array(&call->reply, 0);
    return KV_OK;
}

/* --- CAT --- */

static void
reply_categories(struct command_call *call)
{
    uint32_t count = 0;

    while (command_category_at(count) != NULL)
        count++;
    resp_array(&call->reply, count);
    for (uint32_t i = 0; i < count; i++)
        resp_bulk_text(&call->reply, command_category_at(i));
}

/* Counts the commands of a category, and with `replies` lists them. */
static size_t
list(struct command_call *call, struct slice category, bool replies)
{
    struct command_entry entry;
    size_t count = 0;

    for (uint32_t i = 0; i < command_count(); i++) {
        command_entry_of(command_at(i), &entry);
        for (uint32_t second = 0;; second++) {
            if (command_entry_is_in(&entry, category)) {
                count++;
                if (replies)
                    resp_bulk_text(&call->reply, entry.name);
            }
            if (!command_entry_second(command_at(i), second, &entry))
                break;
        }
    }
    return count;
}

static bool
is_category(struct slice word)
{
    for (uint32_t i = 0; command_category_at(i) != NULL; i++) {
        if (argument_is(word, command_category_at(i)))
            return true;
    }
    return false;
}

static void
reply_misuse(struct command_call *call)
{
    const struct slice word = call->args[1];

    resp_error_format(&call->reply,
                      "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try ACL "
                      "HELP.",
                      (int)(word.size < 128 ? word.size : 128), (const char *)word.data);
}

static enum kv_status
acl_cat(struct command_call *call)
{
    struct slice category;

    if (call->arg_count == 2) {
        reply_categories(call);
        return KV_OK;
    }
    if (call->arg_count > 3) {
        reply_misuse(call);
        return KV_OK;
    }
    category = call->args[2];
    if (!is_category(category)) {
        resp_error_format(&call->reply, "ERR Unknown category '%.*s'",
                          (int)(category.size < 128 ? category.size : 128),
                          (const char *)category.data);
        return KV_OK;
    }
    resp_array(&call->reply, list(call, category, false));
    (void)list(call, category, true);
    return KV_OK;
}

/* --- the rest --- */

static enum kv_status
acl_dryrun(struct command_call *call)
{
    const struct slice user = call->args[2], name = call->args[3];
    struct command_entry entry;

    if (!is_default(user))
        resp_error_format(&call->reply, "ERR User '%.*s' not found",
                          (int)(user.size < 128 ? user.size : 128), (const char *)user.data);
    else if (!command_entry_find_line(call->args + 3, call->arg_count - 3, &entry))
        resp_error_format(&call->reply, "ERR Command '%.*s' not found",
                          (int)(name.size < 128 ? name.size : 128), (const char *)name.data);
    else if (!command_entry_takes(&entry, call->arg_count - 3))
        resp_error_format(&call->reply, "ERR wrong number of arguments for '%s' command",
                          entry.name);
    else
        resp_simple(&call->reply, "OK");
    return KV_OK;
}

static enum kv_status
acl_genpass(struct command_call *call)
{
    uint8_t secret[PASSWORD_BITS_MAX / 8];
    char text[2 * sizeof(secret) + 1];
    int64_t bit_count = 256;

    if (call->arg_count > 3) {
        reply_misuse(call);
        return KV_OK;
    }
    if (call->arg_count == 3 && !value_parse_int64(call, call->args[2], &bit_count))
        return KV_OK;
    if (bit_count <= 0 || bit_count > PASSWORD_BITS_MAX) {
        resp_error(&call->reply, "ERR ACL GENPASS argument must be the number of bits for the "
                                 "output password, a positive number up to 4096");
        return KV_OK;
    }
    for (size_t done = 0; done < sizeof(secret);) {
        const ssize_t got = getrandom(secret + done, sizeof(secret) - done, 0);

        KV_ASSERT(got > 0 || errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
    put_hex(text, secret, sizeof(secret));
    resp_bulk(&call->reply, slice_of(text, (size_t)(bit_count + 3) / 4));
    return KV_OK;
}

/* Refused passwords are counted in INFO errorstats; nothing else can be refused. */
static enum kv_status
acl_log(struct command_call *call)
{
    int64_t count;

    if (call->arg_count > 3)
        reply_misuse(call);
    else if (call->arg_count == 3 && argument_is(call->args[2], "reset"))
        resp_simple(&call->reply, "OK");
    else if (call->arg_count == 2 || value_parse_int64(call, call->args[2], &count))
        resp_array(&call->reply, 0);
    return KV_OK;
}

static enum kv_status
acl_deluser(struct command_call *call)
{
    for (uint32_t i = 2; i < call->arg_count; i++) {
        if (is_default(call->args[i])) {
            resp_error(&call->reply, "ERR The 'default' user cannot be removed");
            return KV_OK;
        }
    }
    resp_integer(&call->reply, 0);
    return KV_OK;
}

static enum kv_status
acl_refused(struct command_call *call)
{
    resp_error(&call->reply, "ERR kvd has one user, 'default', who may do everything and whose "
                             "password is the setting requirepass: nothing was changed");
    return KV_OK;
}

const struct subcommand acl_subcommands[] = {
    {"cat", acl_cat, -2, "CAT [<category>]\nReturn the categories, or the commands of one."},
    {"deluser", acl_deluser, -3,
     "DELUSER <username> [<username> ...]\nReturn 0: there is one user."},
    {"dryrun", acl_dryrun, -4,
     "DRYRUN <username> <command> [<arg> ...]\nReturn whether the user may run the command."},
    {"genpass", acl_genpass, -2, "GENPASS [<bits>]\nReturn a random password."},
    {"getuser", acl_getuser, 3, "GETUSER <username>\nReturn what the user may do."},
    {"list", acl_list, 2, "LIST\nReturn the users as Redis's ACL file has them."},
    {"load", acl_refused, 2, "LOAD\nAn error: there is no ACL file."},
    {"log", acl_log, -2, "LOG [<count> | RESET]\nReturn what was refused: nothing is."},
    {"save", acl_refused, 2, "SAVE\nAn error: there is no ACL file."},
    {"setuser", acl_refused, -3,
     "SETUSER <username> [<attribute> ...]\nAn error: the one user cannot be changed."},
    {"users", acl_users, 2, "USERS\nReturn the users' names."},
    {"whoami", acl_whoami, 2, "WHOAMI\nReturn who the connection is: default."},
    {NULL, NULL, 0, NULL},
};
