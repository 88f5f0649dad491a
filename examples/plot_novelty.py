"""
Novelty detection
=================

Fitted to digits without any 4, with five labels for each other class: how familiar
held-out rows are, 4s and others, with the threshold that one training row in twenty is
below, and the least familiar rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.novelty import NoveltyDetector

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X / 16, y, train_size=1200, random_state=0, stratify=y
)
X, y = X[y != 4], y[y != 4]
est = GMVAEClusterer(max_iter=40, random_state=0)
detector = NoveltyDetector(est).fit(X, mask_labels(y, 45, random_state=0))

scores = detector.score_samples(X_test)
rejected = detector.predict(X_test) == -1
new = y_test == 4
print(
    f"rejected: {rejected[new].mean():.2f} of the 4s, {rejected[~new].mean():.2f}"
    " of other digits"
)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
bins = np.linspace(scores.min(), scores.max(), 40)
left.hist(scores[~new], bins, alpha=0.6, label="digits of the training rows")
left.hist(scores[new], bins, alpha=0.6, label="4, which is new")
left.axvline(detector.offset_, color="black", linestyle=":", label="threshold")
left.set_xlabel("score_samples")
left.set_ylabel("rows held out")
left.legend()
strangest = X_test[scores.argsort()[:30]].reshape(3, 10, 8, 8)
strangest = np.pad(strangest, [(0, 0), (0, 0), (1, 1), (1, 1)])
right.imshow(np.concatenate(np.concatenate(strangest, axis=1), axis=1), cmap="gray_r")
right.set_axis_off()
right.set_title("the least familiar rows")
plt.show()
