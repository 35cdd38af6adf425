/* Goal: no configuration file breaks its parser, and what was accepted is shown and read back as
 * the same value.
 * Method: parse; format every setting; set it again from that text. */
#include <stdlib.h>

#include "base/alloc.h"
#include "daemon/config_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config, again;
    char error[CONFIG_ERROR_BYTES];

    config_init(&config);
    config_init(&again);
    (void)config_file_parse(&config, "/nonexistent/fuzz.conf", slice_of(data, size), error);
    (void)config_check(&config, error);
    for (uint32_t i = 0; config_option_at(i) != NULL; i++) {
        struct buffer text = {0};

        config_format(&config, i, &text);
        (void)buffer_reserve(&text, 1);
        KV_ASSERT(config_set(&again, i, buffer_slice(&text), CONFIG_FROM_FILE, error));
        KV_ASSERT(!config_differs(&config, &again, i));
        buffer_deinit(&text);
    }
    config_deinit(&config);
    config_deinit(&again);
    return 0;
}
