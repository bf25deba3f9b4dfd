/* SPDX-License-Identifier: Apache-2.0 */
/* What a page in the browser calls. The page lays out the memory behind `memory_start()`: the file,
   then the text, then what `memory_needed()` says; `browser/page.js` does it. */
#ifdef __wasm__
#include "dixtill.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

extern uint8_t __heap_base;
static dxt_model model;
static dxt_answer answer;

uint8_t *EXPORT(memory_start)(void) { return &__heap_base; }

dxt_status EXPORT(open_file)(const uint8_t *file, size_t size) {
    return dxt_open(&model, file, size, 0);
}

const char *EXPORT(message)(dxt_status status) { return dxt_message(status); }

/* Numbers of the opened file, in this order for the page. */
uint32_t EXPORT(number)(uint32_t which) {
    const uint32_t numbers[] = {model.problem,    model.labels,     model.words,     model.word_limit,
                                model.explanation, model.logit_bits, model.score_bits};
    return which < sizeof numbers / sizeof *numbers ? numbers[which] : 0;
}

const char *EXPORT(label_name)(uint32_t label) {
    uint32_t length;
    return dxt_label(&model, label, &length);
}

uint32_t EXPORT(label_length)(uint32_t label) {
    uint32_t length;
    dxt_label(&model, label, &length);
    return length;
}

uint32_t EXPORT(label_holds)(uint32_t label) { return (uint32_t)dxt_holds(&model, &answer, label); }

size_t EXPORT(memory_needed)(uint32_t max_words) {
    return dxt_memory_size(&model, max_words, DXT_ALL_LABELS);
}

dxt_status EXPORT(classify)(const char *text, size_t size, uint32_t max_words, void *memory,
                            size_t memory_size) {
    dxt_request request = {max_words, NULL, DXT_ALL_LABELS};
    return dxt_classify(&model, text, size, &request, memory, memory_size, &answer);
}

/* The fields of the answer, 32 bits each, in their order. */
const dxt_answer *EXPORT(last_answer)(void) { return &answer; }
#else
typedef int dxt_no_wasm_skin; /* A file must declare something. */
#endif
