# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings of the documentation; `make docs` builds it and stops at the first gap."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "extensions")]

from dixtill_hf import __version__  # noqa: E402 - the line above makes this checkout importable

project = "dixtill_hf"
author = "The dixtill_hf contributors"
project_copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstring_markdown",
    "public_names",
    "repository_links",
    "field_tables",
]
exclude_patterns = ["_build"]
default_role = "code"
nitpicky = True

# Types of other packages in our signatures. Nothing is looked up in the network, so they have no
# pages to link to. Names of our own are never excepted: `public_names` links or reports them.
_THIRD_PARTY = (
    "accelerate|captum|collections|datasets|evaluate|np|numpy|onnxruntime|openai|optional|optuna|os"
    "|pa|pandas|pathlib|pd|pyarrow|scipy|sklearn|tokenizers|torch|transformers|typing"
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({_THIRD_PARTY})(\..*)?"),
    # The standard library and built-in types, which are written without a module.
    (r"py:.*", r"(Any|Callable|Iterable|Iterator|Mapping|NDArray|Path|PathLike|Sequence)"),
    (r"py:(class|exc|obj)", r"[A-Za-z]*(Error|bool|bytes|dict|float|int|list|object|str|tuple)"),
]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Added columns", "notes_style")]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"dixtill_hf {version}"
html_copy_source = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = False
