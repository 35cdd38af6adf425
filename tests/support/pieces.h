/* pieces.h - a socket from which bytes are read in the pieces that they were cut into. */
#ifndef KV_TESTS_SUPPORT_PIECES_H
#define KV_TESTS_SUPPORT_PIECES_H

#include "base/slice.h"

/* Limits of a socket's buffer and of a read of usual size. */
enum { PIECE_BYTES_MAX = 64 * 1024, PIECE_COUNT_MAX = 120, PIECES_BYTES_MAX = 112 * 1024 };

/* Returns the descriptor, which is the caller's.  Each read of PIECE_BYTES_MAX gets one piece, the
 * one behind the last gets the end. */
int pieces_open(struct slice bytes, size_t piece_bytes);

#endif
