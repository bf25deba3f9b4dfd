# SPDX-License-Identifier: Apache-2.0
"""What is published: students, annotated datasets and Spaces on the Hugging Face Hub."""
