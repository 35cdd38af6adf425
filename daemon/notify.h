/* notify.h - what kvd tells its service manager (sd_notify); without one, nothing happens. */
#ifndef KV_DAEMON_NOTIFY_H
#define KV_DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

void notify_ready(void);
/* A line for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Starting or stopping takes longer: at least so much more. */
void notify_extend_timeout(uint64_t timeout_us);
void notify_reloading(void); /* followed by notify_ready */
void notify_stopping(void);
void notify_alive(void);
/* Whether standard error goes to the journal, which wants a priority before each line. */
bool notify_log_is_journal(void);
/* How often notify_alive is wanted; 0: not at all. */
uint64_t notify_watchdog_us(void);

#endif
