/* shell.c - lines to commands.
 *
 * Everything is sent as it is typed; of its own the shell knows help, quit and those verbs whose
 * names no Redis command has.  A line that holds a password never gets into the history.
 */
#include "cli/shell.h"

#include <editline/readline.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/command_docs.h"
#include "cli/dialogue.h"
#include "cli/shell_completion.h"

enum { HISTORY_LINES_MAX = 1000, PROMPT_BYTES = 160 };

struct shell {
    struct dialogue dialogue;
    struct request request; /* of the current line */
    bool interactive;
    bool done;
    enum exit_code code; /* the gravest so far */
    char history_path[PATH_BYTES_MAX];
};

static void
print_help(void)
{
    (void)printf("Any command of the server, e.g. SET key \"value\\n\"; quotes as in redis-cli.\n"
                 "help NAME tells what a command takes and does, quit leaves.  Also:\n");
    for (size_t i = 0; verb_at(i) != NULL; i++) {
        if (verb_at(i)->in_shell)
            (void)printf("  %-8s %-8s %s\n", verb_at(i)->name, verb_at(i)->arguments,
                         verb_at(i)->summary);
    }
}

/* NAME, or NAME and a second word. */
static enum exit_code
help_command(struct shell *shell)
{
    struct request request = {0};
    struct buffer text = {0};
    redisReply *reply = NULL;
    enum exit_code code;

    buffer_append_slice(&text, shell->request.words[1]);
    for (uint32_t i = 2; i < shell->request.count; i++) {
        buffer_append_byte(&text, '|');
        buffer_append_slice(&text, shell->request.words[i]);
    }
    request_add_text(&request, "COMMAND");
    request_add_text(&request, "DOCS");
    request_take(&request, &text);
    code = dialogue_run(&shell->dialogue, &request, &reply);
    if (code == EXIT_OK && command_docs_format(reply, &text))
        (void)fwrite(text.data, 1, text.size, stdout);
    else if (code == EXIT_OK)
        (void)printf("the server does not know this command\n");
    freeReplyObject(reply);
    request_deinit(&request);
    buffer_deinit(&text);
    return code;
}

/* The verb that the shell knows by this name, or NULL. */
static const struct verb *
shell_verb(const struct request *request)
{
    for (size_t i = 0; verb_at(i) != NULL; i++) {
        if (verb_at(i)->in_shell && request_word_is(request, 0, verb_at(i)->name))
            return verb_at(i);
    }
    return NULL;
}

static enum exit_code
run_shell_verb(struct shell *shell, const struct verb *verb)
{
    const uint32_t count = shell->request.count - 1;
    struct request request = {0};
    enum exit_code code = EXIT_USAGE;

    if (count < verb->argument_count_min || count > verb->argument_count_max) {
        complain("usage: %s %s", verb->name, verb->arguments);
    } else if (request_split(&request, slice_from_text(verb->command))) {
        for (uint32_t i = 1; i <= count; i++)
            request_add(&request, shell->request.words[i]);
        code = dialogue_show(&shell->dialogue, verb, &request);
    }
    request_deinit(&request);
    return code;
}

static enum exit_code
run_words(struct shell *shell)
{
    const struct verb *verb = shell_verb(&shell->request);

    if (request_word_is(&shell->request, 0, "quit") ||
        request_word_is(&shell->request, 0, "exit")) {
        shell->done = true;
        return EXIT_OK;
    }
    if (request_word_is(&shell->request, 0, "help") && shell->request.count > 1)
        return help_command(shell);
    if (request_word_is(&shell->request, 0, "help")) {
        print_help();
        return EXIT_OK;
    }
    if (verb != NULL)
        return run_shell_verb(shell, verb);
    return dialogue_show(&shell->dialogue, NULL, &shell->request);
}

static void
run_line(struct shell *shell, const char *line)
{
    enum exit_code code = EXIT_OK;

    request_clear(&shell->request);
    if (!request_split(&shell->request, slice_from_text(line))) {
        complain("the quotes are not balanced");
        code = EXIT_USAGE;
    } else if (shell->request.count > 0) {
        code = run_words(shell);
    }
    if (code > shell->code)
        shell->code = code;
    /* A script that has lost its server must not run on. */
    if (!shell->interactive && (code == EXIT_NO_CONNECTION || code == EXIT_IO))
        shell->done = true;
}

static void
set_history_path(struct shell *shell)
{
    const char *home = getenv("HOME");
    const struct passwd *user = home == NULL ? getpwuid(getuid()) : NULL;

    if (user != NULL)
        home = user->pw_dir;
    if (home != NULL && strlen(home) + 32 < sizeof(shell->history_path))
        (void)snprintf(shell->history_path, sizeof(shell->history_path), "%s/.kvctl_history", home);
}

/* AUTH, HELLO ... AUTH, CONFIG SET requirepass. */
static bool
has_secret(const struct request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        if (request_word_is(request, i, "auth") || request_word_is(request, i, "requirepass"))
            return true;
    }
    return false;
}

static void
make_prompt(const struct shell *shell, char prompt[PROMPT_BYTES])
{
    const struct options *options = &shell->dialogue.options;
    char db[16] = "";

    if (options->db_index > 0)
        (void)snprintf(db, sizeof(db), "[%u]", options->db_index);
    if (options->data_dir != NULL || options->socket_path != NULL)
        (void)snprintf(prompt, PROMPT_BYTES, "%.120s%s> ",
                       options->data_dir != NULL ? options->data_dir : options->socket_path, db);
    else
        (void)snprintf(prompt, PROMPT_BYTES, "%.120s:%u%s> ", options->host, options->port, db);
}

static void
run_terminal(struct shell *shell)
{
    char prompt[PROMPT_BYTES];
    char *line;

    set_history_path(shell);
    using_history();
    stifle_history(HISTORY_LINES_MAX);
    if (shell->history_path[0] != '\0')
        (void)read_history(shell->history_path);
    shell_completion_start(&shell->dialogue);
    while (!shell->done) {
        make_prompt(shell, prompt);
        line = readline(prompt);
        if (line == NULL) {
            (void)putchar('\n');
            break;
        }
        run_line(shell, line);
        if (shell->request.count > 0 && !has_secret(&shell->request)) {
            const mode_t mask = umask(0077);

            (void)add_history(line);
            if (shell->history_path[0] != '\0')
                (void)write_history(shell->history_path);
            (void)umask(mask);
        }
        free(line);
    }
    shell_completion_end();
}

static void
run_pipe(struct shell *shell)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;

    while (!shell->done && (size = getline(&line, &capacity, stdin)) >= 0) {
        if (size > 0 && line[size - 1] == '\n')
            line[--size] = '\0';
        if (strlen(line) == (size_t)size) {
            run_line(shell, line);
            continue;
        }
        complain("a line has a byte 0; between double quotes that is \\x00");
        shell->code = shell->code < EXIT_USAGE ? EXIT_USAGE : shell->code;
    }
    free(line);
}

enum exit_code
shell_run(const struct options *options)
{
    struct shell *shell = kv_alloc_zero(sizeof(*shell));
    enum exit_code code, close_code;

    dialogue_init(&shell->dialogue, options, true);
    shell->interactive = isatty(STDIN_FILENO) == 1;
    code = dialogue_connect(&shell->dialogue);
    if (code == EXIT_OK) {
        if (shell->interactive)
            run_terminal(shell);
        else
            run_pipe(shell);
        code = shell->interactive ? EXIT_OK : shell->code;
    }
    close_code = dialogue_close(&shell->dialogue);
    request_deinit(&shell->request);
    free(shell);
    return code != EXIT_OK ? code : close_code;
}
