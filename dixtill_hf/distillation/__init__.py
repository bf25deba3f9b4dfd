# SPDX-License-Identifier: Apache-2.0
"""Distillation: preparation of annotated data, losses, arguments and the trainer."""
