/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian numbers of a file, read where they lie: at multiples of their size. */
#ifndef DIXTILL_BYTES_H
#define DIXTILL_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "The file is read where it lies: only little-endian machines are supported."
#endif

/* Said to the compiler, this is one instruction on machines that cannot read elsewhere. */
#if defined(__GNUC__)
#define DXT_ALIGNED(place, size) __builtin_assume_aligned(place, size)
#else
#define DXT_ALIGNED(place, size) (place)
#endif

static inline uint32_t dxt_u16(const uint8_t *p) {
    uint16_t value;
    memcpy(&value, DXT_ALIGNED(p, 2), 2);
    return value;
}

static inline uint32_t dxt_u32(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, DXT_ALIGNED(p, 4), 4);
    return value;
}

static inline int32_t dxt_i16(const uint8_t *p) { return (int16_t)dxt_u16(p); }

static inline int32_t dxt_i32(const uint8_t *p) { return (int32_t)dxt_u32(p); }

#endif
