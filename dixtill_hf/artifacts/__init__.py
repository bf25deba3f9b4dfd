# SPDX-License-Identifier: Apache-2.0
"""What is kept on disk: hashes, whole files, stage outputs, and the processes that share them.

Small tools that all other folders use are here too.
"""
