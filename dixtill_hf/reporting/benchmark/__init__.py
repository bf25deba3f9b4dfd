# SPDX-License-Identifier: Apache-2.0
"""The sections of a report that only a benchmark has."""
