# SPDX-License-Identifier: Apache-2.0
"""Writes files of known rows in odd forms and with damage, for `fuzz_files`.

The writers share no code with the readers of the library.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Row = tuple[str, str]

PIECES = (
    *("shares", "fall", "Café", "rises 4,2 %", "naïve", "東京", "👍🏽", "e\u0301", "\u200f", "NA"),
    *('"', '""', "'", ",", ";", "|", "\\", "\\n", "#", "=", "{", "[1, 2]", "null", "1.5", "0"),
    *("he said", '"quoted"', "«so»", "a\u2028b", "\u0085", "\ufeff", "\xa0", "-", "TRUE", "\x0b"),
)
BREAKS = ("\n", "\r\n", "\t", "\r")
# Labels as they are written, and the names that they must have in their order.
LABELS = (
    (("down", "up"), ("down", "up")),
    (("0", "1"), ("0", "1")),
    (("1", "2", "10"), ("1", "2", "10")),
    (("01", "02"), ("01", "02")),
    (("1", "2", "A7"), ("1", "2", "A7")),
    (("True", "False"), ("False", "True")),
    (("true", "unsure"), ("true", "unsure")),
    (("0.0", "1.0"), ("0", "1")),
    (("Bosnia, Herzegovina", "no"), ("Bosnia, Herzegovina", "no")),
    (("NA", "None"), ("NA", "None")),
    (("größer", "kleiner"), ("größer", "kleiner")),
    (("-2", "3"), ("-2", "3")),
)


@dataclass
class Case:
    """One file.

    Attributes:
        kind: Of what kind it is, for the counts.
        path: Where it was written.
        rows: What it was written from.
        names: The names that the labels must have, in their order.
        cut: Whether the file ends before its rows do.
        damaged: Whether bytes of it were changed, so that other rows may be right.
    """

    kind: str
    path: Path
    rows: list[Row]
    names: Sequence[str]
    cut: bool = False
    damaged: bool = False


def known_rows(draw: random.Random, with_breaks: bool) -> tuple[list[Row], Sequence[str]]:
    """Rows that no two of which are alike, all labels among them, and the names of the labels."""
    labels, names = draw.choice(LABELS)
    pieces = (*PIECES, *BREAKS) if with_breaks else PIECES
    rows = []
    for number in range(draw.randint(2 * len(labels), 40)):
        words = [draw.choice(pieces) for _ in range(draw.randint(0, 6))]
        words.insert(draw.randint(0, len(words)), f"text {number}")
        rows.append((draw.choice((" ", "")).join(words), labels[number % len(labels)]))
    return rows, names


def write_separated(draw: random.Random, rows: Sequence[Row], separator: str, quoting: str) -> str:
    """CSV or tab-separated text.

    Args:
        draw: Choices of form.
        rows: The rows.
        separator: What is between cells.
        quoting: "none", "needed" (cells that hold a separator, a quotation mark or a line break)
            or "all".
    """
    end = draw.choice(("\n", "\r\n"))
    extra = draw.random() < 0.3
    header = ["text", "label", *(["id"] * extra)]
    order = draw.sample(range(len(header)), len(header))

    def line(cells: Sequence[str]) -> str:
        return separator.join(_quoted(cells[place], separator, quoting) for place in order)

    lines = [line(header), *(line([*row, *([str(n)] * extra)]) for n, row in enumerate(rows))]
    return end.join(lines) + end * draw.randint(0, 3)


def _quoted(cell: str, separator: str, quoting: str) -> str:
    needed = any(mark in cell for mark in (separator, '"', "\n", "\r"))
    if quoting == "all" or (quoting == "needed" and needed):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def write_json(draw: random.Random, rows: Sequence[Row], lines: bool) -> str:
    """A list of objects, or one a line; labels as numbers and truth values where they are some."""
    as_text = draw.random() < 0.5
    objects = []
    for text, label in rows:
        pairs = [("text", json.dumps(text, ensure_ascii=draw.random() < 0.5))]
        pairs.append(("label", json.dumps(label) if as_text else _json_label(label)))
        draw.shuffle(pairs)
        objects.append("{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}")
    end = draw.choice(("\n", "\r\n", "\n\n"))
    if lines:
        return end.join(objects) + end * draw.randint(0, 2)
    return draw.choice(("[", " [\n")) + f",{end}".join(objects) + draw.choice(("]", "\n]\n"))


def _json_label(label: str) -> str:
    if label in ("0", "1", "2", "10", "0.0", "1.0", "-2", "3"):
        return label
    return json.dumps(label)


def write_parquet(draw: random.Random, rows: Sequence[Row], path: Path) -> None:
    """A Parquet file, in one of the types that writers choose for texts and labels."""
    texts = pa.array([text for text, _ in rows], draw.choice((pa.string(), pa.large_string())))
    labels = pa.array([label for _, label in rows])
    whole = all(label in ("0", "1", "2", "10", "-2", "3") for _, label in rows)
    if whole and draw.random() < 0.7:
        labels = labels.cast(pa.int64()).cast(draw.choice((pa.int64(), pa.int8(), pa.float64())))
    elif draw.random() < 0.5:
        labels = labels.dictionary_encode()
    table = pa.table({"text": texts, "label": labels})
    pq.write_table(table, path, compression=draw.choice(("none", "snappy", "gzip", "zstd")))


# Changes of form that a reader has to read as before, or to refuse.
FORMS: tuple[tuple[str, Callable[[str], bytes]], ...] = (
    *[("plain", str.encode)] * 12,
    ("byte order mark", lambda text: text.encode("utf-8-sig")),
    ("UTF-16", lambda text: text.encode("utf-16")),
    ("UTF-16 without mark", lambda text: text.encode("utf-16-le")),
    ("UTF-32", lambda text: text.encode("utf-32")),
    ("Latin-1", lambda text: text.encode("latin-1", errors="replace")),
    ("spaces in the header", lambda text: text.replace("text", " text ", 1).encode()),
)


def damage(draw: random.Random, content: bytes) -> tuple[bytes, bool]:
    """The content with a few bytes changed, and whether it was only cut."""
    place = draw.randrange(1, max(2, len(content)))
    kind = draw.choice(("cut", "cut", "flip", "insert", "remove", "repeat"))
    if kind == "cut":
        return content[:place], True
    if kind == "flip":
        return content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :], False
    if kind == "insert":
        odd = draw.choice((b'"', b",", b"\t", b"\n", b"\r", b"\x00", b"\xff", b"\\", b"{", b"]"))
        return content[:place] + odd * draw.randint(1, 3) + content[place:], False
    if kind == "remove":
        return content[:place] + content[place + draw.randint(1, 20) :], False
    return content[:place] + content[max(0, place - 20) :], False


def data_case(draw: random.Random, directory: Path) -> Case:
    """A file of texts and labels, in one format and form, whole or damaged."""
    kind = draw.choice(("csv", "tsv", "tsv quoted", "json", "jsonl", "parquet"))
    rows, names = known_rows(draw, with_breaks=kind != "tsv")
    if kind == "tsv":  # a plain writer writes what has no tabs and line breaks
        rows = [(text.replace("\x0b", " "), label) for text, label in rows]
    suffix = kind.split()[0]
    name = draw.choice(
        ("train", "a b", "x[1]", "a::b", "ünï", "q?*", "{a}", "%41", "-", "train.csv")
    )
    path = directory / f"{name}.{suffix}"
    case = Case(kind, path, rows, names)
    if kind == "parquet":
        write_parquet(draw, rows, path)
        content = path.read_bytes()
    else:
        if suffix in ("json", "jsonl"):
            text = write_json(draw, rows, lines=suffix == "jsonl")
        else:
            quoting = "none" if kind == "tsv" else draw.choice(("needed", "all"))
            text = write_separated(draw, rows, {"csv": ","}.get(suffix, "\t"), quoting)
        form, encode = draw.choice(FORMS)
        if form == "Latin-1" and not text.isascii():
            # What Latin-1 lacks is lost by its writer; so only what it has is known.
            case.damaged = any(ord(character) > 255 for character in text)
        case.kind = f"{kind}, {form}" if form != "plain" else kind
        content = encode(text)
    if draw.random() < 0.35:
        content, only_cut = damage(draw, content)
        case.kind += ", damaged"
        case.cut, case.damaged = only_cut, case.damaged or not only_cut
    path.write_bytes(content)
    return case
