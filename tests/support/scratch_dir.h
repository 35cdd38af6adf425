/* scratch_dir.h - a directory of a test's own, on the disk. */
#ifndef KV_TESTS_SUPPORT_SCRATCH_DIR_H
#define KV_TESTS_SUPPORT_SCRATCH_DIR_H

enum { SCRATCH_PATH_BYTES = 96 }; /* so that the path of a socket in it fits */

/* Makes a new one in `base`; NULL: in $TMPDIR, or in /tmp if that is not set or too long. */
void scratch_dir_make(char dir[SCRATCH_PATH_BYTES], const char *base);
/* In $TMPDIR; if it is not set, in memory, if that can be. */
void scratch_dir_make_in_memory(char dir[SCRATCH_PATH_BYTES]);
/* With all that is in it. */
void scratch_dir_remove(const char *dir);

#endif
