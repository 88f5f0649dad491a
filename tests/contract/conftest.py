import pytest
from sklearn.datasets import load_digits

from sksemi.datasets import mask_labels


@pytest.fixture(scope="session")
def digits():
    """300 rows of scikit-learn's digits in [0, 1], labels, and 40 of the labels."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    X.setflags(write=False)
    return X, y, mask_labels(y, 40, random_state=0)


@pytest.fixture(scope="session")
def images(digits):
    X, y, y_partial = digits
    return X.reshape(-1, 8, 8), y, y_partial
