/* without_uring.c - runs a program for which io_uring_setup fails, as in a container.
 *
 *     without_uring EPERM|ENOSYS PROGRAM [ARGUMENT...]
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
forbid(unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: without_uring EPERM|ENOSYS PROGRAM [ARGUMENT...]\n");
        return 64;
    }
    if (forbid(strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS) != 0) {
        (void)fprintf(stderr, "seccomp: %s\n", strerror(errno));
        return 77;
    }
    (void)execv(argv[2], argv + 2);
    (void)fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
    return 69;
}
