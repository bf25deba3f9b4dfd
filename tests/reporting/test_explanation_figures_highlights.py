# SPDX-License-Identifier: Apache-2.0
"""Highlighted texts as a picture: which texts are shown, and where their words stand."""

import pytest

pytest.importorskip("matplotlib")

from matplotlib.patches import Rectangle

from dixtill_hf.reporting.explanation_figures import highlight_figure


def example(text: str, gold: str | None = "up", teacher: str = "up", student: str = "up") -> dict:
    sides = {
        who: {
            "label": label,
            "probability": 0.9,
            "spans": [[0, len(text)]],
            "scores": [1.0],
        }
        for who, label in (("teacher", teacher), ("student", student))
    }
    return {"text": text, "label": gold, "rationale": None, **sides}


def written(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def drawn(examples: list[dict], labels: tuple[str, ...] = ("up",)):
    return highlight_figure({"labels": list(labels), "examples": examples})


def test_teacher_stands_above_student():
    assert written(drawn([example("rise again")]))[:6] == [
        "teacher: up 90.0 %", "rise", "again", "student: up 90.0 %", "rise", "again",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "hidden",
    [
        example("mistaken", student="down"),
        example("mistaken", gold="down"),
        example("ارتفعت"),
        example("rocket 🚀"),
        example("too long " * 50),
    ],
)
def test_first_text_that_both_file_under_the_label_and_that_can_be_shown(hidden):
    found = written(drawn([hidden, example("shown"), example("later")]))
    assert "shown" in found
    assert not {"mistaken", "rocket", "too", "later"} & set(found)


def test_texts_without_a_gold_label_are_filed_under_the_predicted_one():
    assert "unlabelled" in written(drawn([example("unlabelled", gold=None)]))


def test_one_text_for_each_label_that_has_one():
    examples = [example("fall", "down", "down", "down"), example("rise")]
    found = written(drawn(examples, ("up", "down", "flat")))
    assert [found.index(word) for word in ("rise", "fall")] == [1, 5]
    assert not any("flat" in text for text in found)


def test_nothing_to_show():
    assert drawn([example("wrong", student="down")]) is None


def test_dollar_signs_are_no_formula():
    text = drawn([example("$A$B")]).axes[0].texts[1]
    assert text.get_text() == "$A$B"
    assert not text.get_parse_math()


def test_no_word_leaves_the_page():
    figure = drawn([example("w" * 250 + " and words " * 5)])
    width = figure.get_size_inches()[0]
    grounds = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert max(ground.get_x() + ground.get_width() for ground in grounds) <= width
    assert "".join(written(figure)).count("w" * 90) == 4


def test_white_space_of_any_kind_ends_a_word():
    assert {"up", "and", "away"} <= set(written(drawn([example("up\n and\taway")])))


def test_parts_of_a_word_stand_side_by_side():
    text = "won't fall"
    one = example(text)
    for who in ("teacher", "student"):
        one[who] |= {"spans": [[0, 3], [3, 5], [6, 10]], "scores": [1.0, -1.0, 0.5]}
    texts = {text.get_text(): text for text in drawn([one]).axes[0].texts}
    letter = (texts["'t"].get_position()[0] - texts["won"].get_position()[0]) / 3
    assert texts["fall"].get_position()[0] == pytest.approx(
        texts["'t"].get_position()[0] + 3 * letter
    )
