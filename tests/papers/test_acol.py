"""Real images: slow, and deselected by default (``-m papers``)."""

import signal

import pytest

pytestmark = pytest.mark.papers


def test_usps_full(run_script):
    """A twentieth of the paper's epochs: well above the 0.67 of k-means on pixels."""
    arguments = ["--dataset", "usps", "--full", "--epochs", "20", "--every", "10"]
    line = run_script("acol.py", *arguments, "--curve")
    assert line["acc"] > 75
    assert line["purity"] >= line["acc"]
    assert [row["epoch"] for row in line["history"] if "acc" in row] == [9, 19]
    assert 0 < line["history"][-1]["consistency"] < 1


def test_real_parents(run_script):
    """Above the 0.67 of k-means on pixels."""
    arguments = ["--dataset", "usps", "--real-parents", "--epochs", "20"]
    line = run_script("acol.py", *arguments)
    assert line["acc"] > 67
    assert line["history"][-1]["parent_accuracy"] > 0.95


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_run_is_resumed(run_script, resume_script, how):
    """A run stopped in its second part ends where an unbroken one does."""
    arguments = ["--dataset", "usps", "--epochs", "3", "--every", "1"]
    arguments += ["--transformations", "1", "3", "--device", "cpu"]
    arguments += ["--set", "feature_dim=64", "kmeans_n_init=1"]
    whole = run_script("acol.py", *arguments)
    resumed = resume_script("acol.py", how, "Epoch 2", *arguments)
    assert resumed["acc"] == whole["acc"]
    for a, b in zip(whole["history"], resumed["history"], strict=True):
        assert a["cross_entropy"] == b["cross_entropy"]
