# SPDX-License-Identifier: Apache-2.0
"""A directory becomes a repository on the Hub, in one commit: all of it is published, or nothing.

What fails for a moment is tried again: a connection that is cut, too many requests, an error of the
server. Whatever else fails ends in one error that says what to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError
from huggingface_hub.utils import EntryNotFoundError, RepositoryNotFoundError

TAG = "dixtill"
"""What every card of ours is tagged with: a repository that has it may be written again."""

# Seconds before a call is tried again.
WAITS = (1, 2, 4, 8)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
# The libraries that carry the calls of huggingface_hub 1 and 0.36.
_CARRIERS = ("httpx", "httpcore", "requests", "urllib3")
# Files that a new repository may hold already.
_UNWRITTEN = (".gitattributes", "README.md", "LICENSE")

logger = logging.getLogger(__name__)
Value = TypeVar("Value")


class PublishingError(OSError):
    """The Hub did not take what was to be published; nothing of it is there."""


@dataclass(frozen=True)
class Destination:
    """Where something is published.

    Attributes:
        repo_id: "you/name", or "name" for a repository of the user's own.
        kind: "model", "dataset" or "space".
        private: Whether a new repository is private. Default: as the account has it.
        revision: Branch, which is made if it is not there. Default: the main one.
        token: Token with the right to write. Default: the one that is logged in.
    """

    repo_id: str
    kind: str = "model"
    private: bool | None = None
    revision: str | None = None
    token: str | None = None


def upload_directory(
    directory: Path, destination: Destination, message: str, managed: Sequence[str] = ()
) -> str:
    """Publish all files of a directory in one commit.

    Args:
        directory: The directory.
        destination: Where it goes.
        message: What the commit is called.
        managed: Patterns of files that are deleted from the repository if the directory does not
            have them, so that nothing of an earlier push is mixed with this one.

    Returns:
        Address of the repository.

    Raises:
        PublishingError: The token, the account or the Hub stands in the way, or the repository
            holds something that is not ours.
        ValueError: The Hub does not accept the card's metadata.
    """
    api = HfApi(token=destination.token)
    repo_id = full_id(destination)
    kind = destination.kind

    def make_repository() -> str:
        sdk = "static" if kind == "space" else None
        made = api.create_repo(
            repo_id,
            repo_type=kind,
            private=destination.private,
            exist_ok=True,
            space_sdk=sdk,
        )
        if destination.revision:
            api.create_branch(repo_id, branch=destination.revision, repo_type=kind, exist_ok=True)
        return str(made)

    def commit() -> None:
        there = set(api.list_repo_files(repo_id, revision=destination.revision, repo_type=kind))
        _check_ours(api, repo_id, destination, there)
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        names = [path.relative_to(directory).as_posix() for path in paths]
        stale = [
            name
            for name in sorted(there - set(names))
            if any(fnmatch(name, pattern) for pattern in managed)
        ]

        def commit_files(files: Sequence[str | BinaryIO]) -> None:
            api.create_commit(
                repo_id,
                [
                    *(CommitOperationAdd(n, file) for n, file in zip(names, files, strict=True)),
                    *(CommitOperationDelete(name) for name in stale),
                ],
                commit_message=message,
                repo_type=kind,
                revision=destination.revision,
            )

        try:
            commit_files([str(path) for path in paths])
        except Exception as error:
            if not _has_no_xet(error):
                raise
            # huggingface_hub 1 sends by Xet whatever the Hub offers; open files go by LFS.
            with ExitStack() as stack:
                commit_files([stack.enter_context(path.open("rb")) for path in paths])

    url = _persistently(make_repository, repo_id)
    _persistently(commit, repo_id)
    return url


def full_id(destination: Destination) -> str:
    """The id with its owner; also finds out early whether the Hub accepts the token.

    Args:
        destination: Where something is to be published.

    Raises:
        PublishingError: There is no token, or the Hub does not accept it or does not answer.
    """
    api = HfApi(token=destination.token)
    user = _persistently(api.whoami, destination.repo_id)["name"]
    return destination.repo_id if "/" in destination.repo_id else f"{user}/{destination.repo_id}"


def _check_ours(api: HfApi, repo_id: str, destination: Destination, there: set[str]) -> None:
    """Refuse to write over a repository that holds something else."""
    if there <= set(_UNWRITTEN):
        return
    tags: Sequence[str] = ()
    if "README.md" in there:
        try:
            card = ModelCard.load(
                api.hf_hub_download(
                    repo_id,
                    "README.md",
                    repo_type=destination.kind,
                    revision=destination.revision,
                )
            )
            tags = card.data.get("tags") or ()
        except (EntryNotFoundError, ValueError):
            tags = ()
    if TAG not in tags:
        raise PublishingError(
            f"The {destination.kind} {repo_id} holds something else (its card has no tag "
            f"{TAG!r}), so it is left as it is: name another repository, or add the tag to its "
            "card if all of it may be written over."
        )


def _persistently(call: Callable[[], Value], repo_id: str) -> Value:
    """Make a call, again and again while its error is a passing one.

    A commit may be made again: what is there already is found and not uploaded or committed twice.
    """
    for wait in (*WAITS, None):
        try:
            return call()
        except (ValueError, PublishingError):
            raise
        except Exception as error:
            if not _is_of_the_hub(error):
                raise
            if wait is None or not _is_passing(error):
                raise PublishingError(_explained(error, repo_id)) from error
            logger.warning("%s; tried again in %d s.", _first_line(error), wait)
            time.sleep(wait)
    raise AssertionError("unreachable")


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _status(error: BaseException) -> int | None:
    """Status of the Hub's answer, if it gave one."""
    for one in _causes(error):
        response = getattr(one, "response", None)
        if isinstance(one, HfHubHTTPError) and response is not None:
            return response.status_code
    return None


def _is_of_the_hub(error: Exception) -> bool:
    """Whether the error comes from the Hub or from the way to it."""
    return isinstance(error, LocalTokenNotFoundError) or any(
        isinstance(one, HfHubHTTPError | ConnectionError | TimeoutError)
        or type(one).__module__.split(".")[0] in _CARRIERS
        for one in _causes(error)
    )


def _has_no_xet(error: Exception) -> bool:
    """Whether the Hub does not know Xet storage: a mirror or a Hub of one's own, for example."""
    return any(
        "xet-write-token" in str(one) and "404" in str(one) and _status(one) in (None, 404)
        for one in _causes(error)
    )


def _is_passing(error: Exception) -> bool:
    if isinstance(error, LocalTokenNotFoundError):
        return False
    status = _status(error)
    return status is None or status in _PASSING


def _explained(error: Exception, repo_id: str) -> str:
    """What went wrong and what to do about it."""
    status = _status(error)
    messages = (getattr(one, "server_message", None) for one in _causes(error))
    said = next(filter(None, messages), None)
    told = f" The Hub says: {said}." if said else f" ({_first_line(error)})"
    if isinstance(error, LocalTokenNotFoundError) or (
        status == 401 and not isinstance(error, RepositoryNotFoundError)
    ):
        return (
            "The Hub does not know who you are: log in with `hf auth login`, set HF_TOKEN or give "
            f"a token that may write. Nothing was published.{told}"
        )
    if status in (402, 403, 413, 507):
        return (
            f"The Hub does not let you write {repo_id}: check that the name before the slash is "
            "yours, that the token may write and that there is storage left. Nothing was "
            f"published.{told}"
        )
    if status is None or status in _PASSING:
        return (
            f"The Hub did not take {repo_id}, {len(WAITS) + 1} times in a row. Nothing was "
            f"published; the same command tries again.{told}"
        )
    return f"The Hub refused {repo_id}. Nothing was published.{told}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
