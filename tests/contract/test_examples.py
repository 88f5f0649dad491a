"""The examples run, and print what is said of them."""

import importlib
import itertools
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sksemi import GMVAEClusterer
from sksemi.utils import check_estimator
from tests.contract.estimators import ESTIMATORS, quick

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments, folder):
    command = [sys.executable, EXAMPLES / name, *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder
    )
    return done.stdout.splitlines()


# .ci/run has it as well
@pytest.mark.slow
def test_overhead_ends_with_its_ratio(tmp_path):
    lines = run("benchmarks/overhead.py", "--quick", "--rows", "400", folder=tmp_path)
    assert re.fullmatch(r"ratio \d+\.\d{3}", lines[-1])
    assert sum(line.startswith("bare loop") for line in lines) == 3


@pytest.mark.slow
def test_own_method_keeps_the_contract(tmp_path, monkeypatch):
    lines = run("own_method.py", folder=tmp_path)
    assert [line.split(":")[0] for line in lines] == ["0 labels", "50 labels"]
    monkeypatch.syspath_prepend(EXAMPLES)
    own = importlib.import_module("own_method")
    results = check_estimator(own.InformationClusterer())
    assert {result["status"] for result in results} == {"passed"}


def test_results_are_summarized():
    lines = run("papers/summary.py", folder=EXAMPLES)
    assert all(re.search(r"n = \d+$|\+-", line) for line in lines)


@pytest.mark.slow
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
def test_streams_benchmark_goes_on(tmp_path):
    out = tmp_path / "lines.jsonl"
    command = ["--methods", "M2Generator", "--max-iter", "1", "--out", out]
    assert (
        len(run("benchmarks/streams.py", *command, "--seeds", "0", folder=tmp_path))
        == 1
    )
    (new,) = run(
        "benchmarks/streams.py", *command, "--seeds", "0", "1", folder=tmp_path
    )
    assert new.startswith("digits M2Generator 1")
    lines = [json.loads(text) for text in out.read_text().splitlines()]
    assert [line["fit_steps"] for line in lines] == [10, 10]
    assert all(line["stream_steps"] >= 10 for line in lines)


@pytest.mark.slow
def test_processes_benchmark(tmp_path):
    pytest.importorskip("torch.distributed")
    out = tmp_path / "lines.jsonl"
    command = ["--methods", "M2Generator", "--out", out]
    run("benchmarks/processes.py", "bytes", *command, folder=tmp_path)
    run("benchmarks/processes.py", "speed", "--repeats", "1", *command, folder=tmp_path)
    lines = [json.loads(text) for text in out.read_text().splitlines()]
    assert [line["setting"]["what"] for line in lines] == ["bytes"] * 2 + ["speed"] * 2
    assert [line["setting"].get("processes") for line in lines[2:]] == [1, 2]


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
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("plot_*.py")), ids=Path.name.fget)
def test_gallery_draws(path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("pandas")
    pyplot.switch_backend("agg")
    for Estimator in ESTIMATORS:
        monkeypatch.setitem(Estimator.__init__.__kwdefaults__, "max_iter", 2)
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.extend(pyplot.get_fignums()))
    runpy.run_path(str(path))
    assert shown
    pyplot.close("all")


def gpu(*arguments, **environment):
    """Call the script of what waits for a GPU."""
    return subprocess.run(
        ["bash", EXAMPLES / "papers" / "gpu.sh", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_parts_for_a_gpu():
    lines = gpu("--list").stdout.splitlines()
    names, commands = zip(*(line.split(": ", 1) for line in lines), strict=True)
    assert len(set(names)) == len(names) > 30
    for command in commands:
        script = re.match(r"python (-m pytest|examples/\w+/\w+\.py) ", command)[1]
        assert script == "-m pytest" or (EXAMPLES.parent / script).exists()
    wrong = gpu("gmvae-mnist-9")
    assert wrong.returncode == 2
    assert "--list" in wrong.stderr


@pytest.mark.slow
def test_parts_for_a_gpu_end_in_time_and_go_on(tmp_path):
    path = Path(sys.executable).parent
    settings = {
        "DEVICE": "cpu",
        "OUT": str(tmp_path),
        "PATH": f"{path}:{os.environ['PATH']}",
    }
    cut_off = gpu("steps-mlp", **settings, LIMIT="1")
    assert "not at its end" in cut_off.stdout
    assert not (tmp_path / "steps-mlp.done").exists()
    gpu("steps-mlp", **settings)
    assert "ratio" in (tmp_path / "steps-mlp.log").read_text()
    assert gpu("steps-mlp", **settings).stdout == ""  # done


def test_records_say_what_auto_was(monkeypatch, digits):
    monkeypatch.syspath_prepend(EXAMPLES / "papers")
    common = importlib.import_module("_common")
    X, _, y = digits
    est = quick(GMVAEClusterer, max_iter=1).fit(X, y)
    values = common.resolved(est)
    assert values["reconstruction_weight"] == 6400 / X.shape[1]
    assert values["assignment_weight"] == values["reconstruction_weight"] / 2
    assert values["likelihood"] == "mse"
    assert values["network"] == "mlp"
    assert values["input_noise"] >= 0.2
    assert not {"max_iter", "verbose"} & values.keys()


def test_record_counts_epochs_from_one(monkeypatch, digits, tmp_path):
    monkeypatch.syspath_prepend(EXAMPLES / "papers")
    common = importlib.import_module("_common")
    X, _, y = digits
    est = quick(GMVAEClusterer, max_iter=2).fit(X, y)
    command = ["--out", str(tmp_path / "lines.jsonl")]
    args = common.parser("A script.", ["digits"], "nothing").parse_args(command)
    args.script = "script.py"
    common.record(est, args, {"error": 1.0})
    line = json.loads((tmp_path / "lines.jsonl").read_text())
    assert [row["epoch"] for row in line["history"]] == [1, 2]
    assert line["versions"]["commit"]


def test_no_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(EXAMPLES / "papers")
    common = importlib.import_module("_common")
    monkeypatch.setattr(common, "HERE", tmp_path)
    assert common.commit() == "unknown"


def test_rows_are_held_out_class_by_class(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES / "papers")
    common = importlib.import_module("_common")
    X, y = np.arange(100), np.sort(np.arange(100) % 10)
    monkeypatch.setattr(common, "load", lambda *_: (X, y, X[:0], y[:0]))
    command = ["--validation", "20", "--labels", "10"]
    args = common.parser("A script.", ["digits"], "nothing").parse_args(command)
    fitted, partial, _, held_out, y_held_out = common.split(args)
    assert sorted([*fitted, *held_out]) == list(X)
    assert np.all(np.bincount(y_held_out) == 2)
    assert np.all(np.bincount(partial[partial >= 0]) == 1)


def test_summary_leaves_accuracy_of_one_cluster_out():
    lines = run("papers/summary.py", folder=EXAMPLES)
    heads = [k for k, line in enumerate(lines) if "n = " in line] + [len(lines)]
    for start, end in itertools.pairwise(heads):
        one = "K = 1 " in lines[start]
        named = {line.split()[0] for line in lines[start + 1 : end]}
        assert one == named.isdisjoint({"error", "acc", "nmi"})
