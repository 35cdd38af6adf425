/* server_cpu.h - the CPU time of another process. */
#ifndef KV_KVBENCH_SERVER_CPU_H
#define KV_KVBENCH_SERVER_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* User and system time of all its threads so far; false: there is no such process, or it may not be
 * looked at. */
bool server_cpu_ns(uint64_t pid, uint64_t *cpu_ns_out);

#endif
