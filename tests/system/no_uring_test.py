"""Goal: where io_uring is refused, kvd says so in one line that tells what to do, and leaves with
71 without having touched anything.
Method: a seccomp filter, as a container's runtime has it, with both errors that are in use."""

import os
import subprocess
import tempfile

from kvd_process import BIN, check, free_port, skip


def refused(error, folder):
    data = os.path.join(folder, "data")
    ended = subprocess.run([os.path.join(BIN, "without_uring"), error, os.path.join(BIN, "kvd"),
                            "--port", str(free_port()), "--dir", data,
                            "--unixsocket", os.path.join(folder, "kvd.sock")],
                           capture_output=True, text=True, timeout=60)
    if ended.returncode == 77:
        skip(ended.stderr)
    check(ended.returncode == 71, "exit code %d\n%s" % (ended.returncode, ended.stderr))
    warnings = [line for line in ended.stderr.splitlines() if " warning: " in line]
    check(len(warnings) == 1, ended.stderr)
    check("cannot use io_uring" in warnings[0], warnings[0])
    check("seccomp" in warnings[0] and "profile that allows" in warnings[0], warnings[0])
    check(os.listdir(folder) == [], "nothing was made: %s" % os.listdir(folder))


def main():
    if not os.path.exists(os.path.join(BIN, "without_uring")):
        skip("without_uring was not built")
    with tempfile.TemporaryDirectory(prefix="kvd-no-uring-") as folder:
        for error in ("EPERM", "ENOSYS"):
            refused(error, folder)


main()
