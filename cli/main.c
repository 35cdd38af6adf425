/* main.c - kvctl: one verb, or the shell. */
#include <stdio.h>
#include <string.h>

#include "cli/dialogue.h"
#include "cli/inspect.h"
#include "cli/local_server.h"
#include "cli/scan.h"
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

static enum exit_code
run(const struct options *options, int count, char **words)
{
    if (count > 0 && strcmp(words[0], "inspect") == 0)
        return inspect_main(count, words, options->output == OUTPUT_HEX);
    local_server_handle_signals();
    if (count > 0 && strcmp(words[0], "scan") == 0)
        return scan_main(options, count, words);
    return count == 0 ? shell_run(options) : run_verb(options, count, words);
}

int
main(int argc, char **argv)
{
    struct options options;
    enum exit_code code = EXIT_OK;
    int verb_at;

    complain_for_lib();
    switch (options_read(argc, argv, &options, &verb_at)) {
    case OPTIONS_HELP:
        options_print_help();
        break;
    case OPTIONS_VERSION:
        (void)printf("kvctl %s\n", KV_VERSION);
        break;
    case OPTIONS_BAD:
        code = EXIT_USAGE;
        break;
    case OPTIONS_RUN:
        code = run(&options, argc - verb_at, argv + verb_at);
        break;
    }
    options_deinit(&options);
    return (int)code;
}
