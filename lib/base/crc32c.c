#include "base/crc32c.h"

#include <isa-l/crc.h>

/* ISA-L takes and returns the register itself, without the inversion at either end, and an int
 * as length; a longer run is fed in pieces. */
uint32_t
crc32c_extend(uint32_t crc, const void *data, size_t size)
{
    enum { PIECE_BYTES = 1 << 30 };
    unsigned char *rest = (unsigned char *)(uintptr_t)data; /* ISA-L's prototype lacks const */

    crc = ~crc;
    while (size > 0) {
        const size_t piece = size < PIECE_BYTES ? size : PIECE_BYTES;

        crc = crc32_iscsi(rest, (int)piece, crc);
        rest += piece;
        size -= piece;
    }
    return ~crc;
}
