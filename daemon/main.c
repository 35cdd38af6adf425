/* main.c - kvd: the story of the process on one screen.
 *
 * Exit codes are sysexits.h's: 0 a clean stop, 64 usage, 65 damaged data, 69 the port or the
 * directory is in use, 71 no io_uring, 73 the directory cannot be made, 74 I/O error, 77 no
 * permission, 78 configuration.
 */
#include <stdio.h>

#include "base/log.h"
#include "daemon/arguments.h"
#include "daemon/notify.h"
#include "daemon/server.h"

static struct server server;

static int
run(const struct config *config)
{
    int code, close_code;

    log_set_program("kvd");
    log_use_journal_prefix(notify_log_is_journal());
    log_set_level((enum log_level)config->loglevel);
    kv_log(LOG_LEVEL_NOTICE, "kvd %s starts on %s", KV_VERSION, config->dir);

    code = server_open(&server, config);
    if (code == 0)
        code = server_open_data(&server);
    if (code == 0)
        code = server_run(&server);

    close_code = server_close(&server);
    if (code == 0)
        code = close_code;
    kv_log(LOG_LEVEL_NOTICE, "kvd ends with code %d", code);
    return code;
}

int
main(int argc, char **argv)
{
    struct config config;
    int code;

    switch (arguments_read(argc, argv, &config, &code)) {
    case ARGUMENTS_RUN:
        code = run(&config);
        break;
    case ARGUMENTS_PRINT:
        arguments_print_config(&config);
        break;
    case ARGUMENTS_CHECK:
        (void)printf("the configuration is fine\n");
        break;
    case ARGUMENTS_LEAVE:
    case ARGUMENTS_FAILED:
        break;
    }
    config_deinit(&config);
    return code;
}
