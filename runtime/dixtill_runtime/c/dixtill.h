/* SPDX-License-Identifier: Apache-2.0 */
/* A text classifier that explains itself, in integers: runtime/SPECIFICATION.md.

   C99 without allocation, floating point, global state or libm. The caller gives all memory. A file
   is read where it lies: in flash, in a mapped file, anywhere. One model serves any number of
   threads; each call needs memory of its own.

       dxt_model model;
       dxt_answer answer;
       if (dxt_open(&model, file, file_size, 0) != DXT_OK) ...
       if (dxt_classify(&model, text, strlen(text), NULL, memory, sizeof memory, &answer)) ...
       name = dxt_label(&model, answer.label, &length);
*/
#ifndef DIXTILL_H
#define DIXTILL_H

#include <stddef.h>
#include <stdint.h>

#include "dixtill_words.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DXT_ALL_LABELS 0xFFFFFFFFu

typedef enum {
    DXT_OK,
    DXT_TOO_SHORT,       /* The file is shorter than its header. */
    DXT_FOREIGN,         /* It is no .dxt file. */
    DXT_OTHER_VERSION,   /* Its major version is not 1. */
    DXT_WRONG_SIZE,      /* It was cut, or something was added. */
    DXT_WRONG_CHECKSUM,  /* It was damaged. */
    DXT_BAD_TABLE,       /* A section is missing, unknown, or not where it may be. */
    DXT_BAD_HEAD,        /* Section HEAD breaks the specification; so for the others. */
    DXT_BAD_LABELS,
    DXT_BAD_UNICODE,
    DXT_BAD_WORDS,
    DXT_BAD_ROWS,
    DXT_BAD_LSTM,
    DXT_BAD_ATTENTION,
    DXT_BAD_CLASSIFIER,
    DXT_TOO_LITTLE_MEMORY, /* See dxt_memory_size(). */
    DXT_BAD_ARGUMENT       /* A null pointer, a file at no multiple of 4, a label out of range, or
                              a text of 4 GiB. */
} dxt_status;

/* Flags of dxt_open(): check size and checksum only, for a file in trusted flash. */
enum { DXT_TRUSTED = 1 };

enum { DXT_ONE_LABEL = 0, DXT_SEVERAL_LABELS = 1, DXT_REGRESSION = 2 };
enum { DXT_CONTRIBUTIONS = 0, DXT_ATTENTION = 1 };

typedef struct dxt_kernels dxt_kernels;

/* One direction of the LSTM. */
typedef struct {
    const uint8_t *bias, *input_multiplier, *state_multiplier;
    const int8_t *input_weight, *state_weight;
    int narrow; /* Whether no gate leaves 32 bits before it is clamped. */
} dxt_direction;

/* An opened file; pointers into it, nothing of its own. Read the sizes, leave the rest. */
typedef struct {
    uint32_t problem, labels, words, rows, dimensions, hidden, attention, word_limit;
    uint32_t explanation;             /* DXT_CONTRIBUTIONS or DXT_ATTENTION. */
    uint32_t logit_bits, score_bits;  /* Fractional bits of logits and of scores. */
    uint32_t answer_threshold; /* Least probability of an answer, Q24; 0 if every one is. */
    uint32_t row_kind, scales, codes, centroids, attention_multiplier, probability_multiplier;
    uint32_t blocks, meta_size;
    const uint8_t *label_ends, *label_names, *block_starts, *entries, *row_scales, *levels, *row_codes;
    const uint8_t *score_multiplier, *score_vector, *bias, *weight, *thresholds, *meta;
    const int8_t *attention_weight;
    size_t entries_size;
    dxt_direction directions[2];
    dxt_unicode unicode;
    const dxt_kernels *kernels;
} dxt_model;

/* What is asked for. */
typedef struct {
    uint32_t max_words;      /* Read no more words, even if the student would. */
    const uint32_t *labels;  /* Contributions to these labels; not used for DXT_ALL_LABELS. */
    uint32_t n_labels;       /* How many, or DXT_ALL_LABELS. */
} dxt_request;

/* What comes out. Arrays lie in the memory that was given to dxt_classify(). */
typedef struct {
    uint32_t label;                /* The smallest index of the largest logit. */
    uint32_t words;                /* Words that were read. */
    uint32_t contribution_labels;  /* Contributions of a word. */
    int cut;                       /* Whether there were more words. */
    const int32_t *logits;         /* [labels]: bias and all contributions, exactly. */
    const uint32_t *probabilities; /* [labels], Q24; without meaning for a regression. */
    const int32_t *contributions;  /* [words][contribution_labels]. */
    const int32_t *scores;         /* [words]: attention scores. */
    const uint32_t *starts, *ends; /* [words]: bytes of the text. */
    const uint32_t *word_rows;     /* [words]: 0 is an unknown word. */
    int answered;                  /* Whether the label's probability reaches the answer threshold. */
} dxt_answer;

/* Open a file. Everything is checked, unless `flags` has DXT_TRUSTED; nothing is read beyond
   `size`. The file lies at a multiple of 4 bytes, and stays there as long as the model is used. */
dxt_status dxt_open(dxt_model *model, const void *file, size_t size, int flags);

/* Bytes that dxt_classify() needs, at any address; 0 if they are too many to count. */
size_t dxt_memory_size(const dxt_model *model, uint32_t max_words, uint32_t n_labels);

/* Classify and explain `size` bytes of UTF-8. What is no UTF-8 is skipped, and NUL is a character
   like others that the tokenizer removes. `request` may be NULL: all words that the student was
   trained to read, all labels. Asking for some of the labels takes half as much time again, and
   memory only for those. */
dxt_status dxt_classify(const dxt_model *model, const char *text, size_t size,
                        const dxt_request *request, void *memory, size_t memory_size,
                        dxt_answer *answer);

/* The name of a label: UTF-8 without a final NUL. */
const char *dxt_label(const dxt_model *model, uint32_t label, uint32_t *length);

/* Whether a label holds: it is the best, or reaches its threshold if a text may have several. */
int dxt_holds(const dxt_model *model, const dxt_answer *answer, uint32_t label);

/* Probability from which on a text has a label, Q24; only if a text may have several. */
uint32_t dxt_threshold(const dxt_model *model, uint32_t label);

/* The record of what was measured: JSON without a final NUL, empty if there is none. */
const char *dxt_meta(const dxt_model *model, uint32_t *size);

/* What a status means, in English. */
const char *dxt_message(dxt_status status);

/* Which instructions do the work: "portable", "avx2", "neon" or "wasm". */
const char *dxt_kernels_name(const dxt_model *model);

/* Use the portable code, whatever the machine offers; the answers are the same. */
void dxt_use_portable(dxt_model *model);

#ifdef __cplusplus
}
#endif
#endif
