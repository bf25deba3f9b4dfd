# SPDX-License-Identifier: Apache-2.0
"""Explainers whose settings were left to the teacher and the machine, filled in once for all.

What was filled in is kept: it is part of what an annotation depends on, so a dataset that grows or
is interrupted must find it as it was.
"""

from __future__ import annotations

import json
import logging
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from datasets import Dataset, IterableDataset

from dixtill_hf.annotation.shards import CACHE_VERSION, check_cache
from dixtill_hf.artifacts.checksummed_files import (
    DamagedFileError,
    check_version,
    read_whole,
    remove_leftovers,
    write_whole,
)
from dixtill_hf.artifacts.files import TEMPORARY
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.data.text_pairs import text_columns, text_of
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import Teacher

logger = logging.getLogger(__name__)


def prepare(
    explainer: Explainer,
    teacher: Teacher,
    sample: Sequence[Mapping[str, Any]],
    budget: TokenBudget,
    directory: Path,
    key: Mapping[str, Any],
    processes: ProcessGroup,
) -> Explainer:
    """The explainer with all its settings, as the main process fills them in or has kept them.

    They are filled in anew only where more texts can be seen, of those that the explainer wants to
    see, than when they were kept.

    Args:
        explainer: As the user gave it.
        teacher: Whose predictions it will explain.
        sample: Rows to prepare it with.
        budget: Most tokens in memory at once.
        directory: Where what was filled in is kept.
        key: What the settings depend on, in addition to those that were given.
        processes: The processes.
    """
    given = explainer.settings()

    def fill_in() -> str:
        name = hash_json({**key, "explainer": given})
        kept = _kept(directory, name)
        if kept is None or kept["texts"] < len(sample):
            if explainer.texts_to_prepare:
                check_cache(directory)
            texts = encode_texts(teacher, list(map(text_of, sample)), sample) if sample else []
            filled = explainer.prepared(teacher, texts, budget).settings()
            if hash_json(filled) == hash_json(given):
                return json.dumps(given)
            found = {
                "version": CACHE_VERSION,
                "texts": len(sample),
                "device": _name_of(teacher.device),
                "settings": filled,
            }
            kept = _keep_the_first(directory, name, found)
        else:
            _warn_of_another_machine(kept, explainer.chosen_here(teacher), teacher.device)
        return json.dumps(kept["settings"])

    settings = json.loads(processes.from_main(fill_in))
    if hash_json(settings) == hash_json(given):
        return explainer
    return type(explainer)(**{name: settings[name] for name in settings if name != "name"})


def sample_rows(
    splits: Sequence[Dataset | IterableDataset], explainer: Explainer
) -> list[dict[str, Any]]:
    """As many rows as the explainer wants to see: from all over the longest dataset.

    Of streams, those that the first one begins with.
    """
    wanted = explainer.texts_to_prepare
    if not wanted or not splits:
        return []
    names = text_columns(splits[0].column_names)
    columns = [*names, *explainer.reads]
    whole = [split for split in splits if isinstance(split, Dataset)]
    if whole:
        longest = max(whole, key=len).with_format(None).select_columns(columns)
        count = min(wanted, len(longest))
        rows = [longest[index * len(longest) // count] for index in range(count)]
    else:
        rows = list(splits[0].with_format(None).select_columns(columns).take(wanted))
    return [row for row in rows if all(isinstance(row[name], str) for name in names)]


def _warn_of_another_machine(
    kept: Mapping[str, Any], here: Mapping[str, Any], device: torch.device
) -> None:
    """Say which settings are kept that this machine would not have chosen.

    Args:
        kept: What was filled in.
        here: Settings as this machine chooses them.
        device: The teacher's device.
    """
    for name, value in here.items():
        if kept["settings"][name] != value:
            logger.warning(
                "%s=%r is kept: it was chosen by the machine that began this cache (%s), and all "
                "annotations in a cache are computed alike. This machine (%s) would choose %r; "
                "give %s=%r for that, and the texts are annotated anew.",
                name,
                kept["settings"][name],
                kept["device"],
                _name_of(device),
                value,
                name,
                value,
            )


def _name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {platform.machine()}"


def _keep_the_first(directory: Path, name: str, filled: dict[str, Any]) -> dict[str, Any]:
    """Keep what was filled in, unless another job has done so with as many texts in the meantime.

    Returns:
        What is kept, so that jobs that know nothing of one another go on with the same settings.
    """
    content = json.dumps(filled, indent=2).encode()
    own = directory / f"{uuid4().hex}{TEMPORARY}"
    write_whole(own, "settings", ".json", lambda file: file.write(content))
    target = directory / f"{name}-{filled['texts']}"
    try:
        own.rename(target)
    except OSError:
        shutil.rmtree(own)
        if not target.is_dir():  # otherwise it was there first, and a folder replaces no other
            raise
    return _kept(directory, name) or filled


def _kept(directory: Path, name: str) -> dict[str, Any] | None:
    """What was filled in with the most texts."""
    remove_leftovers(directory)
    found = []
    for path in sorted(directory.glob(f"{name}-*/settings-*.json")):
        try:
            kept = json.loads(read_whole(path))
        except DamagedFileError as error:
            logger.warning("%s. It is removed, and made anew.", error)
            path.unlink(missing_ok=True)
            continue
        check_version(path, kept.get("version"), CACHE_VERSION)
        found.append(kept)
    return max(found, key=lambda kept: kept["texts"], default=None)
