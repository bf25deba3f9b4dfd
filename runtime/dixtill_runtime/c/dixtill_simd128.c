/* SPDX-License-Identifier: Apache-2.0 */
/* Products with vectors of 128 bits, for NEON and for WebAssembly. Gates and scores are the portable
   ones: both lack the gather that their table would need. */
#include "dixtill_kernels.h"

#if defined(DXT_NEON)
#include <arm_neon.h>

#define NAME "neon"
typedef int16x8_t halves;
typedef int32x4_t sums;

static halves load(const int16_t *from) { return vld1q_s16(from); }

static halves widened(const int8_t *from) { return vmovl_s8(vld1_s8(from)); }

static halves both(halves a, halves b) { return vandq_s16(a, b); }

static sums none(void) { return vdupq_n_s32(0); }

static sums plus_products(sums s, halves a, halves b) {
    return vmlal_high_s16(vmlal_s16(s, vget_low_s16(a), vget_low_s16(b)), a, b);
}

static int32_t total(sums s) { return vaddvq_s32(s); }

#elif defined(DXT_WASM)
#include <wasm_simd128.h>

#define NAME "wasm"
typedef v128_t halves;
typedef v128_t sums;

static halves load(const int16_t *from) { return wasm_v128_load(from); }

static halves widened(const int8_t *from) { return wasm_i16x8_load8x8(from); }

static halves both(halves a, halves b) { return wasm_v128_and(a, b); }

static sums none(void) { return wasm_i32x4_splat(0); }

static sums plus_products(sums s, halves a, halves b) {
    return wasm_i32x4_add(s, wasm_i32x4_dot_i16x8(a, b));
}

static int32_t total(sums s) {
    return wasm_i32x4_extract_lane(s, 0) + wasm_i32x4_extract_lane(s, 1) +
           wasm_i32x4_extract_lane(s, 2) + wasm_i32x4_extract_lane(s, 3);
}
#endif

#if defined(DXT_NEON) || defined(DXT_WASM)
enum { LANES = 8, ROWS = 4 };

/* The last 8 values before `end`, those that were counted already set to zero. */
static halves last(const int16_t *end, uint32_t rest) {
    static const int16_t mask[2 * LANES] = {0,  0,  0,  0,  0,  0,  0,  0,
                                            -1, -1, -1, -1, -1, -1, -1, -1};
    return both(load(end - LANES), load(mask + rest));
}

static void product(const int8_t *matrix, uint32_t rows, uint32_t columns, const int16_t *vector,
                    int32_t *out) {
    uint32_t whole = columns / LANES * LANES, r, c, k;
    halves end;
    if (columns < LANES) {
        dxt_portable.product(matrix, rows, columns, vector, out);
        return;
    }
    end = last(vector + columns, columns % LANES);
    for (r = 0; r < rows; r += ROWS) {
        uint32_t n = rows - r < ROWS ? rows - r : ROWS;
        const int8_t *row = matrix + (size_t)r * columns;
        sums s[ROWS];
        for (k = 0; k < n; k++) {
            s[k] = plus_products(none(), widened(row + (size_t)(k + 1) * columns - LANES), end);
        }
        for (c = 0; c < whole; c += LANES) {
            halves x = load(vector + c);
            for (k = 0; k < n; k++) {
                s[k] = plus_products(s[k], widened(row + (size_t)k * columns + c), x);
            }
        }
        for (k = 0; k < n; k++) out[r + k] = total(s[k]);
    }
}

static int32_t dot(const uint8_t *weights, const int16_t *vector, uint32_t size) {
    return dxt_portable.dot(weights, vector, size);
}

static void cell(const dxt_direction *d, uint32_t hidden, const int32_t *from_input,
                 const int32_t *from_state, int16_t *cells, int16_t *states) {
    dxt_portable.cell(d, hidden, from_input, from_state, cells, states);
}

static int32_t score(const dxt_model *m, const int32_t *products) {
    return dxt_portable.score(m, products);
}

const dxt_kernels dxt_simd128 = {NAME, product, dot, cell, score};
#else
typedef int dxt_no_simd128; /* A file must declare something. */
#endif
