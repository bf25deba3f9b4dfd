/* SPDX-License-Identifier: Apache-2.0 */
/* Compares this machine's answers to texts with those of the reference: every number counts. */
#include <stdio.h>

#include "dixtill.h"
#include "self_test.h"
#include "student.h"

static uint8_t memory[STUDENT_MEMORY];

static uint32_t fold(uint32_t sum, const void *values, uint32_t count) {
    const uint32_t *numbers = values;
    for (; count; count--) sum = (sum ^ *numbers++) * 16777619u;
    return sum;
}

int main(void) {
    static dxt_model model;
    dxt_request request = {STUDENT_WORDS, NULL, DXT_ALL_LABELS};
    dxt_answer a;
    uint32_t k, wrong = 0;
    dxt_status status = dxt_open(&model, student_file, student_size, 0);
    for (k = 0; status == DXT_OK && k < n_self_tests; k++) {
        uint32_t sum = 2166136261u;
        status = dxt_classify(&model, self_tests[k].text, self_tests[k].size, &request, memory,
                              sizeof memory, &a);
        if (status != DXT_OK) break;
        sum = fold(sum, a.word_rows, a.words);
        sum = fold(sum, a.scores, a.words);
        sum = fold(sum, a.contributions, a.words * a.contribution_labels);
        sum = fold(sum, a.logits, model.labels);
        if (sum != self_tests[k].sum) {
            printf("Text %lu: other numbers than the reference.\n", (unsigned long)k + 1);
            wrong++;
        }
    }
    if (status != DXT_OK) {
        printf("%s\n", dxt_message(status));
        return 1;
    }
    printf("%lu of %lu texts give the numbers of the reference.\n",
           (unsigned long)(n_self_tests - wrong), (unsigned long)n_self_tests);
    return wrong != 0;
}
