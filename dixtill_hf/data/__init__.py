# SPDX-License-Identifier: Apache-2.0
"""Reading and checking labelled text, label names, alignment, and the embedded corpus."""
