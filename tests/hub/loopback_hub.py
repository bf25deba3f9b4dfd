# SPDX-License-Identifier: Apache-2.0
"""A Hub on 127.0.0.1 that speaks the calls which huggingface_hub's client makes.

The calls are those of huggingface_hub 0.36 and 1.33 (`hf_api.py`, `_commit_api.py`, `lfs.py`,
`file_download.py`): whoami, repositories and branches, the check of a card's metadata, preupload,
LFS, commits, trees and files with their etags. Xet is declined, as by a Hub that does not have it.
Everything is kept in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

USER, TOKEN = "you", "hf_" + "t" * 34
# What the Hub's default .gitattributes names, of the files that students have.
LFS_SUFFIXES = (".safetensors", ".onnx", ".parquet", ".bin", ".wasm", ".png")
LICENCES = ("apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "gpl-3.0", "other", "unknown")


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


@dataclass
class Fault:
    """What goes wrong at the next calls that match."""

    method: str
    path: re.Pattern[str]
    status: int | None
    message: str
    headers: dict[str, str]
    after: bool
    left: int


class HubError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class LoopbackHub:
    """The server; `with LoopbackHub() as hub:` starts and stops it.

    Attributes:
        endpoint: Its address, for HF_ENDPOINT.
        repositories: Everything that was pushed, by ("model", "you/name").
        calls: Every call that was made: method and path.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LoopbackHub:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(
        self,
        method: str,
        path: str,
        status: int | None = None,
        message: str = "",
        *,
        times: int = 1,
        headers: dict[str, str] | None = None,
        after: bool = False,
    ) -> None:
        """Let the next calls fail.

        Args:
            method: HTTP method of the calls.
            path: Regular expression that is searched in their path.
            status: Status of the answer; None cuts the connection in the middle of the upload.
            message: What the Hub says.
            times: How many calls fail.
            headers: Further headers of the answer.
            after: Whether the call is carried out, and only its answer is lost.
        """
        given = (method, re.compile(path), status, message, headers or {}, after, times)
        self._faults.append(Fault(*given))

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault of a call, which then is used up."""
        with self._lock:
            for one in self._faults:
                if one.left and one.method == method and one.path.search(path):
                    one.left -= 1
                    return one
        return None

    def files(self, name: str, kind: str = "model", revision: str = "main") -> dict[str, bytes]:
        """The files of a repository, by path."""
        commit = self.repositories[kind, name].at(revision)
        assert commit is not None, revision
        return {path: blob.data for path, blob in commit.files.items()}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One call at a time changes what is kept."""
        with self._lock:
            yield


Answer = dict[str, Any] | list[Any] | None


class _Handler(BaseHTTPRequestHandler):
    """One call. The class attribute `hub` is the server that it belongs to."""

    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing is printed; `LoopbackHub.calls` has it."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.calls.append(f"{method} {path}")
        fault = self.hub.fault(method, path)
        if fault is not None and fault.status is None and not fault.after:
            self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
            return self._hang_up()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault is not None and not fault.after:
            return self._error(fault.status or 500, fault.message, None, fault.headers)
        try:
            with self.hub.locked():
                for verb, pattern, call in _CALLS:
                    match = re.fullmatch(pattern, path)
                    if verb == ("GET" if method == "HEAD" else method) and match:
                        query = {name: values[0] for name, values in parse_qs(url.query).items()}
                        answer = call(self, *match.groups(), body=body, query=query)
                        break
                else:
                    raise HubError(404, f"There is no such call: {method} {path}", "EntryNotFound")
        except HubError as error:
            return self._error(error.status, error.message, error.code)
        if fault is not None:
            return self._hang_up() if fault.status is None else self._error(fault.status, "", None)
        if isinstance(answer, Blob | tuple):
            return None  # the call has sent it itself
        self._send(200, json.dumps(answer).encode())
        return None

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        given = {"Content-Type": "application/json", **(headers or {})}
        given.setdefault("Content-Length", str(len(data)))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _error(
        self, status: int, message: str, code: str | None, headers: dict[str, str] | None = None
    ) -> None:
        told = {"X-Error-Message": message} if message else {}
        if code:
            told["X-Error-Code"] = code
        self._send(status, json.dumps({"error": message}).encode(), {**told, **(headers or {})})

    # Who calls, and what for.

    def _user(self) -> str | None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token != TOKEN:
            raise HubError(401, "Invalid credentials in Authorization header")
        return USER if token else None

    def _writer(self, name: str) -> None:
        if self._user() is None:
            raise HubError(401, "Invalid username or password.")
        if name.split("/")[0] != USER:
            raise HubError(403, f"You don't have the rights to write to {name}")

    def _repository(self, kind: str, name: str) -> Repository:
        found = self.hub.repositories.get((kind, name))
        if found is None or (found.private and self._user() is None):
            raise HubError(401 if self._user() is None else 404, "Not found", "RepoNotFound")
        return found

    def _commit(self, kind: str, name: str, revision: str) -> Commit:
        found = self._repository(kind, name).at(revision)
        if found is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    # The calls, in the order of the table below.

    def whoami(self, **_: Any) -> Answer:
        user = self._user()
        if user is None:
            raise HubError(401, "Invalid username or password.")
        return {"type": "user", "name": user, "orgs": [], "auth": {"type": "access_token"}}

    def create_repository(self, body: bytes, **_: Any) -> Answer:
        given = json.loads(body)
        name = f"{given.get('organization') or USER}/{given['name']}"
        kind = given.get("type") or "model"
        self._writer(name)
        answer = {"url": f"{self.hub.endpoint}/{_prefix(kind)}{name}", "name": name}
        if (kind, name) in self.hub.repositories:
            self._send(409, json.dumps({**answer, "error": "You already created it"}).encode())
            return ()  # type: ignore[return-value]
        private = given.get("private") or given.get("visibility") == "private"
        made = Repository(kind, name, bool(private), given.get("sdk"))
        made.branches["main"] = []
        made.commit("main", "initial commit", {".gitattributes": Blob(b"*.safetensors lfs\n")})
        self.hub.repositories[kind, name] = made
        return answer

    def delete_repository(self, body: bytes, **_: Any) -> Answer:
        given = json.loads(body)
        name = f"{given.get('organization') or USER}/{given['name']}"
        self._writer(name)
        del self.hub.repositories[given.get("type") or "model", name]
        return {}

    def check_card(self, body: bytes, **_: Any) -> Answer:
        given = json.loads(body)
        errors = card_errors(given["content"], given["repoType"])
        if errors:
            told = {"errors": [{"message": error} for error in errors], "warnings": []}
            self._send(400, json.dumps(told).encode())
            return ()  # type: ignore[return-value]
        return {"errors": [], "warnings": []}

    def create_branch(self, kind: str, name: str, branch: str, **_: Any) -> Answer:
        self._writer(name)
        repository = self._repository(kind, name)
        if branch in repository.branches:
            raise HubError(409, "Reference already exists")
        repository.branches[branch] = list(repository.branches["main"])
        return {}

    def preupload(self, kind: str, name: str, revision: str, body: bytes, **_: Any) -> Answer:
        self._writer(name)
        there = self._commit(kind, name, revision).files
        files = []
        for one in json.loads(body)["files"]:
            sample = base64.b64decode(one["sample"])
            lfs = one["path"].endswith(LFS_SUFFIXES) or b"\0" in sample
            known = there.get(one["path"])
            files.append(
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if lfs else "regular",
                    "shouldIgnore": False,
                    "oid": known.etag if known else None,
                }
            )
        return {"files": files}

    def lfs_batch(self, prefix: str, name: str, body: bytes, **_: Any) -> Answer:
        self._writer(name)
        objects = []
        for one in json.loads(body)["objects"]:
            actions = {
                "upload": {"href": f"{self.hub.endpoint}/lfs/{one['oid']}"},
                "verify": {"href": f"{self.hub.endpoint}/lfs-verify"},
            }
            known = one["oid"] in self.hub.objects
            objects.append({**one, **({} if known else {"actions": actions})})
        # Xet is declined: of the transfers that the client offers, this is the plain one.
        return {"transfer": "basic", "objects": objects}

    def lfs_put(self, oid: str, body: bytes, **_: Any) -> Answer:
        if hashlib.sha256(body).hexdigest() != oid:
            raise HubError(400, "The content is not what its id says")
        self.hub.objects[oid] = body
        return {}

    def lfs_verify(self, body: bytes, **_: Any) -> Answer:
        given = json.loads(body)
        if len(self.hub.objects.get(given["oid"], b"")) != given["size"]:
            raise HubError(404, "The object is not there")
        return {}

    def make_commit(self, kind: str, name: str, revision: str, body: bytes, **_: Any) -> Answer:
        self._writer(name)
        repository = self._repository(kind, name)
        if revision not in repository.branches:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        files = dict(self._commit(kind, name, revision).files)
        title = ""
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                title = value["summary"]
            elif item["key"] == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]))
            elif item["key"] == "lfsFile":
                files[value["path"]] = Blob(self.hub.objects[value["oid"]], lfs=True)
            elif item["key"] == "deletedFile":
                del files[value["path"]]
            else:
                raise HubError(400, f"Unknown operation {item['key']}")
        made = repository.commit(revision, title, files)
        url = f"{self.hub.endpoint}/{_prefix(kind)}{name}/commit/{made.oid}"
        return {"success": True, "commitOid": made.oid, "commitUrl": url}

    def tree(self, kind: str, name: str, revision: str, under: str | None, **_: Any) -> Answer:
        files = self._commit(kind, name, revision).files
        start = f"{under}/" if under else ""
        found = [
            {"type": "file", "path": path, "oid": blob.etag, "size": len(blob.data)}
            for path, blob in files.items()
            if path.startswith(start)
        ]
        if under and not found:
            raise HubError(404, f"{under} does not exist on {revision}", "EntryNotFound")
        return found

    def refs(self, kind: str, name: str, **_: Any) -> Answer:
        branches = self._repository(kind, name).branches
        heads = [
            {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": history[-1].oid}
            for branch, history in branches.items()
        ]
        return {"branches": heads, "converts": [], "tags": []}

    def paths_info(self, kind: str, name: str, revision: str, body: bytes, **_: Any) -> Answer:
        paths = parse_qs(body.decode()).get("paths") or json.loads(body or b"{}").get("paths", [])
        listed = self.tree(kind, name, revision, None)
        return [one for one in listed or [] if one["path"] in paths]  # type: ignore[index]

    def info(self, kind: str, name: str, revision: str | None = None, **_: Any) -> Answer:
        repository = self._repository(kind, name)
        commit = self._commit(kind, name, revision or "main")
        siblings = [{"rfilename": path} for path in commit.files]
        return {
            "_id": commit.oid[:24],
            "id": name,
            "private": repository.private,
            "sha": commit.oid,
            "sdk": repository.sdk,
            "siblings": siblings,
            "tags": [],
        }

    def resolve(self, prefix: str, name: str, revision: str, path: str, **_: Any) -> Any:
        kind = {"": "model", "datasets/": "dataset", "spaces/": "space"}[prefix or ""]
        commit = self._commit(kind, name, revision)
        where = {"X-Repo-Commit": commit.oid}
        if path not in commit.files:
            told = {**where, "X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            self._send(404, b"Entry not found", told)
            return ()
        blob = commit.files[path]
        where |= {"ETag": f'"{blob.etag}"', "Content-Type": "application/octet-stream"}
        if blob.lfs:
            where |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.data))}
        self._send(200, blob.data, {**where, "Content-Length": str(len(blob.data))})
        return blob


_KIND, _NAME = r"/api/(model|dataset|space)s", r"([\w.-]+/[\w.-]+)"
_CALLS: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/api/whoami-v2", _Handler.whoami),
    ("POST", "/api/repos/create", _Handler.create_repository),
    ("DELETE", "/api/repos/delete", _Handler.delete_repository),
    ("POST", "/api/validate-yaml", _Handler.check_card),
    ("POST", rf"{_KIND}/{_NAME}/branch/(.+)", _Handler.create_branch),
    ("POST", rf"{_KIND}/{_NAME}/preupload/(.+)", _Handler.preupload),
    ("POST", rf"/(datasets/|spaces/)?{_NAME}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    ("PUT", r"/lfs/(\w+)", _Handler.lfs_put),
    ("POST", "/lfs-verify", _Handler.lfs_verify),
    ("POST", rf"{_KIND}/{_NAME}/commit/(.+)", _Handler.make_commit),
    ("GET", rf"{_KIND}/{_NAME}/tree/([^/]+)(?:/(.+))?", _Handler.tree),
    ("GET", rf"{_KIND}/{_NAME}/refs", _Handler.refs),
    ("POST", rf"{_KIND}/{_NAME}/paths-info/(.+)", _Handler.paths_info),
    ("GET", rf"{_KIND}/{_NAME}(?:/revision/(.+))?", _Handler.info),
    ("GET", rf"/(datasets/|spaces/)?{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
]


def _prefix(kind: str) -> str:
    return "" if kind == "model" else f"{kind}s/"


def card_errors(content: str, kind: str) -> list[str]:
    """What the Hub would refuse in the metadata of a card.

    These are the rules of https://huggingface.co/docs/hub/model-cards and
    https://huggingface.co/docs/hub/spaces-config-reference that concern what students have.
    """
    match = re.match(r"---\n(.*?)\n---\n", content, flags=re.DOTALL)
    if match is None:
        return []
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"The metadata is not YAML: {error}"]
    errors = []
    if "license" in data and data["license"] not in LICENCES:
        errors.append(f'"license" must be one of {", ".join(LICENCES)}')
    for language in _as_list(data.get("language")):
        if not isinstance(language, str) or not re.fullmatch(r"[a-z]{2,3}|multilingual", language):
            errors.append(f'"language" must be ISO 639 codes, got {language!r}')
    for key in ("base_model", "datasets"):
        for name in _as_list(data.get(key)):
            if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(name)):
                errors.append(f'"{key}" must be ids, got {name!r}')
    for model in _as_list(data.get("model-index")):
        for result in model["results"]:
            for part, keys in (("task", ["type"]), ("dataset", ["name", "type"])):
                errors += [f"model-index: {part}.{key}" for key in keys if key not in result[part]]
            for metric in result["metrics"]:
                if not isinstance(metric.get("value"), int | float):
                    errors.append('"model-index": a metric needs a value')
    if kind == "space":
        errors += [f'"{key}" is missing' for key in ("sdk", "title") if key not in data]
        if len(data.get("short_description", "")) > 60:
            errors.append('"short_description" must be at most 60 characters')
    return errors


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
