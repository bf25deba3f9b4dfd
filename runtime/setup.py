# SPDX-License-Identifier: Apache-2.0
"""Builds the compiled engine; all else about the distribution is in `pyproject.toml`.

Without a C compiler the installation goes on without it, and the engine in NumPy runs instead.
`CC="python -m ziglang cc"` takes the compiler of PyPI's ziglang. `DIXTILL_RUNTIME_PURE=1` leaves
the compiled engine out, for a wheel that runs everywhere.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("dixtill_runtime/c")
PURE = os.environ.get("DIXTILL_RUNTIME_PURE", "") not in ("", "0")
MICROSOFT = os.name == "nt" and "CC" not in os.environ

core = Extension(
    "dixtill_runtime._core",
    sources=sorted(str(path) for path in SOURCES.glob("*.c")),
    depends=sorted(str(path) for path in SOURCES.glob("*.h")),
    include_dirs=[str(SOURCES)],
    define_macros=[("Py_LIMITED_API", "0x030A0000")],
    extra_compile_args=["/O2"] if MICROSOFT else ["-std=c99", "-O3", "-g0", "-fvisibility=hidden"],
    # zig links the sanitizers' runtime, 190 kB, if it does not see -O3 here as well.
    extra_link_args=[] if MICROSOFT else ["-O3", "-s"],
    py_limited_api=True,
    optional=True,
)

setup(
    ext_modules=[] if PURE else [core],
    options={} if PURE else {"bdist_wheel": {"py_limited_api": "cp310"}},
)
