# SPDX-License-Identifier: Apache-2.0
"""Explainers: which words of a text speak for a label, according to the teacher."""
