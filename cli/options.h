/* options.h - kvctl's command line up to the verb. */
#ifndef KV_CLI_OPTIONS_H
#define KV_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum output {
    OUTPUT_AUTO, /* pretty where a person looks at it, raw else */
    OUTPUT_RAW,
    OUTPUT_JSON,
    OUTPUT_HEX,
    OUTPUT_TABLE,
    OUTPUT_PRETTY,
};

enum { DB_INDEX_MAX = 1000000, TIMEOUT_MS_DEFAULT = 30000 };

/* Texts are borrowed from the arguments or the environment, where nothing else is said. */
struct options {
    const char *host;
    uint16_t port;
    const char *socket_path; /* NULL: TCP */
    const char *password;    /* NULL: none */
    char *password_copy;     /* owned; what `password` borrows if it was an argument */
    uint32_t db_index;
    const char *family;   /* NULL: that of the numbered database */
    const char *snapshot; /* that commands read at; NULL: now */
    uint32_t timeout_ms;  /* for connecting, and for each reply; 0: for ever */
    const char *data_dir; /* NULL: a server that runs */
    const char *kvd_path; /* NULL: the one beside kvctl */
    bool create;          /* data_dir may be missing */
    enum output output;
};

enum options_action {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_BAD, /* a message is on standard error */
};

/* *verb_at_out is the index of the first argument that is not an option; argc: none.  A password
 * in the arguments is copied and overwritten there, so that other users do not see it in the list
 * of processes.  `options` is initialised in any case. */
enum options_action options_read(int argc, char **argv, struct options *options, int *verb_at_out);
void options_deinit(struct options *options);
void options_print_help(void);

#endif
