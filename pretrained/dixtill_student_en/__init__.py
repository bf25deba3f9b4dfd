# SPDX-License-Identifier: Apache-2.0
"""A pretrained English student; only files, which lie in `student/`."""
