/* SPDX-License-Identifier: Apache-2.0 */
/* The module dixtill_runtime._core: the core for Python, by the limited API of Python 3.10. */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030A0000
#endif
#include <Python.h>

#include "dixtill.h"

enum { ON_STACK = 16384 };
static const double Q24 = 16777216.0;

/* A core: the bytes of its file, what was found in them, and the classes of its predictions. */
typedef struct {
    PyObject_HEAD
    PyObject *data, *labels, *prediction, *word;
    dxt_model model;
} core;

/* --- Numbers and tuples -------------------------------------------------------------------- */

/* Put an item into a new tuple, which takes it. An item that could not be made gives up the tuple;
   the items behind it are dropped. */
static void set_item(PyObject **tuple, Py_ssize_t place, PyObject *item) {
    if (*tuple && item && PyTuple_SetItem(*tuple, place, item) == 0) return;
    if (!*tuple) Py_XDECREF(item); /* PyTuple_SetItem drops what it does not take. */
    Py_CLEAR(*tuple);
}

/* An instance of a named tuple, its items still to be set. */
static PyObject *named_tuple(PyObject *type, Py_ssize_t size) {
    return ((allocfunc)PyType_GetSlot((PyTypeObject *)type, Py_tp_alloc))((PyTypeObject *)type, size);
}

static PyObject *integers(const int32_t *values, uint32_t count) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    uint32_t k;
    for (k = 0; tuple && k < count; k++) {
        set_item(&tuple, (Py_ssize_t)k, PyLong_FromLong(values[k]));
    }
    return tuple;
}

/* Real numbers, exactly: each a number times a power of two. */
static PyObject *reals(const int32_t *values, uint32_t count, double unit) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    uint32_t k;
    for (k = 0; tuple && k < count; k++) {
        set_item(&tuple, (Py_ssize_t)k, PyFloat_FromDouble(values[k] * unit));
    }
    return tuple;
}

/* A power of two: one unit of a number with so many fractional bits. */
static double unit(uint32_t bits) { return 1.0 / (double)((uint64_t)1 << bits); }

/* --- Characters of a text ------------------------------------------------------------------ */

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

/* --- The fields of an Answer --------------------------------------------------------------- */

static PyObject *span(place *p, uint32_t start, uint32_t end) {
    Py_ssize_t first = character_at(p, start);
    return Py_BuildValue("(nn)", first, character_at(p, end));
}

/* The fields that have one entry a word, as lists. */
static int add_words(PyObject *lists[4], const dxt_answer *a, place *p) {
    uint32_t i, k;
    for (k = 0; k < 4; k++) {
        lists[k] = PyList_New((Py_ssize_t)a->words);
        if (!lists[k]) return -1;
    }
    for (i = 0; i < a->words; i++) {
        PyObject *items[4];
        items[0] = span(p, a->starts[i], a->ends[i]);
        items[1] = PyLong_FromUnsignedLong(a->word_rows[i]);
        items[2] = PyLong_FromLong(a->scores[i]);
        items[3] = integers(a->contributions + (size_t)i * a->contribution_labels,
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

static PyObject *make_answer(core *self, const dxt_answer *a, PyObject *text, place *p) {
    const dxt_model *m = &self->model;
    PyObject *lists[4] = {NULL, NULL, NULL, NULL}, *tuple = PyTuple_New(7);
    uint32_t k;
    (void)text;
    if (add_words(lists, a, p) < 0) Py_CLEAR(tuple);
    for (k = 0; k < 4; k++) set_item(&tuple, (Py_ssize_t)k, lists[k]);
    set_item(&tuple, 4, integers(a->logits, m->labels));
    /* Probabilities are at most 2^24, so they are positive as int32_t. */
    set_item(&tuple, 5, integers((const int32_t *)a->probabilities,
                                 m->problem == DXT_REGRESSION ? 0 : m->labels));
    set_item(&tuple, 6, PyBool_FromLong(a->cut));
    return tuple;
}

/* --- A Prediction -------------------------------------------------------------------------- */

static PyObject *label_name(core *self, uint32_t label) {
    PyObject *name = PyTuple_GetItem(self->labels, (Py_ssize_t)label);
    Py_XINCREF(name);
    return name;
}

static PyObject *labels_that_hold(core *self, const dxt_answer *a) {
    uint32_t k, count = 0;
    PyObject *tuple;
    for (k = 0; k < self->model.labels; k++) count += dxt_holds(&self->model, a, k) != 0;
    tuple = PyTuple_New((Py_ssize_t)count);
    for (k = 0, count = 0; tuple && k < self->model.labels; k++) {
        if (dxt_holds(&self->model, a, k)) {
            set_item(&tuple, (Py_ssize_t)count++, label_name(self, k));
        }
    }
    return tuple;
}

/* A dictionary of the labels' numbers. */
static PyObject *by_label(core *self, const int32_t *values, uint32_t count, double one) {
    PyObject *dictionary = PyDict_New();
    uint32_t k;
    for (k = 0; dictionary && k < count; k++) {
        PyObject *value = PyFloat_FromDouble(values[k] * one);
        PyObject *name = PyTuple_GetItem(self->labels, (Py_ssize_t)k);
        if (!value || !name || PyDict_SetItem(dictionary, name, value) < 0) Py_CLEAR(dictionary);
        Py_XDECREF(value);
    }
    return dictionary;
}

static PyObject *make_word(core *self, const dxt_answer *a, uint32_t i, PyObject *text, place *p) {
    const dxt_model *m = &self->model;
    const int32_t *parts = a->contributions + (size_t)i * a->contribution_labels;
    Py_ssize_t start = character_at(p, a->starts[i]), end = character_at(p, a->ends[i]);
    double score = m->explanation == DXT_ATTENTION ? a->scores[i] * unit(m->score_bits)
                                                   : parts[a->label] * unit(m->logit_bits);
    PyObject *word = named_tuple(self->word, 6);
    set_item(&word, 0, PyUnicode_Substring(text, start, end));
    set_item(&word, 1, PyLong_FromSsize_t(start));
    set_item(&word, 2, PyLong_FromSsize_t(end));
    set_item(&word, 3, PyBool_FromLong(a->word_rows[i] != 0));
    set_item(&word, 4, PyFloat_FromDouble(score));
    set_item(&word, 5, reals(parts, m->labels, unit(m->logit_bits)));
    return word;
}

static PyObject *make_words(core *self, const dxt_answer *a, PyObject *text, place *p) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)a->words);
    uint32_t i;
    for (i = 0; tuple && i < a->words; i++) {
        set_item(&tuple, (Py_ssize_t)i, make_word(self, a, i, text, p));
    }
    return tuple;
}

static PyObject *make_prediction(core *self, const dxt_answer *a, PyObject *text, place *p) {
    const dxt_model *m = &self->model;
    int has_probabilities = m->problem != DXT_REGRESSION;
    const int32_t *probabilities = (const int32_t *)a->probabilities;
    PyObject *tuple = named_tuple(self->prediction, 8);
    set_item(&tuple, 0, label_name(self, a->label));
    if (has_probabilities) {
        set_item(&tuple, 1, PyFloat_FromDouble(probabilities[a->label] / Q24));
    } else {
        Py_INCREF(Py_None);
        set_item(&tuple, 1, Py_None);
    }
    set_item(&tuple, 2, labels_that_hold(self, a));
    set_item(&tuple, 3, by_label(self, probabilities, has_probabilities ? m->labels : 0, 1 / Q24));
    set_item(&tuple, 4, by_label(self, a->logits, m->labels, unit(m->logit_bits)));
    set_item(&tuple, 5, make_words(self, a, text, p));
    set_item(&tuple, 6, PyBool_FromLong(a->cut));
    set_item(&tuple, 7, PyBool_FromLong(a->answered));
    return tuple;
}

/* --- Calls --------------------------------------------------------------------------------- */

typedef PyObject *(*maker)(core *self, const dxt_answer *answer, PyObject *text, place *p);

static PyObject *classify(core *self, PyObject *text, const char *utf8, Py_ssize_t size,
                          maker make) {
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
    status = dxt_classify(&self->model, utf8, (size_t)size, &request, memory,
                          needed > sizeof stack ? needed : sizeof stack, &answer);
    Py_END_ALLOW_THREADS
    if (status == DXT_OK) {
        place p = {NULL, 0, 0, 0};
        p.text = utf8;
        p.is_ascii = size == PyUnicode_GetLength(text);
        result = make(self, &answer, text, &p);
    } else {
        PyErr_SetString(PyExc_ValueError, dxt_message(status));
    }
    if (memory != stack) PyMem_Free(memory);
    return result;
}

static PyObject *classify_string(PyObject *self, PyObject *text, maker make) {
    Py_ssize_t size;
    const char *utf8;
    PyObject *bytes, *result = NULL;
    char *with_surrogates;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "A text must be a string.");
        return NULL;
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8) return classify((core *)self, text, utf8, size, make);
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return NULL;
    PyErr_Clear();
    /* Lone surrogates: three bytes that are no UTF-8, which the core skips. */
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (!bytes) return NULL;
    if (PyBytes_AsStringAndSize(bytes, &with_surrogates, &size) == 0) {
        result = classify((core *)self, text, with_surrogates, size, make);
    }
    Py_DECREF(bytes);
    return result;
}

static PyObject *core_run(PyObject *self, PyObject *text) {
    return classify_string(self, text, make_answer);
}

static PyObject *core_predict(PyObject *self, PyObject *text) {
    return classify_string(self, text, make_prediction);
}

static PyObject *core_use_portable(PyObject *self, PyObject *unused) {
    (void)unused;
    dxt_use_portable(&((core *)self)->model);
    Py_RETURN_NONE;
}

/* --- Attributes ---------------------------------------------------------------------------- */

static PyObject *core_labels(PyObject *self, void *unused) {
    PyObject *labels = ((core *)self)->labels;
    (void)unused;
    Py_INCREF(labels);
    return labels;
}

static PyObject *core_problem_type(PyObject *self, void *unused) {
    static const char *const names[] = {"single_label_classification", "multi_label_classification",
                                        "regression"};
    (void)unused;
    return PyUnicode_FromString(names[((core *)self)->model.problem]);
}

static PyObject *core_explanation(PyObject *self, void *unused) {
    int attention = ((core *)self)->model.explanation == DXT_ATTENTION;
    (void)unused;
    return PyUnicode_FromString(attention ? "attention" : "contributions");
}

static PyObject *core_logit_unit(PyObject *self, void *unused) {
    (void)unused;
    return PyFloat_FromDouble(unit(((core *)self)->model.logit_bits));
}

static PyObject *core_score_unit(PyObject *self, void *unused) {
    (void)unused;
    return PyFloat_FromDouble(unit(((core *)self)->model.score_bits));
}

static PyObject *core_thresholds(PyObject *self, void *unused) {
    const dxt_model *m = &((core *)self)->model;
    uint32_t count = m->thresholds ? m->labels : 0, k;
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    (void)unused;
    for (k = 0; tuple && k < count; k++) {
        set_item(&tuple, (Py_ssize_t)k, PyFloat_FromDouble(dxt_threshold(m, k) / Q24));
    }
    return tuple;
}

static PyObject *core_answer_threshold(PyObject *self, void *unused) {
    (void)unused;
    return PyFloat_FromDouble(((core *)self)->model.answer_threshold / Q24);
}

static PyObject *core_meta(PyObject *self, void *unused) {
    uint32_t size;
    const char *meta = dxt_meta(&((core *)self)->model, &size);
    (void)unused;
    return PyBytes_FromStringAndSize(meta, (Py_ssize_t)size);
}

static PyObject *core_instructions(PyObject *self, void *unused) {
    (void)unused;
    return PyUnicode_FromString(dxt_kernels_name(&((core *)self)->model));
}

/* --- The class and the module -------------------------------------------------------------- */

static PyObject *label_names(const dxt_model *m) {
    PyObject *tuple = PyTuple_New((Py_ssize_t)m->labels);
    uint32_t k, length;
    for (k = 0; tuple && k < m->labels; k++) {
        const char *name = dxt_label(m, k, &length);
        set_item(&tuple, (Py_ssize_t)k, PyUnicode_FromStringAndSize(name, (Py_ssize_t)length));
    }
    return tuple;
}

static int is_tuple_class(PyObject *type) {
    return PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type, &PyTuple_Type);
}

static PyObject *core_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"data", "prediction", "word", NULL};
    PyObject *data, *prediction, *word;
    dxt_status status;
    core *self;
    char *bytes;
    Py_ssize_t size;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "SOO", names, &data, &prediction, &word)) {
        return NULL;
    }
    if (!is_tuple_class(prediction) || !is_tuple_class(word)) {
        PyErr_SetString(PyExc_TypeError, "The classes of predictions and words must be tuples.");
        return NULL;
    }
    if (PyBytes_AsStringAndSize(data, &bytes, &size) < 0) return NULL;
    self = (core *)allocate(type, 0);
    if (!self) return NULL;
    Py_INCREF(data);
    self->data = data;
    Py_INCREF(prediction);
    self->prediction = prediction;
    Py_INCREF(word);
    self->word = word;
    status = dxt_open(&self->model, bytes, (size_t)size, 0);
    if (status != DXT_OK) PyErr_SetString(PyExc_ValueError, dxt_message(status));
    else self->labels = label_names(&self->model);
    if (!self->labels) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void core_free(PyObject *object) {
    core *self = (core *)object;
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_XDECREF(self->data);
    Py_XDECREF(self->labels);
    Py_XDECREF(self->prediction);
    Py_XDECREF(self->word);
    release(object);
    Py_DECREF(type);
}

static PyMethodDef core_methods[] = {
    {"run", core_run, METH_O, "The fields of an Answer."},
    {"predict", core_predict, METH_O, "Classify and explain a text."},
    {"use_portable", core_use_portable, METH_NOARGS,
     "Use no vector instructions from now on; the answers are the same."},
    {NULL, NULL, 0, NULL}};

static PyGetSetDef core_attributes[] = {
    {"labels", core_labels, NULL, "Names of the labels.", NULL},
    {"problem_type", core_problem_type, NULL, "What the logits mean.", NULL},
    {"explanation", core_explanation, NULL, "What explains a prediction.", NULL},
    {"logit_unit", core_logit_unit, NULL, "One unit of logits and contributions.", NULL},
    {"score_unit", core_score_unit, NULL, "One unit of attention scores.", NULL},
    {"thresholds", core_thresholds, NULL, "Thresholds of the labels, if there are any.", NULL},
    {"answer_threshold", core_answer_threshold, NULL, "Least probability of an answer.", NULL},
    {"meta", core_meta, NULL, "The section meta.", NULL},
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
