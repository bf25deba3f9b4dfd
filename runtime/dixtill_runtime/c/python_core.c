/* SPDX-License-Identifier: Apache-2.0 */
/* The module dixtill_runtime._core: the core for Python, by the limited API of Python 3.10. */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030A0000
#endif
#include <Python.h>

#include "dixtill.h"

enum { ON_STACK = 16384 };

/* A core: the bytes of its file, and what was found in them. */
typedef struct {
    PyObject_HEAD
    PyObject *data;
    dxt_model model;
} core;

/* Characters before a byte, as spans rise. */
typedef struct {
    const char *text;
    uint32_t byte;
    Py_ssize_t character;
    int is_ascii;
} place;

static Py_ssize_t character_at(place *p, uint32_t byte) {
    if (p->is_ascii) return (Py_ssize_t)byte;
    /* Spans of words touch or overlap in what was decomposed: the place may have to go back. */
    for (; p->byte < byte; p->byte++) p->character += (p->text[p->byte] & 0xC0) != 0x80;
    for (; p->byte > byte; p->byte--) p->character -= (p->text[p->byte - 1] & 0xC0) != 0x80;
    return p->character;
}

static PyObject *numbers(const int32_t *values, uint32_t count) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    uint32_t k;
    for (k = 0; tuple && k < count; k++) {
        PyObject *value = PyLong_FromLong(values[k]);
        if (!value || PyTuple_SetItem(tuple, (Py_ssize_t)k, value) < 0) Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *span(place *p, uint32_t start, uint32_t end) {
    Py_ssize_t first = character_at(p, start);
    return Py_BuildValue("(nn)", first, character_at(p, end));
}

/* The fields of an Answer that have one entry a word, as lists. */
static int add_words(PyObject *lists[4], const dxt_answer *a, const char *text, int is_ascii) {
    place p = {NULL, 0, 0, 0};
    uint32_t i, k;
    p.text = text;
    p.is_ascii = is_ascii;
    for (k = 0; k < 4; k++) {
        lists[k] = PyList_New((Py_ssize_t)a->words);
        if (!lists[k]) return -1;
    }
    for (i = 0; i < a->words; i++) {
        PyObject *items[4];
        items[0] = span(&p, a->starts[i], a->ends[i]);
        items[1] = PyLong_FromUnsignedLong(a->word_rows[i]);
        items[2] = PyLong_FromLong(a->scores[i]);
        items[3] = numbers(a->contributions + (size_t)i * a->contribution_labels,
                           a->contribution_labels);
        /* PyList_SetItem takes the item, and frees it if it fails. */
        for (k = 0; k < 4; k++) {
            if (!items[k]) break;
            if (PyList_SetItem(lists[k], (Py_ssize_t)i, items[k]) < 0) return -1;
            items[k] = NULL;
        }
        if (k < 4) {
            for (; k < 4; k++) Py_XDECREF(items[k]);
            return -1;
        }
    }
    return 0;
}

/* A tuple of the fields of an Answer. */
static PyObject *answer_tuple(const dxt_model *m, const dxt_answer *a, const char *text,
                              int is_ascii) {
    PyObject *lists[4] = {NULL, NULL, NULL, NULL}, *logits = NULL, *probabilities = NULL;
    PyObject *result = NULL;
    uint32_t k;
    if (add_words(lists, a, text, is_ascii) == 0) {
        logits = numbers(a->logits, m->labels);
        /* Probabilities are at most 2^24, so they are positive as int32_t. */
        probabilities = numbers((const int32_t *)a->probabilities,
                                m->problem == DXT_REGRESSION ? 0 : m->labels);
        if (logits && probabilities) {
            result = PyTuple_Pack(7, lists[0], lists[1], lists[2], lists[3], logits, probabilities,
                                  a->cut ? Py_True : Py_False);
        }
    }
    for (k = 0; k < 4; k++) Py_XDECREF(lists[k]);
    Py_XDECREF(logits);
    Py_XDECREF(probabilities);
    return result;
}

static PyObject *classify(core *self, const char *text, Py_ssize_t size, int is_ascii) {
    uint8_t stack[ON_STACK];
    void *memory = stack;
    dxt_request request;
    dxt_answer answer;
    dxt_status status;
    PyObject *result = NULL;
    size_t needed;
    if ((uint64_t)size > 0xFFFFFFFFu) {
        PyErr_SetString(PyExc_ValueError, "A text may have at most 4 GiB of UTF-8.");
        return NULL;
    }
    /* No text has more words than bytes. */
    request.max_words = (uint32_t)size < self->model.word_limit ? (uint32_t)size
                                                                 : self->model.word_limit;
    request.labels = NULL;
    request.n_labels = DXT_ALL_LABELS;
    needed = dxt_memory_size(&self->model, request.max_words, DXT_ALL_LABELS);
    if (needed > sizeof stack) memory = PyMem_Malloc(needed);
    if (needed == 0 || !memory) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    status = dxt_classify(&self->model, text, (size_t)size, &request, memory,
                          needed > sizeof stack ? needed : sizeof stack, &answer);
    Py_END_ALLOW_THREADS
    if (status == DXT_OK) result = answer_tuple(&self->model, &answer, text, is_ascii);
    else PyErr_SetString(PyExc_ValueError, dxt_message(status));
    if (memory != stack) PyMem_Free(memory);
    return result;
}

static PyObject *core_run(PyObject *self, PyObject *text) {
    Py_ssize_t size;
    const char *utf8;
    PyObject *bytes, *result;
    char *with_surrogates;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "A text must be a string.");
        return NULL;
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8) return classify((core *)self, utf8, size, size == PyUnicode_GetLength(text));
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return NULL;
    PyErr_Clear();
    /* Lone surrogates: three bytes that are no UTF-8, which the core skips. */
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (!bytes) return NULL;
    result = NULL;
    if (PyBytes_AsStringAndSize(bytes, &with_surrogates, &size) == 0) {
        result = classify((core *)self, with_surrogates, size, 0);
    }
    Py_DECREF(bytes);
    return result;
}

static PyObject *core_use_portable(PyObject *self, PyObject *unused) {
    (void)unused;
    dxt_use_portable(&((core *)self)->model);
    Py_RETURN_NONE;
}

static PyObject *core_instructions(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(dxt_kernels_name(&((core *)self)->model));
}

static PyObject *core_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"data", NULL};
    PyObject *data;
    dxt_status status;
    core *self;
    char *bytes;
    Py_ssize_t size;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "S", names, &data)) return NULL;
    if (PyBytes_AsStringAndSize(data, &bytes, &size) < 0) return NULL;
    self = (core *)allocate(type, 0);
    if (!self) return NULL;
    status = dxt_open(&self->model, bytes, (size_t)size, 0);
    if (status != DXT_OK) {
        PyErr_SetString(PyExc_ValueError, dxt_message(status));
        Py_DECREF(self);
        return NULL;
    }
    Py_INCREF(data);
    self->data = data;
    return (PyObject *)self;
}

static void core_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_XDECREF(((core *)self)->data);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef core_methods[] = {
    {"run", core_run, METH_O, "Classify and explain a text: the fields of an Answer."},
    {"use_portable", core_use_portable, METH_NOARGS,
     "Use no vector instructions from now on; the answers are the same."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef core_attributes[] = {
    {"instructions", core_instructions, NULL, "Which instructions do the work.", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot core_slots[] = {
    {Py_tp_doc, "A student, loaded. It may be used from several threads at once."},
    {Py_tp_new, (void *)core_new},
    {Py_tp_dealloc, (void *)core_free},
    {Py_tp_methods, core_methods},
    {Py_tp_getset, core_attributes},
    {0, NULL}};

static PyType_Spec core_spec = {"dixtill_runtime._core.Core", sizeof(core), 0, Py_TPFLAGS_DEFAULT,
                                core_slots};

static int fill_module(PyObject *module) {
    PyObject *type = PyType_FromSpec(&core_spec);
    int failed;
    if (!type) return -1;
    failed = PyModule_AddObjectRef(module, "Core", type);
    Py_DECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, (void *)fill_module}, {0, NULL}};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_core", "The compiled engine of dixtill_runtime.", 0, NULL,
    module_slots,          NULL,    NULL,                                       NULL};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&module_definition); }
