/* sha256.h - SHA-256 (FIPS 180-4): passwords are shown as this, never as they are. */
#ifndef KV_BASE_SHA256_H
#define KV_BASE_SHA256_H

#include "base/slice.h"

enum { SHA256_BYTES = 32 };

void sha256(struct slice message, uint8_t digest[SHA256_BYTES]);

#endif
