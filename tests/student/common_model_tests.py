# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E402 - what is imported lies in the sources
"""transformers' own common tests of models and configurations, run against the student.

They come with the sources of transformers, of the release that is installed, and are not run with
the other tests. Nothing is fetched:

    pip download --no-deps --no-binary :all: transformers==4.57.6   # once, where there is a network
    tar xzf transformers-4.57.6.tar.gz
    pip install parameterized
    TRANSFORMERS_SOURCES=transformers-4.57.6 python -m pytest -c /dev/null --rootdir . \
        tests/student/common_model_tests.py

What a student must do of what they look at is tested in tests/student with tests of our own.
"""

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import pytest
import torch

_SOURCES = os.environ.get("TRANSFORMERS_SOURCES")
if not _SOURCES:
    pytest.skip("TRANSFORMERS_SOURCES names no sources", allow_module_level=True)
# Parts that the sources leave out: what is here imports them, but only other tests need them.
_LEFT_OUT = {
    "__init__.py": "",
    "utils/__init__.py": "",
    "utils/test_configuration_utils.py": (
        'config_common_kwargs = {"return_dict": False, "output_hidden_states": True}\n'
    ),
    "generation/__init__.py": "",
    "generation/test_utils.py": "class GenerationTesterMixin:\n    pass\n",
    "exporters/__init__.py": "",
    "exporters/test_export.py": "class ExportTesterMixin:\n    pass\n",
}
_COPY = tempfile.TemporaryDirectory(prefix="transformers-tests-")
_PACKAGE = Path(shutil.copytree(Path(_SOURCES) / "tests", Path(_COPY.name) / "tests"))
for _name, _content in _LEFT_OUT.items():
    _path = _PACKAGE / _name
    _path.parent.mkdir(exist_ok=True)
    if not _path.exists():
        _path.write_text(_content)
sys.path.insert(0, _COPY.name)
sys.modules.pop("tests", None)  # pytest's name for this project's

from tests.test_configuration_common import ConfigTester
from tests.test_modeling_common import ModelTesterMixin, ids_tensor, random_attention_mask

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification, DixtillModel

# Tests that do not apply, with the reason. Others are skipped by transformers itself: attention
# maps of heads, generation, tied weights, gradient checkpointing, torch.compile, quantisers and
# several GPUs. Its pipeline tests are not among the sources; ours are test_pipeline_dixtill.py.
NOT_APPLICABLE = {
    "test_retain_grad_hidden_states_attentions": (
        "States are returned in the places of the words, as copies of those that the layers "
        "computed with real words in front. Gradients are taken with inputs_embeds."
    ),
}

BATCH, WORDS, WORDS_KNOWN, LABELS = 3, 7, 40, 3


class _ModelTester:
    """What the common tests ask for: sizes, a configuration, inputs."""

    is_training = True
    batch_size = BATCH
    seq_length = WORDS
    hidden_size = 10  # of a state: two directions; word vectors are as wide
    num_hidden_layers = 2
    num_labels = LABELS

    def __init__(self, **settings: int) -> None:
        self.settings = settings

    def get_config(self) -> DixtillConfig:
        return DixtillConfig(
            vocab_size=WORDS_KNOWN,
            embedding_size=self.hidden_size,
            hidden_size=5,
            num_layers=self.num_hidden_layers,
            num_labels=LABELS,
            word_dropout=0.0,
            **self.settings,
        )

    def prepare_config_and_inputs_for_common(self):
        inputs = {
            "input_ids": ids_tensor([BATCH, WORDS], WORDS_KNOWN),
            "attention_mask": random_attention_mask([BATCH, WORDS]),
        }
        return self.get_config(), inputs


class DixtillModelTest(ModelTesterMixin, unittest.TestCase):
    """The common tests of models."""

    all_model_classes = (DixtillModel, DixtillForSequenceClassification)
    pipeline_model_mapping: ClassVar[dict] = {}
    all_generative_model_classes = ()
    test_pruning = False
    test_head_masking = False
    test_missing_keys = False
    test_torch_exportable = False
    has_attentions = False
    is_encoder_decoder = False

    settings: ClassVar[dict[str, int]] = {}

    def setUp(self) -> None:
        reason = NOT_APPLICABLE.get(self._testMethodName)
        if reason:
            self.skipTest(reason)
        torch.manual_seed(0)
        self.model_tester = _ModelTester(**self.settings)
        self.config_tester = ConfigTester(
            self,
            config_class=DixtillConfig,
            has_text_modality=False,
            common_properties=["pad_token_id", "hidden_size", "num_hidden_layers"],
            hidden_size=5,
        )

    def test_config(self) -> None:
        self.config_tester.run_common_tests()

    def test_training(self) -> None:
        # transformers leaves out base models by a list of its own names.
        self.all_model_classes = (DixtillForSequenceClassification,)
        super().test_training()

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        inputs = super()._prepare_for_class(inputs_dict, model_class, return_labels)
        if return_labels and model_class is DixtillForSequenceClassification:
            inputs["labels"] = torch.zeros(BATCH, dtype=torch.long)
        return inputs


class DixtillWithNgramsModelTest(DixtillModelTest):
    """The same for a student in training, whose words share vectors."""

    settings: ClassVar[dict[str, int]] = {"ngram_buckets": 11, "ngrams_per_word": 3}
