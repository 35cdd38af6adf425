/* arguments.c - each setting is an option of the same name, so the table is the documentation.
 *
 * The file is applied first and the options after it, wherever they stand.
 */
#include "daemon/arguments.h"

#include <stdio.h>
#include <sysexits.h>

#include "daemon/config_file.h"

static void
print_help(void)
{
    (void)printf("Usage: kvd [FILE] [--NAME VALUE]...\n\n"
                 "A durable, ordered key-value server that speaks Redis's protocol.\n\n"
                 "  --check-config    check the settings, then leave\n"
                 "  --print-config    print all settings and where they come from, then leave\n"
                 "  --version         print the version, then leave\n"
                 "  --help            print this, then leave\n\n"
                 "Settings, in FILE as 'name value' or here as '--name value':\n\n");
    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        const struct config_option *option = config_option_at(i);

        (void)printf("  --%-28s %s [%s]\n", option->name, option->help, option->default_text);
    }
}

void
arguments_print_config(const struct config *config)
{
    struct buffer value = {0};

    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        const struct config_option *option = config_option_at(i);

        buffer_clear(&value);
        config_format(config, i, &value);
        if (option->is_secret && value.size > 0) {
            buffer_clear(&value);
            buffer_append_slice(&value, slice_from_text("(hidden)"));
        }
        (void)printf("%s \"%.*s\"  # %s\n", option->name, (int)value.size, (const char *)value.data,
                     config_source_name(config->source[i]));
    }
    buffer_deinit(&value);
}

static enum arguments_action
fail(int code, int *exit_code_out, const char *what, const char *reason)
{
    (void)fprintf(stderr, "kvd: %s%s%s\n", what, what[0] == '\0' ? "" : ": ", reason);
    *exit_code_out = code;
    return ARGUMENTS_FAILED;
}

/* True: the word stands alone and asks for `action`. */
static bool
is_action(const char *word, enum arguments_action *action)
{
    if (strcmp(word, "--check-config") == 0)
        *action = ARGUMENTS_CHECK;
    else if (strcmp(word, "--print-config") == 0)
        *action = ARGUMENTS_PRINT;
    else
        return false;
    return true;
}

/* The settings among the options.  ARGUMENTS_FAILED, or *action unchanged. */
static enum arguments_action
apply_options(int argc, char **argv, struct config *config, int *exit_code_out)
{
    char reason[CONFIG_ERROR_BYTES];
    enum arguments_action ignored;

    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + 2;
        const char *equals = strchr(argv[i], '=');
        struct slice key;
        const char *value;
        int index;

        if (strncmp(argv[i], "--", 2) != 0 || is_action(argv[i], &ignored))
            continue;
        key = slice_of(name, equals == NULL ? strlen(name) : (size_t)(equals - name));
        index = config_option_find(key);
        if (index < 0)
            return fail(EX_USAGE, exit_code_out, argv[i], "no such option; see kvd --help");
        value = equals == NULL ? argv[++i] : equals + 1;
        if (value == NULL)
            return fail(EX_USAGE, exit_code_out, argv[i - 1], "the option needs a value");
        if (!config_set(config, (uint32_t)index, slice_from_text(value), CONFIG_FROM_COMMAND_LINE,
                        reason))
            return fail(EX_CONFIG, exit_code_out, config_option_at((uint32_t)index)->name, reason);
    }
    return ARGUMENTS_RUN;
}

/* The one word that is no option.  False: there is more than one. */
static bool
find_file(int argc, char **argv, const char **file_out)
{
    enum arguments_action ignored;

    *file_out = NULL;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            i += !is_action(argv[i], &ignored) && strchr(argv[i], '=') == NULL;
            continue;
        }
        if (*file_out != NULL)
            return false;
        *file_out = argv[i];
    }
    return true;
}

enum arguments_action
arguments_read(int argc, char **argv, struct config *config, int *exit_code_out)
{
    enum arguments_action action = ARGUMENTS_RUN;
    char error[CONFIG_ERROR_BYTES];
    const char *file;

    config_init(config);
    *exit_code_out = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return ARGUMENTS_LEAVE;
        }
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-v") == 0) {
            (void)printf("kvd %s\n", KV_VERSION);
            return ARGUMENTS_LEAVE;
        }
        (void)is_action(argv[i], &action);
    }
    if (!find_file(argc, argv, &file))
        return fail(EX_USAGE, exit_code_out, "", "more than one configuration file");
    if (file != NULL && !config_file_load(config, file, error))
        return fail(EX_CONFIG, exit_code_out, "", error);
    if (apply_options(argc, argv, config, exit_code_out) == ARGUMENTS_FAILED)
        return ARGUMENTS_FAILED;
    if (!config_check(config, error))
        return fail(EX_CONFIG, exit_code_out, "", error);
    return action;
}
