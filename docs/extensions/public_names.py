# SPDX-License-Identifier: Apache-2.0
"""Every public name has its place in the API reference, and types in signatures link to it.

A name of `dixtill_hf.__all__` that no page documents is a warning, which the strict build makes an
error. Signatures name a class by the module that defines it; the reference has it as
`dixtill_hf.NAME`, and the link goes there.
"""

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import dixtill_hf

logger = logging.getLogger(__name__)
PACKAGE = dixtill_hf.__name__


def undocumented(env: BuildEnvironment) -> list[str]:
    """The public names that no page documents."""
    documented = env.domains["py"].objects
    return [name for name in dixtill_hf.__all__ if f"{PACKAGE}.{name}" not in documented]


def report_undocumented(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name without documentation."""
    for name in undocumented(env):
        if name != "__version__":
            logger.warning(
                "%s.%s is public but has no documentation. Add it to a page of docs/reference/.",
                PACKAGE,
                name,
            )


def link_to_own_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.Element | None:
    """Link a class of ours, with any module or none before its name, to where it is documented."""
    target = str(node.get("reftarget", ""))
    name = target.rsplit(".", 1)[-1]
    ours = target == name or target.startswith(f"{PACKAGE}.")
    if node.get("refdomain") != "py" or not ours:
        return None
    if name.startswith("_"):
        return text  # a type variable: the docstring says what it stands for
    documented = env.domains["py"].objects
    places = [one for one in documented if one.startswith(PACKAGE) and one.endswith(f".{name}")]
    if len(places) != 1:
        return None
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, "obj", places[0], node, text
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect both to the build."""
    app.connect("env-check-consistency", report_undocumented)
    app.connect("missing-reference", link_to_own_name)
    return {"parallel_read_safe": True}
