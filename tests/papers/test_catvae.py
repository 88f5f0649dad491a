"""Real images: slow, and deselected by default (``-m papers``)."""

import pytest

pytestmark = pytest.mark.papers


def test_usps_does_not_drift(run_script):
    """Many epochs with 100 labels: where it got early, it stays."""
    arguments = ["--dataset", "usps", "--recipe", "ours", "--epochs", "30", "--curve"]
    errors = [row["error"] for row in run_script("catvae.py", *arguments)["history"]]
    assert errors[-1] < 15
    assert errors[-1] < min(errors) + 1.5


def test_paper_on_usps(run_script):
    line = run_script("catvae.py", "--dataset", "usps", "--epochs", "5")
    assert line["parameters"]["separation_weight"] == 0
    assert line["error"] < 25
    # neighbors and network agree, right or wrong
    assert abs(100 - line["error"] - line["nearest_neighbor_accuracy"]) < 5
