"""
Calibrated probabilities
========================

Calibration curves before and after ``temperature="auto"`` on digits with noise, 100 of
them labeled: how often the most probable class is right, against its probability.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.semi_supervised import SemiSupervisedClassifier

X, y = load_digits(return_X_y=True)
X = X / 16 + 0.4 * np.random.RandomState(0).standard_normal(X.shape)
X, X_test, y, y_test = train_test_split(
    X, y, train_size=900, random_state=0, stratify=y
)
y_partial = mask_labels(y, 100, random_state=0)
est = GMVAEClusterer(max_iter=40, random_state=0)
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
for temperature in (None, "auto"):
    clf = SemiSupervisedClassifier(est, temperature=temperature).fit(X, y_partial)
    proba = clf.predict_proba(X_test)
    right = clf.classes_[proba.argmax(1)] == y_test
    name = f"temperature={temperature!r}: {clf.temperature_:.2f}"
    CalibrationDisplay.from_predictions(right, proba.max(1), n_bins=6, name=name, ax=ax)
    print(
        f"{name:26} accuracy {right.mean():.3f}, mean largest probability "
        f"{proba.max(1).mean():.3f}, log loss {log_loss(y_test, proba):.3f}"
    )
ax.set_xlabel("largest probability")
ax.set_ylabel("fraction right")
plt.show()
