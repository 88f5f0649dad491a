"""Real images: slow, and deselected by default (``-m papers``)."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "papers" / "acol.py"

pytestmark = pytest.mark.papers


def run(data_dir, tmp_path, *arguments):
    """Run the script and return the line it wrote."""
    out = tmp_path / "out.jsonl"
    command = [sys.executable, SCRIPT, "--data", data_dir, "--out", out, *arguments]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(out.read_text().splitlines()[-1])


def test_usps_full(data_dir, tmp_path):
    """A twentieth of the paper's epochs: well above the 0.67 of k-means on pixels."""
    line = run(
        data_dir,
        tmp_path,
        "--dataset",
        "usps",
        "--full",
        "--epochs",
        "20",
        "--every",
        "10",
        "--curve",
    )
    assert line["acc"] > 75
    assert line["purity"] >= line["acc"]
    assert [row["epoch"] for row in line["history"] if "acc" in row] == [9, 19]
    assert 0 < line["history"][-1]["consistency"] < 1


def test_real_parents(data_dir, tmp_path):
    line = run(
        data_dir, tmp_path, "--dataset", "usps", "--real-parents", "--epochs", "5"
    )
    assert line["acc"] > 50
    assert line["history"][-1]["parent_accuracy"] > 0.95


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_run_is_resumed(data_dir, tmp_path, how):
    """A run stopped in its second part ends where an unbroken one does."""
    arguments = ["--dataset", "usps", "--epochs", "3", "--every", "1"]
    arguments += ["--transformations", "1", "3", "--device", "cpu"]
    arguments += ["--set", "feature_dim=64", "kmeans_n_init=1"]
    whole = run(data_dir, tmp_path, *arguments)
    checkpoint = ["--checkpoint", tmp_path / "run.joblib"]
    out = ["--data", data_dir, "--out", tmp_path / "resumed.jsonl"]
    command = [sys.executable, SCRIPT, *arguments, *checkpoint, *out]
    command = [str(part) for part in command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        for line in first.stdout:
            if line.startswith("Epoch 2"):
                break
        first.send_signal(how)
    assert not (tmp_path / "resumed.jsonl").exists()
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Going on after epoch" in again.stdout
    resumed = json.loads((tmp_path / "resumed.jsonl").read_text())
    assert resumed["acc"] == whole["acc"]
    for a, b in zip(whole["history"], resumed["history"], strict=True):
        assert a["cross_entropy"] == b["cross_entropy"]
