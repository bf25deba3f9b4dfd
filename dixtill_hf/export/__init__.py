# SPDX-License-Identifier: Apache-2.0
"""The student where it is used: its ONNX form, and a runtime without torch and transformers."""
