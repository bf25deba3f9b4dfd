/* SPDX-License-Identifier: Apache-2.0 */
/* Damages a file as often as asked, and reads random texts with what can still be opened.

       fuzz FILE TIMES SEED

   For the sanitizers: compile with -fsanitize=address,undefined. File, text and memory lie in blocks
   of exactly their size, so that one byte beyond is found. Every second damage is followed by a
   right checksum, so that it goes deeper. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dixtill.h"

enum { TEXTS = 8, MOST_TEXT = 200, MOST_MEMORY = 1 << 22 };

static uint64_t state;

static uint32_t draw(uint32_t below) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1Du) >> 32) % below;
}

static void put32(uint8_t *p, uint32_t v) {
    int k;
    for (k = 0; k < 4; k++) p[k] = (uint8_t)(v >> 8 * k);
}

static uint32_t checksum(const uint8_t *data, size_t size) {
    static uint32_t table[256];
    uint32_t crc = ~0u, k, j;
    for (k = 0; table[255] == 0 && k < 256; k++) {
        uint32_t c = k;
        for (j = 0; j < 8; j++) c = c & 1 ? c >> 1 ^ 0xEDB88320 : c >> 1;
        table[k] = c;
    }
    for (; size; size--) crc = crc >> 8 ^ table[(crc ^ *data++) & 255];
    return ~crc;
}

/* Where to damage: anywhere, or near the beginning of the file or of a section. */
static size_t place(const uint8_t *file, size_t size) {
    uint32_t sections = file[20], entry = draw(sections + 1), offset = 0;
    if (draw(3) == 0) return draw((uint32_t)size);
    if (entry < sections) memcpy(&offset, file + 32 + 16 * entry + 4, 4);
    offset += draw(1u << draw(9));
    return offset < size ? offset : draw((uint32_t)size);
}

static size_t damage(uint8_t *file, const uint8_t *sound, size_t size) {
    static const uint8_t odd[] = {0, 1, 2, 15, 16, 17, 127, 128, 254, 255};
    uint32_t n = draw(5), k;
    memcpy(file, sound, size);
    for (k = 0; k < n; k++) {
        size_t at = place(sound, size);
        if (draw(2)) file[at] = odd[draw(sizeof odd)];
        else file[at] ^= (uint8_t)(1u << draw(8));
    }
    if (draw(20) == 0) size = draw((uint32_t)size + 1);
    if (size >= 32 && draw(8)) {
        put32(file + 12, (uint32_t)size);
        put32(file + 16, checksum(file + 20, size - 20));
    }
    return size;
}

/* Bytes of all kinds: letters, marks, scripts without spaces, literals, and what is no UTF-8. */
static size_t make_text(uint8_t *text) {
    static const char *const pieces[] = {
        "the ", "profit", " ", "[UNK]", "[PAD]", "[", ".", "e\xCC\x81", "\xCC\xA3", "\xE1\x84\x92",
        "\xE1\x85\xA1", "\xE1\x86\xAB", "\xED\x95\x9C", "\xE0\xB8\x81\xE0\xB8\xB3", "\xE6\x9D\xB1",
        "\xC4\xB0", "\xEF\xAC\x9D", "\xF0\x9D\x85\x9E", "\xED\xA0\x80", "\xC0\x80", "\xF4\x90\x80\x80"};
    size_t size = 0, most = draw(MOST_TEXT);
    while (size < most) {
        if (draw(4)) {
            const char *piece = pieces[draw(sizeof pieces / sizeof *pieces)];
            size_t length = strlen(piece);
            if (size + length > most) break;
            memcpy(text + size, piece, length);
            size += length;
        } else {
            text[size++] = (uint8_t)draw(256);
        }
    }
    return size;
}

/* Read a text with memory of exactly the size that is asked for. */
static uint64_t read_text(const dxt_model *model) {
    uint8_t text[MOST_TEXT], *exact, *memory;
    uint32_t labels[2];
    size_t size = make_text(text), needed;
    dxt_request request;
    dxt_answer a;
    uint64_t sum = 0;
    uint32_t k, j;
    request.max_words = draw(60);
    labels[0] = draw(model->labels);
    labels[1] = draw(model->labels);
    request.labels = labels;
    request.n_labels = draw(2) ? DXT_ALL_LABELS : draw(3);
    if (request.n_labels != DXT_ALL_LABELS && request.n_labels > model->labels) return 0;
    needed = dxt_memory_size(model, request.max_words, request.n_labels);
    if (needed == 0 || needed > MOST_MEMORY) return 0;
    exact = malloc(size ? size : 1);
    memory = malloc(needed);
    memcpy(exact, text, size);
    if (dxt_classify(model, (char *)exact, size, &request, memory, needed, &a) == DXT_OK) {
        for (k = 0; k < a.words; k++) {
            if (a.starts[k] > a.ends[k] || a.ends[k] > size || a.word_rows[k] >= model->rows) abort();
            for (j = 0; j < a.contribution_labels; j++) {
                sum += (uint32_t)a.contributions[k * a.contribution_labels + j];
            }
        }
    }
    free(memory);
    free(exact);
    return sum + 1;
}

int main(int count, char **arguments) {
    unsigned long times, k, j, opened = 0, texts = 0;
    uint64_t sum = 0;
    uint8_t *sound;
    size_t size;
    FILE *file = count == 4 ? fopen(arguments[1], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "Usage: fuzz FILE TIMES SEED\n");
        return 2;
    }
    sound = malloc(1 << 20);
    size = fread(sound, 1, 1 << 20, file);
    fclose(file);
    times = strtoul(arguments[2], NULL, 10);
    state = strtoull(arguments[3], NULL, 10) * 2 + 1;
    for (k = 0; k < times; k++) {
        dxt_model model;
        uint8_t *damaged = malloc(size), *exact;
        size_t left = damage(damaged, sound, size);
        exact = malloc(left ? left : 1);
        memcpy(exact, damaged, left);
        free(damaged);
        if (dxt_open(&model, exact, left, 0) == DXT_OK) {
            opened++;
            if (draw(2)) dxt_use_portable(&model);
            for (j = 0; j < TEXTS; j++, texts++) sum += read_text(&model);
        }
        free(exact);
    }
    printf("%lu files, %lu of them opened, %lu texts, sum %llu\n", times, opened, texts,
           (unsigned long long)sum);
    free(sound);
    return 0;
}
