/* SPDX-License-Identifier: Apache-2.0 */
/* Classifies one text and says what each word adds to the label. */
#include <stdio.h>
#include <string.h>

#include "dixtill.h"
#include "student.h"

static uint8_t memory[STUDENT_MEMORY];

int main(void) {
    static const char text[] = "Profit warning: sales fall for a third quarter.";
    static dxt_model model;
    dxt_request request = {STUDENT_WORDS, NULL, 1};
    dxt_answer answer;
    const char *name;
    uint32_t length, i, label;
    dxt_status status = dxt_open(&model, student_file, student_size, DXT_TRUSTED);
    /* First the label; then, as a microcontroller has little memory, only its contributions. */
    request.n_labels = 0;
    if (status == DXT_OK) {
        status = dxt_classify(&model, text, strlen(text), &request, memory, sizeof memory, &answer);
    }
    if (status == DXT_OK) {
        label = answer.label;
        request.labels = &label;
        request.n_labels = 1;
        status = dxt_classify(&model, text, strlen(text), &request, memory, sizeof memory, &answer);
    }
    if (status != DXT_OK) {
        printf("%s\n", dxt_message(status));
        return 1;
    }
    name = dxt_label(&model, answer.label, &length);
    printf("%.*s\n", (int)length, name);
    /* Contributions have model.logit_bits fractional bits; here in thousandths of a logit. */
    for (i = 0; i < answer.words; i++) {
        int64_t thousandths = ((int64_t)answer.contributions[i] * 1000) >> model.logit_bits;
        printf("%6ld  %.*s\n", (long)thousandths, (int)(answer.ends[i] - answer.starts[i]),
               text + answer.starts[i]);
    }
    return 0;
}
