# SPDX-License-Identifier: Apache-2.0
"""Measures of quality, of agreement between explanations, of size, and of significance."""
