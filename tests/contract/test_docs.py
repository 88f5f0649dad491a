"""The documentation: its code runs, its figures are those of the lines, its form."""

import importlib.util
import operator
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

import sksemi
from sksemi.datasets import mask_labels
from tests.contract.estimators import ESTIMATORS, quick

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "examples" / "papers"))
render = importlib.import_module("render")

PAGES = sorted(DOCS.glob("*.rst"))
MARK = re.compile(r"\n\.\. not run: .+\n\n?$")
USER_GUIDE = [
    DOCS / f"{name}.rst"
    for name in re.findall(
        r"^   (\w+)$", (DOCS / "user_guide.rst").read_text(), flags=re.M
    )
]


def code_of(path):
    """Python blocks of a page, but for those that are marked as not run."""
    text = path.read_text()
    if path.suffix == ".md":
        return re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    blocks = re.finditer(
        r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, flags=re.M
    )
    return [
        re.sub(r"^   ", "", block[1], flags=re.M)
        for block in blocks
        if not MARK.search(text[: block.start()])
    ]


@pytest.fixture
def small(monkeypatch):
    """Defaults of two epochs and narrow networks, and 300 digits."""
    narrow = {"max_iter": 2, "hidden_layer_sizes": (16,), "kmeans_n_init": 1}
    for Estimator in ESTIMATORS:
        defaults = Estimator.__init__.__kwdefaults__
        for name in narrow.keys() & defaults.keys():
            monkeypatch.setitem(defaults, name, narrow[name])

    def few_digits(return_X_y=False):
        X, y = load_digits(return_X_y=True)
        bunch = Bunch(data=X[:300], images=X[:300].reshape(-1, 8, 8), target=y[:300])
        return (bunch.data, bunch.target) if return_X_y else bunch

    monkeypatch.setattr("sklearn.datasets.load_digits", few_digits)


def given():
    """What README's code takes as given: X, y and rows to predict."""
    X, y = load_digits(return_X_y=True)
    X = X[:300] / 16
    known = {"X_new": X[:20], "X_test": X[200:], "y_test": y[200:300]}
    return known | {"X": X[:200], "y": mask_labels(y[:200], 50, random_state=0)}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "path",
    [p for p in [ROOT / "README.md", *PAGES] if code_of(p)],
    ids=lambda path: path.stem,
)
def test_code_runs(path, small, tmp_path, monkeypatch, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    for name in ("pandas", "rich", "skops"):
        pytest.importorskip(name)
    pyplot.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    names = given() if path.stem == "README" else {}
    for code in code_of(path):
        exec(compile(code, path.name, "exec"), names)
    pyplot.close("all")


def test_no_block_is_overlooked():
    for path in PAGES:
        text = path.read_text()
        marked = len(re.findall(r"^\.\. not run: ", text, flags=re.M))
        assert len(code_of(path)) + marked == text.count(".. code-block:: python\n")


def test_figures_are_those_of_the_lines():
    for path, text in render.pages().items():
        assert path.read_text() == text, "run python examples/papers/render.py"


def test_the_page_of_tables_is_that_of_its_lines(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    tables = importlib.import_module("tables")
    if not tables.RESULTS.exists():
        pytest.skip("no line yet")
    tables.render(tables.RESULTS, tmp_path / "page.rst")
    assert (tmp_path / "page.rst").read_text() == tables.PAGE.read_text()


def test_readme_has_tables_once_there_are_lines(monkeypatch):
    def read(name):
        if name != "tables":
            return original(name)
        run = {"labels": 10, "scored_on": "test", "changed": "", "half": "confirming"}
        return [
            run | {"method": method, "set": name, "accuracy": accuracy}
            for *_, method in render.README_ROWS
            for name, accuracy in (("wine", 0.5), ("wine", 0.7), ("splice", 0.8))
        ] + [
            run | {"method": "SVC", "set": "magic", "accuracy": 0.1},
            run
            | {"method": "SVC", "set": "wine", "accuracy": 0, "half": "development"},
        ]

    original = render.read
    monkeypatch.setattr(render, "read", read)
    lines = render.readme_table().splitlines()
    assert "| 2 tables, 10 labels a class |" in lines[0]
    assert "| 0.700 |" in next(line for line in lines if "`SVC`" in line)


def test_a_changed_line_changes_its_page(monkeypatch):
    read = render.read

    def better(name):
        return [
            line | {"error": 0.5} if "error" in line else line for line in read(name)
        ]

    before = render.pages()
    monkeypatch.setattr(render, "read", better)
    changed = {p.stem for p, text in render.pages().items() if text != before[p]}
    assert {"gmvae", "catvae"} <= changed


def halved(value):
    """Half of every float of a line, but for the versions."""
    if isinstance(value, dict):
        return {k: v if k == "versions" else halved(v) for k, v in value.items()}
    if isinstance(value, list):
        return [halved(v) for v in value]
    return value / 2 if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("acol", "notes-acol"),
        ("cagem", "notes-cagem"),
        ("calibration", "calibration"),
        ("novelty", "novelty"),
        ("active_learning", "active_learning"),
        ("n_clusters", "n_clusters"),
    ],
)
def test_a_changed_line_changes_what_is_rendered_from_it(name, page, monkeypatch):
    def changed(other):
        if other != name:
            return read(other)
        lines = [halved(line) for line in read(name)]
        return [x | {"true": 4} if "true" in x else x for x in lines]

    read, before = render.read, render.pages()
    monkeypatch.setattr(render, "read", changed)
    after = render.pages()
    assert page in {path.stem for path in before if before[path] != after[path]}


def test_a_table_between_marks_is_replaced(monkeypatch):
    monkeypatch.setattr(render, "TABLES", {"x": lambda: "new\nrows\n"})
    text = "a\n\n  .. rendered: x\n\n  old\n\n  .. end\n\nb\n"
    once = render.filled(text)
    assert once == text.replace("old", "new\n  rows")
    assert render.filled(once) == once


def test_growth_is_fitted_to_its_lines():
    base = {"clusters": 10, "labels": 100, "dtype": "uint8", "in": "map"}
    lines = [
        {"setting": base | {"rows": n}, "fit_us_per_row_and_epoch": 100 + 1e6 / n}
        for n in (10_000, 60_000, 1_000_000)
    ]
    once, per_row, share, widest = render.linear_in_rows(lines)
    assert once == pytest.approx(2)  # of two epochs
    assert per_row == pytest.approx(100)
    assert share == pytest.approx(50)
    assert widest == pytest.approx(
        100 * (100 + 1e6 / 60_000 - 108.8333) / 108.8333, 1e-4
    )


def test_a_cell_without_a_run_says_so():
    cell = render.Cell("SVHN", "14.78", "error", render.where("svhn", 1000))
    assert render.cell_rows(cell, render.read("gmvae"), "gmvae")[0][2] == "not run"


def test_cell_is_mean_and_deviation():
    line = render.read("gmvae")[0] | {"recipe": "ours", "changed": "", "epochs": 10}
    runs = [line | {"error": error} for error in (1.0, 2.0, 3.0)]
    cell = render.Cell("MNIST", "1.94", "error", render.where("mnist", 100))
    row = render.cell_rows(cell, runs, "gmvae")[0]
    assert row[2:] == ["2.00 ± 1.00", "3", "10", "ours"]


def test_runs_of_other_draws_and_samples_are_apart_and_have_their_commands():
    line = next(x for x in render.read("cagem") if "importance_samples" in x)
    other = line | {"importance_samples": 5000}
    cell = render.Cell("K = 1", "", "test_bound", {}, shown=render.SAMPLES)
    rows = render.cell_rows(cell, [line, other, other | {"seed": 7}], "cagem")
    assert [row[3:6:2] for row in rows] == [["1", "100"], ["2", "5000"]]
    text = render.commands([line, other, other | {"seed": 7, "draw": 7}])
    first, second = text.splitlines()
    assert "--clusters 1 --draws 1 --importance 100 --curve --every 5 --set " in first
    assert second.endswith("precision=auto --seed 0  # and --seed 7")


@pytest.mark.parametrize(
    "path",
    USER_GUIDE + [DOCS / f"{E.__module__.split('._')[1]}.rst" for E in ESTIMATORS],
    ids=lambda path: path.stem,
)
def test_pages_are_short_and_begin_with_code(path):
    text = path.read_text()
    assert len(text.split()) <= 900
    first = re.sub(r"^(\.\. _.*\n\n?)?.*\n=+\n\n", "", text)
    assert first.startswith(".. code-block:: python"), "begin with code that runs"


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_terms_and_functions_of_a_method_are_those_of_the_code(Estimator, digits):
    module = sys.modules[Estimator.__module__]
    text = (DOCS / f"{Estimator.__module__.split('._')[1]}.rst").read_text()
    rows = re.findall(
        r"^   \* - ``(\w+)``\n     - .*\n(?:       .*\n)*     - (.*)$", text, flags=re.M
    )
    for _, function in rows:
        for name in re.findall(r"^``(.+)``$", function):
            assert operator.attrgetter(name)(module)
    X, _, y = digits
    history = quick(Estimator, max_iter=1).fit(X, y).history_[-1]
    terms = {name for name in history if hasattr(Estimator(), f"{name}_weight")}
    assert {term for term, _ in rows} == terms


def test_every_page_is_reached():
    listed = "\n".join(path.read_text() for path in DOCS.rglob("*.rst"))
    for path in [*DOCS.glob("*.rst"), *(DOCS / "results").glob("*.rst")]:
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        assert re.search(rf"^   ({name}|{path.stem})$", listed, flags=re.M) or (
            name == "index"
        ), name


def test_readme_is_one_page():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 60
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


def test_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {sksemi.__version__}\n" in text


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built with one picture of the gallery."""
    pytest.importorskip("sphinx_gallery")
    pytest.importorskip("myst_parser")
    site = tmp_path_factory.mktemp("site")
    quick = "sphinx_gallery_conf.filename_pattern=plot_table"
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-D", quick, DOCS, site]
    subprocess.run(build, check=True, cwd=ROOT)
    return site


def checked(site, *options):
    check = [sys.executable, DOCS / "check_site.py", site, *options]
    return subprocess.run(check, capture_output=True, text=True)


@pytest.mark.slow
def test_the_site_has_no_dead_link(site):
    done = checked(site, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_browser_finds_nothing_wrong_with_the_site(site):
    pytest.importorskip("playwright")
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no Chromium is installed")
    done = checked(site, "--quick", "--browser", "--chromium", chromium)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_sees_what_is_dead(tmp_path):
    (tmp_path / "a.html").write_text('<p id="here"><a href="b.html#there">b</a>')
    (tmp_path / "b.html").write_text(
        '<a href="a.html#here">a</a><img src="no.png"><a href="a.html#gone">a</a>'
        '<a href="https://example.org/x">elsewhere</a>'
    )
    done = checked(tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "4 internal links and pictures, 3 dead",
        "a.html: b.html#there (no such anchor)",
        "b.html: no.png (no such file)",
        "b.html: a.html#gone (no such anchor)",
    ]
