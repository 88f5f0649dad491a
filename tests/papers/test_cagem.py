"""CaGeM's script on real images: slow, and deselected by default (``-m papers``)."""

import pytest

pytestmark = pytest.mark.papers

QUICK = ["batch_size=500", "n_draws=2"]
SMALL = ["hidden_layer_sizes=[128, 128]", "z2_hidden_layer_sizes=[64, 64]"]


def test_mnist_beside_a_plain_vae(run_script, tmp_path):
    """Two epochs of narrow networks: curve, bounds, pictures, and K = 1."""
    pytest.importorskip("matplotlib")
    arguments = ["--epochs", "2", "--curve", "--importance", "5", "--draws", "2"]
    pictures = tmp_path / "pictures"
    settings = ["--set", *SMALL, "warm_up=2", "z2_dim=2", *QUICK]
    line = run_script("cagem.py", *arguments, "--pictures", pictures, *settings)
    assert -250 < line["test_bound"] < line["importance_weighted_bound"] < -80
    assert line["kl_z2"] > 0
    assert all("test_bound" in row for row in line["history"])
    drawn = {path.name for path in pictures.iterdir()}
    assert drawn >= {"classes.png", "random.png", "reconstructions.png", "z2.png"}
    assert drawn >= {"grid.png", *(f"grid-{k}.png" for k in range(10))}
    plain = run_script("cagem.py", *arguments, "--clusters", "1", *settings)
    assert plain["labels"] == 0
    assert plain["parameters"]["n_clusters"] == 1
    assert -250 < plain["test_bound"] < -80


def test_omniglot(run_script):
    settings = ["--set", *SMALL, "warm_up=0", *QUICK]
    arguments = ["--dataset", "omniglot", "--labels", "500", "--epochs", "1"]
    line = run_script("cagem.py", *arguments, "--clusters", "50", *settings)
    assert -300 < line["test_bound"] < -100
