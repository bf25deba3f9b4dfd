# SPDX-License-Identifier: Apache-2.0
"""Random numbers of a text: its own, and nobody else's."""

import torch

from dixtill_hf.explainers.base import seeded_for, text_seed


def test_draws_depend_on_the_seed_and_the_text_alone():
    def draw(seed: int, text: str) -> float:
        with seeded_for(seed, text):
            return torch.rand(()).item()

    first = draw(0, "up")
    torch.rand(3)
    assert draw(0, "up") == first
    assert len({first, draw(1, "up"), draw(0, "down")}) == 3


def test_the_callers_random_numbers_go_on_as_if_nothing_was_drawn():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = torch.rand(2)
    with seeded_for(0, "up"):
        torch.rand(5)
    assert torch.equal(torch.cat([first, torch.rand(2)]), expected)


def test_any_text_has_a_seed():
    assert all(0 <= text_seed(0, text) < 2**63 for text in ("", "👍", "\ud800", "\x00"))
