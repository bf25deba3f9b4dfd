# SPDX-License-Identifier: Apache-2.0
"""Configuration of the student. This file is saved with every model."""

from typing import Any

from transformers import PretrainedConfig

EXPLANATIONS = ("attention", "contributions")

CELLS = ("lstm", "gru", "minimal_gru", "convolution")
"""What reads the words in each direction."""

_FEWEST_LABELS = {
    "single_label_classification": 2,
    "multi_label_classification": 1,
    "regression": 1,
}

FORMAT_VERSION = 1
"""Raised when a saved student can no longer be read by earlier releases. Older ones are read."""

EXPLAINED_TASK = "explained-text-classification"
"""What `transformers.pipeline` calls the task of classifying texts and explaining the labels."""

FIRST_RELEASE = "0.1.0"
"""The first release of dixtill_hf that reads `FORMAT_VERSION`."""


class DixtillConfig(PretrainedConfig):
    """Shape, regularisation and explanation of a `DixtillForSequenceClassification`.

    The defaults are the sizes of the paper (Cantini et al. 2024): 50-dimensional word vectors,
    50 hidden units a direction and an attention matrix U of 2u x 2u.

    Args:
        vocab_size: Number of rows of the embedding table, special tokens included.
        embedding_size: Dimensions of a word vector.
        hidden_size: Hidden units u of each direction; a word's hidden state has 2u dimensions.
        num_layers: Number of bidirectional layers.
        cell: What reads the words in each direction: `"lstm"`, the paper's; `"gru"` (Cho et al.
            2014); `"minimal_gru"` (Feng et al. 2024), whose gates see only the word; or
            `"convolution"`, over the word and the two before it.
        attention_size: Rows of the attention matrix U. Defaults to `2 * hidden_size`.
        embedding_dropout: Share of the word-vector elements dropped in training.
        hidden_dropout: Share of the hidden-state elements dropped in training, in every layer.
        word_dropout: Share of the words replaced by `unk_token_id` in training, or by their initial
            vectors, see `DixtillForSequenceClassification.keep_initial_vectors`.
        ngram_buckets: Number of vectors that words share by their character n-grams in training,
            see `DixtillNgrams`; 0 if there are none, or if they are folded into the words' own.
        ngrams_per_word: The largest number of n-grams of a word.
        explanation: Which scores explain a prediction: `"contributions"`, what each word adds to
            the logit of a class, or `"attention"`, the paper's score, the same for all classes.
        answering: From which probability on the student is sure enough to answer, and what was
            shown of it: `{"threshold": {"threshold", "accuracy", "confidence", "texts", "answered",
            "wrong"}, "unknown_words"}`, as `calibrate` writes it. None if it always answers.
        thresholds: If a text may have several labels: the probability from which on it has a label,
            one number for each label. Default: 0.5 for all.
        pad_token_id: Id of the padding token.
        unk_token_id: Id of the token that stands for unknown words.
        text_pairs: Whether it reads pairs of texts. `token_type_ids` then say which text a word is
            of, see `DixtillForSequenceClassification.forward`. Default False: single texts.
        format_version: Version of the saved student, which `save_pretrained` writes.
        needs_release: First release of dixtill_hf that reads this version, which `save_pretrained`
            writes.
        **kwargs: What every `PretrainedConfig` takes: `num_labels`, `id2label`, `label2id`,
            `problem_type`... Without a `problem_type`, a text has one of two or more labels.

    Raises:
        ValueError: If a size, a share, an id, a threshold, `cell` or `explanation` is out of its
            range, if there are fewer labels than `problem_type` needs, or if the student was saved
            by a newer release, in a format that this one does not read.
    """

    model_type = "dixtill"
    attribute_map = {"num_hidden_layers": "num_layers"}  # noqa: RUF012 - as in every configuration
    # The package sets it to False: with it installed, no code of a repository is run.
    code_from_hub = True
    # A plain Trainer's predictions are then the logits only.
    keys_to_ignore_at_inference = [  # noqa: RUF012
        "attention_scores",
        "attention_weights",
        "last_hidden_state",
        "contributions",
        "hidden_states",
        "attentions",
    ]

    def __init_subclass__(cls, *args: Any, **kwargs: Any) -> None:
        """Let a subclass without `__init__` have this one: transformers 5 would write its own."""
        if "__init__" not in cls.__dict__:
            cls.__init__ = DixtillConfig.__init__  # type: ignore[method-assign]
        super().__init_subclass__(*args, **kwargs)

    def __init__(
        self,
        vocab_size: int = 30_000,
        embedding_size: int = 50,
        hidden_size: int = 50,
        num_layers: int = 1,
        cell: str = "lstm",
        attention_size: int | None = None,
        embedding_dropout: float = 0.2,
        hidden_dropout: float = 0.2,
        word_dropout: float = 0.1,
        ngram_buckets: int = 0,
        ngrams_per_word: int = 0,
        explanation: str = "contributions",
        answering: dict[str, Any] | None = None,
        thresholds: list[float] | None = None,
        pad_token_id: int = 0,
        unk_token_id: int = 1,
        text_pairs: bool = False,
        format_version: int = FORMAT_VERSION,
        needs_release: str = FIRST_RELEASE,
        **kwargs: Any,
    ) -> None:
        if format_version > FORMAT_VERSION:
            raise ValueError(
                f"This student was saved in format {format_version}, which dixtill_hf "
                f"{needs_release} and later read; this release reads formats up to "
                f"{FORMAT_VERSION}. Upgrade it: pip install -U dixtill_hf."
            )
        self.format_version = FORMAT_VERSION  # what is read here is saved in this format
        self.needs_release = FIRST_RELEASE
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.attention_size = 2 * hidden_size if attention_size is None else attention_size
        self.embedding_dropout = embedding_dropout
        self.hidden_dropout = hidden_dropout
        self.word_dropout = word_dropout
        self.ngram_buckets = ngram_buckets
        self.ngrams_per_word = ngrams_per_word
        self.explanation = explanation
        self.answering = answering
        self.thresholds = thresholds
        self.unk_token_id = unk_token_id
        self.text_pairs = text_pairs
        # The classifier's entry is added on saving, the base model's is not.
        auto_map = {"AutoModel": "modeling_dixtill.DixtillModel", **kwargs.pop("auto_map", {})}
        kwargs.pop("custom_pipelines", None)
        super().__init__(pad_token_id=pad_token_id, auto_map=auto_map, **kwargs)
        if self.code_from_hub:
            self.custom_pipelines = _custom_pipelines()
        if not kwargs.get("label2id"):  # transformers does not infer it from id2label
            self.label2id = {name: label for label, name in self.id2label.items()}
        self._check()

    @property
    def answer_threshold(self) -> float:
        """The least probability of a prediction that is an answer; 0 if every one is."""
        threshold = (self.answering or {}).get("threshold")
        return 0.0 if threshold is None else float(threshold["threshold"])

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as it is saved, with the pipeline that travels with it."""
        return {**super().to_dict(), "custom_pipelines": _custom_pipelines()}

    def _check(self) -> None:
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers", "attention_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("ngram_buckets", "ngrams_per_word"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}.")
        if self.ngram_buckets and not self.ngrams_per_word:
            raise ValueError(
                f"ngram_buckets is {self.ngram_buckets}, but ngrams_per_word is 0: make the "
                "student with build_student, which knows the n-grams of its words."
            )
        for name in ("embedding_dropout", "hidden_dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}.")
        for name in ("pad_token_id", "unk_token_id"):
            if not 0 <= getattr(self, name) < self.vocab_size:
                raise ValueError(
                    f"{name} must be in [0, {self.vocab_size}), the rows of the embedding table, "
                    f"got {getattr(self, name)}."
                )
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {self.cell!r}.")
        if self.explanation not in EXPLANATIONS:
            raise ValueError(
                f"explanation must be one of {', '.join(EXPLANATIONS)}, got {self.explanation!r}."
            )
        self._check_labels()

    def _check_labels(self) -> None:
        fewest = _FEWEST_LABELS.get(self.problem_type or "single_label_classification")
        if fewest is None:  # newer releases of transformers check this themselves
            raise ValueError(
                f"problem_type must be one of {', '.join(_FEWEST_LABELS)}, got "
                f"{self.problem_type!r}."
            )
        if self.num_labels < fewest:
            raise ValueError(
                f"Classification into one label a text needs at least {fewest} labels, got "
                f"{self.num_labels}: give num_labels or id2label of more labels, or a problem_type "
                "of 'regression' or 'multi_label_classification'."
            )
        if self.answering and fewest < 2:
            raise ValueError(
                "answering is for a student that gives a text one label, got problem_type="
                f"{self.problem_type!r}: leave it out."
            )
        if self.thresholds is None:
            return
        if self.problem_type != "multi_label_classification":
            raise ValueError(
                "thresholds are for problem_type='multi_label_classification', got "
                f"{self.problem_type!r}: leave them out."
            )
        in_range = all(0 <= threshold <= 1 for threshold in self.thresholds)
        if len(self.thresholds) != self.num_labels or not in_range:
            raise ValueError(
                f"thresholds must be {self.num_labels} numbers in [0, 1], one for each label, got "
                f"{self.thresholds}."
            )


def _custom_pipelines() -> dict[str, dict[str, Any]]:
    """Tells `transformers.pipeline` which code of the repository classifies and explains."""
    code = "pipeline_dixtill.DixtillPipeline"
    return {EXPLAINED_TASK: {"impl": code, "pt": ["AutoModelForSequenceClassification"]}}


DixtillConfig.register_for_auto_class()
