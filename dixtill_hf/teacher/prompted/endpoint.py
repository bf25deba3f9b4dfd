# SPDX-License-Identifier: Apache-2.0
"""Language models behind an endpoint that speaks OpenAI's protocol, hosted or on one's own machine.

The key is read from the environment when it is needed. It is in no recipe, cache key or message.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

KEY_VARIABLE = "OPENAI_API_KEY"
# Servers on one's own machine ask for none, and the client insists on one.
_NO_KEY = "none"


class Endpoint:
    """A model behind an endpoint.

    Attributes:
        model: Name of the model, as the endpoint knows it.
        base_url: Address of the endpoint, such as `http://localhost:8000/v1`.
        temperature: Temperature of answers in words.
        max_tokens: Most tokens of an answer.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        *,
        temperature: float = 1.0,
        max_tokens: int = 256,
        timeout: float = 120.0,
        max_retries: int = 4,
    ) -> None:
        """Name an endpoint; nothing is sent.

        Args:
            model: Name of the model.
            base_url: Address. Default: that of OpenAI.
            temperature: Temperature of answers in words, 0 to 2.
            max_tokens: Most tokens of an answer.
            timeout: Seconds to wait for an answer.
            max_retries: Further tries, after pauses, if the endpoint is busy or fails.

        Raises:
            ImportError: The extra `endpoint` is not installed.
            ValueError: The temperature is out of range, or OpenAI's own endpoint is meant and there
                is no key.
        """
        if not 0 <= temperature <= 2:
            raise ValueError(f"temperature must be 0 to 2, got {temperature}.")
        try:
            from openai import OpenAI
        except ImportError as error:
            raise ImportError(
                'An endpoint needs the extra endpoint: pip install "dixtill_hf[endpoint]".'
            ) from error
        key = os.environ.get(KEY_VARIABLE)
        if key is None and base_url is None:
            raise ValueError(
                f"There is no key in the environment: set {KEY_VARIABLE}, or name another "
                "endpoint with base_url."
            )
        self.model = model
        self.base_url = base_url
        self.temperature = temperature
        self.max_tokens = max_tokens
        self._client = OpenAI(
            api_key=key or _NO_KEY, base_url=base_url, timeout=timeout, max_retries=max_retries
        )

    @property
    def key(self) -> str:
        """Names the model and what its answers depend on; the secret key is no part of it."""
        address = self.base_url or "openai"
        return f"{type(self).__name__} {address} {self.model} {self.temperature} {self.max_tokens}"


class ChatEndpoint(Endpoint):
    """A chat model that answers in words."""

    def generate(self, prompts: Sequence[str]) -> list[str]:
        """One answer to each prompt, which is a turn of the user.

        Raises:
            openai.APIError: The endpoint cannot be reached or refuses, after all tries.
        """
        return [self._answer(prompt) for prompt in prompts]

    def _answer(self, prompt: str) -> str:
        given: list[Any] = [{"role": "user", "content": prompt}]
        found = self._client.chat.completions.create(
            model=self.model,
            messages=given,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
        )
        return found.choices[0].message.content or ""


class CompletionEndpoint(Endpoint):
    """A model that completes text and repeats the prompt with log-probabilities, as vLLM does."""

    def score(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[list[float]]:
        """Log-probability of each continuation after each prompt, `(prompts, continuations)`.

        Raises:
            openai.APIError: The endpoint cannot be reached or refuses, after all tries.
            ValueError: It does not give log-probabilities of the prompt.
        """
        return [[self._score(prompt, one) for one in continuations] for prompt in prompts]

    def _score(self, prompt: str, continuation: str) -> float:
        found = self._client.completions.create(
            model=self.model,
            prompt=prompt + continuation,
            max_tokens=1,
            temperature=0.0,
            echo=True,
            logprobs=1,
        )
        given = found.choices[0].logprobs
        offsets = (given and given.text_offset) or []
        values = (given and given.token_logprobs) or []
        # The last token is the model's own; one that begins in the prompt is not counted.
        own = [
            value
            for offset, value in zip(offsets, values, strict=True)
            if len(prompt) <= offset < len(prompt) + len(continuation)
        ]
        if not own or any(value is None for value in own):
            raise ValueError(
                f"The endpoint gives no log-probabilities of the prompt for {self.model!r} "
                "(echo with logprobs). Ask it in words instead: ChatEndpoint, scoring='sampled'."
            )
        return float(sum(value for value in own if value is not None))
