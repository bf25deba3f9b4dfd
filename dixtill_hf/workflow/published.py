# SPDX-License-Identifier: Apache-2.0
"""The figures of the paper, for readers to set beside their own."""

from __future__ import annotations

from typing import Any

PUBLISHED: dict[str, Any] = {
    "source": "Cantini, Orsino and Talia, Journal of Big Data 11:63 (2024): the same finance "
    "tweets, a FinBERT teacher of 110 M parameters, one run",
    "quality": [
        {"name": "teacher", "accuracy": 0.855, "macro_f1": 0.810},
        {"name": "none", "accuracy": 0.802, "macro_f1": 0.725},
        {"name": "kl", "accuracy": 0.827, "macro_f1": 0.762},
        {"name": "mse", "accuracy": 0.816, "macro_f1": 0.752},
        {"name": "dixtill", "accuracy": 0.843, "macro_f1": 0.789},
    ],
    "compression": [
        {"name": "teacher", "bytes": 439e6, "milliseconds": 610.0, "accuracy": 0.855},
        {
            "name": "heads",
            "bytes": 365e6,
            "compression": 1.20,
            "milliseconds": 280.0,
            "speedup": 2.18,
        },
        {
            "name": "int8-dynamic",
            "bytes": 182.5e6,
            "compression": 2.40,
            "milliseconds": 400.0,
            "speedup": 1.52,
            "accuracy": 0.852,
        },
        {
            "name": "dixtill",
            "bytes": 3.45e6,
            "compression": 127.0,
            "milliseconds": 70.0,
            "speedup": 8.7,
            "accuracy": 0.843,
        },
    ],
}
"""Cantini et al. (2024), section 5; `name` is that of a method or of a baseline."""
