# SPDX-License-Identifier: Apache-2.0
"""What only people know of a student or dataset that is published: licence, language and ids."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

# Licences that the Hub knows (https://huggingface.co/docs/hub/repositories-licenses).
LICENCES = [
    "apache-2.0",
    "mit",
    "openrail",
    "bigscience-openrail-m",
    "creativeml-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m",
    "afl-3.0",
    "artistic-2.0",
    "bsl-1.0",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "c-uda",
    "cc",
    "cc0-1.0",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cdla-sharing-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "wtfpl",
    "ecl-2.0",
    "epl-1.0",
    "epl-2.0",
    "etalab-2.0",
    "eupl-1.1",
    "eupl-1.2",
    "agpl-3.0",
    "gfdl",
    "gpl",
    "gpl-2.0",
    "gpl-3.0",
    "lgpl",
    "lgpl-2.1",
    "lgpl-3.0",
    "isc",
    "h-research",
    "intel-research",
    "lppl-1.3c",
    "ms-pl",
    "apple-ascl",
    "apple-amlr",
    "mpl-2.0",
    "odc-by",
    "odbl",
    "openmdw-1.0",
    "openrail++",
    "osl-3.0",
    "postgresql",
    "ofl-1.1",
    "ncsa",
    "unlicense",
    "zlib",
    "pddl",
    "lgpl-lr",
    "deepfloyd-if-license",
    "fair-noncommercial-research-license",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "grok2-community",
    "gemma",
    "unknown",
    "other",
]
_LANGUAGE = re.compile(r"[a-z]{2,3}|multilingual|code")


@dataclass(frozen=True)
class CardFacts:
    """What a card says that no figure tells.

    Attributes:
        license: Licence of what is published, as the Hub names it: "apache-2.0".
        language: ISO 639 codes of the languages of the texts: ["en"].
        dataset_id: Hub id of the data.
        teacher_id: Hub id of the teacher.

    Raises:
        ValueError: The Hub does not accept one of them.
    """

    license: str | None = None
    language: Sequence[str] = ()
    dataset_id: str | None = None
    teacher_id: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.language, str):
            object.__setattr__(self, "language", [self.language])
        if self.license is not None:
            check_license(self.license)
        for language in self.language:
            check_language(language)
        check_hub_id("dataset_id", self.dataset_id)
        check_hub_id("teacher_id", self.teacher_id)

    def missing(self) -> list[str]:
        """Names of the facts that are not given."""
        return [field.name for field in fields(self) if not getattr(self, field.name)]


def check_license(license: str) -> None:
    """Refuse a licence that the Hub does not know.

    Raises:
        ValueError: It is not in `LICENCES`; the message has the nearest ones.
    """
    if license not in LICENCES:
        near = difflib.get_close_matches(license.lower(), LICENCES, n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"license must be an id that the Hub knows, such as apache-2.0, mit or cc-by-4.0, or "
            f"other, got {license!r}.{hint}"
        )


def check_language(language: str) -> None:
    """Refuse what is no ISO 639 code.

    Raises:
        ValueError: It is none.
    """
    if not _LANGUAGE.fullmatch(language):
        raise ValueError(
            "language must be an ISO 639 code of two or three small letters, such as en or deu, "
            f"or multilingual, got {language!r}."
        )


def check_hub_id(name: str, value: str | None) -> None:
    """Refuse what cannot be an id on the Hub.

    Args:
        name: What it is given for.
        value: The id; None is none.

    Raises:
        ValueError: It is none.
    """
    if value is None:
        return
    try:
        validate_repo_id(value)
    except HFValidationError as error:
        raise ValueError(
            f"{name} must be an id on the Hub, such as organisation/name, got {value!r}. ({error})"
        ) from error
