/* notify.c - failures are not reported: a service manager that cannot hear us cannot help. */
#include "daemon/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

void
notify_ready(void)
{
    (void)sd_notify(0, "READY=1\nSTATUS=serving");
}

void
notify_status(const char *format, ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)sd_notifyf(0, "STATUS=%s", text);
}

void
notify_extend_timeout(uint64_t timeout_us)
{
    KV_ASSERT(timeout_us > 0);
    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)timeout_us);
}

void
notify_reloading(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)now.tv_sec * 1000000 +
                         (unsigned long long)now.tv_nsec / 1000);
}

void
notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void
notify_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

bool
notify_log_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat info;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

uint64_t
notify_watchdog_us(void)
{
    uint64_t interval_us = 0;

    return sd_watchdog_enabled(0, &interval_us) > 0 ? interval_us : 0;
}
