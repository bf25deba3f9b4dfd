# SPDX-License-Identifier: Apache-2.0
"""Losses of a distillation: one file each, found by being in this folder."""
