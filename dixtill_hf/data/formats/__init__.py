# SPDX-License-Identifier: Apache-2.0
"""The rules by which each kind of file is read, as a whole or in batches."""
