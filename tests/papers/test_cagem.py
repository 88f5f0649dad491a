"""CaGeM's script on real images: slow, and deselected by default (``-m papers``)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "papers" / "cagem.py"

pytestmark = pytest.mark.papers

QUICK = ["batch_size=500", "n_draws=2"]
SMALL = ["hidden_layer_sizes=[128, 128]", "z2_hidden_layer_sizes=[64, 64]"]


def run(data_dir, tmp_path, *arguments):
    """Run the script and return the line it wrote."""
    out = tmp_path / "out.jsonl"
    command = [sys.executable, SCRIPT, "--data", data_dir, "--out", out, *arguments]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(out.read_text().splitlines()[-1])


def test_mnist_beside_a_plain_vae(data_dir, tmp_path):
    """Two epochs of narrow networks: curve, bounds, pictures, and K = 1."""
    pytest.importorskip("matplotlib")
    arguments = ["--epochs", "2", "--curve", "--importance", "5", "--draws", "2"]
    pictures = tmp_path / "pictures"
    settings = ["--set", *SMALL, "warm_up=2", "z2_dim=2", *QUICK]
    line = run(data_dir, tmp_path, *arguments, "--pictures", pictures, *settings)
    assert -250 < line["test_bound"] < line["importance_weighted_bound"] < -80
    assert line["kl_z2"] > 0
    assert all("test_bound" in row for row in line["history"])
    drawn = {path.name for path in pictures.iterdir()}
    assert drawn >= {"classes.png", "random.png", "reconstructions.png", "z2.png"}
    assert drawn >= {"grid.png", *(f"grid-{k}.png" for k in range(10))}
    plain = run(data_dir, tmp_path, *arguments, "--clusters", "1", *settings)
    assert plain["labels"] == 0
    assert plain["parameters"]["n_clusters"] == 1
    assert -250 < plain["test_bound"] < -80


def test_omniglot(data_dir, tmp_path):
    settings = ["--set", *SMALL, "warm_up=0", *QUICK]
    arguments = ["--dataset", "omniglot", "--labels", "500", "--epochs", "1"]
    line = run(data_dir, tmp_path, *arguments, "--clusters", "50", *settings)
    assert -300 < line["test_bound"] < -100
