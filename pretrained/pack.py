# SPDX-License-Identifier: Apache-2.0
"""Put a student of `dixtill-hf pretrain` into the package, its weights in float16.

`python pretrained/pack.py DIRECTORY`
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from dixtill_hf.pretraining.pretrain import RECORD

STUDENT = Path(__file__).parent / "dixtill_student_en" / "student"


def pack(source: Path, target: Path = STUDENT) -> Path:
    """Copy weights, tokenizer and record of a pretrained student.

    Args:
        source: A directory that `pretrain_student` has written.
        target: Where they go; what is there is replaced.

    Returns:
        The target.

    Raises:
        OSError: The source is not there.
    """
    model = AutoModel.from_pretrained(source, dtype=torch.float16)
    tokenizer = AutoTokenizer.from_pretrained(source)
    shutil.rmtree(target, ignore_errors=True)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    for code in target.glob("*.py"):  # dixtill_hf has it, and without it nothing loads the student
        code.unlink()
    shutil.copy(source / RECORD, target / RECORD)
    return target


if __name__ == "__main__":
    print(f"Written: {pack(Path(sys.argv[1]))}")
