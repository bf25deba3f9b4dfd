/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels in plain C. */
#include "dixtill_kernels.h"

static void product(const int8_t *matrix, uint32_t rows, uint32_t columns, const int16_t *vector,
                    int32_t *out) {
    uint32_t r, c;
    for (r = 0; r < rows; r++, matrix += columns) {
        int32_t sum = 0;
        for (c = 0; c < columns; c++) sum += matrix[c] * vector[c];
        out[r] = sum;
    }
}

static int32_t dot(const uint8_t *weights, const int16_t *vector, uint32_t size) {
    int32_t sum = 0;
    uint32_t c;
    for (c = 0; c < size; c++) sum += dxt_i16(weights + 2 * c) * vector[c];
    return sum;
}

static int32_t gate(const dxt_direction *d, uint32_t row, const int32_t *from_input,
                    const int32_t *from_state) {
    int64_t sum = (int64_t)from_input[row] * dxt_i32(d->input_multiplier + 4 * row) +
                  (int64_t)from_state[row] * dxt_i32(d->state_multiplier + 4 * row);
    return dxt_clamp_gate(dxt_round_shift(sum, 31) + dxt_i32(d->bias + 4 * row));
}

static void cell(const dxt_direction *d, uint32_t hidden, const int32_t *from_input,
                 const int32_t *from_state, int16_t *cells, int16_t *states) {
    uint32_t j;
    for (j = 0; j < hidden; j++) {
        int32_t in = dxt_sigmoid(gate(d, j, from_input, from_state));
        int32_t forget = dxt_sigmoid(gate(d, hidden + j, from_input, from_state));
        int32_t candidate = dxt_tanh(gate(d, 2 * hidden + j, from_input, from_state));
        int32_t out = dxt_sigmoid(gate(d, 3 * hidden + j, from_input, from_state));
        int32_t c = dxt_mul15(forget, cells[j]) + ((dxt_mul15(in, candidate) + 8) >> 4);
        c = c < -32768 ? -32768 : c > 32767 ? 32767 : c;
        cells[j] = (int16_t)c;
        states[j] = (int16_t)dxt_mul15(out, dxt_tanh(2 * c));
    }
}

static int32_t score(const dxt_model *m, const int32_t *products) {
    int32_t sum = 0;
    uint32_t k;
    for (k = 0; k < m->attention; k++) {
        int64_t value = (int64_t)products[k] * dxt_i32(m->score_multiplier + 4 * k);
        int32_t t = dxt_tanh(dxt_clamp_gate(dxt_round_shift(value, 31)));
        sum += dxt_i16(m->score_vector + 2 * k) * t;
    }
    return sum;
}

const dxt_kernels dxt_portable = {"portable", product, dot, cell, score};
