/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a UTF-8 text, as the student's tokenizer draws them: runtime/SPECIFICATION.md,
   section 4. */
#ifndef DIXTILL_WORDS_H
#define DIXTILL_WORDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The section `UNIC`, read where it lies. */
typedef struct {
    const uint8_t *literal_rows, *literal_ends, *literals, *classes, *cases, *expansions, *combining;
    const uint8_t *short_pairs, *long_pairs, *others;
    uint32_t n_literals, n_classes, n_cases, n_expansions, n_combining;
    uint32_t n_short_pairs, n_long_pairs, n_others;
    uint8_t white_space;       /* Split at white space only. */
    uint8_t literal_first[32]; /* Bit set of the first bytes of literals. */
    uint8_t ascii_kind[128], ascii_lower[128];
} dxt_unicode;

/* A place in the decomposition of a text: characters of `here` that are still to come. */
typedef struct {
    size_t at;
    uint32_t here[4];
    uint8_t left, first;
} dxt_cursor;

/* Marks in canonical order, found by one pass over them for each combining class. */
typedef struct {
    dxt_cursor start, now;
    uint8_t ccc, next_ccc;
} dxt_marks;

/* One character of the composed text and the bytes that it comes from. */
typedef struct {
    uint32_t code;
    uint8_t flags;
    size_t start, end;
} dxt_char;

/* Where the reading of a text is. All of it is set by dxt_words_start(). */
typedef struct {
    const dxt_unicode *unicode;
    const uint8_t *text;
    size_t whole, size, at; /* Bytes of the text, end of the piece before a literal, place. */
    uint32_t literal;       /* The literal behind the piece. */
    dxt_char pending;
    uint8_t has_pending, state, composing, blocked_ccc, after_i;
    size_t segment_end, source, last_start, last_end;
    uint32_t composee;
    dxt_cursor cursor;
    dxt_marks marks;
} dxt_words;

/* A word: its bytes in the text, and how many its normalised form has. */
typedef struct {
    size_t start, end; /* `[start, end)` in bytes of the text. */
    size_t length;     /* Of the normalised word; more than `capacity` if it did not fit. */
    int32_t row;       /* Of a literal; -1 for a word that is to be looked up. */
} dxt_word;

/* Open a section `UNIC` for a model of `rows` rows: 0, or -1 if it breaks the specification. Only
   `size` bytes are read. */
int dxt_unicode_open(dxt_unicode *unicode, const uint8_t *data, size_t size, uint32_t rows);

/* Begin to read the words of `size` bytes of text. */
void dxt_words_start(dxt_words *words, const dxt_unicode *unicode, const uint8_t *text,
                     size_t size);

/* Whether the bytes are well-formed UTF-8. */
int dxt_is_utf8(const uint8_t *text, size_t size);

/* The next word. At most `capacity` bytes of its normalised form are written to `buffer`.
   Returns 1, or 0 if no word is left. */
int dxt_words_next(dxt_words *words, dxt_word *word, uint8_t *buffer, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
