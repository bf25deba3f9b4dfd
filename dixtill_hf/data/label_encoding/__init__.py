# SPDX-License-Identifier: Apache-2.0
"""Labels as they are written, brought to the column of each kind of task."""
