/* main.c - kvctl: one verb, or the shell. */
#include <stdio.h>
#include <string.h>

#include "cli/dialogue.h"
#include "cli/inspect.h"
#include "cli/local_server.h"
#include "cli/shell.h"

static enum exit_code
run_verb(const struct options *options, int count, char **words)
{
    const struct verb *verb = verb_find(words[0]);
    struct request request = {0};
    struct dialogue dialogue;
    enum exit_code code, close_code;

    if (verb == NULL) {
        complain("there is no verb '%s'; kvctl --help lists them, 'kvctl command %s' sends it to "
                 "the server",
                 words[0], words[0]);
        return EXIT_USAGE;
    }
    code = verb_build(verb, count - 1, words + 1, &request);
    if (code == EXIT_OK) {
        dialogue_init(&dialogue, options, false);
        code = dialogue_show(&dialogue, verb, &request);
        close_code = dialogue_close(&dialogue);
        if (code == EXIT_OK)
            code = close_code;
    }
    request_deinit(&request);
    return code;
}

int
main(int argc, char **argv)
{
    struct options options;
    int verb_at;

    complain_for_lib();
    switch (options_read(argc, argv, &options, &verb_at)) {
    case OPTIONS_HELP:
        options_print_help();
        return EXIT_OK;
    case OPTIONS_VERSION:
        (void)printf("kvctl %s\n", KV_VERSION);
        return EXIT_OK;
    case OPTIONS_BAD:
        return EXIT_USAGE;
    case OPTIONS_RUN:
        break;
    }
    if (verb_at < argc && strcmp(argv[verb_at], "inspect") == 0)
        return (int)inspect_main(argc - verb_at, argv + verb_at, options.output == OUTPUT_HEX);
    local_server_handle_signals();
    if (verb_at == argc)
        return (int)shell_run(&options);
    return (int)run_verb(&options, argc - verb_at, argv + verb_at);
}
