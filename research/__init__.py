# SPDX-License-Identifier: Apache-2.0
"""Studies of what makes a better student: README.md says what each asks and how to repeat it."""
