# SPDX-License-Identifier: Apache-2.0
"""Word vectors survive rounding, the better the more bits they have."""

from dataclasses import replace

import numpy as np
import pytest

from dixtill_hf.export.float_student import float_student
from dixtill_hf.export.row_codes import (
    ENCODERS,
    blank_rows,
    encode_rows,
    matched_basis,
    round_with_feedback,
)


@pytest.fixture
def student(device_model):
    student = float_student(*device_model)
    vectors = np.random.default_rng(0).standard_normal((400, student.dimensions))
    return replace(student, vectors=vectors, words=tuple(map(str, range(398))))


def decoded(rows):
    """The vectors as the gates see them."""
    return (rows.values * rows.scales / 256 * rows.unit) @ rows.basis.T


def test_the_basis_measures_errors_as_the_gates_do(student):
    forth, back = matched_basis(student)
    np.testing.assert_allclose(forth @ back, np.eye(student.dimensions), atol=1e-9)
    weights = np.vstack([direction.input_weight for direction in student.directions])
    error = np.random.default_rng(1).standard_normal(student.dimensions)
    np.testing.assert_allclose(
        np.linalg.norm(weights @ error), np.linalg.norm(error @ forth), rtol=1e-6
    )


def test_more_bits_are_nearer(student):
    errors = [
        np.abs(decoded(encode_rows(student, bits)) - student.vectors).mean()
        for bits in ("8", "4", "pq")
    ]
    assert errors[0] < 0.02 < errors[1] < 0.2
    assert errors[1] < errors[2] < 0.7


@pytest.mark.parametrize("bits", ENCODERS)
def test_numbers_fit_their_fields(student, bits):
    rows = encode_rows(student, bits)
    assert np.abs(rows.values).max() <= 127
    assert 0 <= rows.scales.min() <= rows.scales.max() <= 65_535
    assert len(rows.section()) == len(blank_rows(student, bits).section())


@pytest.mark.parametrize("bits", ENCODERS)
def test_a_row_of_zeros_stays_so(student, bits):
    vectors = student.vectors.copy()
    vectors[3] = 0
    rows = encode_rows(replace(student, vectors=vectors), bits)
    assert not (rows.values * rows.scales)[3].any()


def test_unknown_bits_are_refused(student):
    with pytest.raises(ValueError, match="bits must be one of 8, 4, pq, got '2'"):
        encode_rows(student, "2")


def test_feedback_makes_products_less_wrong():
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((200, 12)) @ draw.standard_normal((12, 12))
    weights = draw.standard_normal((30, 12))

    def nearest(column):
        codes = np.rint(column * 4).astype(np.int64)
        return codes, codes / 4

    codes = round_with_feedback(weights, inputs.T @ inputs, nearest)
    plain = np.rint(weights * 4)

    def lost(rounded):
        return (((rounded / 4 - weights) @ inputs.T) ** 2).sum()

    assert lost(codes) < 0.6 * lost(plain)
    np.testing.assert_array_equal(round_with_feedback(weights, np.eye(12), nearest), plain)
