/* SPDX-License-Identifier: Apache-2.0 */
/* From a text to label, logits and contributions: sections 4 to 9 of the specification.

   The forward direction keeps its state of every word. The backward direction then goes from the
   last word to the first, with both states of one word at hand at a time. */
#include <string.h>

#include "dixtill_kernels.h"

enum { ALIGNMENT = 32, WORD_BUFFER = 256, BLOCK = 16 };

/* Where everything lies in the caller's memory. */
typedef struct {
    int32_t *logits, *contributions, *scores, *from_input, *from_state;
    uint32_t *probabilities, *weights, *starts, *ends, *rows;
    int16_t *forward, *vector, *state, *cell, *pair;
    uint8_t *word;
    uint32_t n_words, n_labels; /* Words of the text; labels whose contributions are kept. */
} workspace;

/* The next part of the memory; counts when there is none. SIZE_MAX: too much to count. */
static void *part(uint8_t *memory, size_t *at, uint64_t count, size_t width) {
    size_t start = *at;
    uint64_t bytes = count * width + ALIGNMENT - 1;
    if (start == SIZE_MAX || bytes > SIZE_MAX / 2 - start) {
        *at = SIZE_MAX;
        return NULL;
    }
    *at = start + ((size_t)bytes & ~(size_t)(ALIGNMENT - 1));
    return memory ? memory + start : NULL;
}

static size_t lay_out(const dxt_model *m, uint8_t *memory, uint32_t words, uint32_t labels,
                      workspace *w) {
    uint32_t gates = 4 * m->hidden > m->attention ? 4 * m->hidden : m->attention;
    size_t at = 0;
    w->logits = part(memory, &at, m->labels, 4);
    w->probabilities = part(memory, &at, m->labels, 4);
    w->contributions = part(memory, &at, (uint64_t)words * labels, 4);
    w->scores = part(memory, &at, words, 4);
    w->weights = part(memory, &at, words, 4);
    w->starts = part(memory, &at, words, 4);
    w->ends = part(memory, &at, words, 4);
    w->rows = part(memory, &at, words, 4);
    w->from_input = part(memory, &at, (uint64_t)gates + DXT_PADDING, 4);
    w->from_state = part(memory, &at, (uint64_t)gates + DXT_PADDING, 4);
    w->vector = part(memory, &at, (uint64_t)m->dimensions + DXT_PADDING, 2);
    w->state = part(memory, &at, (uint64_t)m->hidden + DXT_PADDING, 2);
    w->cell = part(memory, &at, (uint64_t)m->hidden + DXT_PADDING, 2);
    w->pair = part(memory, &at, (uint64_t)2 * m->hidden + DXT_PADDING, 2);
    w->word = part(memory, &at, WORD_BUFFER, 1);
    w->forward = part(memory, &at, (uint64_t)words * m->hidden + DXT_PADDING, 2);
    return at;
}

size_t dxt_memory_size(const dxt_model *m, uint32_t max_words, uint32_t n_labels) {
    workspace w;
    size_t size;
    if (max_words > m->word_limit) max_words = m->word_limit;
    if (n_labels > m->labels) n_labels = m->labels;
    size = lay_out(m, NULL, max_words, n_labels, &w);
    return size == SIZE_MAX ? 0 : size + ALIGNMENT - 1;
}

/* --- Words and their rows ----------------------------------------------------------------- */

static uint32_t entry_length(const uint8_t **entry) {
    uint32_t length = *(*entry)++ & 15;
    return length ? length : *(*entry)++;
}

/* Compare a word with `size` bytes: negative, 0 or positive. `common` counts equal bytes. */
static int compare(const uint8_t *word, size_t word_size, const uint8_t *bytes, size_t size,
                   size_t *common) {
    size_t k = 0;
    while (k < word_size && k < size && word[k] == bytes[k]) k++;
    *common = k;
    if (k < word_size && k < size) return word[k] < bytes[k] ? -1 : 1;
    return word_size == size ? 0 : word_size < size ? -1 : 1;
}

/* The row of a word, 0 if it is unknown: section 5. */
static uint32_t row_of(const dxt_model *m, const uint8_t *word, size_t size) {
    uint32_t low = 0, high = m->blocks, k, last;
    const uint8_t *entry;
    size_t equal = 0, common;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2, length;
        entry = m->entries + dxt_u32(m->block_starts + 4 * (size_t)middle);
        length = entry_length(&entry);
        if (compare(word, size, entry, length, &common) < 0) high = middle;
        else low = middle;
    }
    entry = m->entries + dxt_u32(m->block_starts + 4 * (size_t)low);
    last = low * BLOCK + BLOCK < m->words ? low * BLOCK + BLOCK : m->words;
    for (k = low * BLOCK; k < last; k++) {
        uint32_t prefix = *entry >> 4, length = entry_length(&entry);
        /* What repeats more than is equal differs where the word before it did. */
        if (prefix <= equal) {
            int order = compare(word + prefix, size - prefix, entry, length, &common);
            if (order == 0) return k + 1;
            if (order < 0) return 0;
            equal = prefix + common;
        }
        entry += length;
    }
    return 0;
}

/* Read the words up to `most`. Returns whether there were more. */
static int read_words(const dxt_model *m, const char *text, size_t size, uint32_t most,
                      workspace *w) {
    dxt_words words;
    dxt_word word;
    w->n_words = 0;
    dxt_words_start(&words, &m->unicode, (const uint8_t *)text, size);
    while (dxt_words_next(&words, &word, w->word, WORD_BUFFER)) {
        uint32_t n = w->n_words;
        if (n == most) return 1;
        w->starts[n] = (uint32_t)word.start;
        w->ends[n] = (uint32_t)word.end;
        w->rows[n] = word.row >= 0               ? (uint32_t)word.row
                     : word.length > WORD_BUFFER ? 0
                                                 : row_of(m, w->word, word.length);
        w->n_words = n + 1;
    }
    return 0;
}

/* The input vector of a row: section 6. */
static void read_vector(const dxt_model *m, uint32_t row, int16_t *vector) {
    uint32_t group = m->dimensions / m->scales, part_size = m->dimensions / m->codes, d, k;
    const uint8_t *scales = m->row_scales + (size_t)2 * m->scales * row;
    const uint8_t *codes = m->row_codes, *centroids = m->levels;
    codes += (size_t)row * (m->row_kind == 1 ? (m->dimensions + 1) / 2 : m->codes);
    /* First the 8-bit numbers, then their product with the scales. */
    if (m->row_kind == 0) {
        for (d = 0; d < m->dimensions; d++) vector[d] = (int8_t)codes[d];
    } else if (m->row_kind == 1) {
        for (d = 0; d < m->dimensions; d++) {
            vector[d] = (int8_t)m->levels[codes[d / 2] >> (d % 2 * 4) & 15];
        }
    } else {
        for (d = 0; d < m->dimensions; d += part_size, centroids += m->centroids * part_size) {
            const uint8_t *centroid = centroids + (size_t)*codes++ * part_size;
            for (k = 0; k < part_size; k++) vector[d + k] = (int8_t)centroid[k];
        }
    }
    for (d = 0; d < m->dimensions; d += group, scales += 2) {
        int32_t scale = (int32_t)dxt_u16(scales);
        for (k = d; k < d + group; k++) vector[k] = (int16_t)((vector[k] * scale + 128) >> 8);
    }
}

/* --- Network ------------------------------------------------------------------------------ */

static void start_direction(const dxt_model *m, workspace *w) {
    memset(w->state, 0, 2 * ((size_t)m->hidden + DXT_PADDING));
    memset(w->cell, 0, 2 * ((size_t)m->hidden + DXT_PADDING));
}

static void step(const dxt_model *m, const dxt_direction *d, uint32_t row, workspace *w) {
    const dxt_kernels *k = m->kernels;
    read_vector(m, row, w->vector);
    k->product(d->input_weight, 4 * m->hidden, m->dimensions, w->vector, w->from_input);
    k->product(d->state_weight, 4 * m->hidden, m->hidden, w->state, w->from_state);
    k->cell(d, m->hidden, w->from_input, w->from_state, w->cell, w->state);
}

static void go_forward(const dxt_model *m, workspace *w) {
    uint32_t i;
    start_direction(m, w);
    for (i = 0; i < w->n_words; i++) {
        step(m, &m->directions[0], w->rows[i], w);
        memcpy(w->forward + (size_t)i * m->hidden, w->state, 2 * (size_t)m->hidden);
    }
}

static int32_t evidence(const dxt_model *m, uint32_t label, const workspace *w) {
    const uint8_t *weight = m->weight + (size_t)4 * m->hidden * label;
    return m->kernels->dot(weight, w->pair, 2 * m->hidden);
}

static int32_t contribution(uint32_t weight, int32_t evidence_of_word) {
    return (int32_t)dxt_round_shift((int64_t)weight * evidence_of_word, 32);
}

/* What the last direction does with each word: its score, its evidence for all labels, or its
   contributions once the weights are known. */
typedef enum { SCORES, EVIDENCE, CONTRIBUTIONS } aim;

static void go_backward(const dxt_model *m, workspace *w, aim what, const uint32_t *labels) {
    uint32_t i, k, hidden = m->hidden;
    start_direction(m, w);
    for (i = w->n_words; i-- > 0;) {
        int32_t *kept = w->contributions + (size_t)i * w->n_labels;
        step(m, &m->directions[1], w->rows[i], w);
        memcpy(w->pair, w->forward + (size_t)i * hidden, 2 * (size_t)hidden);
        memcpy(w->pair + hidden, w->state, 2 * (size_t)hidden);
        if (what == CONTRIBUTIONS) {
            for (k = 0; k < m->labels; k++) {
                w->logits[k] += contribution(w->weights[i], evidence(m, k, w));
            }
            for (k = 0; k < w->n_labels; k++) {
                kept[k] = contribution(w->weights[i], evidence(m, labels[k], w));
            }
            continue;
        }
        m->kernels->product(m->attention_weight, m->attention, 2 * hidden, w->pair, w->from_input);
        w->scores[i] = m->kernels->score(m, w->from_input);
        for (k = 0; what == EVIDENCE && k < m->labels; k++) kept[k] = evidence(m, k, w);
    }
}

/* floor(2^56 / sum) for a sum from 2^24 on. Bit by bit: small machines have no such division. */
static uint64_t inverse_of(uint64_t sum) {
    uint64_t rest = (uint64_t)1 << 23, quotient = 0;
    int k;
    for (k = 0; k <= 32; k++) {
        rest <<= 1;
        quotient <<= 1;
        if (rest >= sum) {
            rest -= sum;
            quotient |= 1;
        }
    }
    return quotient;
}

/* Section 8: Q24 weights of at least one value. */
static void softmax(const int32_t *values, uint32_t count, uint32_t multiplier, uint32_t *weights) {
    int32_t most = values[0];
    uint64_t sum = 0, inverse;
    uint32_t i;
    for (i = 1; i < count; i++) most = values[i] > most ? values[i] : most;
    for (i = 0; i < count; i++) {
        uint32_t difference = (uint32_t)most - (uint32_t)values[i], weight = 0;
        uint64_t halvings = ((uint64_t)difference * multiplier + (1u << 27)) >> 28;
        if (halvings >> 16 <= 25) {
            uint32_t n = (uint32_t)(halvings >> 16), j = halvings >> 8 & 255, r = halvings & 255;
            weight = (dxt_halvings[j] + 1u) * (256 - r) + (dxt_halvings[j + 1] + 1u) * r;
            if (n) weight = (weight + (1u << (n - 1))) >> n;
        }
        weights[i] = weight;
        sum += weight;
    }
    inverse = inverse_of(sum);
    for (i = 0; i < count; i++) {
        weights[i] = (uint32_t)((weights[i] * inverse + ((uint64_t)1 << 31)) >> 32);
    }
}

static void set_logits(const dxt_model *m, workspace *w) {
    uint32_t k;
    for (k = 0; k < m->labels; k++) w->logits[k] = dxt_i32(m->bias + 4 * (size_t)k);
}

/* Evidence becomes contributions where it lies, and the logits are their sums. */
static void add_contributions(const dxt_model *m, workspace *w) {
    uint32_t i, k;
    for (i = 0; i < w->n_words; i++) {
        int32_t *kept = w->contributions + (size_t)i * m->labels;
        for (k = 0; k < m->labels; k++) {
            kept[k] = contribution(w->weights[i], kept[k]);
            w->logits[k] += kept[k];
        }
    }
}

static void set_probabilities(const dxt_model *m, workspace *w) {
    uint32_t k;
    if (m->problem == DXT_ONE_LABEL) {
        softmax(w->logits, m->labels, m->probability_multiplier, w->probabilities);
        return;
    }
    for (k = 0; k < m->labels; k++) {
        int64_t scaled = (int64_t)w->logits[k] * m->probability_multiplier;
        int32_t gate = dxt_clamp_gate(dxt_round_shift(scaled, 31));
        w->probabilities[k] = m->problem == DXT_REGRESSION ? 0 : 512 * (uint32_t)dxt_sigmoid(gate);
    }
}

static void run(const dxt_model *m, workspace *w, const uint32_t *labels) {
    go_forward(m, w);
    go_backward(m, w, labels ? SCORES : EVIDENCE, NULL);
    set_logits(m, w);
    if (w->n_words) softmax(w->scores, w->n_words, m->attention_multiplier, w->weights);
    if (labels) go_backward(m, w, CONTRIBUTIONS, labels);
    else add_contributions(m, w);
    set_probabilities(m, w);
}

static void fill_answer(const dxt_model *m, const workspace *w, int cut, dxt_answer *answer) {
    uint32_t k;
    answer->label = 0;
    for (k = 1; k < m->labels; k++) {
        if (w->logits[k] > w->logits[answer->label]) answer->label = k;
    }
    answer->words = w->n_words;
    answer->contribution_labels = w->n_labels;
    answer->cut = cut;
    answer->logits = w->logits;
    answer->probabilities = w->probabilities;
    answer->contributions = w->contributions;
    answer->scores = w->scores;
    answer->starts = w->starts;
    answer->ends = w->ends;
    answer->word_rows = w->rows;
    answer->answered = m->problem != DXT_ONE_LABEL ||
                       w->probabilities[answer->label] >= m->answer_threshold;
}

dxt_status dxt_classify(const dxt_model *m, const char *text, size_t size,
                        const dxt_request *request, void *memory, size_t memory_size,
                        dxt_answer *answer) {
    static const uint32_t none[1] = {0};
    uint32_t most, k;
    const uint32_t *labels = NULL;
    workspace w;
    size_t shift;
    int cut;
    if (!m || (!text && size) || !memory || !answer || size > 0xFFFFFFFFu) return DXT_BAD_ARGUMENT;
    most = m->word_limit;
    w.n_labels = m->labels;
    if (request && request->max_words < most) most = request->max_words;
    if (request && request->n_labels != DXT_ALL_LABELS) {
        labels = request->n_labels ? request->labels : none;
        w.n_labels = request->n_labels;
        if (!labels || w.n_labels > m->labels) return DXT_BAD_ARGUMENT;
        for (k = 0; k < w.n_labels; k++) {
            if (labels[k] >= m->labels) return DXT_BAD_ARGUMENT;
        }
    }
    if (dxt_memory_size(m, most, w.n_labels) == 0 ||
        memory_size < dxt_memory_size(m, most, w.n_labels)) {
        return DXT_TOO_LITTLE_MEMORY;
    }
    shift = (0 - (size_t)(uintptr_t)memory) & (ALIGNMENT - 1);
    lay_out(m, (uint8_t *)memory + shift, most, w.n_labels, &w);
    cut = read_words(m, text, size, most, &w);
    run(m, &w, labels);
    fill_answer(m, &w, cut, answer);
    return DXT_OK;
}

int dxt_holds(const dxt_model *m, const dxt_answer *answer, uint32_t label) {
    if (label >= m->labels) return 0;
    if (!m->thresholds) return label == answer->label;
    return answer->probabilities[label] >= dxt_threshold(m, label);
}

uint32_t dxt_threshold(const dxt_model *m, uint32_t label) {
    return m->thresholds && label < m->labels ? dxt_u32(m->thresholds + 4 * (size_t)label) : 0;
}

/* --- Choice of instructions ---------------------------------------------------------------- */

void dxt_choose_kernels(dxt_model *m) {
    m->kernels = &dxt_portable;
#if defined(DXT_AVX2)
    if (__builtin_cpu_supports("avx2")) m->kernels = &dxt_avx2;
#elif defined(DXT_NEON) || defined(DXT_WASM)
    m->kernels = &dxt_simd128;
#endif
}

void dxt_use_portable(dxt_model *m) { m->kernels = &dxt_portable; }

const char *dxt_kernels_name(const dxt_model *m) { return m->kernels->name; }
