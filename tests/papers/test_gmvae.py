"""Real images: slow, and deselected by default (``-m papers``)."""

import signal

import pytest

pytestmark = pytest.mark.papers


def test_mnist_with_100_labels(run_script):
    """Three epochs of the default recipe: most of the way, z in use."""
    line = run_script("gmvae.py", "--recipe", "ours", "--epochs", "3")
    assert line["error"] < 5
    assert line["kl_z"] > 3
    assert len(line["history"]) == 3


def test_usps_with_the_papers_table(run_script):
    line = run_script("gmvae.py", "--dataset", "usps", "--epochs", "3")
    assert line["error"] < 25
    assert line["parameters"]["reconstruction_weight"] == pytest.approx(1 / 256)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_run_is_resumed(run_script, resume_script, how):
    """A run stopped after its first epoch ends where an unbroken one does."""
    arguments = ["--dataset", "usps", "--epochs", "2", "--recipe", "ours"]
    arguments += ["--device", "cpu"]
    whole = run_script("gmvae.py", *arguments)
    resumed = resume_script("gmvae.py", how, "Epoch 1", *arguments)
    for a, b in zip(whole["history"], resumed["history"], strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}
