# SPDX-License-Identifier: Apache-2.0
"""The loopback Hub, and huggingface_hub's client of this process pointed at it."""

import time
from collections.abc import Iterator

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download, hf_api

from tests.hub.hub_calls import TOKEN
from tests.hub.loopback_hub import LoopbackHub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """An empty Hub; the client of this process uses it, logged in as "you"."""
    with LoopbackHub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
        template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, file_download):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(hf_api.api, "endpoint", hub.endpoint)  # of huggingface_hub.create_repo
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        _close_sessions()
        yield hub
    _close_sessions()


def _close_sessions() -> None:
    """Sessions remember whether they are offline."""
    # huggingface_hub 1 has the first, 0.36 the second.
    close = getattr(huggingface_hub, "close_session", None)
    if close is None:
        from huggingface_hub.utils._http import reset_sessions as close
    close()
