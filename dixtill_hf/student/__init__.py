# SPDX-License-Identifier: Apache-2.0
"""The student: a small bi-LSTM classifier that explains every prediction it makes."""
