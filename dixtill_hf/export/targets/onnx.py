# SPDX-License-Identifier: Apache-2.0
"""`--target onnx`: float32, or 8 bits by ONNX Runtime's own dynamic quantisation."""

from pathlib import Path

from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_session import MODEL_FILE
from dixtill_hf.export.targets.base import ExportRequest, ExportResult, register_target


@register_target("onnx")
def export_onnx(request: ExportRequest) -> ExportResult:
    """Write `model.onnx`, configuration and tokenizer; `OnnxStudent` loads the directory.

    Raises:
        ImportError: The extra onnx is not installed.
        ValueError: `bits` or `max_bytes` asks for what only device targets have.
    """
    if request.bits not in (None, "8"):
        raise ValueError(
            f"The target onnx has float32 (no --bits) and --bits 8, not {request.bits!r}. The "
            "target dxt also has 4 and pq."
        )
    if request.max_bytes is not None:
        raise ValueError("max_bytes is kept by the device targets only: use --target dxt.")
    directory = export_student(request.model, request.tokenizer, request.output_dir)
    model = directory / MODEL_FILE
    if request.bits == "8":
        quantize_dynamically(model)
    return ExportResult((model,), (f"{model.stat().st_size:,} bytes",))


def quantize_dynamically(model: Path) -> None:
    """Round the weights of an ONNX model to 8 bits; activations are rounded as it runs.

    Args:
        model: The file; it is written over.
    """
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = model.with_suffix(".float.onnx")
    model.replace(whole)
    # It advises a step of preparation that needs shapes which a text of any length does not have.
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(whole, model, weight_type=QuantType.QInt8, per_channel=True)
    finally:
        root.setLevel(level)
    whole.unlink()
