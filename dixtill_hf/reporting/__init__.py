# SPDX-License-Identifier: Apache-2.0
"""The report of a run, drawn from its JSON files alone: tables, figures, highlights, model card."""
