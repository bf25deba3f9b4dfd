# SPDX-License-Identifier: Apache-2.0
"""Measurements of the product: README.md says what each asks and how to repeat it."""
