# SPDX-License-Identifier: Apache-2.0
"""Score texts with a student, in whatever number: Arrow batches, files, a server."""
