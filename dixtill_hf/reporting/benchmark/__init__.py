# SPDX-License-Identifier: Apache-2.0
"""The chapters of a report that only a benchmark has."""
