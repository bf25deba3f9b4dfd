# SPDX-License-Identifier: Apache-2.0
"""Distillation: alignment with the student's words, losses, arguments and the trainer."""
