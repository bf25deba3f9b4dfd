/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels for x86-64 with AVX2, compiled into every build and chosen when the processor has it. */
#include "dixtill_kernels.h"

#ifdef DXT_AVX2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#include <immintrin.h>

enum { LANES = 8, WIDTH = 16 };

static __m256i load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }

static __m256i bytes(const int8_t *from) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)from));
}

/* The last 16 values before `end`, those that were counted already set to zero. */
static __m256i last(const int16_t *end, uint32_t rest) {
    static const int16_t mask[2 * WIDTH] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                            0,  0,  0,  0,  0,  -1, -1, -1, -1, -1, -1,
                                            -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_and_si256(load(end - WIDTH), load(mask + rest));
}

static int32_t sum(__m256i a) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    return _mm_cvtsi128_si32(s);
}

/* Eight sums of eight lanes each. */
static __m256i sums(const __m256i *a) {
    __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(a[0], a[1]), _mm256_hadd_epi32(a[2], a[3]));
    __m256i high = _mm256_hadd_epi32(_mm256_hadd_epi32(a[4], a[5]), _mm256_hadd_epi32(a[6], a[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                            _mm256_permute2x128_si256(low, high, 0x31));
}

static void product(const int8_t *matrix, uint32_t rows, uint32_t columns, const int16_t *vector,
                    int32_t *out) {
    uint32_t whole = columns / WIDTH * WIDTH, rest = columns % WIDTH, r = 0, c, k;
    __m256i end;
    if (columns < WIDTH) {
        dxt_portable.product(matrix, rows, columns, vector, out);
        return;
    }
    end = last(vector + columns, rest);
    for (; r + LANES <= rows; r += LANES) {
        const int8_t *row = matrix + (size_t)r * columns;
        __m256i a[LANES];
        for (k = 0; k < LANES; k++) {
            a[k] = _mm256_madd_epi16(bytes(row + (size_t)(k + 1) * columns - WIDTH), end);
        }
        for (c = 0; c < whole; c += WIDTH) {
            __m256i x = load(vector + c);
            for (k = 0; k < LANES; k++) {
                __m256i w = bytes(row + (size_t)k * columns + c);
                a[k] = _mm256_add_epi32(a[k], _mm256_madd_epi16(w, x));
            }
        }
        _mm256_storeu_si256((__m256i *)(out + r), sums(a));
    }
    for (; r < rows; r++) {
        const int8_t *row = matrix + (size_t)r * columns;
        __m256i a = _mm256_madd_epi16(bytes(row + columns - WIDTH), end);
        for (c = 0; c < whole; c += WIDTH) {
            a = _mm256_add_epi32(a, _mm256_madd_epi16(bytes(row + c), load(vector + c)));
        }
        out[r] = sum(a);
    }
}

static int32_t dot(const uint8_t *weights, const int16_t *vector, uint32_t size) {
    uint32_t whole = size / WIDTH * WIDTH, c;
    __m256i a = _mm256_setzero_si256();
    for (c = 0; c < whole; c += WIDTH) {
        a = _mm256_add_epi32(a, _mm256_madd_epi16(load(weights + 2 * c), load(vector + c)));
    }
    return sum(a) + dxt_portable.dot(weights + 2 * whole, vector + whole, size - whole);
}

/* S(a) of eight values. */
static __m256i sigmoid(__m256i a) {
    __m256i m = _mm256_min_epi32(_mm256_abs_epi32(a), _mm256_set1_epi32(65535));
    __m256i r = _mm256_and_si256(m, _mm256_set1_epi32(255));
    /* Two neighbours of the table at a time, and the two shares of them. */
    __m256i two = _mm256_i32gather_epi32((const int *)dxt_sigma, _mm256_srli_epi32(m, 8), 2);
    __m256i shares = _mm256_or_si256(_mm256_slli_epi32(r, 16),
                                     _mm256_sub_epi32(_mm256_set1_epi32(256), r));
    __m256i y = _mm256_madd_epi16(two, shares);
    y = _mm256_srli_epi32(_mm256_add_epi32(y, _mm256_set1_epi32(128)), 8);
    return _mm256_blendv_epi8(y, _mm256_sub_epi32(_mm256_set1_epi32(32768), y),
                              _mm256_srai_epi32(a, 31));
}

static __m256i tangent(__m256i a) {
    __m256i y = sigmoid(_mm256_slli_epi32(a, 1));
    return _mm256_sub_epi32(_mm256_slli_epi32(y, 1), _mm256_set1_epi32(32768));
}

/* mul15 of eight i32 that hold i16: the upper half of one factor is cleared, so that the sum of two
   products is the product of the lower halves. */
static __m256i mul15(__m256i a, __m256i b) {
    __m256i p = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi32(0xFFFF)), b);
    return _mm256_srai_epi32(_mm256_add_epi32(p, _mm256_set1_epi32(1 << 14)), 15);
}

/* Four gates of any size: the sum of two products, rounded, shifted, with the bias, clamped; all
   in 64 bits. AVX2 shifts 64 bits only logically: 2^63 is added before, 2^32 taken away behind. */
static __m256i wide_gates4(__m256i ax, __m256i mx, __m256i ah, __m256i mh, __m128i bias) {
    const __m256i most = _mm256_set1_epi64x(65535), least = _mm256_set1_epi64x(-65535);
    __m256i v = _mm256_add_epi64(_mm256_mul_epi32(ax, mx), _mm256_mul_epi32(ah, mh));
    v = _mm256_add_epi64(v, _mm256_set1_epi64x(INT64_MIN + ((int64_t)1 << 30)));
    v = _mm256_sub_epi64(_mm256_srli_epi64(v, 31), _mm256_set1_epi64x((int64_t)1 << 32));
    v = _mm256_add_epi64(v, _mm256_cvtepi32_epi64(bias));
    v = _mm256_blendv_epi8(v, most, _mm256_cmpgt_epi64(v, most));
    return _mm256_blendv_epi8(v, least, _mm256_cmpgt_epi64(least, v));
}

static __m256i wide_gates(__m256i ax, __m256i mx, __m256i ah, __m256i mh, __m256i bias) {
    /* Products are of the even lanes; biases are sorted to match. */
    const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    __m256i sorted = _mm256_permutevar8x32_epi32(bias, order), even, odd;
    even = wide_gates4(ax, mx, ah, mh, _mm256_castsi256_si128(sorted));
    odd = wide_gates4(_mm256_srli_epi64(ax, 32), _mm256_srli_epi64(mx, 32),
                      _mm256_srli_epi64(ah, 32), _mm256_srli_epi64(mh, 32),
                      _mm256_extracti128_si256(sorted, 1));
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}

/* Eight values shifted right by 31, rounded, if they fit 62 bits; the lower 32 bits if not. */
static __m256i shifted(__m256i even, __m256i odd) {
    const __m256i half = _mm256_set1_epi64x((int64_t)1 << 30);
    even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 31);
    odd = _mm256_slli_epi64(_mm256_add_epi64(odd, half), 1);
    return _mm256_blend_epi32(even, odd, 0xAA);
}

static __m256i clamped(__m256i a) {
    return _mm256_max_epi32(_mm256_min_epi32(a, _mm256_set1_epi32(65535)),
                            _mm256_set1_epi32(-65535));
}

/* Eight gates from `row` on. */
static __m256i gates(const dxt_direction *d, uint32_t row, const int32_t *from_input,
                     const int32_t *from_state) {
    __m256i ax = load(from_input + row), mx = load(d->input_multiplier + 4 * (size_t)row);
    __m256i ah = load(from_state + row), mh = load(d->state_multiplier + 4 * (size_t)row);
    __m256i bias = load(d->bias + 4 * (size_t)row), even, odd;
    if (!d->narrow) return wide_gates(ax, mx, ah, mh, bias);
    even = _mm256_add_epi64(_mm256_mul_epi32(ax, mx), _mm256_mul_epi32(ah, mh));
    odd = _mm256_add_epi64(
        _mm256_mul_epi32(_mm256_srli_epi64(ax, 32), _mm256_srli_epi64(mx, 32)),
        _mm256_mul_epi32(_mm256_srli_epi64(ah, 32), _mm256_srli_epi64(mh, 32)));
    return clamped(_mm256_add_epi32(shifted(even, odd), bias));
}

static __m128i halves(__m256i a) {
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packs_epi32(a, a), 0x08));
}

/* New cells and states of eight units from `j` on. */
static void units(const dxt_direction *d, uint32_t hidden, uint32_t j, const int32_t *from_input,
                  const int32_t *from_state, const int16_t *cells, __m128i *cell, __m128i *state) {
    __m256i in = sigmoid(gates(d, j, from_input, from_state));
    __m256i forget = sigmoid(gates(d, hidden + j, from_input, from_state));
    __m256i candidate = tangent(gates(d, 2 * hidden + j, from_input, from_state));
    __m256i out = sigmoid(gates(d, 3 * hidden + j, from_input, from_state));
    __m256i before = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(cells + j)));
    __m256i c = _mm256_add_epi32(mul15(in, candidate), _mm256_set1_epi32(8));
    c = _mm256_add_epi32(mul15(forget, before), _mm256_srai_epi32(c, 4));
    *cell = halves(c); /* Saturates. */
    c = _mm256_cvtepi16_epi32(*cell);
    *state = halves(mul15(out, tangent(_mm256_slli_epi32(c, 1))));
}

static void cell(const dxt_direction *d, uint32_t hidden, const int32_t *from_input,
                 const int32_t *from_state, int16_t *cells, int16_t *states) {
    uint32_t j, end = hidden - LANES;
    __m128i c, h, last_c, last_h;
    if (hidden < LANES) {
        dxt_portable.cell(d, hidden, from_input, from_state, cells, states);
        return;
    }
    /* The last eight first, while all cells are old; they overlap those before them. */
    units(d, hidden, end, from_input, from_state, cells, &last_c, &last_h);
    for (j = 0; j < end; j += LANES) {
        units(d, hidden, j, from_input, from_state, cells, &c, &h);
        _mm_storeu_si128((__m128i *)(cells + j), c);
        _mm_storeu_si128((__m128i *)(states + j), h);
    }
    _mm_storeu_si128((__m128i *)(cells + end), last_c);
    _mm_storeu_si128((__m128i *)(states + end), last_h);
}

static int32_t score(const dxt_model *m, const int32_t *products) {
    __m256i total = _mm256_setzero_si256();
    uint32_t k;
    int32_t rest = 0;
    for (k = 0; k + LANES <= m->attention; k += LANES) {
        __m256i e = load(products + k), mu = load(m->score_multiplier + 4 * (size_t)k), t, v;
        __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(e, 32), _mm256_srli_epi64(mu, 32));
        t = tangent(clamped(shifted(_mm256_mul_epi32(e, mu), odd)));
        v = _mm256_cvtepi16_epi32(
            _mm_loadu_si128((const __m128i *)(m->score_vector + 2 * (size_t)k)));
        t = _mm256_madd_epi16(_mm256_and_si256(t, _mm256_set1_epi32(0xFFFF)), v);
        total = _mm256_add_epi32(total, t);
    }
    for (; k < m->attention; k++) {
        int64_t value = (int64_t)products[k] * dxt_i32(m->score_multiplier + 4 * (size_t)k);
        int32_t t = dxt_tanh(dxt_clamp_gate(dxt_round_shift(value, 31)));
        rest += dxt_i16(m->score_vector + 2 * (size_t)k) * t;
    }
    return sum(total) + rest;
}

const dxt_kernels dxt_avx2 = {"avx2", product, dot, cell, score};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
typedef int dxt_no_avx2; /* A file must declare something. */
#endif
