# SPDX-License-Identifier: Apache-2.0
"""How far two explanations of one text agree: one file a measure."""
