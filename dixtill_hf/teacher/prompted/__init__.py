# SPDX-License-Identifier: Apache-2.0
"""Language models as teachers: a prompt in place of a trained classification head."""
