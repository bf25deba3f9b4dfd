# SPDX-License-Identifier: Apache-2.0
"""The whole road, stage by stage, each resumable: load, fine-tune, annotate, distil, report."""
