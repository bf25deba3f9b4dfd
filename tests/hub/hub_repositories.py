# SPDX-License-Identifier: Apache-2.0
"""What the Hub of the tests keeps: repositories with branches, commits and files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Blob:
    """The content of one file."""

    data: bytes
    lfs: bool = False

    @property
    def etag(self) -> str:
        """The sha256 of an LFS file, git's own hash of any other."""
        if self.lfs:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()


@dataclass(frozen=True)
class Commit:
    """A commit: what the repository holds after it."""

    oid: str
    title: str
    files: dict[str, Blob]


@dataclass
class Repository:
    """A model, dataset or Space, with its branches from the first commit to the last."""

    kind: str
    name: str
    private: bool
    sdk: str | None = None
    branches: dict[str, list[Commit]] = field(default_factory=dict)

    def commit(self, branch: str, title: str, files: dict[str, Blob]) -> Commit:
        history = self.branches[branch]
        seed = f"{self.kind}/{self.name}/{branch}/{len(history)}/{title}"
        commit = Commit(hashlib.sha1(seed.encode()).hexdigest(), title, files)
        history.append(commit)
        return commit

    def at(self, revision: str) -> Commit | None:
        """The commit that a branch ends with, or the one of this id."""
        if revision in self.branches:
            return self.branches[revision][-1]
        every = (one for history in self.branches.values() for one in history)
        return next((one for one in every if one.oid == revision), None)
