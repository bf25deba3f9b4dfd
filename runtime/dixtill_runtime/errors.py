# SPDX-License-Identifier: Apache-2.0
"""The error of a file that cannot be read."""


class ContainerError(ValueError):
    """A file that is no student of this version; the message says why."""
