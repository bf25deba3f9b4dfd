# SPDX-License-Identifier: Apache-2.0
"""Fixtures that all tests share: tiny teachers of every architecture, made here, without a network.

Their weights are random and their tokenizers are trained on a few sentences; they are built when a
test first asks for them, in a fraction of a second, and kept for the session.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

# Read by the libraries when they are imported: no test may reach the Hub or fill the user's cache.
_CACHE = tempfile.TemporaryDirectory(prefix="dixtill-tests-", ignore_cleanup_errors=True)
os.environ.update(HF_HOME=_CACHE.name, HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import pytest  # noqa: E402
import torch  # noqa: E402

from tests.tiny_models import (  # noqa: E402
    ARCHITECTURES,
    LABELS,
    OTHER_ARCHITECTURES,
    save_tiny_language_model,
    save_tiny_teacher,
)
from tests.tiny_tokenizers import SENTENCES  # noqa: E402


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """A dozen short financial sentences, with numbers, punctuation and accents."""
    return list(SENTENCES)


@pytest.fixture(scope="session")
def teacher_labels() -> list[str]:
    """The names of the tiny teachers' labels, in the order of their logits."""
    return list(LABELS)


@pytest.fixture(scope="session")
def tiny_teacher_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from an architecture to the directory of a tiny classifier with its tokenizer.

    Architectures: those of `ARCHITECTURES` and `OTHER_ARCHITECTURES`. Three labels
    (`teacher_labels`), at most 64 tokens, 16 hidden units. The decoders have no padding token.
    """
    directory = tmp_path_factory.mktemp("teachers")
    built: dict[str, Path] = {}

    def build(architecture: str) -> Path:
        if architecture not in built:
            built[architecture] = save_tiny_teacher(directory, architecture)
        return built[architecture]

    return build


# The others read texts as one of these does, so they are tested with the slow tests.
FAST_ARCHITECTURES = ("bert", "roberta", "deberta-v2", "modernbert", "llama")
_EACH_ARCHITECTURE = [
    name if name in FAST_ARCHITECTURES else pytest.param(name, marks=pytest.mark.slow)
    for name in ARCHITECTURES
]


@pytest.fixture(scope="session", params=_EACH_ARCHITECTURE)
def each_teacher_dir(
    request: pytest.FixtureRequest, tiny_teacher_dir: Callable[[str], Path]
) -> Path:
    """The directory of a tiny teacher: a test that asks for it runs once for each architecture."""
    return tiny_teacher_dir(request.param)


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function from (architecture, chat=False) to the directory of a tiny causal language model.

    Architectures: those of `LANGUAGE_MODELS`. At most 1,024 tokens; with `chat` its tokenizer has a
    chat template.
    """
    directory = tmp_path_factory.mktemp("language-models")

    def build(architecture: str, chat: bool = False) -> Path:
        path = directory / f"{architecture}{'-chat' * chat}"
        if path.is_dir():
            return path
        return save_tiny_language_model(path, architecture, chat)

    return build


@pytest.fixture(
    scope="session",
    params=[
        name if name in ("bart", "t5") else pytest.param(name, marks=pytest.mark.slow)
        for name in OTHER_ARCHITECTURES
    ],
)
def other_teacher_dir(
    request: pytest.FixtureRequest, tiny_teacher_dir: Callable[[str], Path]
) -> Path:
    """The directory of a tiny teacher of each further family."""
    return tiny_teacher_dir(request.param)


@pytest.fixture(scope="session")
def student_start_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small pretrained student: 3 dimensions, 4 units, four words."""
    from dixtill_hf.student.configuration_dixtill import DixtillConfig
    from dixtill_hf.student.modeling_dixtill import DixtillModel
    from dixtill_hf.student.tokenization import train_word_tokenizer

    path = tmp_path_factory.mktemp("start")
    tokenizer = train_word_tokenizer(["shares rise and shares fall"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = DixtillConfig(vocab_size=len(tokenizer), embedding_size=3, hidden_size=4)
        DixtillModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path
