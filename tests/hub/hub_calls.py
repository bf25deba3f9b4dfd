# SPDX-License-Identifier: Apache-2.0
"""The calls that the Hub of the tests answers, and what each does.

The calls are those of huggingface_hub 0.36 and 1.33 (`hf_api.py`, `_commit_api.py`, `lfs.py`,
`file_download.py`): whoami, repositories and branches, the check of a card's metadata, preupload,
LFS, commits, trees and files with their etags. Xet is declined, as by a Hub that does not have it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.hub.hub_cards import card_errors
from tests.hub.hub_repositories import Blob, Commit, Repository

if TYPE_CHECKING:
    from tests.hub.loopback_hub import LoopbackHub

USER, TOKEN = "you", "hf_" + "t" * 34
# What the Hub's default .gitattributes names, of the files that students have.
LFS_SUFFIXES = (".safetensors", ".onnx", ".parquet", ".bin", ".wasm", ".png")

Answer = dict[str, Any] | list[Any] | None


class HubError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class HubCalls(BaseHTTPRequestHandler):
    """What each call does. The class attribute `hub` is the server that it belongs to."""

    hub: LoopbackHub

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        raise NotImplementedError

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
CALLS: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/api/whoami-v2", HubCalls.whoami),
    ("POST", "/api/repos/create", HubCalls.create_repository),
    ("DELETE", "/api/repos/delete", HubCalls.delete_repository),
    ("POST", "/api/validate-yaml", HubCalls.check_card),
    ("POST", rf"{_KIND}/{_NAME}/branch/(.+)", HubCalls.create_branch),
    ("POST", rf"{_KIND}/{_NAME}/preupload/(.+)", HubCalls.preupload),
    ("POST", rf"/(datasets/|spaces/)?{_NAME}\.git/info/lfs/objects/batch", HubCalls.lfs_batch),
    ("PUT", r"/lfs/(\w+)", HubCalls.lfs_put),
    ("POST", "/lfs-verify", HubCalls.lfs_verify),
    ("POST", rf"{_KIND}/{_NAME}/commit/(.+)", HubCalls.make_commit),
    ("GET", rf"{_KIND}/{_NAME}/tree/([^/]+)(?:/(.+))?", HubCalls.tree),
    ("GET", rf"{_KIND}/{_NAME}/refs", HubCalls.refs),
    ("POST", rf"{_KIND}/{_NAME}/paths-info/(.+)", HubCalls.paths_info),
    ("GET", rf"{_KIND}/{_NAME}(?:/revision/(.+))?", HubCalls.info),
    ("GET", rf"/(datasets/|spaces/)?{_NAME}/resolve/([^/]+)/(.+)", HubCalls.resolve),
]


def _prefix(kind: str) -> str:
    return "" if kind == "model" else f"{kind}s/"
