"""
A clusterer as a classifier
===========================

scikit-learn's tools for classifiers on digits, 50 of them labeled: a confusion matrix,
voting with a linear model, and cross-validation in which the unlabeled rows take part.
"""

import matplotlib.pyplot as plt
from sklearn.base import is_classifier
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import cross_val_score, train_test_split

from sksemi import GMVAEClusterer
from sksemi.datasets import mask_labels
from sksemi.model_selection import PartialLabelKFold
from sksemi.semi_supervised import SemiSupervisedClassifier

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X / 16, y, train_size=1400, random_state=0, stratify=y
)
y_partial = mask_labels(y, 50, random_state=0)
clf = SemiSupervisedClassifier(GMVAEClusterer(max_iter=40, random_state=0))
clf.fit(X, y_partial)
print(f"is_classifier: {is_classifier(clf)}, accuracy {clf.score(X_test, y_test):.3f}")

# scikit-learn's ensembles take -1 for a class: they are fitted to the labeled rows, and
# what was fitted to all rows is passed frozen
labeled = y_partial >= 0
linear = LogisticRegression().fit(X[labeled], y[labeled])
voting = VotingClassifier(
    [("ours", FrozenEstimator(clf)), ("linear", FrozenEstimator(linear))],
    voting="soft",
)
voting.fit(X[labeled], y[labeled])
print(f"linear model on the labels alone {linear.score(X_test, y_test):.3f}")
print(f"voting {voting.score(X_test, y_test):.3f}")

# rows without a label are in every training set
short = SemiSupervisedClassifier(GMVAEClusterer(max_iter=20, random_state=0))
scores = cross_val_score(
    short, X, y_partial, cv=PartialLabelKFold(3), scoring="neg_log_loss"
)
print(f"log loss by cross-validation {-scores.mean():.2f}")

figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
ConfusionMatrixDisplay.from_estimator(clf, X_test, y_test, colorbar=False, ax=ax)
plt.show()
