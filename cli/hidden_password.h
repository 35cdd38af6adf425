/* hidden_password.h - a password from the command line, which everyone who lists processes sees
 * until it is taken from there. */
#ifndef KV_CLI_HIDDEN_PASSWORD_H
#define KV_CLI_HIDDEN_PASSWORD_H

/* A copy of `argument`, which becomes stars; never NULL; for hidden_password_free. */
char *hidden_password_take(char *argument);
/* Leaves nothing in memory; NULL is fine. */
void hidden_password_free(char *password);

#endif
