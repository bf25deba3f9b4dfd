# SPDX-License-Identifier: Apache-2.0
"""Draw the two pictures of the documentation: `python docs/draw_pictures.py`.

They are SVG files on a light card of their own, so that they are readable on light and dark pages.
"""

from html import escape
from pathlib import Path

IMAGES = Path(__file__).parent / "images"

INK, QUIET, LINE, CARD, PAPER = "#1f2933", "#52606d", "#7b8794", "#ffffff", "#f5f7fa"
BLUE, ORANGE, GREEN, VIOLET, GREY = "#d6e6f5", "#fbe3cf", "#d8eedd", "#e6dff5", "#e4e7eb"
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


class Picture:
    """Shapes of an SVG file, in the order in which they are drawn."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" font-family="{FONT}">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            'markerHeight="7" orient="auto-start-reverse">'
            f'<path d="M0 0L10 5L0 10z" fill="{LINE}"/></marker></defs>',
            f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="14" fill="{PAPER}" '
            f'stroke="{GREY}" stroke-width="2"/>',
        ]

    def box(self, x: float, y: float, width: float, height: float, fill: str = CARD) -> None:
        """A rectangle with round corners."""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" '
            f'stroke="{LINE}" stroke-width="1.2"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: int = 13,
        *,
        bold: bool = False,
        mono: bool = False,
        color: str = INK,
        anchor: str = "middle",
    ) -> None:
        """One line of text; y is its base line."""
        font = f' font-family="{MONO}"' if mono else ""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}"'
            f"{font}{weight}>{escape(words)}</text>"
        )

    def arrow(self, *points: tuple[float, float], both: bool = False, dashed: bool = False) -> None:
        """A line through the points with a head at its end, or at both ends."""
        path = "M" + "L".join(f"{x} {y}" for x, y in points)
        start = ' marker-start="url(#head)"' if both else ""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.6" '
            f'marker-end="url(#head)"{start}{dash}/>'
        )

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_text("\n".join([*self._parts, "</svg>", ""]), encoding="utf-8")


def architecture() -> Picture:
    """The folders of the package in their order, and the way of the data through them."""
    picture = Picture(980, 748, "The folders of dixtill_hf and the way of the data")
    order = iter(range(1, 20))
    numbers = {
        name: next(order)
        for name in (
            *("artifacts", "data", "student", "teacher", "explainers", "annotation"),
            *("evaluation", "selective", "rationales", "distillation", "pretraining", "export"),
            *("scoring", "baselines", "reporting", "hub", "workflow", "search", "cli"),
        )
    }

    def folder(name: str, x: float, y: float, fill: str, *lines: str, width: float = 186) -> None:
        picture.box(x, y, width, 84, fill)
        picture.text(x + 14, y + 25, f"{name}/", 15, bold=True, mono=True, anchor="start")
        picture.text(x + width - 12, y + 24, str(numbers[name]), 12, color=QUIET, anchor="end")
        for number, line in enumerate(lines):
            picture.text(x + 14, y + 48 + 19 * number, line, 13, color=QUIET, anchor="start")

    def bar(name: str, y: float, what: str) -> None:
        picture.box(30, y, 920, 42, GREY)
        picture.text(46, y + 27, f"{name}/", 15, bold=True, mono=True, anchor="start")
        picture.text(160, y + 26, what, 13, color=QUIET, anchor="start")
        picture.text(936, y + 26, str(numbers[name]), 12, color=QUIET, anchor="end")

    columns = (30, 275, 520, 764)
    bar(
        "cli",
        26,
        "the commands: run, search, annotate, train, evaluate, explain, export, ...",
    )
    bar("workflow", 76, "runs the stages below in their order, one file a stage, and keeps results")

    first, second, third, fourth = 150, 320, 458, 566
    folder("data", columns[0], first, BLUE, "read texts and labels,", "check and split them")
    folder("teacher", columns[1], first, BLUE, "load a classifier,", "or fine-tune one")
    folder("explainers", columns[2], first, BLUE, "word attributions,", "one file a method")
    folder("annotation", columns[3], first, BLUE, "explain a dataset:", "cached and resumable")
    for left, right, label in zip(columns, columns[1:], ("texts", "", ""), strict=False):
        picture.arrow((left + 186, first + 42), (right - 3, first + 42))
        picture.text((left + 186 + right) / 2, first + 34, label, 12, color=QUIET)

    picture.arrow((857, first + 84), (857, 278), (368, 278), (368, second - 3))
    picture.text(612, 270, "annotated dataset: logits, spans, attributions", 13, color=QUIET)

    folder("student", columns[0], second, ORANGE, "model, tokenizer,", "word vectors, pipeline")
    folder("distillation", columns[1], second, ORANGE, "losses, presets, trainer;", "distill()")
    folder("evaluation", columns[2], second, GREEN, "quality, agreement,", "faithfulness, speed")
    folder("reporting", columns[3], second, GREEN, "report, figures,", "model card")
    picture.arrow((216, second + 42), (272, second + 42))
    picture.arrow((461, second + 42), (517, second + 42))
    picture.text(489, second + 34, "student", 12, color=QUIET)
    picture.arrow((706, second + 42), (761, second + 42))
    picture.text(733, second + 34, "JSON", 12, color=QUIET)

    folder("pretraining", columns[0], third, ORANGE, "layers that know a", "language, for students")
    picture.arrow((123, third), (123, second + 87))
    folder("export", columns[1], third, ORANGE, "the student for devices,", "without torch")
    folder("baselines", columns[2], third, GREEN, "int8, pruned heads,", "bag of words")
    folder("search", columns[3], third, GREEN, "the best students", "within a budget")
    folder("rationales", columns[0], fourth, BLUE, "reasons that language", "models write")
    folder("scoring", columns[1], fourth, ORANGE, "texts in any number:", "files, Arrow, HTTP")
    folder("selective", columns[2], fourth, GREEN, "when not to answer:", "threshold, cascade")
    folder("hub", columns[3], fourth, GREEN, "share students and", "annotations")
    picture.arrow((368, second + 84), (368, third - 3))
    picture.arrow((613, third), (613, second + 87))

    bar("artifacts", 674, "fingerprints, atomic files, the cache of stage outputs, process groups")
    picture.text(
        490,
        736,
        "Arrows: the way of the data. Numbers: a folder imports only folders with smaller numbers.",
        13,
        color=QUIET,
    )
    return picture


def method() -> Picture:
    """Teacher, annotation, student and the three losses."""
    picture = Picture(980, 520, "The DiXtill method: teacher, student and three losses")
    words = ("Veltara", "raises", "its", "outlook")
    teacher_colors = ("#ffffff", "#5aa5d6", "#f6f9fc", "#9fcbea")
    student_colors = ("#f6f9fc", "#6bafdb", "#fdf1e6", "#a9d0ec")

    def block(x: float, y: float, width: float, fill: str, title: str, *lines: str) -> None:
        height = 38 + 19 * len(lines)
        picture.box(x, y, width, height, fill)
        picture.text(x + width / 2, y + 25, title, 15, bold=True)
        for number, line in enumerate(lines):
            picture.text(x + width / 2, y + 47 + 19 * number, line, 13, color=QUIET)

    def strip(x: float, y: float, title: str, colors: tuple[str, ...]) -> None:
        picture.box(x, y, 296, 76)
        picture.text(x + 148, y + 24, title, 14, bold=True)
        left = x + 16
        for word, color in zip(words, colors, strict=True):
            width = 18 + 8 * len(word)
            picture.box(left, y + 36, width, 28, color)
            picture.text(left + width / 2, y + 55, word, 13)
            left += width + 6

    block(28, 196, 160, GREY, "Training text", "“Veltara raises", "its outlook”")
    block(28, 366, 160, GREY, "Label", "Bullish")

    block(
        248, 58, 168, BLUE, "Teacher", "transformer,", "22 to 110 M weights", "not trained further"
    )
    block(248, 290, 168, ORANGE, "Student", "bi-LSTM with attention,", "0.4 M weights", "trained")
    picture.arrow((188, 220), (218, 220), (218, 106), (245, 106))
    picture.arrow((188, 250), (218, 250), (218, 338), (245, 338))

    picture.text(332, 36, "once per teacher: annotation", 13, color=QUIET)
    block(468, 58, 132, BLUE, "Output", "logits")
    strip(644, 58, "Word attributions", teacher_colors)
    picture.arrow((416, 86), (465, 86))
    picture.arrow((332, 58), (332, 46), (792, 46), (792, 55))
    picture.text(620, 40, "Integrated Gradients", 13, color=QUIET)

    block(468, 310, 132, ORANGE, "Output", "logits")
    strip(644, 300, "Word contributions", student_colors)
    picture.arrow((416, 338), (465, 338))
    picture.arrow((332, 385), (332, 402), (792, 402), (792, 379))
    picture.text(690, 396, "same forward pass", 13, color=QUIET)

    block(442, 174, 184, GREEN, "KD loss", "outputs agree")
    block(700, 174, 184, GREEN, "XAI loss", "explanations agree")
    picture.arrow((534, 118), (534, 171), both=True)
    picture.arrow((534, 307), (534, 234), both=True)
    picture.arrow((792, 137), (792, 171), both=True)
    picture.arrow((792, 297), (792, 234), both=True)

    block(442, 424, 184, GREEN, "CE loss", "prediction = label")
    picture.arrow((188, 394), (308, 394), (308, 452), (439, 452))
    picture.arrow((560, 367), (560, 421), both=True)
    picture.text(792, 450, "loss = (1 − α) · CE + α · (KD + XAI)", 15, bold=True)
    picture.text(792, 474, "α = 0.9", 13, color=QUIET)
    return picture


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    architecture().save(IMAGES / "architecture.svg")
    method().save(IMAGES / "method.svg")
