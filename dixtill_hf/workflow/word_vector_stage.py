# SPDX-License-Identifier: Apache-2.0
"""The word vectors that a recipe names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from datasets import DatasetDict
from transformers import PretrainedConfig

from dixtill_hf.artifacts.hashing import hash_file, hash_json, hash_texts
from dixtill_hf.data.packaged import packaged_glove
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.data.words import words_of
from dixtill_hf.distillation.presets import student_settings
from dixtill_hf.distillation.teacher_vectors import save_teacher_vectors
from dixtill_hf.student.word_vectors import DEFAULT_SIZE, NO_VECTORS, PACKAGED_GLOVE
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import RunData
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.teacher_stage import RunTeacher

TEACHERS_VECTORS = "teacher"


def chosen_word_vectors(named: str | None, preset: str) -> str:
    """The word vectors that a recipe names, or those of the preset if it names none.

    Those of a teacher have to be made first, see `make_word_vectors`.
    """
    return str(student_settings(preset, word_vectors=named).word_vectors)


def make_word_vectors(context: RunContext, data: RunData, teacher: RunTeacher) -> str | None:
    """The word vectors of a recipe; those of the teacher's embedding are made, as a file.

    The file stays for later calls. Of several teachers the first one's embedding is taken. Vectors
    have `embedding_size` dimensions, by default 50, or fewer if the teacher's have.

    Returns:
        A source of `load_word_vectors`; None if the recipe names none.

    Raises:
        ValueError: The training texts have fewer words than a vector has dimensions.
    """
    arguments = context.recipe.student
    if arguments.word_vectors != TEACHERS_VECTORS:
        return arguments.word_vectors
    first, texts = teacher.members[0], data.train_texts
    own = first.model.get_input_embeddings().embedding_dim
    size = arguments.embedding_size or min(DEFAULT_SIZE, own)
    key = hash_json([hash_teacher(first), hash_texts(texts), size])
    path = context.output_dir / "word_vectors" / f"{key}.safetensors"

    def make() -> str:
        if not path.is_file():
            save_teacher_vectors(first, texts, path, size)
        return str(path)

    return context.cache.processes.from_main(make)


def check_teachers_vectors(
    arguments: StudentArguments, teacher: PretrainedConfig, data: DatasetDict
) -> None:
    """Refuse vectors of the teacher's embedding that cannot be made, before anything is computed.

    Raises:
        ValueError: The embedding has fewer dimensions than `embedding_size`, or the training texts
            fewer words than that or, by default, than 50.
    """
    if arguments.word_vectors != TEACHERS_VECTORS:
        return
    # Some teachers' embeddings are narrower than their layers; that of ALBERT for example.
    own: int = getattr(teacher, "embedding_size", getattr(teacher, "hidden_size", DEFAULT_SIZE))
    size = arguments.embedding_size or min(DEFAULT_SIZE, own)
    words = {word for text in texts_of(data["train"]) for word in words_of(text)}
    if size > min(own, len(words)):
        raise ValueError(
            f"The word vectors of the teacher would have {size} dimensions, and they are made of "
            f"{len(words)} words with embeddings of {own}: set embedding_size to the smaller of "
            "the two or less, or name other word_vectors."
        )


def without_teachers_vectors(arguments: StudentArguments) -> StudentArguments:
    """The arguments with random vectors in place of `teacher`: what can be tried before it is."""
    if arguments.word_vectors != TEACHERS_VECTORS:
        return arguments
    return replace(arguments, word_vectors=NO_VECTORS, extra_vocab_size=0)


def identify_word_vectors(name: str) -> str:
    """What the vectors are: a file by what it holds; the packaged ones are always the same."""
    path = Path(name)
    if name in (NO_VECTORS, PACKAGED_GLOVE) or not path.is_file():
        return name
    return hash_file(path)


def refuse_teachers_vectors(name: str | None) -> None:
    """For what cannot make them by itself.

    Raises:
        ValueError: The vectors are to be made of the teacher's embedding.
    """
    if name == TEACHERS_VECTORS:
        raise ValueError(
            "Only dixtill-hf run makes word vectors of the teacher's embedding by itself: make the "
            "file with save_teacher_vectors, and name it."
        )


def check_word_vectors(name: str | None) -> None:
    """Refuse vectors that are not there; None, those of the preset, always are.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The packaged word vectors are not installed.
    """
    if name == PACKAGED_GLOVE:
        packaged_glove()
    elif name not in (None, NO_VECTORS, TEACHERS_VECTORS) and not Path(name).is_file():
        raise FileNotFoundError(
            f"There is no file of word vectors {name!r}. word_vectors is a file, "
            f"{PACKAGED_GLOVE!r}, {TEACHERS_VECTORS!r} for those of the teacher's embedding, "
            "or 'none' for random ones."
        )
