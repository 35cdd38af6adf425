/* crash_client - loads a Redis-protocol server with many pipelining clients, and after the server
 * has died and come back checks that it has kept what it acknowledged.
 *
 *   crash_client new    --journal FILE [--seed N --clients N --keys N --value-bytes N]
 *   crash_client load   --journal FILE --socket PATH [--seconds S --writes N --on-error stop|go
 *                        --may-miss yes --wait S --silence S]
 *   crash_client check  --journal FILE --socket PATH
 *   crash_client freeze --journal FILE
 *   crash_client cut    --journal FILE --mount DIR       freezes, then shuts the file system down
 *   crash_client status --journal FILE
 *   crash_client present --journal FILE                  how many keys there should be now
 *
 * `--port N` instead of --socket is a TCP port of this machine.  What is checked, and how, is in
 * support/crash_model.h.  A reply counts only if the journal was not frozen after it was read.
 *
 * Exit codes: 0 fine; 1 wrong data; 2 the test itself failed; 3 the server was silent for
 * --silence seconds (15).  `load` ends well when the server goes away: that is what it is for.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "support/crash_model.h"
#include "support/crash_wire.h"

enum {
    EXIT_WRONG_DATA = 1,
    EXIT_TEST_FAILED = 2,
    EXIT_SILENCE = 3,
    OUT_BYTES_MAX = 256 * 1024,
    REPORTED_OFFENCES_MAX = 20,
    ERROR_PAUSE_US = 20 * 1000,
    ERROR_TEXT_BYTES = 120,
};

/* FS_IOC_GOINGDOWN of xfs, EXT4_IOC_SHUTDOWN of ext4: the same number.  No header has it for
 * both. */
#define IOCTL_GOINGDOWN   _IOR('X', 125, uint32_t)
#define GOINGDOWN_NOFLUSH 2U

struct options {
    const char *journal_path, *mount_path;
    struct wire_address address;
    struct crash_header parameters;
    double seconds;
    uint64_t write_count_max;
    bool stops_on_error;
    bool may_miss; /* a server that is gone before it was ready is fine */
    double silence_s, wait_s;
};

/* One client's connection. */
struct link {
    int fd;
    uint32_t client;
    uint32_t window;       /* commands that may be under way */
    struct buffer in, out; /* owned */
    uint64_t resume_us;    /* nothing is sent before this time; 0: no pause */
    bool has_errors;       /* the last reply was one: one command at a time */
    bool is_draining;
};

struct load {
    struct crash_journal journal;
    const struct options *options;
    struct link *links;   /* owned */
    struct pollfd *polls; /* owned */
    uint64_t start_us, last_ack_us, silence_us_max;
    uint64_t write_count_before;
    uint32_t lost_count, offence_count, error_count;
    char error_text[ERROR_TEXT_BYTES];
};

static void
offend(struct load *load, const struct link *link, const struct crash_command *command,
       const struct reply *reply, const char *what)
{
    if (load->offence_count++ >= REPORTED_OFFENCES_MAX)
        return;
    fprintf(stderr, "client %u, command %" PRIu64 " (kind %d, first key %u): %s; reply: %.*s\n",
            link->client, load->journal.clients[link->client].acked_number + 1, (int)command->kind,
            command->keys[0], what, (int)(reply->text.size < 60 ? reply->text.size : 60),
            (const char *)reply->text.data);
}

/* The reply is no error: is it the right one? */
static void
check_reply(struct load *load, struct link *link, const struct crash_command *command,
            const struct reply *reply)
{
    struct crash_observed observed = {0};

    if (command->kind == CRASH_GET) {
        if (reply->type == REPLY_BULK)
            observed =
                crash_value_read(load->journal.header, link->client, command->keys[0], reply->text);
        else if (reply->type != REPLY_NULL)
            offend(load, link, command, reply, "no reply to a GET");
        if (!crash_may_observe(&load->journal, link->client, command->keys[0], observed))
            offend(load, link, command, reply, "a stale or lost value under load");
    } else if (command->kind == CRASH_DEL) {
        const int present = crash_count_present(&load->journal, link->client, command);

        if (reply->type != REPLY_INTEGER || (present >= 0 && reply->integer != present))
            offend(load, link, command, reply, "DEL counted wrongly");
    } else if (reply->type != REPLY_TEXT || !slice_equal(reply->text, slice_from_text("OK"))) {
        offend(load, link, command, reply, "no reply to a write");
    }
}

static void
close_link(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    buffer_clear(&link->in);
    buffer_clear(&link->out);
}

static bool
says_nothing_was_written(struct slice text)
{
    static const char words[] = "Nothing was written by this command";

    return memmem(text.data, text.size, words, sizeof(words) - 1) != NULL;
}

/* True: go on with this link. */
static bool
on_error_reply(struct load *load, struct link *link, const struct reply *reply)
{
    const size_t size =
        reply->text.size < ERROR_TEXT_BYTES - 1 ? reply->text.size : ERROR_TEXT_BYTES - 1;

    if (load->error_count++ == 0) {
        memcpy(load->error_text, reply->text.data, size);
        load->error_text[size] = '\0';
    }
    if (load->options->stops_on_error)
        return false;
    if (says_nothing_was_written(reply->text)) {
        crash_client_refuse(&load->journal, link->client);
    } else if (!crash_client_doubt(&load->journal, link->client)) {
        fprintf(stderr, "client %u: too many errors to go on\n", link->client);
        return false;
    }
    link->has_errors = true;
    link->resume_us = wire_now_us() + ERROR_PAUSE_US;
    return true;
}

/* Everything that has been read.  False: the link is of no more use. */
static bool
take_replies(struct load *load, struct link *link)
{
    const struct crash_client *state = &load->journal.clients[link->client];
    struct slice input = buffer_slice(&link->in);
    size_t used = 0;

    for (;;) {
        struct crash_command command;
        const struct reply reply = wire_parse(slice_of(input.data + used, input.size - used));

        if (reply.type == REPLY_INCOMPLETE)
            break;
        if (state->acked_number == state->sent_number || reply.type == REPLY_BROKEN) {
            fprintf(stderr, "client %u: bytes that are no reply\n", link->client);
            load->offence_count++;
            return false;
        }
        used += reply.size;
        if (reply.type == REPLY_ERROR) {
            if (!on_error_reply(load, link, &reply))
                return false;
            continue;
        }
        crash_command_make(load->journal.header, link->client, state->acked_number + 1, &command);
        check_reply(load, link, &command, &reply);
        crash_client_ack(&load->journal, link->client, &command);
        if (command.kind != CRASH_GET) {
            link->has_errors = false;
            load->last_ack_us = wire_now_us();
        }
    }
    buffer_consume(&link->in, used);
    return true;
}

static void
fill_output(struct load *load, struct link *link)
{
    struct crash_client *state = &load->journal.clients[link->client];
    const uint64_t window = link->has_errors ? 1 : link->window;
    struct crash_command command;

    if (link->resume_us != 0 && wire_now_us() < link->resume_us)
        return;
    link->resume_us = 0;
    while (!link->is_draining && link->out.size < OUT_BYTES_MAX &&
           state->sent_number - state->acked_number < window) {
        state->sent_number++;
        crash_command_make(load->journal.header, link->client, state->sent_number, &command);
        crash_command_append(load->journal.header, link->client, state->sent_number, &command,
                             &link->out);
    }
}

static void
serve_link(struct load *load, struct link *link, short events)
{
    const struct crash_client *state = &load->journal.clients[link->client];
    bool is_alive = true;

    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
        is_alive = wire_receive(link->fd, &link->in);
    /* Asked after reading: what was there before the cut counts, what came later does not. */
    if (crash_journal_is_frozen(&load->journal)) {
        close_link(link);
        return;
    }
    if (!take_replies(load, link) || !is_alive) {
        load->lost_count += !is_alive;
        close_link(link);
        return;
    }
    fill_output(load, link);
    if (link->out.size > 0 && !wire_send(link->fd, &link->out))
        link->is_draining = true; /* what it still said before it went is read first */
    if (link->is_draining && state->sent_number == state->acked_number)
        close_link(link);
}

static bool
open_links(struct load *load)
{
    const struct crash_header *header = load->journal.header;
    static const uint32_t windows[] = {1, 2, 4, 8, 16, 32, 64, 64};
    struct random random;

    random_init(&random, header->seed ^ header->check_count);
    load->links = kv_alloc_zero(header->client_count * sizeof(*load->links));
    load->polls = kv_alloc_zero(header->client_count * sizeof(*load->polls));
    for (uint32_t i = 0; i < header->client_count; i++) {
        load->links[i].client = i;
        load->links[i].fd = -1;
    }
    for (uint32_t i = 0; i < header->client_count; i++) {
        struct link *link = &load->links[i];

        link->window = windows[random_below(&random, sizeof(windows) / sizeof(windows[0]))];
        link->fd = i == 0 ? wire_connect_when_ready(&load->options->address, load->options->wait_s)
                          : wire_connect(&load->options->address);
        if (link->fd < 0)
            return i > 0; /* it may already have been killed */
        (void)fcntl(link->fd, F_SETFL, O_NONBLOCK);
    }
    return true;
}

/* True: there is something to wait for. */
static bool
poll_links(struct load *load)
{
    bool has_live = false;

    for (uint32_t i = 0; i < load->journal.header->client_count; i++) {
        const struct link *link = &load->links[i];

        load->polls[i].fd = link->fd;
        load->polls[i].events = (short)(link->out.size > 0 ? POLLIN | POLLOUT : POLLIN);
        has_live |= load->polls[i].fd >= 0;
    }
    if (has_live && poll(load->polls, load->journal.header->client_count, 5) < 0)
        return errno == EINTR;
    return has_live;
}

/* Returns the exit code. */
static int
run_links(struct load *load)
{
    const struct options *options = load->options;
    const uint64_t end_us = load->start_us + (uint64_t)(options->seconds * 1e6);
    const struct crash_header *header = load->journal.header;

    load->last_ack_us = wire_now_us();
    while (poll_links(load)) {
        const uint64_t turn_us = wire_now_us();
        const bool is_over = turn_us >= end_us || header->write_count - load->write_count_before >=
                                                      options->write_count_max;

        if (turn_us - load->last_ack_us > load->silence_us_max)
            load->silence_us_max = turn_us - load->last_ack_us;
        if ((double)(turn_us - load->last_ack_us) > options->silence_s * 1e6) {
            fprintf(stderr, "no write was acknowledged for %.0f s\n", options->silence_s);
            return EXIT_SILENCE;
        }
        for (uint32_t i = 0; i < header->client_count; i++) {
            load->links[i].is_draining |= is_over;
            if (load->links[i].fd >= 0)
                serve_link(load, &load->links[i], load->polls[i].revents);
        }
    }
    return load->offence_count > 0 ? EXIT_WRONG_DATA : 0;
}

static int
run_load(const struct options *options)
{
    struct load load = {.options = options};
    int code = EXIT_TEST_FAILED;
    uint64_t reads_before;

    if (!crash_journal_open(&load.journal, options->journal_path))
        return code;
    reads_before = load.journal.header->read_count;
    load.write_count_before = load.journal.header->write_count;
    load.start_us = wire_now_us();
    if (open_links(&load))
        code = run_links(&load);
    else if (options->may_miss || crash_journal_is_frozen(&load.journal))
        code = 0; /* it was killed, or the power went, before it was ready */
    printf("load: %" PRIu64 " writes acknowledged, %" PRIu64 " reads right, %u errors, %u links "
           "lost, longest silence %" PRIu64 " ms%s%s%s\n",
           load.journal.header->write_count - load.write_count_before,
           load.journal.header->read_count - reads_before, load.error_count, load.lost_count,
           load.silence_us_max / 1000, crash_journal_is_frozen(&load.journal) ? ", frozen" : "",
           load.error_count > 0 ? ", first error: " : "", load.error_text);
    for (uint32_t i = 0; load.links != NULL && i < load.journal.header->client_count; i++) {
        close_link(&load.links[i]);
        buffer_deinit(&load.links[i].in);
        buffer_deinit(&load.links[i].out);
    }
    free(load.links);
    free(load.polls);
    crash_journal_close(&load.journal);
    return code;
}

/* Reads all keys of a client over `fd`, which blocks.  False: the server went away. */
static bool
observe(const struct crash_header *header, int fd, uint32_t client, struct crash_observed *observed)
{
    struct buffer in = {0}, out = {0};
    char key[CRASH_KEY_BYTES_MAX];
    uint32_t done = 0;
    size_t used = 0;

    for (uint32_t i = 0; i < header->key_count; i++)
        buffer_append_format(&out, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n",
                             crash_key_format(client, i, key), key);
    while (done < header->key_count) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};

        wait.events = (short)(out.size > 0 ? POLLIN | POLLOUT : POLLIN);
        if (poll(&wait, 1, 15000) != 1 || (out.size > 0 && !wire_send(fd, &out)) ||
            ((wait.revents & ~POLLOUT) != 0 && !wire_receive(fd, &in)))
            break;
        for (used = 0; done < header->key_count;) {
            const struct reply reply = wire_parse(slice_of(in.data + used, in.size - used));

            if (reply.type == REPLY_INCOMPLETE)
                break;
            used += reply.size;
            memset(&observed[done], 0, sizeof(observed[done]));
            if (reply.type == REPLY_BULK)
                observed[done] = crash_value_read(header, client, done, reply.text);
            else
                observed[done].is_foreign = reply.type != REPLY_NULL;
            if (reply.type == REPLY_ERROR)
                fprintf(stderr, "c%03u:k%06u: %.*s\n", client, done, (int)reply.text.size,
                        (const char *)reply.text.data);
            if (reply.type == REPLY_BROKEN)
                goto done;
            done++;
        }
        buffer_consume(&in, used);
    }
done:
    buffer_deinit(&in);
    buffer_deinit(&out);
    return done == header->key_count;
}

static int
run_check(const struct options *options)
{
    struct crash_journal journal = {0};
    struct crash_observed *observed = NULL;
    uint64_t survivors_before;
    uint32_t offence_count = 0;
    int code = EXIT_TEST_FAILED, fd = -1;

    if (!crash_journal_open(&journal, options->journal_path))
        return code;
    survivors_before = journal.header->survivor_count;
    fd = wire_connect_when_ready(&options->address, options->wait_s);
    if (fd < 0)
        goto done;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    observed = kv_alloc(journal.header->key_count * sizeof(*observed));
    for (uint32_t i = 0; i < journal.header->client_count; i++) {
        if (!observe(journal.header, fd, i, observed)) {
            fprintf(stderr, "the server went away, or was silent, during the check\n");
            goto done;
        }
        offence_count += crash_client_check(&journal, i, observed);
    }
    code = offence_count > 0 ? EXIT_WRONG_DATA : 0;
    if (offence_count == 0) {
        journal.header->check_count++;
        crash_journal_set_frozen(&journal, false);
    }
    printf("check %" PRIu64 ": %s, %u wrong; %" PRIu64 " writes acknowledged so far, %" PRIu64
           " unacknowledged commands survived\n",
           journal.header->check_count, offence_count == 0 ? "ok" : "FAILED", offence_count,
           journal.header->write_count, journal.header->survivor_count - survivors_before);
done:
    if (fd >= 0)
        close(fd);
    free(observed);
    crash_journal_close(&journal);
    return code;
}

/* The order is the point: an fdatasync under way may still report success for what is then lost
 * (RELIABILITY: GOINGDOWN is not atomic). */
static int
run_freeze(const struct options *options, bool is_cut)
{
    struct crash_journal journal = {0};
    uint32_t flags = GOINGDOWN_NOFLUSH;
    int code = 0, fd = -1;

    if (!crash_journal_open(&journal, options->journal_path))
        return EXIT_TEST_FAILED;
    crash_journal_set_frozen(&journal, true);
    crash_journal_close(&journal);
    if (!is_cut)
        return 0;
    if (options->mount_path != NULL)
        fd = open(options->mount_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, IOCTL_GOINGDOWN, &flags) != 0) {
        perror("shutting the file system down");
        code = EXIT_TEST_FAILED;
    }
    if (fd >= 0)
        close(fd);
    return code;
}

static int
run_status(const struct options *options)
{
    struct crash_journal journal = {0};

    if (!crash_journal_open(&journal, options->journal_path))
        return EXIT_TEST_FAILED;
    printf("checks=%" PRIu64 " writes=%" PRIu64 " reads=%" PRIu64 " errors=%" PRIu64
           " survivors=%" PRIu64 " frozen=%d seed=%" PRIu64 "\n",
           journal.header->check_count, journal.header->write_count, journal.header->read_count,
           journal.header->error_count, journal.header->survivor_count,
           crash_journal_is_frozen(&journal), journal.header->seed);
    crash_journal_close(&journal);
    return 0;
}

static int
run_present(const struct options *options)
{
    struct crash_journal journal = {0};

    if (!crash_journal_open(&journal, options->journal_path))
        return EXIT_TEST_FAILED;
    printf("%" PRIu64 "\n", crash_count_all_present(&journal));
    crash_journal_close(&journal);
    return 0;
}

static bool
read_option(struct options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        uint32_t *number;
    } simple[] = {
        {"--journal", &options->journal_path, NULL},
        {"--socket", &options->address.socket_path, NULL},
        {"--mount", &options->mount_path, NULL},
        {"--clients", NULL, &options->parameters.client_count},
        {"--keys", NULL, &options->parameters.key_count},
        {"--value-bytes", NULL, &options->parameters.value_bytes_max},
    };

    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        if (strcmp(name, simple[i].name) != 0)
            continue;
        if (simple[i].text != NULL)
            *simple[i].text = value;
        else
            *simple[i].number = (uint32_t)strtoul(value, NULL, 10);
        return true;
    }
    if (strcmp(name, "--port") == 0)
        options->address.port = (uint16_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "--seed") == 0)
        options->parameters.seed = strtoull(value, NULL, 10);
    else if (strcmp(name, "--seconds") == 0)
        options->seconds = strtod(value, NULL);
    else if (strcmp(name, "--writes") == 0)
        options->write_count_max = strtoull(value, NULL, 10);
    else if (strcmp(name, "--silence") == 0)
        options->silence_s = strtod(value, NULL);
    else if (strcmp(name, "--wait") == 0)
        options->wait_s = strtod(value, NULL);
    else if (strcmp(name, "--may-miss") == 0)
        options->may_miss = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--on-error") == 0)
        options->stops_on_error = strcmp(value, "stop") == 0;
    else
        return false;
    return true;
}

int
main(int argc, char **argv)
{
    struct options options = {
        .parameters = {.client_count = 50, .key_count = 200, .value_bytes_max = 4096, .seed = 1},
        .seconds = 1,
        .write_count_max = UINT64_MAX,
        .stops_on_error = true,
        .silence_s = 15,
        .wait_s = 30,
    };
    const char *verb = argc > 1 ? argv[1] : "";
    bool is_valid = argc % 2 == 0;

    for (int i = 2; i + 1 < argc && is_valid; i += 2)
        is_valid = read_option(&options, argv[i], argv[i + 1]);
    if (is_valid && options.journal_path != NULL) {
        if (strcmp(verb, "new") == 0)
            return crash_journal_create(options.journal_path, &options.parameters)
                       ? 0
                       : EXIT_TEST_FAILED;
        if (strcmp(verb, "load") == 0)
            return run_load(&options);
        if (strcmp(verb, "check") == 0)
            return run_check(&options);
        if (strcmp(verb, "freeze") == 0 || strcmp(verb, "cut") == 0)
            return run_freeze(&options, verb[0] == 'c');
        if (strcmp(verb, "status") == 0)
            return run_status(&options);
        if (strcmp(verb, "present") == 0)
            return run_present(&options);
    }
    fprintf(stderr, "usage: crash_client new|load|check|freeze|cut|status|present --journal FILE "
                    "[--NAME VALUE]...\n");
    return EXIT_TEST_FAILED;
}
