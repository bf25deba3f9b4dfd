# SPDX-License-Identifier: Apache-2.0
"""A student that knows a language before it meets a task: general distillation of an encoder."""
