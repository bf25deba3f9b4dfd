# SPDX-License-Identifier: Apache-2.0
"""What a student can be exported as: one module for each target, which registers itself."""
