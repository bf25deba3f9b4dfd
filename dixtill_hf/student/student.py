# SPDX-License-Identifier: Apache-2.0
"""A student that one can call: texts in, explained predictions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from dixtill_hf.artifacts.evaluation_mode import evaluating
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.counterfactual import Counterfactual, find_counterfactual
from dixtill_hf.student.explaining import Explanation, explain
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.unknown_words import unknown_word_share

if TYPE_CHECKING:
    import pyarrow as pa


class Student:
    """A student with its tokenizer.

    ```python
    student = load_student("my-student")
    print(student("Veltara raises its outlook"))
    ```

    Attributes:
        model: The model, as a `Trainer` or `pipeline` takes it.
        tokenizer: Its tokenizer.
        directory: Where it is saved, with its card and its figures; None if it is not.
    """

    def __init__(
        self,
        model: DixtillForSequenceClassification,
        tokenizer: PreTrainedTokenizerFast,
        directory: Path | None = None,
    ) -> None:
        """Put a model and its tokenizer together.

        Args:
            model: The model.
            tokenizer: The tokenizer that it was trained with.
            directory: Where it is saved, if it is. `push_to_hub` takes the card from there.

        Raises:
            TypeError: The model does not explain itself, or the tokenizer gives no offsets.
        """
        if not isinstance(model, DixtillForSequenceClassification):
            raise TypeError(
                f"model must be a DixtillForSequenceClassification, got {type(model).__name__}: "
                "make one with distill(...), or load one with load_student(...)."
            )
        if not isinstance(tokenizer, PreTrainedTokenizerFast):
            raise TypeError(
                "tokenizer must be a PreTrainedTokenizerFast, which knows the characters of its "
                f"words, got {type(tokenizer).__name__}: give the one that the student was "
                "trained with."
            )
        self.model = model
        self.tokenizer = tokenizer
        self.directory = directory

    @property
    def labels(self) -> list[str]:
        """Names of the labels, in the order of the logits."""
        config = self.model.config
        return [config.id2label[index] for index in range(config.num_labels)]

    @overload
    def __call__(self, texts: str | Mapping[str, str]) -> Explanation: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, texts: Sequence[str | Mapping[str, str]]) -> list[Explanation]: ...

    def __call__(
        self, texts: str | Mapping[str, str] | Sequence[str | Mapping[str, str]]
    ) -> Explanation | list[Explanation]:
        """Classify and explain one text, or several.

        Args:
            texts: One text, or several. A student of pairs takes `{"text": ..., "text_pair": ...}`.

        Returns:
            An explanation, or one per text.
        """
        if isinstance(texts, str | Mapping):
            return self.explain([texts])[0]
        return self.explain(texts)

    def explain(
        self,
        texts: Sequence[str | Mapping[str, str]],
        labels: Sequence[str | int] | None = None,
        batch_size: int = 64,
    ) -> list[Explanation]:
        """Classify texts and explain the predicted labels, or those given.

        Args:
            texts: The texts. A student of pairs takes `{"text": ..., "text_pair": ...}`.
            labels: The label to explain for each text, by name or id. Default: the predicted one.
            batch_size: Texts that go through the model at once. Default 64.

        Returns:
            One explanation per text.

        Raises:
            TypeError: `texts` is one text, or one of them is no text.
            ValueError: There is not one label per text, the student does not know one of them, or
                it reads pairs and the texts are single or the reverse.
        """
        return explain(self.model, self.tokenizer, texts, batch_size, labels)

    def counterfactual(
        self, text: str | Mapping[str, str], most_words: int | None = None
    ) -> Counterfactual | None:
        """Find the fewest words whose removal changes the label of a text.

        Args:
            text: The text. A student of pairs takes `{"text": ..., "text_pair": ...}`.
            most_words: Words that may be removed, at least 1. Default: all of them.

        Returns:
            The counterfactual, checked by really removing the words; None if no set of words that
            was tried changes the label.

        Raises:
            ValueError: `most_words` is below 1.
        """
        with evaluating(self.model):
            return find_counterfactual(self.model, self.tokenizer, text, most_words)

    def unknown_words(self, texts: Sequence[str]) -> float:
        """Share of the words of texts that the student does not know, in [0, 1].

        If recent texts have a clearly larger share than the student's held-out ones
        (`model.config.answering["unknown_words"]`), what people write has drifted.

        Args:
            texts: The texts.
        """
        return unknown_word_share(self.tokenizer, texts)

    def predict_batches(
        self,
        batches: Iterable[pa.RecordBatch],
        words: int = 0,
        text_column: str | None = None,
        engine: str = "auto",
    ) -> Iterator[pa.RecordBatch]:
        """Add predictions to Arrow record batches, one after the other.

        Args:
            batches: Record batches with a column of texts.
            words: How many words that decided are named for each text. Default 0: none.
            text_column: Column of the text. Default: the one called text, sentence, tweet or
                content.
            engine: `"runtime"` for dixtill-runtime, which rounds the student to 8 bits; `"torch"`;
                or `"auto"`: dixtill-runtime if it is installed and can run the student, else torch.

        Yields:
            The batches with the columns of `BatchPredictor`: `predicted_label`, `probability`,
            `probabilities` and, with `words`, `deciding_words`.

        Raises:
            ValueError: A setting is not allowed, there is no column of texts, or one has the name
                of an added column.
        """
        from dixtill_hf.scoring.arrow import check_words, predict_batches
        from dixtill_hf.scoring.scorers import scorer_of

        check_words(words)
        return predict_batches(scorer_of(self, engine), batches, words, text_column)

    def save(self, directory: str | Path) -> Path:
        """Save model and tokenizer, as `load_student` and `from_pretrained` read them.

        Args:
            directory: Where they go; it is made if it is not there.

        Returns:
            The directory.
        """
        self.model.save_pretrained(directory)
        self.tokenizer.save_pretrained(directory)
        return Path(directory)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        revision: str | None = None,
        token: str | None = None,
        commit_message: str = "Add student",
        space: bool = False,
        license: str | None = None,
        language: str | Sequence[str] = (),
        dataset_id: str | None = None,
        teacher_id: str | None = None,
        leave_out_words: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> str:
        """Publish the student on the Hugging Face Hub, in one commit.

        Weights, configuration, code, tokenizer and card; of a student that was saved by a run also
        its figures and explanations; and, as far as the extras onnx and device are installed, its
        ONNX model, its device file and what Inference Endpoints need.

        Args:
            repo_id: Name of the repository: "name" or "organisation/name".
            private: Whether a new repository is private. Default: as the account has it.
            revision: Branch, which is made if it is not there. Default: the main one.
            token: Token with the right to write. Default: the one that is logged in.
            commit_message: What the commit is called. Default "Add student".
            space: Whether a static Space of the same name is published too, where the student can
                be tried in the browser. Default False.
            license: Licence of the student, as the Hub names it: "apache-2.0".
            language: ISO 639 code of the language of the texts, or several: "en".
            dataset_id: Hub id of the data.
            teacher_id: Hub id of the teacher.
            leave_out_words: Words that are taken out of the vocabulary first, names for example.
                The published student does not know them.
            without: Parts that are not published, of "explanations", "metrics", "onnx" and
                "device".

        Returns:
            Address of the repository.

        Raises:
            ValueError: The Hub does not accept one of the facts, or a part is unknown.
            OSError: The Hub does not take the student; the message says why. Nothing was published.
        """
        # The Hub comes after all that it publishes.
        from dixtill_hf.hub.facts import CardFacts
        from dixtill_hf.hub.push import push_student
        from dixtill_hf.hub.upload import Destination

        languages = [language] if isinstance(language, str) else list(language)
        return push_student(
            self,
            Destination(repo_id, private=private, revision=revision, token=token),
            CardFacts(license, languages, dataset_id, teacher_id),
            message=commit_message,
            space=space,
            leave_out_words=leave_out_words,
            without=without,
        ).url

    def __repr__(self) -> str:
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return f"Student(labels={self.labels}, words={len(self.tokenizer)}, {parameters=})"


def load_student(name_or_path: str | Path) -> Student:
    """Load a student from a directory or the Hub.

    Args:
        name_or_path: Local directory, or Hub id.

    Returns:
        The student, in evaluation mode.

    Raises:
        OSError: There is no such directory, and no such model on the Hub or no way to it.
        ValueError: The model is not a student, or needs a newer version of this package.
    """
    try:
        config = AutoConfig.from_pretrained(name_or_path)
    except OSError as error:
        raise OSError(
            f"There is no student in {str(name_or_path)!r}, and it could not be read from the Hub. "
            "Give the directory that distill, dixtill-hf train or dixtill-hf run "
            f"(OUTPUT_DIR/student) has written, or a Hub id. ({error})"
        ) from error
    if config.model_type != DixtillConfig.model_type:
        raise ValueError(
            f"{str(name_or_path)!r} holds a model of the type {config.model_type!r}, not a student."
            " Make one with distill(...)."
        )
    model = DixtillForSequenceClassification.from_pretrained(name_or_path).eval()
    directory = Path(name_or_path) if Path(name_or_path).is_dir() else None
    return Student(model, AutoTokenizer.from_pretrained(name_or_path), directory)
