# SPDX-License-Identifier: Apache-2.0
"""Runs text classifiers that explain themselves, from one small file, in integers.

from dixtill_runtime import Classifier

classifier = Classifier.from_file("student.dxt")
prediction = classifier("Profit warning: Acme cuts 1,200 jobs")
print(prediction.label, [(word.text, word.score) for word in prediction.words])
"""

from dixtill_runtime.classifier import Classifier
from dixtill_runtime.errors import ContainerError
from dixtill_runtime.predictions import Prediction, Word

__all__ = ["Classifier", "ContainerError", "Prediction", "Word", "__version__"]
__version__ = "0.1.0"
