# SPDX-License-Identifier: Apache-2.0
"""What a figure depends on beside its recipe."""

import json

import torch

from dixtill_hf.workflow.environment import describe_environment


def test_versions_and_hardware_are_told_as_json():
    described = describe_environment()
    assert json.loads(json.dumps(described)) == described
    assert described["versions"]["torch"] == torch.__version__
    assert described["cores"] >= 1
    assert described["vector_instructions"] == torch.backends.cpu.get_cpu_capability()
    assert described["memory_bytes"] > 0
