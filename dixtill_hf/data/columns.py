# SPDX-License-Identifier: Apache-2.0
"""Names of the dataset columns that the stages hand to each other.

A loaded dataset has the first ones, as far as its source has them; annotating adds the
``teacher_*`` ones, which know nothing of any student, so that a dataset is annotated once and
distilled into many students.
"""

TEXT = "text"
"""The text to classify (string)."""

TEXT_PAIR = "text_pair"
"""Only in datasets of pairs of texts: the second text (string); see `data.text_pairs`."""

LABEL = "label"
"""What is learned: a class, several, or numbers; ``data.problem_types`` has the types.

A text without a label has ``LABEL_UNKNOWN`` if there is one class a text, else None.
"""

RATIONALE = "rationale"
"""Optional: the parts of the text that carry the label, a list of [start, end) character pairs."""

TEACHER_LOGITS = "teacher_logits"
"""float32, one per label, in the order of the data's labels."""

TEACHER_SPANS = "teacher_spans"
"""int32 [start, end) character pairs, one per attributed token of the teacher.

In a pair of texts, characters of the first text, a line break and the second one as one string: the
second text begins at `len(text) + 1`. `TextPair` is this string.
"""

TEACHER_ATTRIBUTIONS = "teacher_attributions"
"""float32, one per span, signed, not normalised; or a list of them for each explained label."""

EXPLAINED_LABEL = "teacher_explained_label"
"""The label (int) that the attributions explain; the predicted one where they explain all.

Where a text may have several explained outputs, a list of them, one for each list of attributions.
"""

COMPLETENESS_ERROR = "teacher_completeness_error"
"""float32, distance of the attributions' sum from the difference of outputs they should add to.

NaN where the explainer does not promise that they do.
"""

EVALUATIONS = "teacher_evaluations"
"""int32, how many evaluations of the teacher the explanation took."""

TRUNCATED = "teacher_truncated"
"""bool, whether the text was longer than what the teacher reads."""

LABEL_UNKNOWN = -100
"""Label of an unlabelled text; the value that PyTorch's cross-entropy leaves out."""

GLUE_UNKNOWN = -1
"""Label of an unlabelled text in GLUE and other sources."""
