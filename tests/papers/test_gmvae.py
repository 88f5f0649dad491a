"""Real images: slow, and deselected by default (``-m papers``)."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "papers" / "gmvae.py"

pytestmark = pytest.mark.papers


def run(data_dir, tmp_path, *arguments):
    """Run the script and return the line it wrote."""
    out = tmp_path / "out.jsonl"
    command = [sys.executable, SCRIPT, "--data", data_dir, "--out", out, *arguments]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(out.read_text().splitlines()[-1])


def test_mnist_with_100_labels(data_dir, tmp_path):
    """Three epochs of the default recipe: most of the way, z in use."""
    line = run(data_dir, tmp_path, "--recipe", "ours", "--epochs", "3")
    assert line["error"] < 5
    assert line["kl_z"] > 3
    assert len(line["history"]) == 3


def test_usps_with_the_papers_table(data_dir, tmp_path):
    line = run(data_dir, tmp_path, "--dataset", "usps", "--epochs", "3")
    assert line["error"] < 25
    assert line["parameters"]["reconstruction_weight"] == pytest.approx(1 / 256)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_run_is_resumed(data_dir, tmp_path, how):
    """A run stopped after its first epoch ends where an unbroken one does."""
    arguments = [
        "--dataset",
        "usps",
        "--epochs",
        "2",
        "--recipe",
        "ours",
        "--device",
        "cpu",
    ]
    whole = run(data_dir, tmp_path, *arguments)
    checkpoint = ["--checkpoint", tmp_path / "run.joblib"]
    out = ["--data", data_dir, "--out", tmp_path / "resumed.jsonl"]
    command = [sys.executable, SCRIPT, *arguments, *checkpoint, *out]
    command = [str(part) for part in command]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in first.stdout:
        if line.startswith("Epoch 1"):
            break
    first.send_signal(how)
    first.wait()
    assert not (tmp_path / "resumed.jsonl").exists()
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Going on after epoch 1" in again.stdout
    resumed = json.loads((tmp_path / "resumed.jsonl").read_text())
    for a, b in zip(whole["history"], resumed["history"], strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}
