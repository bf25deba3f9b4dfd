# SPDX-License-Identifier: Apache-2.0
"""Baselines of the student: other small classifiers to compare it with."""
