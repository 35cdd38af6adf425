/* config_check.c - what settings mean together. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/config.h"

/* Whether an address of `bind` can be reached from this machine only. */
static bool
is_loopback(const char *address, size_t size)
{
    if (size > 0 && address[0] == '-') {
        address++;
        size--;
    }
    return (size >= 4 && memcmp(address, "127.", 4) == 0) ||
           (size == 3 && memcmp(address, "::1", 3) == 0) ||
           (size == 9 && memcmp(address, "localhost", 9) == 0);
}

static bool
binds_loopback_only(const char *bind)
{
    while (*bind != '\0') {
        const size_t size = strcspn(bind, " ");

        if (size > 0 && !is_loopback(bind, size))
            return false;
        bind += size + (bind[size] == ' ');
    }
    return true;
}

bool
config_check(const struct config *config, char *error)
{
    if (config->memtable_bytes > config->memory_limit_bytes / 2) {
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                       "memtable-size must not be more than half of memory-limit");
        return false;
    }
    if (config->port == 0 && config->unixsocket[0] == '\0') {
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                       "nothing to listen on: port is 0 and there is no unixsocket");
        return false;
    }
    if (config->dir[0] == '\0') {
        (void)snprintf(error, CONFIG_ERROR_BYTES, "dir must not be empty");
        return false;
    }
    if (config->protected_mode && config->requirepass[0] == '\0' && config->port != 0 &&
        !binds_loopback_only(config->bind)) {
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                       "bind opens kvd to the network without a password: set requirepass, or "
                       "protected-mode no if that is really wanted");
        return false;
    }
    return true;
}

const char *
config_source_name(enum config_source source)
{
    static const char *const names[] = {"default", "file", "command line", "runtime"};

    KV_ASSERT(source <= CONFIG_FROM_RUNTIME);
    return names[source];
}
