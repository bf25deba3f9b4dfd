# SPDX-License-Identifier: Apache-2.0
"""Words and grammar of the embedded corpus of financial headlines."""
