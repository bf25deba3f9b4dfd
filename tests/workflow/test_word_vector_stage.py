# SPDX-License-Identifier: Apache-2.0
"""What the teacher's word vectors need is checked before the teacher is."""

import pytest
from datasets import Dataset, DatasetDict
from transformers import AlbertConfig, BertConfig

from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.word_vector_stage import check_teachers_vectors

TEXTS = [" ".join(f"word{row}{place}" for place in range(8)) for row in range(10)]
DATA = DatasetDict(train=Dataset.from_dict({"text": TEXTS}))


@pytest.mark.parametrize(
    ("teacher", "size", "message"),
    [
        (BertConfig(), 81, "81 dimensions, and they are made of 80 words with embeddings of 768"),
        (AlbertConfig(embedding_size=64), 65, "made of 80 words with embeddings of 64"),
    ],
)
def test_vectors_that_cannot_be_made_are_refused(teacher, size, message):
    arguments = StudentArguments(word_vectors="teacher", embedding_size=size)
    with pytest.raises(ValueError, match=message):
        check_teachers_vectors(arguments, teacher, DATA)
    arguments.embedding_size = size - 1
    check_teachers_vectors(arguments, teacher, DATA)


def test_fifty_dimensions_need_fifty_words():
    few = DatasetDict(train=Dataset.from_dict({"text": TEXTS[:6]}))
    with pytest.raises(ValueError, match="50 dimensions, and they are made of 48 words"):
        check_teachers_vectors(StudentArguments(word_vectors="teacher"), BertConfig(), few)
    check_teachers_vectors(StudentArguments(word_vectors="none"), BertConfig(), few)
