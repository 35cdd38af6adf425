/* options.c - the options stand before the verb: what follows it is data, which may well begin
 * with a hyphen. */
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/exit_code.h"
#include "cli/hidden_password.h"
#include "cli/verb.h"

enum {
    OPTION_TIMEOUT = 256,
    OPTION_FAMILY,
    OPTION_PATH,
    OPTION_KVD,
    OPTION_CREATE,
    OPTION_SNAPSHOT,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
    {"socket", required_argument, NULL, 's'},
    {"password", required_argument, NULL, 'a'},
    {"db", required_argument, NULL, 'n'},
    {"cf", required_argument, NULL, OPTION_FAMILY},
    {"at", required_argument, NULL, OPTION_SNAPSHOT},
    {"output", required_argument, NULL, 'o'},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"path", required_argument, NULL, OPTION_PATH},
    {"kvd", required_argument, NULL, OPTION_KVD},
    {"create", no_argument, NULL, OPTION_CREATE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static const char help_text[] =
    "Usage: kvctl [OPTION]... VERB [ARGUMENT]...\n"
    "       kvctl [OPTION]...                       an interactive shell\n"
    "       kvctl inspect [--entries] [--verify] [--whole] FILE|DIR\n\n"
    "Talks to a kvd (or any server that speaks Redis's protocol).  Options:\n\n"
    "  -h, --host HOST        the server's host [127.0.0.1]\n"
    "  -p, --port PORT        its port [7379]\n"
    "  -s, --socket PATH      its Unix socket, instead of host and port\n"
    "  -a, --password TEXT    its password; better: the environment's KVCTL_PASSWORD\n"
    "  -n, --db NUMBER        the numbered database [0]\n"
    "      --cf NAME          the column family, instead of a numbered database\n"
    "      --at ID            read at the snapshot of this id or name (verb snapshot)\n"
    "      --timeout SECONDS  for connecting and for each reply; 0: for ever [30]\n"
    "      --path DIR         use a data directory; starts a private kvd if none runs on it\n"
    "      --kvd PATH         the program to start for --path [kvd beside kvctl]\n"
    "      --create           with --path: make the directory if it is missing\n"
    "  -o, --output FORMAT    raw, json, hex, table or pretty [raw; pretty for a person]\n"
    "      --help, --version  print this or the version, then leave\n\n"
    "Verbs:\n\n";

static const char help_end[] =
    "\nExit codes: 0 ok, 1 key not found, 2 usage, 3 cannot connect, 4 the server answered with\n"
    "an error, 5 the condition of a write was not met, 65 inspect found damage, 66 no such file,\n"
    "74 input/output error, 130 interrupted.\n";

void
options_print_help(void)
{
    (void)fputs(help_text, stdout);
    for (size_t i = 0; verb_at(i) != NULL; i++) {
        const struct verb *verb = verb_at(i);
        char left[64];

        (void)snprintf(left, sizeof(left), "%s %s", verb->name, verb->arguments);
        (void)printf("  %-36s %s\n", left, verb->summary);
    }
    (void)printf("  %-36s %s\n", "inspect FILE|DIR",
                 "print a log, a MANIFEST, a table or a directory");
    (void)fputs(help_end, stdout);
}

/* A whole decimal number up to `max`. */
static bool
parse_number(const char *text, uint64_t max, uint64_t *value_out)
{
    uint64_t value = 0;

    KV_ASSERT(max < UINT64_MAX / 10 - 9);
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > max)
            return false;
    }
    *value_out = value;
    return true;
}

/* Seconds with up to a fraction, to milliseconds; at most a day. */
static bool
parse_seconds(const char *text, uint32_t *ms_out)
{
    char *end;
    const double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0) || seconds > 86400)
        return false;
    *ms_out = (uint32_t)(seconds * 1000 + 0.5);
    if (seconds > 0 && *ms_out == 0)
        *ms_out = 1;
    return true;
}

static bool
parse_output(const char *text, enum output *output_out)
{
    static const char *const names[] = {"", "raw", "json", "hex", "table", "pretty"};

    for (unsigned i = OUTPUT_RAW; i <= OUTPUT_PRETTY; i++) {
        if (strcmp(text, names[i]) == 0) {
            *output_out = (enum output)i;
            return true;
        }
    }
    return false;
}

static void
take_password(struct options *options, char *argument)
{
    hidden_password_free(options->password_copy);
    options->password_copy = hidden_password_take(argument);
    options->password = options->password_copy;
}

void
options_deinit(struct options *options)
{
    hidden_password_free(options->password_copy);
    *options = (struct options){0};
}

static bool
refuse(const char *what, const char *text)
{
    complain("%s: '%s' is not understood; kvctl --help tells more", what, text);
    return false;
}

/* One of the options that take a value that may be wrong. */
static bool
take_value(struct options *options, int option)
{
    uint64_t number;

    switch (option) {
    case 'p':
        if (!parse_number(optarg, UINT16_MAX, &number) || number == 0)
            return refuse("--port", optarg);
        options->port = (uint16_t)number;
        return true;
    case 'n':
        if (!parse_number(optarg, DB_INDEX_MAX, &number))
            return refuse("--db", optarg);
        options->db_index = (uint32_t)number;
        return true;
    case 'o':
        return parse_output(optarg, &options->output) || refuse("--output", optarg);
    default:
        KV_ASSERT(option == OPTION_TIMEOUT);
        return parse_seconds(optarg, &options->timeout_ms) || refuse("--timeout", optarg);
    }
}

static enum options_action
take_option(struct options *options, int option)
{
    switch (option) {
    case 'h':
        options->host = optarg;
        return OPTIONS_RUN;
    case 's':
        options->socket_path = optarg;
        return OPTIONS_RUN;
    case 'a':
        take_password(options, optarg);
        return OPTIONS_RUN;
    case OPTION_FAMILY:
        options->family = optarg;
        return OPTIONS_RUN;
    case OPTION_SNAPSHOT:
        options->snapshot = optarg;
        return OPTIONS_RUN;
    case OPTION_PATH:
        options->data_dir = optarg;
        return OPTIONS_RUN;
    case OPTION_KVD:
        options->kvd_path = optarg;
        return OPTIONS_RUN;
    case OPTION_CREATE:
        options->create = true;
        return OPTIONS_RUN;
    case OPTION_HELP:
        return OPTIONS_HELP;
    case OPTION_VERSION:
        return OPTIONS_VERSION;
    case '?':
        return OPTIONS_BAD;
    default:
        return take_value(options, option) ? OPTIONS_RUN : OPTIONS_BAD;
    }
}

enum options_action
options_read(int argc, char **argv, struct options *options, int *verb_at_out)
{
    enum options_action action = OPTIONS_RUN;
    int option;

    *options = (struct options){
        .host = "127.0.0.1",
        .port = 7379,
        .password = getenv("KVCTL_PASSWORD"),
        .timeout_ms = TIMEOUT_MS_DEFAULT,
    };
    optind = 0;
    while (action == OPTIONS_RUN &&
           (option = getopt_long(argc, argv, "+h:p:s:a:n:o:", long_options, NULL)) != -1)
        action = take_option(options, option);
    *verb_at_out = optind;
    if (action == OPTIONS_RUN && options->data_dir != NULL && options->socket_path != NULL) {
        complain("--path and --socket exclude each other");
        return OPTIONS_BAD;
    }
    return action;
}
