# SPDX-License-Identifier: Apache-2.0
"""The teacher: loading, fine-tuning, explaining, and annotating datasets with what it says."""
