# SPDX-License-Identifier: Apache-2.0
"""Starts the page of the metric's Space."""

from pathlib import Path

from dixtill_hf.evaluation.metric_page import page

if __name__ == "__main__":
    page(Path(__file__).with_name("sign_agreement.py")).launch()
