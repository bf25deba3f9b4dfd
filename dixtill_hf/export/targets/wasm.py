# SPDX-License-Identifier: Apache-2.0
"""`--target wasm`: a page that runs the student in the browser, without server and network."""

from dixtill_hf.export.targets.base import ExportRequest, ExportResult, register_target

FILE = "index.html"
EXAMPLES = 3


@register_target("wasm")
def export_wasm(request: ExportRequest) -> ExportResult:
    """Write `index.html`, which holds the student, the core and everything else that it needs.

    The first validation texts, if there are any, are offered as examples.

    Raises:
        ImportError: The extra device is not installed.
        ValueError: The student has something that a device cannot carry, or is larger than
            `max_bytes` at its smallest.
    """
    from dixtill_runtime.browser import page

    student = request.device_student()
    examples = tuple(request.validation.texts[:EXAMPLES]) if request.validation else ()
    request.output_dir.mkdir(parents=True, exist_ok=True)
    path = request.output_dir / FILE
    path.write_text(page(student.data, request.name, examples), encoding="utf-8")
    size = path.stat().st_size
    return ExportResult((path,), (*student.report, f"The page has {size:,} bytes."))
