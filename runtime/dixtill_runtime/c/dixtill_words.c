/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation and word borders: runtime/SPECIFICATION.md, section 4. */
#include "dixtill_words.h"

#include <string.h>

#include "dixtill_bytes.h"

enum {
    REMOVED = 1,
    SPACE = 2,
    PUNCTUATION = 4,
    IDEOGRAPH = 8,
    SYLLABLE = 16,
    FOLLOWER = 32,
    RECOMPOSED = 64
};
enum { DOT_ABOVE = 0x307, REPLACEMENT = 0xFFFD, LAST = 0x10FFFF, MOST_LITERALS = 16, HEADER = 40 };
enum { L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11A7, S_BASE = 0xAC00 };
enum { L_COUNT = 19, V_COUNT = 21, T_COUNT = 28, S_COUNT = 11172 };
/* What a character of ASCII is, for reading it by a table; OTHER: not that way. */
enum { ASCII_REMOVED, ASCII_SPACE, ASCII_LETTER, ASCII_PUNCTUATION, ASCII_OTHER };
/* States of the composition of a segment. */
enum { NO_SEGMENT, STARTER, MARKS };

/* --- Tables ------------------------------------------------------------------------------- */

/* The last of `count` rows of `width` bytes whose key, a u32 shifted right, is at most `code`;
   `count` if there is none. */
static uint32_t last_row(const uint8_t *rows, uint32_t count, uint32_t width, int shift,
                         uint32_t code) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (dxt_u32(rows + (size_t)middle * width) >> shift <= code) low = middle + 1;
        else high = middle;
    }
    return low ? low - 1 : count;
}

static uint8_t flags_of(const dxt_unicode *u, uint32_t code) {
    return u->classes[(size_t)4 * last_row(u->classes, u->n_classes, 4, 8, code)];
}

static uint8_t combining_class(const dxt_unicode *u, uint32_t code) {
    return u->combining[(size_t)4 * last_row(u->combining, u->n_combining, 4, 8, code)];
}

/* The lower case of a character; a second character, or 0, goes to `second`. */
static uint32_t lower(const dxt_unicode *u, uint32_t code, uint32_t *second) {
    uint32_t row = last_row(u->expansions, u->n_expansions, 12, 0, code);
    const uint8_t *r = u->expansions + (size_t)12 * row;
    *second = 0;
    if (row < u->n_expansions && dxt_u32(r) == code) {
        *second = dxt_u32(r + 8);
        return dxt_u32(r + 4);
    }
    row = last_row(u->cases, u->n_cases, 12, 0, code);
    r = u->cases + (size_t)12 * row;
    if (row < u->n_cases && code <= (dxt_u32(r + 4) & 0xFFFFFF) && (code - dxt_u32(r)) % r[7] == 0) {
        return code + dxt_u32(r + 8);
    }
    return code;
}

/* One step of the canonical decomposition: 0 none, 1 into `first`, 2 into `first` and `second`. */
static int decompose_once(const dxt_unicode *u, uint32_t code, uint32_t *first, uint32_t *second) {
    uint32_t low = 0, high = u->n_short_pairs;
    const uint8_t *r;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, composite;
        r = u->short_pairs + (size_t)6 * middle;
        composite = dxt_u16(r);
        if (composite == code) {
            *first = dxt_u16(r + 2);
            *second = dxt_u16(r + 4);
            return 2;
        }
        if (composite < code) low = middle + 1;
        else high = middle;
    }
    low = last_row(u->long_pairs, u->n_long_pairs, 12, 0, code);
    r = u->long_pairs + (size_t)12 * low;
    if (low == u->n_long_pairs || dxt_u32(r) != code) {
        low = last_row(u->others, u->n_others, 12, 0, code);
        r = u->others + (size_t)12 * low;
        if (low == u->n_others || dxt_u32(r) != code) return 0;
    }
    *first = dxt_u32(r + 4);
    *second = dxt_u32(r + 8);
    return *second ? 2 : 1;
}

/* The character that two compose to, or 0. */
static uint32_t compose(const dxt_unicode *u, uint32_t first, uint32_t second) {
    uint32_t k;
    if (first - L_BASE < L_COUNT && second - V_BASE < V_COUNT) {
        return S_BASE + ((first - L_BASE) * V_COUNT + (second - V_BASE)) * T_COUNT;
    }
    if (first - S_BASE < S_COUNT && (first - S_BASE) % T_COUNT == 0 &&
        second - (T_BASE + 1u) < T_COUNT - 1u) {
        return first + (second - T_BASE);
    }
    if (first <= 0xFFFF && second <= 0xFFFF) {
        for (k = 0; k < u->n_short_pairs; k++) {
            const uint8_t *r = u->short_pairs + (size_t)6 * k;
            if (dxt_u16(r + 2) == first && dxt_u16(r + 4) == second) return dxt_u16(r);
        }
    }
    for (k = 0; k < u->n_long_pairs; k++) {
        const uint8_t *r = u->long_pairs + (size_t)12 * k;
        if (dxt_u32(r + 4) == first && dxt_u32(r + 8) == second) return dxt_u32(r);
    }
    return 0;
}

/* --- UTF-8 -------------------------------------------------------------------------------- */

/* The character at `at` and how many bytes it takes; U+FFFD for a byte that begins none. */
static uint32_t decode(const uint8_t *text, size_t size, size_t at, size_t *length) {
    uint32_t lead = text[at], code, least;
    size_t left = size - at, n, k;
    *length = 1;
    if (lead < 0x80) return lead;
    if (lead < 0xC2 || lead > 0xF4) return REPLACEMENT;
    n = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (left < n) return REPLACEMENT;
    code = lead & (0x7Fu >> n);
    for (k = 1; k < n; k++) {
        if ((text[at + k] & 0xC0) != 0x80) return REPLACEMENT;
        code = code << 6 | (text[at + k] & 0x3Fu);
    }
    least = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
    if (code < least || code > 0x10FFFF || code - 0xD800 < 0x800) return REPLACEMENT;
    *length = n;
    return code;
}

int dxt_is_utf8(const uint8_t *text, size_t size) {
    size_t at = 0, length;
    while (at < size) {
        if (decode(text, size, at, &length) == REPLACEMENT && length == 1) return 0;
        at += length;
    }
    return 1;
}

static size_t encode(uint32_t code, uint8_t *bytes) {
    if (code < 0x80) {
        bytes[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (uint8_t)(0xC0 | code >> 6);
        bytes[1] = (uint8_t)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        bytes[0] = (uint8_t)(0xE0 | code >> 12);
        bytes[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (uint8_t)(0x80 | (code & 0x3F));
        return 3;
    }
    bytes[0] = (uint8_t)(0xF0 | (code >> 18 & 7));
    bytes[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    bytes[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
    bytes[3] = (uint8_t)(0x80 | (code & 0x3F));
    return 4;
}

/* --- Opening ------------------------------------------------------------------------------ */

/* Keys rise strictly, begin at 0 if `from_zero`, and characters are characters. */
static int check_rows(const uint8_t *rows, uint32_t count, uint32_t width, int shift,
                      int from_zero) {
    uint32_t k, previous = 0;
    if (from_zero && (count == 0 || dxt_u32(rows) >> shift != 0)) return -1;
    for (k = 0; k < count; k++) {
        uint32_t key = dxt_u32(rows + (size_t)k * width) >> shift;
        if (key > LAST || (k && key <= previous)) return -1;
        previous = key;
    }
    return 0;
}

/* The two characters behind the key of each row are characters. */
static int check_targets(const uint8_t *rows, uint32_t count) {
    uint32_t k;
    for (k = 0; k < count; k++) {
        if (dxt_u32(rows + (size_t)12 * k + 4) > LAST || dxt_u32(rows + (size_t)12 * k + 8) > LAST) {
            return -1;
        }
    }
    return 0;
}

static int check_flags(const dxt_unicode *u) {
    uint32_t k;
    for (k = 0; k < u->n_classes; k++) {
        if (u->classes[(size_t)4 * k] & 128) return -1;
    }
    return 0;
}

static int check_cases(const dxt_unicode *u) {
    uint32_t k, previous = 0;
    for (k = 0; k < u->n_cases; k++) {
        const uint8_t *r = u->cases + (size_t)12 * k;
        uint32_t first = dxt_u32(r), last = dxt_u32(r + 4) & 0xFFFFFF, stride = r[7];
        if (last > LAST || first > last || (k && first <= previous)) return -1;
        if (stride != 1 && stride != 2) return -1;
        /* Both ends move to characters; between them the distance is the same. */
        if (first + dxt_u32(r + 8) > LAST || last + dxt_u32(r + 8) > LAST) return -1;
        previous = last;
    }
    return 0;
}

static int check_short_pairs(const dxt_unicode *u) {
    uint32_t k;
    for (k = 0; k < u->n_short_pairs; k++) {
        const uint8_t *r = u->short_pairs + (size_t)6 * k;
        if (k && dxt_u16(r) <= dxt_u16(r - 6)) return -1;
    }
    return 0;
}

static int check_literals(dxt_unicode *u, uint32_t rows, uint32_t bytes) {
    uint32_t k, start = 0;
    memset(u->literal_first, 0, sizeof u->literal_first);
    for (k = 0; k < u->n_literals; k++) {
        uint32_t end = dxt_u32(u->literal_ends + 4 * k);
        uint8_t first;
        if (end <= start || end > bytes || !dxt_is_utf8(u->literals + start, end - start)) return -1;
        if (dxt_u32(u->literal_rows + 4 * k) >= rows) return -1;
        first = u->literals[start];
        u->literal_first[first >> 3] |= (uint8_t)(1 << (first & 7));
        start = end;
    }
    return 0;
}

static void fill_ascii(dxt_unicode *u) {
    uint32_t code, second;
    for (code = 0; code < 128; code++) {
        uint8_t flags = flags_of(u, code), kind = ASCII_LETTER;
        uint32_t low = lower(u, code, &second);
        if (flags & PUNCTUATION && !u->white_space) kind = ASCII_PUNCTUATION;
        if (flags & (IDEOGRAPH | SYLLABLE | FOLLOWER | RECOMPOSED) || second || low > 127 ||
            flags_of(u, low) != flags) {
            kind = ASCII_OTHER;
        }
        if (flags & SPACE) kind = ASCII_SPACE;
        if (flags & REMOVED) kind = ASCII_REMOVED;
        u->ascii_kind[code] = kind;
        u->ascii_lower[code] = (uint8_t)(low & 127);
    }
}

/* Where `count` values of `width` bytes begin, behind zeros up to a multiple of 4. A part that does
   not fit sets the place beyond the section. */
static const uint8_t *part(const uint8_t *data, size_t size, size_t *at, uint64_t count,
                           uint32_t width) {
    const uint8_t *start = data;
    if (*at > size) return data;
    for (; *at % 4 && *at < size; (*at)++) {
        if (data[*at]) {
            *at = size + 1;
            return data;
        }
    }
    if (*at % 4 || count * width > size - *at) {
        *at = size + 1;
        return data;
    }
    start += *at;
    *at += (size_t)count * width;
    return start;
}

int dxt_unicode_open(dxt_unicode *u, const uint8_t *data, size_t size, uint32_t rows) {
    size_t at = HEADER;
    uint32_t counts[10], literal_bytes = 0, k;
    const uint8_t *origin;
    if (size < HEADER) return -1;
    for (k = 0; k < 10; k++) counts[k] = dxt_u32(data + 4 * k);
    if (counts[0] > 1 || counts[1] > MOST_LITERALS) return -1;
    u->white_space = (uint8_t)counts[0];
    u->n_literals = counts[1];
    u->n_classes = counts[2];
    u->n_cases = counts[3];
    u->n_expansions = counts[4];
    u->n_combining = counts[5];
    u->n_short_pairs = counts[6];
    u->n_long_pairs = counts[7];
    u->n_others = counts[8];
    u->literal_rows = part(data, size, &at, u->n_literals, 4);
    u->literal_ends = part(data, size, &at, u->n_literals, 4);
    if (at > size) return -1;
    if (u->n_literals) literal_bytes = dxt_u32(u->literal_ends + 4 * (size_t)u->n_literals - 4);
    u->literals = part(data, size, &at, literal_bytes, 1);
    u->classes = part(data, size, &at, u->n_classes, 4);
    u->cases = part(data, size, &at, u->n_cases, 12);
    u->expansions = part(data, size, &at, u->n_expansions, 12);
    u->combining = part(data, size, &at, u->n_combining, 4);
    u->short_pairs = part(data, size, &at, u->n_short_pairs, 6);
    u->long_pairs = part(data, size, &at, u->n_long_pairs, 12);
    u->others = part(data, size, &at, u->n_others, 12);
    origin = part(data, size, &at, counts[9], 1);
    if (at > size || !dxt_is_utf8(origin, counts[9])) return -1;
    if (size - at > 3) return -1;
    while (at < size) {
        if (data[at++]) return -1;
    }
    if (check_rows(u->classes, u->n_classes, 4, 8, 1) ||
        check_rows(u->combining, u->n_combining, 4, 8, 1) ||
        check_rows(u->expansions, u->n_expansions, 12, 0, 0) ||
        check_rows(u->long_pairs, u->n_long_pairs, 12, 0, 0) ||
        check_rows(u->others, u->n_others, 12, 0, 0) ||
        check_targets(u->expansions, u->n_expansions) ||
        check_targets(u->long_pairs, u->n_long_pairs) ||
        check_targets(u->others, u->n_others) || check_flags(u) || check_cases(u) || check_short_pairs(u) ||
        check_literals(u, rows, literal_bytes)) {
        return -1;
    }
    fill_ascii(u);
    return 0;
}

/* --- Composition (NFC) of a segment ------------------------------------------------------- */

/* A decomposed character, its combining class, and whether its source gave another before it. */
typedef struct {
    uint32_t code;
    uint8_t ccc, added;
} piece;

/* Decompose the character at the cursor; `here` is filled from the back. */
static void fill(const dxt_words *w, dxt_cursor *c) {
    uint32_t first, second = 0;
    size_t length;
    uint32_t code = decode(w->text, w->size, c->at, &length);
    int steps; /* Of a sound table never more than four: a bound for one that runs in a circle. */
    c->at += length;
    c->left = 0;
    c->first = 1;
    if (code - S_BASE < S_COUNT) {
        uint32_t s = code - S_BASE;
        if (s % T_COUNT) c->here[c->left++] = T_BASE + s % T_COUNT;
        c->here[c->left++] = V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT;
        c->here[c->left++] = L_BASE + s / (V_COUNT * T_COUNT);
        return;
    }
    for (steps = 0; c->left < 3 && steps < 8; steps++) {
        int parts = decompose_once(w->unicode, code, &first, &second);
        if (parts == 0) break;
        if (parts == 2) c->here[c->left++] = second;
        code = first;
    }
    c->here[c->left++] = code;
}

/* The next decomposed character of the segment; 0 if there is none. The cursor moves past it. */
static int take(const dxt_words *w, dxt_cursor *c, piece *p) {
    if (c->left == 0) {
        if (c->at >= w->segment_end) return 0;
        fill(w, c);
    }
    p->code = c->here[--c->left];
    p->ccc = p->code < 0x300 ? 0 : combining_class(w->unicode, p->code);
    p->added = !c->first;
    c->first = 0;
    return 1;
}

static void marks_start(dxt_marks *m, const dxt_cursor *start) {
    m->start = m->now = *start;
    m->ccc = 0;
    m->next_ccc = 255;
}

/* The next mark in canonical order; 0 if none is left, and the cursor stands behind them. */
static int marks_next(const dxt_words *w, dxt_marks *m, piece *p) {
    for (;;) {
        dxt_cursor before = m->now;
        if (!take(w, &m->now, p) || p->ccc == 0) {
            m->now = before;
            if (m->next_ccc == 255) return 0;
            m->ccc = m->next_ccc;
            m->next_ccc = 255;
            m->now = m->start;
        } else if (p->ccc == m->ccc) {
            return 1;
        } else if (p->ccc > m->ccc && p->ccc < m->next_ccc) {
            m->next_ccc = p->ccc;
        }
    }
}

/* Compose `*code` with the marks from the cursor on. Returns whether a mark is left over. */
static int compose_marks(dxt_words *w, uint32_t *code, int *change) {
    dxt_marks m;
    piece p;
    uint8_t blocked = 0;
    marks_start(&m, &w->cursor);
    while (marks_next(w, &m, &p)) {
        uint32_t composite = p.ccc > blocked ? compose(w->unicode, *code, p.code) : 0;
        if (composite) {
            *code = composite;
            *change += p.added - 1;
        } else {
            blocked = p.ccc;
        }
    }
    w->cursor = m.now;
    return blocked != 0;
}

/* The next composed character of the segment. `change`: 1 if it was added to the one before it,
   -n if n characters of the source went into it besides one. Returns 0 at the end. */
static int segment_next(dxt_words *w, uint32_t *code, int *change) {
    piece p;
    dxt_cursor before = w->cursor;
    if (w->state == MARKS) {
        while (marks_next(w, &w->marks, &p)) {
            uint32_t composite = 0;
            if (w->composing && p.ccc > w->blocked_ccc) {
                composite = compose(w->unicode, w->composee, p.code);
            }
            if (!composite) {
                w->blocked_ccc = p.ccc;
                *code = p.code;
                *change = p.added;
                return 1;
            }
            w->composee = composite;
        }
        w->cursor = before = w->marks.now;
        w->state = STARTER;
    }
    if (!take(w, &w->cursor, &p)) return 0;
    w->blocked_ccc = 0;
    if (p.ccc) { /* Marks without a character before them. */
        w->composing = 0;
        w->state = MARKS;
        marks_start(&w->marks, &before);
        return segment_next(w, code, change);
    }
    *code = p.code;
    *change = p.added;
    for (;;) {
        uint32_t composite;
        before = w->cursor;
        w->composee = *code;
        if (compose_marks(w, code, change)) {
            w->composing = 1;
            w->state = MARKS;
            marks_start(&w->marks, &before);
            return 1;
        }
        before = w->cursor;
        if (!take(w, &w->cursor, &p)) return 1;
        composite = compose(w->unicode, *code, p.code);
        if (!composite) {
            w->cursor = before;
            return 1;
        }
        *code = composite;
        *change += p.added - 1;
    }
}

/* --- Characters --------------------------------------------------------------------------- */

static void skip_source(dxt_words *w) {
    size_t length;
    decode(w->text, w->size, w->source, &length);
    w->last_start = w->source;
    w->last_end = w->source += length;
}

/* The next character of the segment, with the bytes that the tokenizers library gives to it: each
   composed character takes the next character of the source, in order. */
static int segment_char(dxt_words *w, dxt_char *c) {
    int change = 0;
    if (!segment_next(w, &c->code, &change)) {
        w->at = w->segment_end;
        w->state = NO_SEGMENT;
        return 0;
    }
    if (change <= 0 && w->source < w->segment_end) {
        skip_source(w);
        c->start = w->last_start;
        c->end = w->last_end;
        for (; change < 0 && w->source < w->segment_end; change++) skip_source(w);
    } else {
        c->start = w->last_start;
        c->end = w->last_end;
    }
    c->flags = flags_of(w->unicode, c->code);
    return 1;
}

static int is_plain(const dxt_words *w, size_t at) {
    size_t length;
    if (at >= w->size || w->text[at] < 0x80) return 1;
    return !(flags_of(w->unicode, decode(w->text, w->size, at, &length)) & RECOMPOSED);
}

static void segment_start(dxt_words *w, size_t second) {
    size_t length;
    while (!is_plain(w, second)) {
        decode(w->text, w->size, second, &length);
        second += length;
    }
    w->segment_end = second;
    w->source = w->last_start = w->last_end = w->at;
    w->cursor.at = w->at;
    w->cursor.left = 0;
    w->state = STARTER;
}

/* The next character of the composed text. A character that neither changes nor is followed by one
   that may go into it is taken as it is. */
static int next_char(dxt_words *w, dxt_char *c) {
    for (;;) {
        size_t length;
        if (w->state != NO_SEGMENT) {
            if (segment_char(w, c)) return 1;
            continue;
        }
        if (w->at >= w->size) return 0;
        c->code = decode(w->text, w->size, w->at, &length);
        c->flags = flags_of(w->unicode, c->code);
        if (c->flags & RECOMPOSED || !is_plain(w, w->at + length)) {
            segment_start(w, w->at + length);
            continue;
        }
        c->start = w->at;
        c->end = w->at += length;
        return 1;
    }
}

/* --- Words -------------------------------------------------------------------------------- */

/* The leftmost literal from `from` on, the longest if several begin there. Sets the end of the
   piece before it, which is the end of the text if there is none. */
static void find_literal(dxt_words *w, size_t from) {
    const dxt_unicode *u = w->unicode;
    size_t at;
    w->literal = u->n_literals;
    w->size = w->whole;
    for (at = from; u->n_literals && at < w->whole; at++) {
        uint8_t first = w->text[at];
        uint32_t k, start = 0, longest = 0;
        if (!(u->literal_first[first >> 3] >> (first & 7) & 1)) continue;
        for (k = 0; k < u->n_literals; k++) {
            uint32_t end = dxt_u32(u->literal_ends + 4 * k), length = end - start;
            if (length > longest && length <= w->whole - at &&
                memcmp(u->literals + start, w->text + at, length) == 0) {
                longest = length;
                w->literal = k;
            }
            start = end;
        }
        if (longest) {
            w->size = at;
            return;
        }
    }
}

void dxt_words_start(dxt_words *w, const dxt_unicode *unicode, const uint8_t *text, size_t size) {
    memset(w, 0, sizeof *w);
    w->unicode = unicode;
    w->text = text;
    w->whole = size;
    find_literal(w, 0);
}

static void append(dxt_word *word, uint32_t code, uint8_t *buffer, size_t capacity) {
    uint8_t bytes[4];
    size_t length = encode(code, bytes), k;
    if (word->length > capacity || length > capacity - word->length) {
        word->length = capacity + 1; /* Longer than any word that is known. */
        return;
    }
    for (k = 0; k < length; k++) buffer[word->length++] = bytes[k];
}

static int is_ascii(const dxt_words *w, size_t at) {
    return w->text[at] < 0x80 && w->unicode->ascii_kind[w->text[at]] != ASCII_OTHER;
}

/* Characters of ASCII, none of which composes with what follows, as long as they belong to the
   word or to no word. Returns whether the word is finished. */
static int take_ascii(dxt_words *w, dxt_word *word, int *inside, uint8_t *buffer, size_t capacity) {
    const dxt_unicode *u = w->unicode;
    size_t at = w->at, size = w->size;
    int finished = 0, here = at < size && is_ascii(w, at);
    while (here) {
        int next = at + 1 < size && is_ascii(w, at + 1);
        uint8_t code = w->text[at], kind = u->ascii_kind[code];
        if (at + 1 < size && !next) break;
        if (*inside && (kind == ASCII_SPACE || kind == ASCII_PUNCTUATION)) {
            finished = 1;
            break;
        }
        if (kind >= ASCII_LETTER) {
            if (!*inside) word->start = at;
            *inside = 1;
            word->end = at + 1;
            w->after_i = u->ascii_lower[code] == 'i';
            if (word->length < capacity) buffer[word->length++] = u->ascii_lower[code];
            else word->length = capacity + 1;
            finished = kind == ASCII_PUNCTUATION;
        } else if (kind == ASCII_SPACE) {
            w->after_i = 0;
        }
        at++;
        here = next;
        if (finished) break;
    }
    w->at = at;
    return finished;
}

/* The next word of the piece. */
static int piece_word(dxt_words *w, dxt_word *word, uint8_t *buffer, size_t capacity) {
    const dxt_unicode *u = w->unicode;
    int inside = 0, syllable = 0;
    dxt_char c;
    word->length = 0;
    word->row = -1;
    for (;;) {
        uint32_t code, second = 0;
        uint8_t flags;
        if (w->has_pending) {
            c = w->pending;
            w->has_pending = 0;
        } else {
            if (w->state == NO_SEGMENT && !syllable &&
                take_ascii(w, word, &inside, buffer, capacity)) {
                return 1;
            }
            if (!next_char(w, &c)) return inside;
        }
        if (c.flags & REMOVED) continue;
        if (c.flags & SPACE) {
            w->after_i = 0;
            if (inside) return 1;
            continue;
        }
        if (c.code == DOT_ABOVE && w->after_i) continue;
        code = lower(u, c.code, &second);
        flags = code == c.code ? c.flags : flags_of(u, code);
        if (u->white_space) flags = 0;
        flags = (uint8_t)((flags & ~IDEOGRAPH) | (c.flags & IDEOGRAPH));
        if (inside && (flags & (IDEOGRAPH | PUNCTUATION) || (syllable && !(flags & FOLLOWER)) ||
                       (flags & SYLLABLE && !syllable))) {
            w->pending = c;
            w->has_pending = 1;
            return 1;
        }
        if (!inside) {
            word->start = c.start;
            inside = 1;
            syllable = (flags & SYLLABLE) != 0;
        }
        word->end = c.end;
        w->after_i = (second ? second : code) == 'i';
        append(word, code, buffer, capacity);
        if (second) append(word, second, buffer, capacity);
        if (flags & (IDEOGRAPH | PUNCTUATION)) return 1;
    }
}

int dxt_words_next(dxt_words *w, dxt_word *word, uint8_t *buffer, size_t capacity) {
    uint32_t start, end, k;
    if (piece_word(w, word, buffer, capacity)) return 1;
    k = w->literal;
    if (k >= w->unicode->n_literals) return 0;
    start = k ? dxt_u32(w->unicode->literal_ends + 4 * k - 4) : 0;
    end = dxt_u32(w->unicode->literal_ends + 4 * k);
    word->start = w->size;
    word->end = w->at = w->size + (end - start);
    word->row = (int32_t)dxt_u32(w->unicode->literal_rows + 4 * k);
    w->state = NO_SEGMENT;
    w->after_i = 0;
    find_literal(w, w->at);
    return 1;
}
