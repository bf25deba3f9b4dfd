# SPDX-License-Identifier: Apache-2.0
"""Rationales as text: made by a language model, learned by seq2seq students, and measured."""
