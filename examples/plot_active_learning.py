"""
Which rows to label next
========================

A loop of fits and queries on scikit-learn's digits: a fit without labels, ten rows to
label, a fit, ten more; beside it, the same with random rows. On the right, the first
ten rows asked for, above the first ten random ones. One start each: a difference of a
point or two means nothing.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sksemi import GMVAEClusterer
from sksemi.active_learning import query
from sksemi.semi_supervised import SemiSupervisedClassifier

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X / 16, y, train_size=1400, random_state=0, stratify=y
)
est = GMVAEClusterer(10, max_iter=30, random_state=0)
start = est.fit(X)

budgets = [10, 20, 30, 40]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
pictures = []
for strategy in ("auto", "random"):
    fitted, y_partial, accuracy = start, np.full(len(y), -1), []
    for budget in budgets:
        n_new = budget - np.sum(y_partial >= 0)
        rows = query(fitted, X, n_new, y=y_partial, strategy=strategy, random_state=0)
        if fitted is start:
            images = X[rows].reshape(-1, 8, 8)
            pictures.append(np.pad(images, [(0, 0), (2, 2), (1, 1)]))
        y_partial[rows] = y[rows]  # the answers
        clf = SemiSupervisedClassifier(est).fit(X, y_partial)
        fitted = clf.estimator_
        accuracy.append(clf.score(X_test, y_test))
    left.plot(budgets, accuracy, marker=".", label=strategy)
    print(f"{strategy:7}", " ".join(f"{value:.3f}" for value in accuracy))
left.set_xscale("log")
left.set_xticks(budgets, [str(n) for n in budgets])
left.minorticks_off()
left.set_xlabel("labels")
left.set_ylabel("accuracy on rows held out")
left.legend()
mosaic = np.concatenate([np.concatenate(list(row), axis=1) for row in pictures])
right.imshow(mosaic, cmap="gray_r")
right.set_xticks([])
right.set_yticks([5.5, 17.5], ["auto", "random"])
right.set_title("the first ten rows")
plt.show()
