/* hidden_password.c - the memory is wiped before it is given back, so that no dump has it. */
#include "cli/hidden_password.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

char *
hidden_password_take(char *argument)
{
    char *password = strdup(argument);

    KV_ASSERT(password != NULL);
    memset(argument, '*', strlen(argument));
    return password;
}

void
hidden_password_free(char *password)
{
    if (password != NULL)
        explicit_bzero(password, strlen(password));
    free(password);
}
