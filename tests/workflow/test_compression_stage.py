# SPDX-License-Identifier: Apache-2.0
"""A baseline that cannot be made is left out with its reason, however it fails."""

import pytest

from dixtill_hf.workflow import compression_stage


class RuntimeFails(Exception):
    """As the errors of ONNX Runtime, which know no other base."""


def _failing(error):
    def fail(teacher, method, data, store):
        if method == "int8-static":
            raise error

    return fail


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no"), RuntimeFails("no")])
def test_what_fails_is_left_out_and_told(monkeypatch, error):
    monkeypatch.setattr(compression_stage, "quantized_teacher", _failing(error))
    possible, reasons = compression_stage.compressible(None, ["onnx", "int8-static"], None, None)
    assert possible == ["onnx"]
    assert reasons == ["int8-static: no"]


@pytest.mark.parametrize("error", [ImportError("no extra"), OSError("disk full")])
def test_what_the_user_can_mend_is_raised(monkeypatch, error):
    monkeypatch.setattr(compression_stage, "quantized_teacher", _failing(error))
    with pytest.raises(type(error)):
        compression_stage.compressible(None, ["onnx", "int8-static"], None, None)
