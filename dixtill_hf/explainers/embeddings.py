# SPDX-License-Identifier: Apache-2.0
"""The teacher as a function of its word embeddings: values and gradients between baseline and text.

The baseline of a text is the same sequence with every ordinary token replaced by the padding token
and special tokens kept (Cantini et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedModel

from dixtill_hf.artifacts.processor import processor_flags
from dixtill_hf.teacher.encoding import EncodedText, collate, encode_texts
from dixtill_hf.teacher.loading import Teacher

PRECISIONS = ("auto", "bfloat16", "float32")
# Processors with one of these multiply bfloat16 matrices at least about twice as fast as float32
# ones; others emulate bfloat16, which gains nothing, or loses.
_CPU_BFLOAT16 = {"amx_bf16", "avx512_bf16", "bf16"}  # two of x86, one of ARM, as Linux names them
# The first generation of NVIDIA's GPUs that has bfloat16: Ampere.
_CUDA_BFLOAT16 = (8, 0)
# PyTorch's fused CPU attention runs its backward pass one head at a time: on short texts, plain
# matrix products are several times faster in bfloat16.
_SHORT_TEXT = 128


def resolve_precision(precision: str, device: torch.device) -> str:
    """What `auto` means on a device: bfloat16 if it has instructions for it, else float32.

    It depends only on the hardware, never on a measurement: bfloat16 on NVIDIA GPUs from Ampere on,
    on AMD GPUs, and on processors with AMX or AVX-512 instructions for bfloat16 or ARM's; float32
    on every other device, and on processors whose system does not list their instructions
    (Windows, macOS).
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        # What ROCm calls a capability is another numbering; all GPUs that it supports have it.
        has = bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= _CUDA_BFLOAT16
    else:
        has = device.type == "cpu" and not _CPU_BFLOAT16.isdisjoint(processor_flags())
    return "bfloat16" if has else "float32"


@contextmanager
def computing_in(precision: str, device: torch.device, width: int) -> Iterator[None]:
    """Within it, a model computes in this precision, on texts of `width` tokens.

    Weights stay as they are; PyTorch's autocast keeps normalisations and softmax in float32.
    """
    if precision == "float32":
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16):
        if device.type == "cpu" and width <= _SHORT_TEXT:
            with sdpa_kernel([SDPBackend.MATH]):
                yield
        else:
            yield


# Widths between one power of two and the next: padding adds 3 % on average, 12 % at most.
_WIDTHS_PER_DOUBLING = 8


def prefers_few_batch_shapes(device: torch.device, precision: str, dtype: torch.dtype) -> bool:
    """Whether computing is faster if batches have few different shapes.

    Args:
        device: Where the teacher computes.
        precision: Precision of the teacher's gradients; see `computing_in`.
        dtype: Precision of the teacher's weights.
    """
    return device.type == "cpu" and (precision != "float32" or dtype != torch.float32)


def rounded_width(tokens: int, limit: int) -> int:
    """The least of the few widths that holds so many tokens.

    Args:
        tokens: At least one.
        limit: Tokens that the teacher can read, which no width exceeds.
    """
    step = max(1, 2 ** (tokens - 1).bit_length() // (2 * _WIDTHS_PER_DOUBLING))
    return min(-(-tokens // step) * step, max(tokens, limit))


def filled(rows: list[int], most: int) -> list[int]:
    """The rows of a batch, the last one repeated until they are half of the most, or all."""
    half = -(-most // 2)
    return rows + rows[-1:] * ((half if len(rows) <= half else most) - len(rows))


class EmbeddedTexts:
    """Texts, padded together, and the straight paths from their baselines to them.

    Attributes:
        prefers_few_shapes: Whether their batches should have few different shapes.
        lengths: Tokens of every text, special ones included.
        widths: Tokens that every text takes in a batch: more than its own if batches have few
            shapes.
        ordinary: Boolean `(texts, tokens)`; False on special tokens and on padding.
    """

    def __init__(
        self, teacher: Teacher, texts: Sequence[EncodedText], precision: str = "float32"
    ) -> None:
        """Pad the texts; gradients are computed in `precision`, logits always in the teacher's."""
        self.prefers_few_shapes = prefers_few_batch_shapes(
            teacher.device, precision, teacher.model.dtype
        )
        self.lengths = [len(text) for text in texts]
        self.widths = [
            rounded_width(max(1, length), teacher.max_length) if self.prefers_few_shapes else length
            for length in self.lengths
        ]
        batch = collate(teacher, texts, max(1, *self.widths))
        self.ordinary = batch.ordinary
        self._teacher = teacher
        self._precision = precision
        self._inputs = batch.inputs
        self._baselines = batch.inputs["input_ids"].masked_fill(
            batch.ordinary, teacher.tokenizer.pad_token_id
        )

    def logits(self, rows: Sequence[int]) -> torch.Tensor:
        """Logits `(rows, labels)` of some texts."""
        with torch.inference_mode():
            return self._teacher.logits(self._inputs_of(rows))

    def baseline_logits(self, rows: Sequence[int]) -> torch.Tensor:
        """Logits `(rows, labels)` of the baselines of some texts.

        Raises:
            ValueError: The model does not read its words through its input embeddings.
        """
        with torch.inference_mode():
            _, start = self._ends_of(rows)
            return self._logits_at(rows, start)

    def baseline_keys(self) -> list[tuple[int, ...]]:
        """What the baseline of every text is made of: where two are equal, so are their logits."""
        ids = self._baselines.tolist()
        return [tuple(row[:length]) for row, length in zip(ids, self.lengths, strict=True)]

    def derivatives(
        self,
        rows: Sequence[int],
        positions: torch.Tensor,
        outputs: Callable[[torch.Tensor], torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs at points of the path, and their derivatives along it, by token.

        Args:
            rows: The text of every point; a text may occur more than once.
            positions: `(points,)`, float: 0 is the baseline, 1 the text.
            outputs: Takes logits `(points, labels)` to the outputs `(points, outputs)`.

        Returns:
            The outputs `(points, outputs)`, and `(points, outputs, tokens)`: what each token adds
            to an output's derivative by the position, (text − baseline)·∇F summed over the
            dimensions. It is 0 on special tokens and padding, and cut to the widest text among
            `rows`.

        Raises:
            ValueError: The model does not read its words through its input embeddings, or gives
                no gradients with respect to them.
        """
        text, start = self._ends_of(rows)
        change = text.float() - start.float()
        share = positions.to(change).view(-1, 1, 1)
        points = (start.float() + share * change).to(text.dtype).requires_grad_(True)
        with computing_in(self._precision, self._teacher.device, points.shape[1]):
            values = outputs(self._logits_at(rows, points))
            check_differentiable(self._teacher, values)
            last = values.shape[1] - 1
            by_token = [
                (torch.autograd.grad(value.sum(), points, retain_graph=index < last)[0] * change)
                .sum(-1)
                .float()
                for index, value in enumerate(values.unbind(1))
            ]
        return values.detach(), torch.stack(by_token, 1)

    def _inputs_of(self, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Inputs of some texts, without the padding that none of them needs."""
        index, width = self._index(rows), self._width_of(rows)
        return {name: tensor[index, :width] for name, tensor in self._inputs.items()}

    def _index(self, rows: Sequence[int]) -> torch.Tensor:
        return torch.tensor(rows, device=self.ordinary.device)

    def _width_of(self, rows: Sequence[int]) -> int:
        """Tokens of the widest of some texts; at least one, which models need."""
        return max(1, *(self.widths[row] for row in rows))

    def _ends_of(self, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Word embeddings of some texts and of their baselines, `(rows, tokens, dims)` each."""
        index, width = self._index(rows), self._width_of(rows)
        embed = word_embedding(self._teacher.model)
        with torch.no_grad():
            return (
                embed(self._inputs["input_ids"][index, :width]),
                embed(self._baselines[index, :width]),
            )

    def _logits_at(self, rows: Sequence[int], embeddings: torch.Tensor) -> torch.Tensor:
        """Logits with the word embeddings of some texts replaced by `(rows, tokens, dims)`.

        The model is still given its token ids, since some models derive positions or the last
        token from them.
        """
        inputs = self._inputs_of(rows)
        with replaced_embeddings(self._teacher, embeddings):
            return self._teacher.logits(inputs)


def check_differentiable(teacher: Teacher, output: torch.Tensor) -> None:
    """Refuse a teacher whose output has no gradient; see `check_gradients`."""
    if not output.requires_grad:
        raise _no_gradients(teacher)


def check_gradients(teacher: Teacher) -> None:
    """Try a gradient on one word, before any hour is spent.

    Raises:
        ValueError: The model is quantised or exported, or does not read its words through its
            input embeddings.
    """
    (text,) = encode_texts(teacher, ["word"])
    ids = collate(teacher, [text]).inputs
    embedded = word_embedding(teacher.model)(ids["input_ids"]).detach().requires_grad_(True)
    with replaced_embeddings(teacher, embedded):
        logits = teacher.logits(ids)
    check_differentiable(teacher, logits)
    if torch.autograd.grad(logits.sum(), embedded, allow_unused=True)[0] is None:
        raise _no_gradients(teacher)


def _no_gradients(teacher: Teacher) -> ValueError:
    return ValueError(
        f"The teacher {teacher.name!r} ({type(teacher.model).__name__}) gives no gradients with "
        "respect to its word embeddings: functions of texts, quantised and exported models have "
        "none. Explain the model that it was made from, or choose an explainer that needs no "
        "gradients (occlusion, kernel_shap, shapley_sampling, lime)."
    )


def word_embedding(model: PreTrainedModel) -> torch.nn.Module:
    """The module that embeds the tokens of a text; of an encoder-decoder, that of its encoder."""
    if model.config.is_encoder_decoder:
        return model.base_model.get_encoder().get_input_embeddings()
    return model.get_input_embeddings()


@contextmanager
def replaced_embeddings(teacher: Teacher, embeddings: torch.Tensor) -> Iterator[None]:
    """Within it, the teacher's word embeddings are these, `(rows, tokens, dims)`.

    An encoder-decoder reads a text twice: its decoder reads it one place further on, behind a token
    that starts it. A token has one embedding in both, so it gets one attribution.

    Raises:
        ValueError: The model does not read its words through its input embeddings.
    """
    model, calls = teacher.model, 0
    twice = model.config.is_encoder_decoder

    def replace(module: torch.nn.Module, args: tuple, output: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if twice and calls == 2:
            return torch.cat([output[:, :1], embeddings[:, :-1]], 1)
        # Longformer adds padding of its own, up to a multiple of its window.
        return torch.cat([embeddings, output[:, embeddings.shape[1] :]], 1)

    modules = {word_embedding(model)}
    if twice:
        modules.add(_decoder_embedding(teacher))
    handles = [module.register_forward_hook(replace) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    if calls < 1 + twice:
        raise ValueError(
            f"The teacher {teacher.name!r} ({type(model).__name__}) does not call what its "
            "get_input_embeddings() returns, so its words cannot be attributed. Let that method "
            "return the module that embeds the tokens, or choose another teacher."
        )


def _decoder_embedding(teacher: Teacher) -> torch.nn.Module:
    """The module that embeds the tokens for the decoder of an encoder-decoder.

    Raises:
        ValueError: Its weights are not those of the encoder's.
    """
    decoder: Any = teacher.model.base_model.get_decoder()
    module: Any = decoder.get_input_embeddings()
    encoder: Any = word_embedding(teacher.model)
    if module.weight.data_ptr() != encoder.weight.data_ptr():
        raise ValueError(
            f"Encoder and decoder of the teacher {teacher.name!r} embed words differently, so a "
            "word has two attributions. Choose another teacher."
        )
    return module
