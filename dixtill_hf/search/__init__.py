# SPDX-License-Identifier: Apache-2.0
"""The search for small students: how good, how large, how fast and how costly they can be."""
