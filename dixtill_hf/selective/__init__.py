# SPDX-License-Identifier: Apache-2.0
"""Knowing when not to answer: calibrated probabilities, a threshold with a bound, a cascade."""
