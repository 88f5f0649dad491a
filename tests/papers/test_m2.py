"""Real images: slow, and deselected by default (``-m papers``)."""

import pytest

pytestmark = pytest.mark.papers


def test_mnist_with_100_labels(run_script):
    """One epoch of the default recipe, as tables: part of the way, z in use."""
    line = run_script(
        "m2.py", "--recipe", "ours", "--epochs", "1", "--set", "network=mlp"
    )
    assert line["error"] < 35
    assert line["kl_z"] > 3
    assert line["test_bound"] > -150
