# SPDX-License-Identifier: Apache-2.0
"""The report of a run, drawn only from its JSON files: tables, figures, highlights, model card."""
