"""
Overconfident, and what to do about it
======================================

Probabilities of GMVAEClusterer with 50 labels are far from chances. A single number,
fitted on 100 labeled validation rows, mends most of it: the logarithms of the
probabilities are divided by a temperature.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels

X, y = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(
    X / 16, y, train_size=1000, random_state=0, stratify=y
)
X_valid, y_valid, X_test, y_test = (
    X_rest[:100],
    y_rest[:100],
    X_rest[100:],
    y_rest[100:],
)
est = GMVAEClusterer(random_state=0)
est.fit(X_train, mask_labels(y_train, 50, random_state=0))


def tempered(X, temperature):
    """Probabilities, their logarithms divided by a temperature."""
    powers = est.predict_proba(X).clip(1e-12) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


found = minimize_scalar(
    lambda t: log_loss(y_valid, tempered(X_valid, np.exp(t))), bounds=(-3, 5)
)
temperature = np.exp(found.x)

figure, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
for name, t in (("as they are", 1), (f"temperature {temperature:.1f}", temperature)):
    proba = tempered(X_test, t)
    right = proba.argmax(axis=1) == y_test
    CalibrationDisplay.from_predictions(
        right, proba.max(axis=1), n_bins=5, strategy="quantile", name=name, ax=ax
    )
    print(f"{name}: log loss {log_loss(y_test, proba):.3f} on {len(y_test)} test rows")
ax.set(xlabel="probability of the predicted digit", ylabel="fraction right")
plt.show()
