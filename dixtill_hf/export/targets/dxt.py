# SPDX-License-Identifier: Apache-2.0
"""`--target dxt`: one file with everything, for dixtill-runtime in Python, C and the browser."""

from dixtill_hf.export.targets.base import ExportRequest, ExportResult, register_target

FILE = "student.dxt"


@register_target("dxt")
def export_dxt(request: ExportRequest) -> ExportResult:
    """Write `student.dxt`.

    Raises:
        ValueError: The student has something that a device cannot carry, or is larger than
            `max_bytes` at its smallest.
    """
    student = request.device_student()
    request.output_dir.mkdir(parents=True, exist_ok=True)
    path = request.output_dir / FILE
    path.write_bytes(student.data)
    return ExportResult((path,), student.report)
