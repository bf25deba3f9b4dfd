# SPDX-License-Identifier: Apache-2.0
"""Templates are strict about what they need."""

import pytest
from jinja2 import UndefinedError

from dixtill_hf.reporting.formatting import render


def test_a_value_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="title"):
        render("report.md.jinja", summary=[])
