"""The examples run, and print what is said of them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sksemi

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments, folder):
    command = [sys.executable, EXAMPLES / name, *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder
    )
    return done.stdout.splitlines()


def test_overhead_ends_with_its_ratio(tmp_path):
    lines = run("benchmarks/overhead.py", "--quick", "--rows", "400", folder=tmp_path)
    assert re.fullmatch(r"ratio \d+\.\d{3}", lines[-1])
    assert sum(line.startswith("bare loop") for line in lines) == 3


def test_results_are_summarized():
    lines = run("papers/summary.py", folder=EXAMPLES)
    assert all(re.search(r"n = \d+$|\+-", line) for line in lines)


def test_tables_benchmark_goes_on_and_renders(tmp_path):
    out, page = tmp_path / "lines.jsonl", tmp_path / "page.rst"
    files = ["--out", out, "--page", page]
    methods = ["CatVAEClusterer", "SVC", "k-means"]
    command = ["--sets", "wine", "--labels", "0", "5", "--seeds", "1", *files]
    first = run(
        "benchmarks/tables.py", *command, "--methods", *methods[1:], folder=tmp_path
    )
    assert [line.split("labels")[0].split()[1] for line in first] == ["k-means", "SVC"]
    one_epoch = ["--set", "max_iter=1"]
    rest = run(
        "benchmarks/tables.py",
        *command,
        *one_epoch,
        "--methods",
        *methods,
        folder=tmp_path,
    )
    assert all("CatVAEClusterer" in line for line in rest)
    assert len(rest) == 2
    lines = [json.loads(text) for text in out.read_text().splitlines()]
    assert len(lines) == 4
    assert all(0 < line["accuracy"] <= 1 for line in lines)
    run("benchmarks/tables.py", "--render", *files, folder=tmp_path)
    text = page.read_text()
    assert "5 labels a class" in text
    assert "SVC" in text
    assert "CatVAE" not in text  # one epoch is not the default


@pytest.mark.slow
def test_active_learning_benchmark_goes_on(tmp_path):
    out = tmp_path / "lines.jsonl"
    command = ["--sets", "breast cancer", "--strategies", "random", "--seeds", "1"]
    command += ["--set", "max_iter=1", "--out", out]
    whole = run("benchmarks/active_learning.py", *command, folder=tmp_path)
    lines = out.read_text().splitlines()
    assert len(whole) == len(lines) == 5
    out.write_text("".join(f"{line}\n" for line in lines[:2]))
    rest = run("benchmarks/active_learning.py", *command, folder=tmp_path)
    assert rest == whole[2:]
    for line, again in zip(lines, out.read_text().splitlines(), strict=True):
        assert json.loads(line)["rows"] == json.loads(again)["rows"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["active_learning", "calibration", "n_clusters", "novelty"]
)
def test_summaries_of_benchmarks(name):
    assert len(run(f"benchmarks/{name}.py", "--summary", folder=EXAMPLES)) > 3


@pytest.mark.slow
def test_quickstart(tmp_path):
    pytest.importorskip("matplotlib")
    lines = run("quickstart.py", folder=tmp_path)
    scores = [re.search(r"(0\.\d{3})\b", line) for line in lines]
    accuracies = [float(score[1]) for score in scores if score]
    assert len(accuracies) == 4
    assert accuracies[0] > 0.85
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000


@pytest.mark.slow
def test_grid_search(tmp_path):
    pytest.importorskip("rich")
    lines = run("grid_search.py", "--epochs", "1", folder=tmp_path)
    table = lines[[line.startswith("method ") for line in lines].index(True) + 1 :]
    scores = [re.search(r"(0\.\d{3}) \+- 0\.\d{3} +\d", line) for line in table[:4]]
    accuracies = [float(score[1]) for score in scores]
    assert accuracies == sorted(accuracies, reverse=True)
    assert "397 test rows" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("plot_latent_space", ("GMVAEClusterer", "transform")),
        ("plot_samples", ("GMVAEClusterer", "sample")),
        ("plot_latent_plane", ("CaGeMGenerator", "sample")),
        ("plot_activity_graphs", ("ACOLClusterer", "activations")),
        ("plot_label_efficiency", ("GMVAEClusterer", "fit")),
        ("plot_calibration", ("GMVAEClusterer", "fit")),
        ("plot_active_learning", ("GMVAEClusterer", "fit")),
        ("plot_novelty", ("GMVAEClusterer", "fit")),
        ("plot_n_clusters", ("GMVAEClusterer", "fit")),
    ],
)
def test_pictures(name, needs, tmp_path):
    pytest.importorskip("matplotlib")
    if not hasattr(getattr(sksemi, needs[0], None), needs[1]):
        pytest.skip(f"{needs[0]} has no {needs[1]}")
    lines = run(f"{name}.py", "--epochs", "2", folder=tmp_path)
    assert lines[-1] == f"Picture: {name}.png"
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
