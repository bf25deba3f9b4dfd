# SPDX-License-Identifier: Apache-2.0
"""Annotating datasets: the work planned, shared among processes, and never lost."""
