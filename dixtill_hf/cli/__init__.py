# SPDX-License-Identifier: Apache-2.0
"""The command `dixtill-hf`: one thin file a subcommand."""
