# SPDX-License-Identifier: Apache-2.0
"""The loopback Hub does to huggingface_hub's client what the Hub does."""

import warnings
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

from tests.hub.loopback_hub import LoopbackHub


def commit(api: HfApi, **files: bytes) -> str:
    operations = [CommitOperationAdd(name.replace("_", "."), data) for name, data in files.items()]
    return api.create_commit("you/one", operations, commit_message="one").oid


def test_what_is_committed_is_downloaded(hub: LoopbackHub, tmp_path: Path) -> None:
    api = HfApi()
    assert api.whoami()["name"] == "you"
    assert api.create_repo("you/one", exist_ok=True).repo_id == "you/one"
    assert api.create_repo("you/one", exist_ok=True).repo_id == "you/one"
    first = commit(api, a_txt=b"text", b_safetensors=b"\0" * 1000)
    second = commit(api, a_txt=b"changed", b_safetensors=b"\0" * 1000)
    assert first != second
    assert len(hub.objects) == 1
    folder = Path(snapshot_download("you/one", cache_dir=tmp_path))
    assert (folder / "a.txt").read_bytes() == b"changed"
    assert (folder / "b.safetensors").read_bytes() == b"\0" * 1000
    old = hf_hub_download("you/one", "a.txt", revision=first, cache_dir=tmp_path)
    assert Path(old).read_bytes() == b"text"
    downloads = len([call for call in hub.calls if call.startswith("GET") and "resolve" in call])
    again = hf_hub_download("you/one", "a.txt", revision=first, cache_dir=tmp_path)
    assert again == old
    assert downloads == len([c for c in hub.calls if c.startswith("GET") and "resolve" in c])


def test_xet_is_declined_and_lfs_carries_the_file(hub: LoopbackHub) -> None:
    api = HfApi()
    api.create_repo("you/one")
    commit(api, b_safetensors=b"weights")
    assert not any("xet" in call for call in hub.calls)
    assert [call for call in hub.calls if call.startswith("PUT /lfs/")]
    assert hub.files("you/one")["b.safetensors"] == b"weights"


def test_what_is_not_there_or_not_allowed_is_refused(hub: LoopbackHub, tmp_path: Path) -> None:
    api = HfApi()
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("you/nothing")
    with pytest.raises(HfHubHTTPError, match="rights"):
        api.create_repo("them/one")
    api.create_repo("you/one", private=True)
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("you/one", "nothing.txt", cache_dir=tmp_path)
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"{hub.endpoint}/api/models/you/one")


def test_a_card_that_the_hub_would_refuse_is_refused(hub: LoopbackHub) -> None:
    api = HfApi()
    api.create_repo("you/one")
    with warnings.catch_warnings(), pytest.raises(ValueError, match="license"):
        commit(api, README_md=b"---\nlicense: mine\n---\n")


def test_faults_happen_as_often_as_asked(hub: LoopbackHub) -> None:
    hub.fail("GET", "whoami", 503, "Down", times=1)
    with pytest.raises(HfHubHTTPError):
        HfApi().whoami()
    assert HfApi().whoami()["name"] == "you"
