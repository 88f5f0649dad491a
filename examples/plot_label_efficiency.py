"""
Do the unlabeled rows help?
===========================

Accuracy on scikit-learn's digits against the number of labels: of an estimator that
also learns from the unlabeled rows, of the same estimator on the labeled rows alone,
and of a linear model. Bars are the standard deviation over three folds.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.inspection import LabelEfficiencyDisplay

X, y = load_digits(return_X_y=True)
y_partial = mask_labels(y, 450, random_state=0)
figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
display = LabelEfficiencyDisplay.from_estimator(
    GMVAEClusterer(max_iter=20, random_state=0),
    X / 16,
    y_partial,
    n_labels=[20, 50, 100, 200],
    cv=3,
    random_state=0,
    ax=ax,
)
plt.show()
