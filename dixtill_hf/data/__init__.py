# SPDX-License-Identifier: Apache-2.0
"""Reading and checking labelled text, label names, and the embedded corpus."""
