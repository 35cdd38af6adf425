/* workload.c - names and shares are YCSB's and db_bench's, so that numbers can be compared with
 * theirs; kvbench's `range` is YCSB's scan.
 */
#include "cli/kvbench/workload.h"

#include <string.h>

#define ONE_ROW(row_name, op, first_distribution, text)                                            \
    .summary = (text), .rows = {{.name = (row_name), .kind = (op), .share = 1}}, .row_count = 1,   \
    .distribution = (first_distribution)

#define TWO_ROWS(name_a, op_a, share_a, name_b, op_b, share_b, inserts, with, text)                \
    .summary = (text),                                                                             \
    .rows = {{.name = (name_a), .kind = (op_a), .share = (share_a)},                               \
             {.name = (name_b), .kind = (op_b), .share = (share_b), .is_insert = (inserts)}},      \
    .row_count = 2, .distribution = (with)

static const struct workload workloads[] = {
    {.name = "set", ONE_ROW("set", OP_SET, DISTRIBUTION_UNIFORM, "SET of random keys")},
    {.name = "get", ONE_ROW("get", OP_GET, DISTRIBUTION_UNIFORM, "GET of random keys")},
    {.name = "mixed",
     TWO_ROWS("get", OP_GET, 10, "set", OP_SET, 1, false, DISTRIBUTION_UNIFORM,
              "GET and SET in the shares of --ratio")},
    {.name = "load",
     ONE_ROW("set", OP_SET, DISTRIBUTION_SEQUENTIAL, "every key once, in order"),
     .is_distribution_fixed = true},
    {.name = "ycsb-a",
     TWO_ROWS("get", OP_GET, 50, "set", OP_SET, 50, false, DISTRIBUTION_ZIPFIAN,
              "50 % reads, 50 % updates")},
    {.name = "ycsb-b",
     TWO_ROWS("get", OP_GET, 95, "set", OP_SET, 5, false, DISTRIBUTION_ZIPFIAN,
              "95 % reads, 5 % updates")},
    {.name = "ycsb-c", ONE_ROW("get", OP_GET, DISTRIBUTION_ZIPFIAN, "reads only")},
    {.name = "ycsb-d",
     TWO_ROWS("get", OP_GET, 95, "insert", OP_SET, 5, true, DISTRIBUTION_LATEST,
              "95 % reads of the newest keys, 5 % inserts")},
    {.name = "ycsb-e",
     TWO_ROWS("range", OP_RANGE, 95, "insert", OP_SET, 5, true, DISTRIBUTION_ZIPFIAN,
              "95 % short ranges, 5 % inserts")},
    {.name = "ycsb-f",
     TWO_ROWS("get", OP_GET, 50, "rmw", OP_RMW, 50, false, DISTRIBUTION_ZIPFIAN,
              "50 % reads, 50 % read-modify-writes")},
    {.name = "fillseq",
     ONE_ROW("set", OP_SET, DISTRIBUTION_SEQUENTIAL, "SET of each key, in the order of the keys"),
     .is_distribution_fixed = true},
    {.name = "fillrandom", ONE_ROW("set", OP_SET, DISTRIBUTION_UNIFORM, "SET of random keys")},
    {.name = "overwrite",
     ONE_ROW("set", OP_SET, DISTRIBUTION_UNIFORM, "SET of random keys that are there")},
    {.name = "readrandom", ONE_ROW("get", OP_GET, DISTRIBUTION_UNIFORM, "GET of random keys")},
    {.name = "readmissing",
     ONE_ROW("miss", OP_GET_MISSING, DISTRIBUTION_UNIFORM, "GET of keys that are not there")},
    {.name = "readwhilewriting",
     TWO_ROWS("set", OP_SET, 1, "get", OP_GET, 1, false, DISTRIBUTION_UNIFORM,
              "one connection writes, the others read"),
     .is_one_writer = true},
    {.name = "seekrandom",
     ONE_ROW("range", OP_RANGE, DISTRIBUTION_UNIFORM, "ranges that start at random keys")},
    {.name = "readseq",
     ONE_ROW("range", OP_RANGE, DISTRIBUTION_SEQUENTIAL,
             "ranges of --range-size keys, one after another"),
     .is_distribution_fixed = true,
     .is_walk = true},
    {.name = "deleterandom", ONE_ROW("del", OP_DELETE, DISTRIBUTION_UNIFORM, "DEL of random keys")},
    {.name = "mergerandom",
     ONE_ROW("merge", OP_MERGE, DISTRIBUTION_UNIFORM, "KV.MERGE of random keys")},
    {
        .name = "command",
        ONE_ROW("command", OP_COMMAND, DISTRIBUTION_UNIFORM, "what --command says"),
    },
};

const struct workload *
workload_at(uint32_t index)
{
    return index < sizeof(workloads) / sizeof(workloads[0]) ? &workloads[index] : NULL;
}

const struct workload *
workload_find(const char *name)
{
    for (uint32_t i = 0; workload_at(i) != NULL; i++) {
        if (strcmp(workload_at(i)->name, name) == 0)
            return workload_at(i);
    }
    return NULL;
}
