# SPDX-License-Identifier: Apache-2.0
"""What is kept on disk: hashes, whole files, stage outputs, and the processes that share them."""
