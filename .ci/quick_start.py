# SPDX-License-Identifier: Apache-2.0
"""Run the quick start of README with the installed package, offline.

    PYTHON .ci/quick_start.py

PYTHON has the package with its extra `embedded` installed, not this checkout. README names
`texts.csv` and `org/fine-tuned-teacher`: a file of embedded headlines and a tiny teacher with
random weights are made under these names, in a directory that is removed afterwards.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXTS = 120


def main() -> None:
    """Make what README names, then run its example in Python and its command that explains."""
    if (ROOT / "dixtill_hf").is_dir() and str(ROOT) in sys.path:
        sys.exit(f"{ROOT} is on the path, so the checkout would be tried: unset PYTHONPATH.")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    python = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    explain = next(
        line for line in readme.splitlines() if line.startswith("dixtill-hf explain")
    ).replace("runs/mine/student", "my-student")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        make_texts(Path("texts.csv"))
        make_teacher(Path("org/fine-tuned-teacher"))
        print(python, flush=True)
        subprocess.run([sys.executable, "-c", python], env=environment, check=True)
        print(explain, flush=True)
        command = str(Path(sys.executable).with_name("dixtill-hf"))
        subprocess.run(
            explain.replace("dixtill-hf", command, 1), env=environment, check=True, shell=True
        )


def make_texts(path: Path) -> None:
    """Write the first embedded headlines with their labels."""
    from dixtill_hf import label_names, load_text_classification

    train = load_text_classification("embedded")["train"].select(range(TEXTS))
    names = label_names(train)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows((row["text"], names[row["label"]]) for row in train)


def make_teacher(path: Path) -> None:
    """Save a classifier of the same labels."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from dixtill_hf import label_names, load_text_classification
    from dixtill_hf.data.packaged import packaged_encoder

    tokenizer = AutoTokenizer.from_pretrained(packaged_encoder())
    names = label_names(load_text_classification("embedded")["train"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    BertForSequenceClassification(config).save_pretrained(path)
    tokenizer.save_pretrained(path)


if __name__ == "__main__":
    main()
