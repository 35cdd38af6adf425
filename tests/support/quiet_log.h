/* quiet_log.h - for tests that bring about what kvd complains of.
 */
#ifndef KV_TESTS_SUPPORT_QUIET_LOG_H
#define KV_TESTS_SUPPORT_QUIET_LOG_H

/* Log lines are dropped until log_set_sink(NULL, NULL). */
void quiet_log(void);

#endif
