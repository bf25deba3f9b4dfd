# SPDX-License-Identifier: Apache-2.0
"""The card of a pretrained student."""

from __future__ import annotations

from typing import Any

_CARD = """---
library_name: transformers
pipeline_tag: feature-extraction
tags:
- dixtill
- knowledge-distillation
---

# A student that is pretrained

Embedding, bi-LSTM and attention of a DiXtill student. It was trained to reproduce the sentence
vectors of `{encoder}` on unlabelled text, and has no classifier: it is what a task is distilled
from.

```python
from dixtill_hf import distill

student = distill("texts.csv", "org/fine-tuned-teacher", student_start="this-directory")
```

| what | value |
| --- | --- |
| texts | {texts:,} |
| words in them | {words:,} |
| of which unknown to the student | {unknown_words:.1%} |
| mean cosine to the encoder's vectors, on {held_out_texts:,} other texts | {held_out_cosine:.3f} |
| words known, at most | {vocab_size:,} |
| units of the bi-LSTM in each direction | {hidden_size} |
| epochs | {epochs:g} |
| seconds of training, without the encoder | {train_seconds:,.0f} |

The license of the texts is not known here: look it up before the student is published.
"""


def pretrained_card(record: dict[str, Any]) -> str:
    """The card, as Markdown with the Hub's metadata.

    Args:
        record: What `pretrain_student` has measured.
    """
    return _CARD.format(**record, **{**record["settings"]})
