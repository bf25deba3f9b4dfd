# SPDX-License-Identifier: Apache-2.0
"""Attention kernels: those that build a plan for each size of batch are left out on a GPU."""

import torch

from dixtill_hf.teacher.loading import attention_of_any_size


def test_cudnn_attention_is_left_out_on_a_gpu_alone():
    before = torch.backends.cuda.cudnn_sdp_enabled()
    with attention_of_any_size(torch.device("cuda")):
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.cudnn_sdp_enabled() == before
    with attention_of_any_size(torch.device("cpu")):
        assert torch.backends.cuda.cudnn_sdp_enabled() == before
