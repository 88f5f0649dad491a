"""Centers for clusters that no label names."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs

from sksemi import CatVAEClusterer, GMVAEClusterer
from sksemi._engine import kmeans
from sksemi._engine.kmeans import UnnamedCenters
from tests.maths.helpers import data_of

GROUPS = torch.tensor([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]])


def same(x):
    return x


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_label_that_has_no_row_takes_no_center(epoch):
    """Of three groups two have labels, and a third label has no row yet."""
    torch.manual_seed(0)
    group = torch.arange(90) % 3
    x = GROUPS[group] + 0.01 * torch.randn(90, 2)
    y = torch.where((group < 2) & (torch.arange(90) < 30), group, -1)
    unnamed = UnnamedCenters(3, 4, 2)
    unnamed.centers.copy_(torch.tensor([[7.0, 1.0]]))  # the last, after an epoch
    unnamed.find(same, same, data_of(x, y), epoch)
    torch.testing.assert_close(unnamed.centers, GROUPS[2:], atol=0.02, rtol=0)


def test_a_center_has_as_many_votes_as_a_label_has_rows():
    unnamed = UnnamedCenters(2, 3, 2)
    for n_rows, n_votes in [(2, 1), (6, 3), (20, 5)]:
        _, clusters = unnamed.beside(torch.rand(n_rows, 2), torch.arange(n_rows) % 2, 5)
        assert (clusters == 2).sum() == n_votes


@pytest.mark.parametrize("Estimator", [CatVAEClusterer, GMVAEClusterer])
def test_a_fit_that_diverges_says_so(Estimator):
    X, y = make_blobs(80, centers=4, random_state=0)
    y_partial = np.where((y < 3) & (np.arange(80) < 40), y, -1)
    est = Estimator(4, learning_rate=1e30, max_iter=3, random_state=0)
    with pytest.raises(FloatingPointError, match="learning_rate"):
        est.fit(X, y_partial)


def test_of_wide_rows_few_are_copied(monkeypatch):
    copied = []

    def spy(encode, data, n_labels, max_rows):
        copied.append(max_rows)
        return collect(encode, data, n_labels, max_rows)

    collect = kmeans.collect_features
    monkeypatch.setattr(kmeans, "collect_features", spy)
    monkeypatch.setattr(kmeans, "START_VALUES", 2_000)
    x, y = torch.rand(500, 40), torch.arange(500) % 2
    UnnamedCenters(2, 3, 40).find(same, same, data_of(x, y), 0)
    assert copied == [50]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("n_clusters", "n_runs"), [(2, 10), (100, 10), (300, 3), (1000, 1)]
)
def test_many_clusters_take_as_long_as_few(n_clusters, n_runs, monkeypatch):
    """The best of ten runs of k-means up to 100 clusters, then fewer."""
    x = np.random.RandomState(0).rand(1000, 2)
    runs = []

    class Spy(kmeans.KMeans):
        def fit(self, X):
            runs.append(self.n_init)
            return super().fit(X)

    monkeypatch.setattr(kmeans, "KMeans", Spy)
    best = kmeans.best_kmeans(x, n_clusters, np.random.RandomState(0))
    assert runs == [n_runs]
    assert len(best.cluster_centers_) == n_clusters
