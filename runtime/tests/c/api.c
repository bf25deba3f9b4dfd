/* SPDX-License-Identifier: Apache-2.0 */
/* What the interface in C promises beyond the answers: api FILE. Prints the first broken promise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dixtill.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static const char text[] = "Profit warning: ACME cuts 1,200 jobs after a weak quarter.";
static const uint32_t last_and_first[] = {2, 0}, no_such_label[] = {3};

static int some_labels_are_those_of_all(const dxt_model *m, uint8_t *memory, size_t size) {
    dxt_request request = {1000, last_and_first, 2};
    dxt_answer all, some;
    uint8_t *second = malloc(size);
    uint32_t i, k;
    EXPECT(dxt_classify(m, text, strlen(text), NULL, memory, size, &all) == DXT_OK);
    EXPECT(dxt_classify(m, text, strlen(text), &request, second, size, &some) == DXT_OK);
    EXPECT(some.words == all.words && some.label == all.label && some.contribution_labels == 2);
    EXPECT(memcmp(some.logits, all.logits, 4 * m->labels) == 0);
    EXPECT(memcmp(some.probabilities, all.probabilities, 4 * m->labels) == 0);
    for (i = 0; i < all.words; i++) {
        for (k = 0; k < 2; k++) {
            EXPECT(some.contributions[2 * i + k] == all.contributions[3 * i + last_and_first[k]]);
        }
    }
    request.n_labels = 0;
    EXPECT(dxt_classify(m, text, strlen(text), &request, second, size, &some) == DXT_OK);
    EXPECT(some.contribution_labels == 0 && memcmp(some.logits, all.logits, 4 * m->labels) == 0);
    EXPECT(dxt_memory_size(m, 64, 0) < dxt_memory_size(m, 64, DXT_ALL_LABELS));
    free(second);
    return 0;
}

static int any_address_is_good_enough(const dxt_model *m) {
    size_t size = dxt_memory_size(m, 100, DXT_ALL_LABELS), shift;
    dxt_request request = {100, NULL, DXT_ALL_LABELS};
    dxt_answer a;
    int32_t logit = 0;
    for (shift = 0; shift < 40; shift++) {
        uint8_t *block = malloc(size + shift);
        EXPECT(dxt_classify(m, text, strlen(text), &request, block + shift, size, &a) == DXT_OK);
        EXPECT(shift == 0 || a.logits[0] == logit);
        logit = a.logits[0];
        EXPECT(dxt_classify(m, text, strlen(text), &request, block, size - 1, &a) ==
               DXT_TOO_LITTLE_MEMORY);
        free(block);
    }
    return 0;
}

static int words_are_cut_where_asked(const dxt_model *m, uint8_t *memory, size_t size) {
    dxt_request request = {3, NULL, DXT_ALL_LABELS};
    dxt_answer a;
    EXPECT(dxt_classify(m, text, strlen(text), &request, memory, size, &a) == DXT_OK);
    EXPECT(a.words == 3 && a.cut && a.starts[2] == 14 && a.ends[2] == 15);
    EXPECT(dxt_classify(m, "a b c ", 6, &request, memory, size, &a) == DXT_OK);
    EXPECT(a.words == 3 && !a.cut);
    request.max_words = 0;
    EXPECT(dxt_classify(m, text, strlen(text), &request, memory, size, &a) == DXT_OK);
    EXPECT(a.words == 0 && a.cut);
    return 0;
}

static int bad_arguments_are_refused(const dxt_model *m, uint8_t *memory, size_t size) {
    dxt_request request = {9, no_such_label, 1};
    dxt_answer a;
    uint32_t length;
    EXPECT(dxt_classify(m, "a", 1, &request, memory, size, &a) == DXT_BAD_ARGUMENT);
    request.labels = NULL;
    EXPECT(dxt_classify(m, "a", 1, &request, memory, size, &a) == DXT_BAD_ARGUMENT);
    EXPECT(dxt_classify(m, NULL, 1, NULL, memory, size, &a) == DXT_BAD_ARGUMENT);
    EXPECT(dxt_classify(m, NULL, 0, NULL, memory, size, &a) == DXT_OK);
    EXPECT(dxt_classify(m, "a", 1, NULL, NULL, size, &a) == DXT_BAD_ARGUMENT);
    EXPECT(dxt_classify(m, "a", 1, NULL, memory, 10, &a) == DXT_TOO_LITTLE_MEMORY);
    EXPECT(strlen(dxt_label(m, 3, &length)) == 0 && length == 0);
    EXPECT(!dxt_holds(m, &a, 3));
    return 0;
}

static int a_trusted_file_gives_the_same(const dxt_model *m, const uint8_t *file, size_t file_size,
                                         uint8_t *memory, size_t size) {
    dxt_model trusted;
    dxt_answer a;
    int32_t logit;
    EXPECT(dxt_open(&trusted, file, file_size, DXT_TRUSTED) == DXT_OK);
    EXPECT(dxt_classify(m, text, strlen(text), NULL, memory, size, &a) == DXT_OK);
    logit = a.logits[0];
    EXPECT(dxt_classify(&trusted, text, strlen(text), NULL, memory, size, &a) == DXT_OK);
    EXPECT(a.logits[0] == logit);
    EXPECT(dxt_open(&trusted, file, file_size - 1, DXT_TRUSTED) == DXT_WRONG_SIZE);
    EXPECT(dxt_open(&trusted, file + 1, file_size - 1, 0) == DXT_BAD_ARGUMENT);
    return 0;
}

int main(int count, char **arguments) {
    static uint32_t words[1 << 18]; /* A file lies at a multiple of 4 bytes. */
    static uint8_t memory[1 << 20];
    uint8_t *file = (uint8_t *)words;
    dxt_model m;
    size_t size;
    FILE *opened = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (!opened) return 2;
    size = fread(file, 1, sizeof words, opened);
    fclose(opened);
    EXPECT(dxt_open(&m, file, size, 0) == DXT_OK);
    EXPECT(m.labels == 3);
    return some_labels_are_those_of_all(&m, memory, sizeof memory) ||
           any_address_is_good_enough(&m) ||
           words_are_cut_where_asked(&m, memory, sizeof memory) ||
           bad_arguments_are_refused(&m, memory, sizeof memory) ||
           a_trusted_file_gives_the_same(&m, file, size, memory, sizeof memory);
}
