/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops, once for each instruction set; all give the same bits. */
#ifndef DIXTILL_KERNELS_H
#define DIXTILL_KERNELS_H

#include "dixtill.h"
#include "dixtill_bytes.h"

/* Which kernels are compiled besides the portable ones. */
#if !defined(DXT_PORTABLE_ONLY)
#if defined(__x86_64__) && defined(__GNUC__)
#define DXT_AVX2
#elif defined(__aarch64__) && defined(__ARM_NEON)
#define DXT_NEON
#elif defined(__wasm_simd128__)
#define DXT_WASM
#endif
#endif

/* Values behind the last that a kernel may write to, and that its input buffers have. */
#define DXT_PADDING 16

struct dxt_kernels {
    const char *name;
    /* out[r] = sum over c of matrix[r][c] * vector[c]. */
    void (*product)(const int8_t *matrix, uint32_t rows, uint32_t columns, const int16_t *vector,
                    int32_t *out);
    /* Sum of the products of i16 numbers, the first little-endian at any address. */
    int32_t (*dot)(const uint8_t *weights, const int16_t *vector, uint32_t size);
    /* Gates, cell and state of a step: section 7 of the specification. */
    void (*cell)(const dxt_direction *direction, uint32_t hidden, const int32_t *from_input,
                 const int32_t *from_state, int16_t *cell, int16_t *state);
    /* Attention score of a word: section 8. */
    int32_t (*score)(const dxt_model *model, const int32_t *products);
};

extern const dxt_kernels dxt_portable;
#ifdef DXT_AVX2
extern const dxt_kernels dxt_avx2;
#endif
#if defined(DXT_NEON) || defined(DXT_WASM)
extern const dxt_kernels dxt_simd128;
#endif

/* The best kernels that the machine runs. */
void dxt_choose_kernels(dxt_model *model);

/* sigma[i] of section 7, and E[j] - 1 of section 8. */
extern const int16_t dxt_sigma[257];
extern const uint16_t dxt_halvings[257];

/* An i64 shifted right arithmetically is what the specification's floor means. */
typedef char dxt_arithmetic_shift[(-1 >> 1) == -1 ? 1 : -1];

/* rs(v, k) for k of at least 1. */
static inline int64_t dxt_round_shift(int64_t value, int bits) {
    return (value + ((int64_t)1 << (bits - 1))) >> bits;
}

static inline int32_t dxt_mul15(int32_t a, int32_t b) { return (a * b + (1 << 14)) >> 15; }

static inline int32_t dxt_clamp_gate(int64_t value) {
    return value < -65535 ? -65535 : value > 65535 ? 65535 : (int32_t)value;
}

/* S(a). */
static inline int32_t dxt_sigmoid(int32_t a) {
    uint32_t m = (uint32_t)(a < 0 ? -a : a), i, r;
    int32_t y;
    if (m > 65535) m = 65535;
    i = m >> 8;
    r = m & 255;
    y = (int32_t)((uint32_t)dxt_sigma[i] * (256 - r) + (uint32_t)dxt_sigma[i + 1] * r + 128) >> 8;
    return a < 0 ? 32768 - y : y;
}

/* T(a). */
static inline int32_t dxt_tanh(int32_t a) { return 2 * dxt_sigmoid(2 * a) - 32768; }

#endif
