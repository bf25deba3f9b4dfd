/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the instructions of texts under QEMU with `-icount shift=0`, where one takes a nanosecond.
   Prints words and instructions of every text, then the stack that was used at most. */
#include <stdio.h>
#include <string.h>

#include "dixtill.h"
#include "model.h"

static uint8_t memory[MEMORY];

#ifdef __riscv
static void start_clock(void) {}

static uint32_t clock_now(void) {
    uint32_t count;
    __asm__ volatile(".option arch, +zicsr\n\tcsrr %0, minstret" : "=r"(count));
    return count;
}

static uint32_t instructions(uint32_t before, uint32_t after) { return after - before; }
#else
/* SysTick counts 24 bits down, CLOCK_MHZ times a microsecond. */
static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010;

static void start_clock(void) {
    systick[1] = 0xFFFFFF;
    systick[2] = 0;
    systick[0] = 5;
}

static uint32_t clock_now(void) { return systick[2]; }

static uint32_t instructions(uint32_t before, uint32_t after) {
    return (uint32_t)((uint64_t)((before - after) & 0xFFFFFF) * 1000 / CLOCK_MHZ);
}
#endif

/* Bytes below this function's frame that were written to since they were painted. */
enum { PAINTED = 3000 };

static __attribute__((noinline)) void paint(void) {
    volatile uint8_t area[PAINTED];
    size_t k;
    for (k = 0; k < PAINTED; k++) area[k] = 0xA5;
}

static __attribute__((noinline)) unsigned long used(void) {
    volatile uint8_t area[PAINTED];
    size_t k = 0;
    while (k < PAINTED && area[k] == 0xA5) k++;
    return (unsigned long)(PAINTED - k);
}

int main(void) {
    static dxt_model model;
    static const dxt_request request = {64, NULL, DXT_ALL_LABELS};
    dxt_answer answer;
    size_t k;
    paint();
    if (dxt_open(&model, dxt_model_file, dxt_model_size, 0) != DXT_OK) return 1;
    printf("stack of dxt_open %lu\n", used());
    paint();
    for (k = 0; k < n_texts; k++) {
        uint32_t before, after;
        start_clock();
        before = clock_now();
        if (dxt_classify(&model, texts[k].text, texts[k].size, &request, memory, sizeof memory,
                         &answer) != DXT_OK) {
            return 1;
        }
        after = clock_now();
        printf("text %lu %lu\n", (unsigned long)answer.words, (unsigned long)instructions(before, after));
    }
    printf("stack of dxt_classify %lu\n", used());
    printf("memory %lu model %lu\n", (unsigned long)dxt_memory_size(&model, 64, DXT_ALL_LABELS),
           (unsigned long)sizeof model);
    return 0;
}
