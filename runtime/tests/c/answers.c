/* SPDX-License-Identifier: Apache-2.0 */
/* Prints everything that a student says of texts, for a comparison with the reference.

   The file and the texts are compiled in: `model.h` holds `dxt_model_file`, `dxt_model_size`,
   `texts` and `n_texts`, each text with its size. One line a text: sizes first, then all numbers. */
#include <stdio.h>
#include <string.h>

#include "dixtill.h"
#include "model.h"

#ifndef MEMORY
#define MEMORY (1 << 20)
#endif

static uint8_t memory[MEMORY];

static void print_signed(const int32_t *values, uint32_t count) {
    uint32_t k;
    for (k = 0; k < count; k++) printf(" %ld", (long)values[k]);
}

static void print_unsigned(const uint32_t *values, uint32_t count) {
    uint32_t k;
    for (k = 0; k < count; k++) printf(" %lu", (unsigned long)values[k]);
}

int main(void) {
    static dxt_model model;
    dxt_answer a;
    uint32_t k;
    dxt_status status = dxt_open(&model, dxt_model_file, dxt_model_size, 0);
    if (status != DXT_OK) {
        printf("%s\n", dxt_message(status));
        return 1;
    }
    printf("%s\n", dxt_kernels_name(&model));
    for (k = 0; k < n_texts; k++) {
        status = dxt_classify(&model, texts[k].text, texts[k].size, NULL, memory, sizeof memory, &a);
        if (status != DXT_OK) {
            printf("%s\n", dxt_message(status));
            return 1;
        }
        printf("%lu %d", (unsigned long)a.words, a.cut);
        print_unsigned(a.starts, a.words);
        print_unsigned(a.ends, a.words);
        print_unsigned(a.word_rows, a.words);
        print_signed(a.scores, a.words);
        print_signed(a.contributions, a.words * a.contribution_labels);
        print_signed(a.logits, model.labels);
        print_unsigned(a.probabilities, model.labels);
        printf("\n");
    }
    return 0;
}
