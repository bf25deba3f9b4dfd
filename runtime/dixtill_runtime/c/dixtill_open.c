/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a file: all that sections 2 to 11 of the specification ask a reader to check. */
#include <string.h>

#include "dixtill_kernels.h"

enum { FILE_HEADER = 32, ENTRY = 16, KNOWN = 9, META = 8, MOST_SECTIONS = 64, MOST_WORD = 255, BLOCK = 16 };

/* An array after the other is taken from a section, each from a multiple of 4 bytes on. */
typedef struct {
    const uint8_t *data;
    size_t size, at;
    int failed;
} reader;

static int all_zero(const uint8_t *data, size_t size) {
    size_t k;
    for (k = 0; k < size; k++) {
        if (data[k]) return 0;
    }
    return 1;
}

/* `count` values of `width` bytes; afterwards `failed` tells whether they are there. */
static const uint8_t *take(reader *r, uint64_t count, uint32_t width) {
    size_t padding = (0 - r->at) & 3;
    const uint8_t *start;
    if (r->failed || padding > r->size - r->at || !all_zero(r->data + r->at, padding) ||
        count > (r->size - r->at - padding) / width) {
        r->failed = 1;
        return r->data;
    }
    start = r->data + r->at + padding;
    r->at += padding + (size_t)count * width;
    return start;
}

/* Whether everything was there, and nothing is left but zeros up to a multiple of 4 bytes. */
static int is_done(const reader *r) {
    return !r->failed && r->size - r->at <= 3 && all_zero(r->data + r->at, r->size - r->at);
}

static uint32_t checksum(const uint8_t *data, size_t size) {
    static const uint32_t nibbles[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t crc = 0xFFFFFFFF;
    size_t k;
    for (k = 0; k < size; k++) {
        crc ^= data[k];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

static int is_letter(uint8_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* Find the sections, of which only the last may be missing; see section 2. */
static dxt_status read_table(const uint8_t *file, size_t size, reader *sections) {
    static const char tags[KNOWN][5] = {"HEAD", "LABL", "UNIC", "WORD", "ROWS",
                                        "LSTM", "ATTN", "CLSF", "meta"};
    uint32_t n = dxt_u32(file + 20), found = 0, k, j;
    size_t last;
    if (n < 1 || n > MOST_SECTIONS || !all_zero(file + 24, 8)) return DXT_BAD_TABLE;
    last = FILE_HEADER + (size_t)ENTRY * n;
    if (last > size) return DXT_BAD_TABLE;
    for (k = 0; k < n; k++) {
        const uint8_t *entry = file + FILE_HEADER + (size_t)ENTRY * k;
        uint32_t offset = dxt_u32(entry + 4), length = dxt_u32(entry + 8);
        for (j = 0; j < 4; j++) {
            if (!is_letter(entry[j])) return DXT_BAD_TABLE;
        }
        for (j = 0; j < k; j++) {
            if (memcmp(entry, file + FILE_HEADER + (size_t)ENTRY * j, 4) == 0) {
                return DXT_BAD_TABLE;
            }
        }
        if (dxt_u32(entry + 12) || offset % 16 || offset < last || offset > size ||
            length > size - offset || !all_zero(file + last, offset - last)) {
            return DXT_BAD_TABLE;
        }
        last = (size_t)offset + length;
        for (j = 0; j < KNOWN && memcmp(entry, tags[j], 4) != 0; j++) continue;
        if (j == KNOWN) {
            if (entry[0] <= 'Z') return DXT_BAD_TABLE; /* Needed, and not known. */
            continue;
        }
        sections[j].data = file + offset;
        sections[j].size = length;
        sections[j].at = 0;
        sections[j].failed = 0;
        found |= 1u << j;
    }
    if ((found | 1u << META) != (2u << META) - 1 || !all_zero(file + last, size - last)) return DXT_BAD_TABLE;
    return DXT_OK;
}

/* The least and the most that each number of section HEAD may be; what depends on another number is
   checked apart. Temperature is a float that is finite and above 0. */
static const struct {
    uint32_t least, most;
} head_ranges[24] = {{0, 2},          {1, 65535},      {1, 1 << 24},    {2, (1 << 24) + 17},
                     {1, 511},        {1, 255},        {1, 4096},       {1, 65535},
                     {0, 1},          {0, 0},          {1, 1},          {2, 2},
                     {0, 2},          {1, 511},        {1, 511},        {0, 256},
                     {0, 31},         {0, 31},         {0, 0x7FFFFFFF}, {0, 0x7FFFFFFF},
                     {1, 0x7F7FFFFF}, {0, 1 << 24},    {0, 0},          {0, 0}};

static int read_head(dxt_model *m, const reader *r) {
    uint32_t v[24], k;
    if (r->size != sizeof v) return -1;
    memcpy(v, r->data, sizeof v);
    for (k = 0; k < 24; k++) {
        if (v[k] < head_ranges[k].least || v[k] > head_ranges[k].most) return -1;
    }
    if (v[0] == DXT_ONE_LABEL ? v[1] < 2 : v[21] > 0) return -1;
    if (v[3] <= v[2] || v[3] > v[2] + 17 || v[4] % v[13] || v[4] % v[14]) return -1;
    if (v[12] < 2 ? v[14] != v[4] || v[15] != 16 * v[12] : v[15] == 0) return -1;
    m->problem = v[0];
    m->labels = v[1];
    m->words = v[2];
    m->rows = v[3];
    m->dimensions = v[4];
    m->hidden = v[5];
    m->attention = v[6];
    m->word_limit = v[7];
    m->explanation = v[8];
    m->row_kind = v[12];
    m->scales = v[13];
    m->codes = v[14];
    m->centroids = v[15];
    m->logit_bits = v[16];
    m->score_bits = v[17];
    m->attention_multiplier = v[18];
    m->probability_multiplier = v[19];
    m->answer_threshold = v[21];
    return 0;
}

static int read_labels(dxt_model *m, reader *r) {
    uint32_t k, j, start = 0, total;
    m->label_ends = take(r, m->labels, 4);
    if (r->failed) return -1;
    total = dxt_u32(m->label_ends + 4 * (size_t)(m->labels - 1));
    m->label_names = take(r, total, 1);
    if (!is_done(r)) return -1;
    for (k = 0; k < m->labels; k++) {
        uint32_t end = dxt_u32(m->label_ends + 4 * (size_t)k);
        if (end <= start || end > total) return -1;
        if (!dxt_is_utf8(m->label_names + start, end - start)) return -1;
        start = end;
    }
    /* A thousand labels take half a million comparisons of lengths: less than reading the rows. */
    for (k = 1; k < m->labels; k++) {
        uint32_t length, other;
        const char *name = dxt_label(m, k, &length);
        for (j = 0; j < k; j++) {
            const char *earlier = dxt_label(m, j, &other);
            if (other == length && memcmp(name, earlier, length) == 0) return -1;
        }
    }
    return 0;
}

/* One entry of the words: repeated bytes, size and place of the further ones. 0 if it is cut. */
static int read_entry(const uint8_t *entries, size_t size, size_t *at, uint32_t *prefix,
                      uint32_t *length) {
    uint32_t head;
    if (*at >= size) return 0;
    head = entries[(*at)++];
    *prefix = head >> 4;
    *length = head & 15;
    if (*length == 0) {
        if (*at >= size) return 0;
        *length = entries[(*at)++];
        if (*length < 16) return 0;
    }
    return *length <= size - *at;
}

/* Read all words once, so that no look-up needs to check them. */
static int read_words(dxt_model *m, reader *r, int trusted) {
    uint8_t word[MOST_WORD];
    const uint8_t *counts = take(r, 2, 4);
    size_t at = 0, word_length = 0;
    uint32_t k;
    if (r->failed) return -1;
    m->blocks = (m->words + BLOCK - 1) / BLOCK;
    if (dxt_u32(counts) != m->words || dxt_u32(counts + 4) != m->blocks) return -1;
    m->block_starts = take(r, m->blocks, 4);
    if (r->failed) return -1;
    m->entries = r->data + r->at;
    m->entries_size = r->size - r->at;
    if (trusted) return 0;
    for (k = 0; k < m->words; k++) {
        uint32_t prefix, length;
        const uint8_t *further;
        size_t rest, common;
        int order;
        if (k % BLOCK == 0 && dxt_u32(m->block_starts + 4 * (size_t)(k / BLOCK)) != at) return -1;
        if (!read_entry(m->entries, m->entries_size, &at, &prefix, &length)) return -1;
        if (prefix > word_length || (k % BLOCK == 0 && prefix) || prefix + length > MOST_WORD) {
            return -1;
        }
        further = m->entries + at;
        rest = word_length - prefix;
        common = rest < length ? rest : length;
        order = memcmp(word + prefix, further, common);
        if (k && (order > 0 || (order == 0 && rest >= length))) return -1;
        memcpy(word + prefix, further, length);
        word_length = prefix + length;
        at += length;
    }
    take(r, at, 1);
    return is_done(r) ? 0 : -1;
}

static int read_rows(dxt_model *m, reader *r, int trusted) {
    size_t k;
    m->row_scales = take(r, (uint64_t)m->rows * m->scales, 2);
    m->levels = r->data;
    if (m->row_kind == 1) m->levels = take(r, 16, 1);
    if (m->row_kind == 2) m->levels = take(r, (uint64_t)m->centroids * m->dimensions, 1);
    if (m->row_kind == 1) {
        uint32_t width = (m->dimensions + 1) / 2;
        m->row_codes = take(r, (uint64_t)m->rows * width, 1);
        if (!is_done(r)) return -1;
        for (k = 1; !trusted && m->dimensions % 2 && k <= m->rows; k++) {
            if (m->row_codes[k * width - 1] >> 4) return -1;
        }
        return 0;
    }
    m->row_codes = take(r, (uint64_t)m->rows * m->codes, 1);
    if (!is_done(r)) return -1;
    for (k = 0; !trusted && m->row_kind == 2 && k < (size_t)m->rows * m->codes; k++) {
        if (m->row_codes[k] >= m->centroids) return -1;
    }
    return 0;
}

static int none_negative(const uint8_t *values, uint32_t count) {
    uint32_t k;
    for (k = 0; k < count; k++) {
        if (values[4 * (size_t)k + 3] >> 7) return 0;
    }
    return 1;
}

/* Whether the magnitudes of an i16 row sum to 65,535 at most, so that no product overflows. */
static int is_bounded(const uint8_t *weights, uint32_t count) {
    uint32_t k, sum = 0;
    for (k = 0; k < count; k++) {
        int32_t weight = dxt_i16(weights + 2 * (size_t)k);
        sum += (uint32_t)(weight < 0 ? -weight : weight);
    }
    return sum <= 65535;
}

/* Whether every gate fits 30 bits and its bias 29: true for all but odd students. */
static int is_narrow(const dxt_model *m, const dxt_direction *d) {
    uint32_t k;
    for (k = 0; k < 4 * m->hidden; k++) {
        int32_t bias = dxt_i32(d->bias + 4 * (size_t)k);
        uint64_t most = (uint64_t)m->dimensions * dxt_u32(d->input_multiplier + 4 * (size_t)k) +
                        (uint64_t)m->hidden * dxt_u32(d->state_multiplier + 4 * (size_t)k);
        /* A product of weight and input is 2^22 at most. */
        if (most >= (uint64_t)1 << (61 - 22) || bias <= -(1 << 29) || bias >= 1 << 29) return 0;
    }
    return 1;
}

static int read_lstm(dxt_model *m, reader *r) {
    uint32_t gates = 4 * m->hidden, k;
    for (k = 0; k < 2; k++) {
        dxt_direction *d = &m->directions[k];
        d->bias = take(r, gates, 4);
        d->input_multiplier = take(r, gates, 4);
        d->state_multiplier = take(r, gates, 4);
        d->input_weight = (const int8_t *)take(r, (uint64_t)gates * m->dimensions, 1);
        d->state_weight = (const int8_t *)take(r, (uint64_t)gates * m->hidden, 1);
        if (r->failed || !none_negative(d->input_multiplier, gates) ||
            !none_negative(d->state_multiplier, gates)) {
            return -1;
        }
        d->narrow = is_narrow(m, d);
    }
    return is_done(r) ? 0 : -1;
}

static int read_attention(dxt_model *m, reader *r) {
    m->score_multiplier = take(r, m->attention, 4);
    m->score_vector = take(r, m->attention, 2);
    m->attention_weight = (const int8_t *)take(r, (uint64_t)m->attention * 2 * m->hidden, 1);
    if (!is_done(r) || !none_negative(m->score_multiplier, m->attention)) return -1;
    return is_bounded(m->score_vector, m->attention) ? 0 : -1;
}

static int read_classifier(dxt_model *m, reader *r) {
    uint32_t k;
    m->bias = take(r, m->labels, 4);
    m->weight = take(r, (uint64_t)m->labels * 2 * m->hidden, 2);
    m->thresholds = m->problem == DXT_SEVERAL_LABELS ? take(r, m->labels, 4) : NULL;
    if (!is_done(r)) return -1;
    for (k = 0; k < m->labels; k++) {
        int32_t bias = dxt_i32(m->bias + 4 * (size_t)k);
        if (bias < -(1 << 30) || bias > 1 << 30) return -1;
        if (!is_bounded(m->weight + (size_t)4 * m->hidden * k, 2 * m->hidden)) return -1;
        if (m->thresholds && dxt_u32(m->thresholds + 4 * (size_t)k) > 1u << 24) return -1;
    }
    return 0;
}

dxt_status dxt_open(dxt_model *m, const void *file, size_t size, int flags) {
    static const uint8_t magic[8] = {0x89, 'D', 'X', 'T', '\r', '\n', 0x1A, '\n'};
    const uint8_t *data = file;
    reader sections[KNOWN];
    int trusted = flags & DXT_TRUSTED;
    dxt_status status;
    if (!m || !file || (uintptr_t)file % 4) return DXT_BAD_ARGUMENT;
    memset(m, 0, sizeof *m);
    if (size < FILE_HEADER) return DXT_TOO_SHORT;
    if (memcmp(data, magic, 8) != 0) return DXT_FOREIGN;
    if (dxt_u16(data + 8) != 1) return DXT_OTHER_VERSION;
    if (size > 0x7FFFFFFF || dxt_u32(data + 12) != size) return DXT_WRONG_SIZE;
    if (checksum(data + 20, size - 20) != dxt_u32(data + 16)) return DXT_WRONG_CHECKSUM;
    memset(sections, 0, sizeof sections);
    status = read_table(data, size, sections);
    if (status != DXT_OK) return status;
    m->meta = sections[META].data;
    m->meta_size = (uint32_t)sections[META].size;
    if (read_head(m, &sections[0])) return DXT_BAD_HEAD;
    if (read_labels(m, &sections[1])) return DXT_BAD_LABELS;
    if (dxt_unicode_open(&m->unicode, sections[2].data, sections[2].size, m->rows)) {
        return DXT_BAD_UNICODE;
    }
    if (read_words(m, &sections[3], trusted)) return DXT_BAD_WORDS;
    if (read_rows(m, &sections[4], trusted)) return DXT_BAD_ROWS;
    if (read_lstm(m, &sections[5])) return DXT_BAD_LSTM;
    if (read_attention(m, &sections[6])) return DXT_BAD_ATTENTION;
    if (read_classifier(m, &sections[7])) return DXT_BAD_CLASSIFIER;
    dxt_choose_kernels(m);
    return DXT_OK;
}

const char *dxt_label(const dxt_model *m, uint32_t label, uint32_t *length) {
    uint32_t start;
    if (label >= m->labels) {
        *length = 0;
        return "";
    }
    start = label ? dxt_u32(m->label_ends + 4 * (size_t)label - 4) : 0;
    *length = dxt_u32(m->label_ends + 4 * (size_t)label) - start;
    return (const char *)m->label_names + start;
}

const char *dxt_meta(const dxt_model *m, uint32_t *size) {
    *size = m->meta_size;
    return m->meta ? (const char *)m->meta : "";
}

const char *dxt_message(dxt_status status) {
    switch (status) {
    case DXT_OK: return "No error.";
    case DXT_TOO_SHORT: return "The file is shorter than the header of a .dxt file.";
    case DXT_FOREIGN: return "This is no .dxt file.";
    case DXT_OTHER_VERSION: return "The file has another format version than 1: export it again.";
    case DXT_WRONG_SIZE: return "The file has another size than it says: it is truncated.";
    case DXT_WRONG_CHECKSUM: return "The file's checksum is wrong: it is damaged.";
    case DXT_BAD_TABLE: return "The file's table of sections is damaged, or needs a newer runtime.";
    case DXT_BAD_HEAD: return "Section HEAD breaks the specification.";
    case DXT_BAD_LABELS: return "Section LABL breaks the specification.";
    case DXT_BAD_UNICODE: return "Section UNIC breaks the specification.";
    case DXT_BAD_WORDS: return "Section WORD breaks the specification.";
    case DXT_BAD_ROWS: return "Section ROWS breaks the specification.";
    case DXT_BAD_LSTM: return "Section LSTM breaks the specification.";
    case DXT_BAD_ATTENTION: return "Section ATTN breaks the specification.";
    case DXT_BAD_CLASSIFIER: return "Section CLSF breaks the specification.";
    case DXT_TOO_LITTLE_MEMORY: return "Give as much memory as dxt_memory_size() says.";
    case DXT_BAD_ARGUMENT: return "A pointer, label or text size is none that this call takes.";
    }
    return "Unknown status.";
}
