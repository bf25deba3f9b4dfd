# SPDX-License-Identifier: Apache-2.0
"""A baseline that cannot be made is left out with its reason, however it fails."""

from dataclasses import dataclass

import pytest

from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.baselines.base import Baseline
from dixtill_hf.workflow.baseline_stage import chosen_baselines, possible_baselines


class RuntimeFails(Exception):
    """As the errors of ONNX Runtime, which know no other base."""


@dataclass(frozen=True)
class Failing(Baseline):
    """Fails with its error, if it has one."""

    runtime = "none"
    error: Exception | None = None

    def depends_on(self, teacher, data):
        return []

    def make(self, teacher, data, directory, cache=None):
        if self.error is not None:
            raise self.error
        directory.mkdir()

    @classmethod
    def load(cls, directory, threads=None):
        raise NotImplementedError


def tried(error, directory):
    baselines = [Failing("works", "works"), Failing("fails", "fails", error)]
    return baselines, possible_baselines(baselines, None, None, OutputCache(directory))


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no"), RuntimeFails("no")])
def test_what_fails_is_left_out_and_told(tmp_path, error):
    baselines, (possible, reasons) = tried(error, tmp_path)
    assert possible == baselines[:1]
    assert reasons == ["fails: no"]


@pytest.mark.parametrize("error", [ImportError("no extra"), OSError("disk full")])
def test_what_the_user_can_mend_is_raised(tmp_path, error):
    with pytest.raises(type(error)):
        tried(error, tmp_path)


def test_heads_are_ranked_on_the_texts_of_the_recipe():
    onnx, heads = chosen_baselines(["onnx", "heads"], ranking_texts=7)
    assert (onnx.name, heads.name, heads.ranking_texts) == ("onnx", "heads", 7)
