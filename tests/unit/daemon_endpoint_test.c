/* daemon_endpoint_test.c - the words for an address, and the file that has them. */
#include "daemon/endpoint.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/unit.h"

static const char *
format_ip(int family, const char *host)
{
    static char text[ENDPOINT_TEXT_BYTES];
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(6379)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(6379)};
    bool is_fine;

    if (family == AF_INET) {
        CU_ASSERT_EQUAL(inet_pton(AF_INET, host, &in4.sin_addr), 1);
        is_fine = endpoint_format((const struct sockaddr *)&in4, sizeof(in4), text);
    } else {
        CU_ASSERT_EQUAL(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
        is_fine = endpoint_format((const struct sockaddr *)&in6, sizeof(in6), text);
    }
    CU_ASSERT_TRUE(is_fine);
    return text;
}

/* Goal: every IP address is one that can be connected to from here.
 * Method: own ones, and those that mean "any". */
static void
ip_addresses_have_words(void)
{
    CU_ASSERT_STRING_EQUAL(format_ip(AF_INET, "10.1.2.3"), "tcp 10.1.2.3 6379");
    CU_ASSERT_STRING_EQUAL(format_ip(AF_INET, "0.0.0.0"), "tcp 127.0.0.1 6379");
    CU_ASSERT_STRING_EQUAL(format_ip(AF_INET6, "::1"), "tcp ::1 6379");
    CU_ASSERT_STRING_EQUAL(format_ip(AF_INET6, "::"), "tcp ::1 6379");
}

static bool
format_unix(const char *path, size_t path_bytes, char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, path_bytes);
    return endpoint_format((const struct sockaddr *)&address,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_bytes), text);
}

/* Goal: only sockets with a path that fits into a line have words.
 * Method: an abstract one, a nameless one, one that is gone; a path that is there. */
static void
unix_addresses_need_a_path(void)
{
    char text[ENDPOINT_TEXT_BYTES] = "";
    char folder[] = "/tmp/kvd-endpoint-XXXXXX";
    char expected[sizeof(folder) + 5];

    CU_ASSERT_FALSE(format_unix("\0kvd", 4, text));
    CU_ASSERT_FALSE(format_unix("", 0, text));
    CU_ASSERT_FALSE(format_unix("/none/of/this", 14, text));
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_TRUE(format_unix(folder, sizeof(folder), text));
    (void)snprintf(expected, sizeof(expected), "unix %s", folder);
    CU_ASSERT_STRING_EQUAL(text, expected);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void
put(const char *path, const char *content)
{
    FILE *file = fopen(path, "we");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(content, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

/* Goal: a stale file is replaced, another process's is left alone.
 * Method: both in a folder, with what is in the file read back. */
static void
only_the_own_file_is_removed(void)
{
    char folder[] = "/tmp/kvd-endpoint-XXXXXX";
    char path[sizeof(folder) + 20], content[64] = "", expected[64];
    FILE *file;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/kvd.endpoint", folder);
    put(path, "1\ntcp 127.0.0.1 1\n");
    endpoint_remove(folder);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    endpoint_write(folder, "tcp ::1 6379");
    file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fread(content, 1, sizeof(content) - 1, file) > 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
    (void)snprintf(expected, sizeof(expected), "%d\ntcp ::1 6379\n", (int)getpid());
    CU_ASSERT_STRING_EQUAL(content, expected);
    endpoint_remove(folder);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    endpoint_remove(folder);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    endpoint_write(folder, "tcp ::1 6379"); /* the folder is gone: logged, nothing worse */
}

int
main(int argc, char **argv)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(ip_addresses_have_words),
        UNIT_TEST(unix_addresses_need_a_path),
        UNIT_TEST(only_the_own_file_is_removed),
        UNIT_TEST_END,
    };

    return unit_main("daemon_endpoint", tests, argc, argv);
}
