"""Pages of docs/results and the table of README, from the lines under results/.

    python examples/papers/render.py

writes them; a test renders them again and compares, so that every figure comes from a
line. A line is one run or one benchmark. Runs belong to a cell of a paper's table if
they have its data set, labels and protocol; those with the same recipe, changes and
number of epochs are averaged. "ours" are the defaults: when these change, rename the
recipe of the earlier lines.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import read_lines

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "results"
BEGIN, END = "<!-- rendered: digits -->", "<!-- end -->"


def read(name):
    """Lines of a file of results, as dicts."""
    return read_lines(RESULTS / f"{name}.jsonl")


def table(header, rows):
    """Make a simple table of reStructuredText."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = " ".join("=" * width for width in widths)
    lines = [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    ]
    lines = [line.rstrip() for line in lines]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def title(text, character="-"):
    return f"{text}\n{character * len(text)}"


def head_of(name):
    """Say who writes a page, and give it a label."""
    return f".. Written by examples/papers/render.py; do not edit.\n.. _results-{name}:"


def joined(*parts):
    """Make a page of its paragraphs."""
    return "\n\n".join(parts) + "\n"


def mean_sd(values, digits=2):
    """Mean and standard deviation, as text; one value has none."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def seconds(values):
    """Mean of some seconds, as text."""
    return f"{np.mean(values):.0f}" if np.mean(values) > 1 else "< 1"


# ------------------------------------------------------------ tables of the papers


class Cell(NamedTuple):
    """One figure of a paper, and which of our lines are runs of it."""

    name: str  # of the row
    paper: str
    figure: str  # key of a line
    where: dict  # keys of a line and the values they must have
    digits: int = 2


class Page(NamedTuple):
    """What the page of a paper says beside the figures of its lines."""

    script: str
    heading: str
    about: str
    command: str
    cells: dict  # by title of a table
    curves: dict  # by key of the history: title, digits
    after: str = ""  # what is open


def where(dataset, labels, **more):
    return {"dataset": dataset, "labels": labels, **more}


GMVAE = Page(
    "gmvae",
    "GMVAE",
    """Tables 1, 2 and 3 of Arias Figueroa (2019). The paper trains for 200
epochs and reports means over five seeds; ours train for as many epochs as the tables
say, with the defaults ("ours") or the paper's settings ("paper"). The paper trains on
80 % of the training images and chooses its settings on the others; ours train on
all of them.""",
    "--dataset mnist --labels 100 --recipe ours --epochs 10 --curve",
    {
        "Table 1: test error with few labels, %": [
            Cell("MNIST, 100 labels", "1.94 ± 0.49", "error", where("mnist", 100)),
            Cell("SVHN, 1000 labels", "14.78 ± 0.40", "error", where("svhn", 1000)),
            Cell(
                "Fashion-MNIST, 100 labels",
                "26.88 ± 0.86",
                "error",
                where("fashion-mnist", 100),
            ),
            Cell(
                "Fashion-MNIST, 1000 labels",
                "15.85 ± 0.69",
                "error",
                where("fashion-mnist", 1000),
            ),
        ],
        "Table 2: the assignment loss alone, test error, %": [
            Cell(
                f"{name}, {labels} labels",
                paper,
                "error",
                where(dataset, labels, changed="metric_weight=0"),
            )
            for name, dataset, labels, paper in (
                ("MNIST", "mnist", 100, "10.16"),
                ("SVHN", "svhn", 1000, "58.77"),
                ("Fashion-MNIST", "fashion-mnist", 100, "29.98"),
            )
        ],
        "Table 3: clustering without labels, %": [
            Cell("MNIST, ACC", "92.46 (best 97.36)", "acc", where("mnist", 0)),
            Cell("MNIST, NMI", "88.16 (best 93.44)", "nmi", where("mnist", 0)),
            Cell(
                "Fashion-MNIST, ACC",
                "55.97 (best 59.05)",
                "acc",
                where("fashion-mnist", 0),
            ),
            Cell(
                "Fashion-MNIST, NMI",
                "54.55 (best 57.56)",
                "nmi",
                where("fashion-mnist", 0),
            ),
        ],
    },
    {"error": ("Test error after each epoch, %", 1)},
    """The paper's settings for 200 epochs, SVHN (of which we have only a
part of the test set), and both clustering tables.""",
)

CATVAE = Page(
    "catvae",
    "CatVAE",
    """Tables II and III of Arias Figueroa and Ramírez Rivera (2017), on MNIST.
The paper trains for 100 epochs and reports means over five seeds. Recipes: "ours" is
the defaults; "paper" is the method as printed, without the separation term; "ours, one
view, ..." were the defaults until labels were assigned in a separate view.""",
    "--dataset mnist --labels 100 --recipe ours --epochs 10 --curve",
    {
        "Table II: clustering with 100 labels, %": [
            Cell("MNIST, ACC", "98.3", "acc", where("mnist", 100)),
            Cell("MNIST, NMI", "95.4", "nmi", where("mnist", 100)),
        ],
        "Table III: test error, %": [
            Cell("MNIST, 100 labels", "1.67 ± 0.18", "error", where("mnist", 100)),
            Cell("MNIST, all labels", "0.70", "error", where("mnist", 60000)),
        ],
    },
    {"error": ("Test error after each epoch, %", 1)},
    """A hundred epochs. After ten of ours, the rate has been halved ten
times, so little would change; for the paper's form, as printed, we do not know.""",
)

CAGEM = Page(
    "cagem",
    "CaGeM",
    """Tables 1, 2 and 3 of Maaløe, Fraccaro and Winther (2017).
Log-likelihoods are importance-weighted bounds of test images that are binarized
once; the paper takes 5,000 samples and does not give its number of epochs, ours
take 100 samples (three early runs do not say how many). Errors are those of p(y|x) by
20 draws, or as many as ``n_draws`` says. ``K = 1`` is a plain VAE of two layers of the
same sizes, which takes no labels; its batches of 100 rows have as many rows of the
bound per step as CaGeM's 200, half of which are labeled.""",
    "--labels 100 --epochs 60 --curve --set warm_up=10 categorical_weight=2",
    {
        "Table 1: log-likelihood on MNIST, nats": [
            Cell(
                f"{n} labels, K = {k}",
                paper,
                "importance_weighted_bound",
                where("mnist", n, clusters=k),
            )
            for n, k, paper in (
                (0, 20, "-81.92"),
                (0, 5, "-81.86"),
                (0, 10, "-81.60"),
                (20, 10, "-81.47"),
                (50, 10, "-80.49"),
                (100, 10, "-79.38"),
            )
        ]
        + [
            Cell(
                "plain VAE, K = 1",
                "not in the table",
                "importance_weighted_bound",
                where("mnist", 0, clusters=1),
            )
        ],
        "Table 2: log-likelihood on OMNIGLOT, nats": [
            Cell(
                "500 labels, K = 50",
                "-100.86",
                "importance_weighted_bound",
                where("omniglot", 500),
            )
        ],
        "Table 3: test error on MNIST, %": [
            Cell(f"{n} labels", paper, "error_of_draws", where("mnist", n, clusters=10))
            for n, paper in ((20, "15.86"), (50, "2.42"), (100, "1.16"))
        ],
        "KL(z2) at the end of training, nats": [
            Cell(
                "100 labels, K = 10",
                "about 17",
                "kl_z2",
                where("mnist", 100, clusters=10),
            ),
            Cell("plain VAE, K = 1", "none", "kl_z2", where("mnist", 0, clusters=1)),
        ],
    },
    {
        "bound": ("Training bound, nats", 1),
        "kl_z2": ("KL(z2), nats", 1),
        "active_z2": ("Active units of z2, of 32", 1),
    },
    """Runs of the paper's length, other numbers of labels and clusters,
and OMNIGLOT, whose published split and size we do not have.""",
)


def acol(dataset, transformations="1, 2, 3, 4, 5, 6, 7, 8", real=False, full=False):
    return {
        "dataset": dataset,
        "protocol": f"full={full}, real_parents={real}, transformations=["
        f"{transformations}], passes=1, scaling=unit",
    }


ACOL = Page(
    "acol",
    "ACOL",
    """Table 3 of Kilinc and Uysal (2018), and its sections 4.3 to 4.6:
accuracy in % under the best one-to-one matching, without labels. The paper trains for
400 epochs and reports means over ten runs; its k-means is fitted on the features of
the rows that are scored, ours on those of the training rows unless the table says
"fitted on test". On USPS both fit and score all rows, training and test.
``frobenius_of=B`` is the paper's equation 13 as printed.""",
    "--dataset usps --full --curve --every 20",
    {
        "Table 3, and k-means on other features": [
            Cell("USPS, all rows", "96.51 ± 0.26", "acc", acol("usps", full=True)),
            Cell("MNIST, test", "98.32 ± 0.08", "acc", acol("mnist")),
            Cell(
                "MNIST, test, fitted on test",
                "98.32 ± 0.08",
                "acc_fitted_on_test",
                acol("mnist"),
            ),
            Cell("SVHN, test", "76.80 ± 1.30", "acc", acol("svhn")),
            Cell(
                "MNIST, test, k-means on Z",
                "98.16 ± 0.14",
                "acc_of_z",
                acol("mnist"),
            ),
        ],
        "Fewer transformations, MNIST": [
            Cell("four rotations", "97.80 ± 0.18", "acc", acol("mnist", "1, 2, 3, 4")),
            Cell("none, half turn", "96.84 ± 0.29", "acc", acol("mnist", "1, 3")),
            Cell("none, quarter turn", "72.52 ± 6.20", "acc", acol("mnist", "1, 2")),
        ],
        "Real parents, MNIST: digits below 5, and from 5 on": [
            Cell("ten clusters", "another paper", "acc", acol("mnist", real=True))
        ],
    },
    {"acc": ("Accuracy after this many epochs, %", 1)},
    """The paper shows k-means with 7 and 20 clusters only in pictures, and
smaller F only in a plot: neither gives a number to compare with. Also open: 400 epochs
on MNIST, and SVHN.""",
)

M2 = Page(
    "m2",
    "M2",
    "Model M2 in table 1 of Kingma et al. (2014): test error on MNIST.",
    "--dataset mnist --labels 100 --curve",
    {
        "Table 1: test error, %": [
            Cell("MNIST, 100 labels", "11.97 ± 1.71", "error", where("mnist", 100))
        ]
    },
    {"error": ("Test error after each epoch, %", 1)},
)
PAPERS = [CATVAE, GMVAE, ACOL, CAGEM, M2]


def matches(line, wanted):
    """Whether a line is a run of a cell, scored on test rows."""
    given = line | {"clusters": line["parameters"]["n_clusters"]}
    return line["scored_on"].startswith(("test", "training and test")) and all(
        given.get(key, "") == value for key, value in wanted.items()
    )


def setting(line, *more):
    """Recipe of a run and what was changed in it, as text."""
    parts = [line["recipe"], *more]
    if line["changed"]:
        parts.append(f"``{line['changed']}``")
    return ", ".join(parts)


def groups(lines):
    """Runs that differ in the seed alone, in the order of the lines."""
    result = defaultdict(list)
    for line in lines:
        result[setting(line), line["epochs"]].append(line)
    return result


def cell_rows(cell, lines, script):
    """Rows of a table: a cell of the paper beside each group of our runs of it."""
    runs = [x for x in lines if matches(x, cell.where) and cell.figure in x]
    if "changed" not in cell.where and script == "gmvae":
        runs = [x for x in runs if "metric_weight=0" not in x["changed"]]
    if not runs:
        return [[cell.name, cell.paper, "not run", r"\-", r"\-", r"\-"]]
    return [
        [
            cell.name if first else r"\ ",
            cell.paper if first else r"\ ",
            mean_sd([x[cell.figure] for x in group], cell.digits),
            str(len(group)),
            str(epochs),
            name,
        ]
        for first, ((name, epochs), group) in zip(
            [True] + [False] * len(runs), groups(runs).items(), strict=False
        )
    ]


def baseline_rows(cells):
    """Rows of baselines.jsonl on the data of a page's cells."""
    wanted = {(x.where["dataset"], x.where.get("labels", 0)) for x in cells}
    rows = []
    for (dataset, labels, method), runs in sorted(
        by(read("baselines"), "dataset", "labels", "method").items()
    ):
        if (dataset, labels) in wanted:
            figures = [[x[f] for x in runs if f in x] for f in ("error", "acc", "nmi")]
            rows.append(
                [
                    f"{dataset}, {labels} labels",
                    method,
                    *(mean_sd(values) if values else r"\-" for values in figures),
                    str(len(runs)),
                    seconds([x["seconds"] for x in runs]),
                ]
            )
    return rows


def curve_rows(lines, figure, digits):
    """Header and rows of a table of a figure by epoch, a run a row."""
    noted = {
        id(x): {
            k + 1: row[figure] for k, row in enumerate(x["history"]) if figure in row
        }
        for x in lines
    }
    lines = [x for x in lines if len(noted[id(x)]) > 2]
    if not lines:
        return None
    longest = max(x["epochs"] for x in lines)
    common = sorted(set().union(*(noted[id(x)] for x in lines)))
    step = -(-longest // 10)
    shown = [e for e in common if e % step == 0 or e == longest] if step > 1 else common
    header = ["run", "seed", *map(str, shown)]
    rows = [
        [
            f"{x['dataset']}, {x['labels']} labels, K = "
            f"{x['parameters']['n_clusters']}, {setting(x)}",
            str(x["seed"]),
            *(
                f"{noted[id(x)][e]:.{digits}f}" if e in noted[id(x)] else r"\-"
                for e in shown
            ),
        ]
        for x in lines
    ]
    return header, rows


def paper_page(page):
    """Page of one paper."""
    lines = read(page.script)
    parts = [
        head_of(page.script),
        title(page.heading, "="),
        page.about,
        f"Runs: ``examples/papers/results/{page.script}.jsonl``, by commands such as::"
        f"\n\n    python examples/papers/{page.script}.py {page.command}",
    ]
    if not lines:
        parts[-1] += "\n\nNo run is on record yet."
    header = ["cell", "paper", "ours", "seeds", "epochs", "recipe"]
    for name, cells in page.cells.items():
        rows = [row for cell in cells for row in cell_rows(cell, lines, page.script)]
        parts += [title(name), table(header, rows)]
    cells = [cell for cells in page.cells.values() for cell in cells]
    others = baseline_rows(cells)
    if others:
        header = ["data", "method", "error", "ACC", "NMI", "seeds", "s"]
        parts += [
            title("Other methods that a user would try, %"),
            table(header, others),
            "By ``examples/papers/baselines.py``: scikit-learn's defaults on pixels, "
            "fitted on training and scored on test images; seconds on a shared "
            "machine.",
        ]
    for figure, (name, digits) in page.curves.items():
        curve = curve_rows(lines, figure, digits)
        if curve:
            parts += [title(name), table(*curve)]
    if lines:
        rows = [
            [
                f"{dataset}, {labels} labels, {name}",
                str(epochs),
                str(len(group)),
                mean_sd([x["seconds_per_epoch"] for x in group], 0),
                "; ".join(sorted({x["machine"] for x in group})),
                "; ".join(sorted({x["note"] for x in group if "note" in x})) or r"\-",
            ]
            for (dataset, labels), subset in by(lines, "dataset", "labels").items()
            for (name, epochs), group in groups(subset).items()
        ]
        parts += [
            title("Cost"),
            table(["runs", "epochs", "seeds", "s/epoch", "machine", "notes"], rows),
        ]
    if page.after:
        parts += [title("What is open"), page.after]
    return joined(*parts)


def by(lines, *keys):
    """Lines by the values of some of their keys."""
    result = defaultdict(list)
    for line in lines:
        result[tuple(line.get(key, "") for key in keys)].append(line)
    return result


# --------------------------------------------------------------------- benchmarks


def last_by_method():
    """The last line of every method in digits.jsonl."""
    return {line["method"]: line for line in read("digits")}


def accuracy(line, figure):
    return mean_sd(line[figure], 3) if line.get(figure) else r"\-"


def digits_page():
    """Page of examples/benchmarks/digits.py."""
    lines = last_by_method().values()
    lines = sorted(lines, key=lambda x: -np.mean(x["accuracy"] or [0]))
    rows = [
        [
            x["method"],
            accuracy(x, "accuracy"),
            accuracy(x, "acc"),
            f"{np.mean(x['seconds']):.1f}" if x["seconds"] else r"\-",
            x.get("note", r"\-"),
        ]
        for x in lines
    ]
    return joined(
        head_of("digits"),
        title("Digits", "="),
        """scikit-learn's digits: five splits into 1,400 training and 397 test
rows, and draws of 50 labels, the same for all methods, with default parameters. "mlp"
takes rows of a table, "conv" takes images. With 50 labels, accuracy is on the test
rows; without labels, it is on the training rows under the best matching. Figures are
mean and standard deviation over the splits; seconds are the mean of a fit on one
thread of a shared machine.""",
        "Runs: ``examples/papers/results/digits.jsonl``, by::\n\n    "
        "python examples/benchmarks/digits.py",
        table(["method", "50 labels", "no label", "seconds", "notes"], rows),
        title("Densities"),
        """CaGeMGenerator on the same digits, binarized
(``examples/benchmarks/likelihood.py``, the last run in ``likelihood.jsonl``): the bound
of the test rows in nats, averaged over 100 draws, the bound by 100 importance samples,
accuracy with this many labels, and KL(z2). "plain VAE" has one cluster.""",
        likelihood_table(),
    )


def likelihood_table():
    """Table of the last line of likelihood.jsonl."""
    figures = read("likelihood")[-1]["figures"]
    rows = [
        [
            model,
            *(
                mean_sd([run[key] for run in runs], digits)
                for key, digits in (
                    ("bound", 2),
                    ("importance_weighted", 2),
                    ("accuracy", 3),
                    ("kl_z2", 2),
                )
            ),
        ]
        for model, runs in figures.items()
    ]
    header = ["model", "bound", "100 importance samples", "accuracy", "KL(z2)"]
    return table(header, rows)


def latency_page():
    """Page of examples/benchmarks/latency.py."""
    lines = by(read("latency"), "method", "form")
    rows = [
        [
            method,
            form,
            *(f"{group[-1]['p50_ms'][n]:.2f}" for n in ("1", "16", "256")),
            f"{group[-1]['rows_per_second']:,}",
        ]
        for (method, form), group in lines.items()
    ]
    machines = "; ".join(sorted({g[-1]["machine"] for g in lines.values()}))
    header = ["class", "rows", "1, ms", "16, ms", "256, ms", "rows per second"]
    return joined(
        head_of("latency"),
        title("Latency of predict", "="),
        f"""Median time of ``predict`` on 1, 16 and 256 rows, and rows per second for
many rows; default widths, ten clusters; {machines}.
"8x8" and "28x28" are images.""",
        "Runs: ``examples/papers/results/latency.jsonl``, by::\n\n    "
        "python examples/benchmarks/latency.py",
        table(header, rows),
    )


SETS = {
    "wide3": "wide",
    "splice": "splice",
    "digits": "digits",
    "breast": "breast cancer",
    "phoneme": "phoneme",
    "satimage": "satimage",
    "wide1": "wide, noise 1",
    "digits16": "digits, 160 rows",
}


FEW_COLUMNS = {
    "iris": "iris, 4",
    "phoneme": "phoneme, 5",
    "vowel": "vowel, 13",
    "vehicle": "vehicle, 18",
    "breast cancer": "breast cancer, 30",
    "satimage": "satimage, 36",
}
FEW_COLUMNS_TRIALS = (
    "label weights n_features / 4",
    "assignment_weight=10",
    "assignment_weight=10 metric_weight=10",
)


def growth_page():
    """Page of examples/benchmarks/growth.py."""
    lines = [line for line in read("growth") if "columns" not in line["setting"]]
    rows = []
    for line in lines:
        setting = line["setting"]
        rows.append(
            [
                *(f"{setting[name]:,}" for name in ("rows", "clusters", "labels")),
                f"{setting['dtype']}, {setting['in']}",
                f"{line['fit_us_per_row_and_epoch']:,.0f}",
                f"{line['predict_us_per_row']:.1f}",
                str(line["fit_mb"]),
            ]
        )
    rows.sort(key=lambda row: [int(n.replace(",", "")) for n in row[:3]] + row[3:])
    machines = sorted({line["machine"].split(",")[0] for line in lines})
    header = ["rows", "clusters", "labels", "values", "fit, us", "predict, us", "MB"]
    once, per_row, share, widest = linear_in_rows(lines)
    return joined(
        head_of("growth"),
        title("Growth", "="),
        f"""How time and memory of GMVAEClusterer grow: rows of 784 columns, in memory
or in a mapped file, one hidden layer of 128, batches of 200, two epochs, one thread of
a machine that did other work ({", ".join(machines)}); one run each. Microseconds of
processor time are per row, those of fit per row and epoch; memory is that above the
start of fit, without a mapped file's pages.""",
        "Runs: ``examples/papers/results/growth.jsonl``, by::\n\n    "
        "python examples/benchmarks/growth.py\n    "
        "python examples/benchmarks/growth.py --compare --rows 60000 1000000\n    "
        "python examples/benchmarks/growth.py --sparse --rows 50000",
        table(header, rows),
        title("Linear in rows"),
        f"""With 10 clusters, 100 labels and a mapped file of uint8, a fit took
{once:.1f} s whatever the number of rows, and {per_row:.0f} us per row and epoch (least
squares on the lines above). From 60,000 to 1,000,000 rows the time per row is within
{widest:.0f} % of its mean; at 10,000, {share:.0f} % of it is what happens once.""",
        title("A map beside memory"),
        table(["rows", "values", "fit", "predict"], map_ratios(lines)),
        "Time of a mapped file over that of memory.",
        *sparse_part(),
    )


def linear_in_rows(lines):
    """Seconds of a fit once, us per row and epoch, and two numbers of percent.

    That of what happens once in the time of 10,000 rows, and the largest deviation of
    a time per row from their mean, from 60,000 rows on.
    """
    base = {"clusters": 10, "labels": 100, "dtype": "uint8", "in": "map"}
    lines = [line for line in lines if line["setting"].items() >= base.items()]
    n = np.array([line["setting"]["rows"] for line in lines])
    us = np.array([line["fit_us_per_row_and_epoch"] for line in lines])
    (once, per_row), *_ = np.linalg.lstsq(np.stack([1 / n, np.ones(len(n))], 1), us)
    large = us[n >= 60_000]
    share = once / (once + 10_000 * per_row)
    widest = np.max(np.abs(large / large.mean() - 1))
    return 2e-6 * once, per_row, 100 * share, 100 * widest


def map_ratios(lines):
    """Rows of a table: times of a mapped file over those of memory."""
    found = by([line | line["setting"] for line in lines], "rows", "dtype", "in")
    return [
        [
            f"{n:,}",
            dtype,
            *(
                f"{found[n, dtype, 'map'][0][time] / line[time]:.2f}"
                for time in ("fit_us_per_row_and_epoch", "predict_us_per_row")
            ),
        ]
        for (n, dtype, place), (line, *_) in sorted(found.items())
        if place == "memory" and (n, dtype, "map") in found
    ]


def sparse_part():
    """Parts of a page about TF-IDF, if there are lines."""
    rows = [
        [
            f"{line['setting']['rows']:,}",
            f"{line['setting']['columns']:,}",
            f"{line['fit_us_per_row_and_epoch']:,.0f}",
            f"{line['predict_us_per_row']:.1f}",
            str(line["fit_mb"]),
            str(line["highest_mb"]),
        ]
        for line in read("growth")
        if "columns" in line["setting"]
    ]
    if not rows:
        return []
    header = ["rows", "columns", "fit, us", "predict, us", "MB", "all, MB"]
    return [
        title("Sparse rows"),
        table(header, rows),
        """TF-IDF of random texts of 60 words; "all" is the highest memory of the
process, data and libraries included.""",
    ]


def streams_table():
    """Table of examples/benchmarks/streams.py."""
    groups = defaultdict(list)
    for line in read("streams"):
        groups[line["data"], line["method"], line.get("batch_size") or 0].append(line)
    rows = [
        [
            "digits" if data == "digits" else "MNIST, 20,000",
            f"{method}, ``batch_size={size}``" if size else method,
            *(mean_sd([x[how] for x in runs], 3) for how in ("fit", "stream")),
            mean_sd([x["stream"] - x["fit"] for x in runs], 3),
            str(len(runs)),
            str(runs[0]["epochs"]),
            joined_numbers(x["passes"] for x in runs),
            joined_numbers(x["fit_steps"] for x in runs),
            joined_numbers(x["stream_steps"] for x in runs),
        ]
        for (data, method, size), runs in sorted(groups.items())
    ]
    header = ["data", "class", "fit", "stream", "difference", "seeds", "epochs"]
    return table([*header, "passes", "steps of fit", "of stream"], rows)


def joined_numbers(numbers):
    """Distinct numbers, in order, as text."""
    return ", ".join(map(str, sorted(set(numbers))))


def processes_table():
    """Table of accuracy and speed by examples/benchmarks/processes.py."""
    lines = [line | line["setting"] for line in read("processes")]
    found = by(lines, "what", "method", "processes")
    rows = []
    for method in sorted({x["method"] for x in lines if x["what"] != "bytes"}):
        row = [method]
        for what, name in (
            ("accuracy", "accuracy"),
            ("speed", "rows_per_processor_second"),
        ):
            values = [[x[name] for x in found[what, method, n]] for n in (1, 2)]
            if not all(values):
                row += [r"\-"] * (2 + (what == "speed"))
            elif what == "accuracy":
                row += [", ".join(f"{value:.3f}" for value in v) for v in values]
            else:
                one, two = map(np.median, values)
                row += [f"{one:,.0f}", f"{two:,.0f}", f"{two / one:.2f}"]
        rows.append(row)
    header = ["class", "accuracy, one", "two", "rows/s, one", "two", "ratio"]
    return table(header, rows)


def bytes_table():
    """Table of what a step sends, by examples/benchmarks/processes.py."""
    lines = [line | line["setting"] for line in read("processes")]
    found = by([x for x in lines if x["what"] == "bytes"], "method")
    rows = []
    for (method,), of_method in sorted(found.items()):
        shown = {x["rows"]: x for x in of_method}
        size = [f"{shown[n]['bytes'] / 1e6:.1f} MB" for n in ("784 columns", "28x28")]
        rows.append([method, *size, str(of_method[0]["batch_size"])])
    return table(["class", "784 columns", "28x28", "batch_size"], rows)


def filled(text, tables):
    """Put tables between the comments of a page that name them."""
    for name, rows in tables.items():
        begin, end = f".. rendered: {name}\n", f".. end of {name}\n"
        before, rest = text.split(begin)
        indent = before[before.rfind("\n") + 1 :]
        rows = rows.replace("\n", f"\n{indent}")
        after = rest.split(end)[1]
        text = f"{before}{begin}\n{indent}{rows}\n\n{indent}{end}{after}"
    return text


def trials_page():
    """Page of the trials that decided the defaults on tables."""
    lines = [x for x in read("tables-trials") if x["labels"] == "10 labels a class"]
    last = [x for x in lines if x["changed"] in FEW_COLUMNS_TRIALS]
    return joined(
        head_of("trials"),
        title("Trials on tables", "="),
        """Trials that led to the present defaults on tables: accuracy on validation
rows with 10 labels per class, mean over the number of seeds in parentheses, of the
earlier code with the changes named. "all changes" is what the defaults became. "wide"
is digits mixed into 765 columns with noise of 3, 700 rows; "splice" has 285 columns.
Runs: ``examples/papers/results/tables-trials.jsonl``; the code of the trials is not
kept.""",
        trials_table([x for x in lines if x not in last], SETS),
        title("Few columns"),
        """The weight of the label terms in GMVAE, after those changes; the numbers
after the names are the numbers of columns. On iris with every row labeled, 60 epochs
with weights of 1 ended at .31 to .97, depending on the seed.""",
        trials_table(last, FEW_COLUMNS),
    )


def trials_table(lines, sets):
    """Table of trials: a row each, a column for each set."""
    rows = []
    for (method, changed, epochs), group in by(
        lines, "method", "changed", "epochs"
    ).items():
        cells = by(group, "set")
        rows.append(
            [
                method,
                changed or r"\-",
                str(epochs or r"\-"),
                *(
                    f"{np.mean([x['accuracy'] for x in cells[s,]]):.3f} "
                    f"({len(cells[s,])})"
                    if (s,) in cells
                    else r"\-"
                    for s in sets
                ),
            ]
        )
    return table(["class", "changed", "epochs", *sets.values()], rows)


# ------------------------------------------------------- figures in other pages


def slug(method):
    """Short name of a method of digits.jsonl."""
    name = method.lower().replace("clusterer", "").replace(" on the pixels", "")
    return re.sub(r"[^a-z]+", "-", name.replace(" on the labels", "")).strip("-")


def figures():
    """Figures that other pages quote, by name: the last runs of defaults."""
    result = {}
    for method, line in last_by_method().items():
        for figure, name in (("accuracy", "digits"), ("acc", "digits-no-labels")):
            if line[figure]:
                result[f"{name}-{slug(method)}"] = mean_sd(line[figure], 3)
        if line["seconds"]:
            seconds = np.mean(line["seconds"])
            result[f"seconds-{slug(method)}"] = (
                f"{seconds:.0f}" if seconds > 1 else "< 1"
            )
    for page in (GMVAE, CATVAE):
        for (dataset, labels), lines in by(
            read(page.script), "dataset", "labels"
        ).items():
            lines = [x for x in lines if x["recipe"] == "ours" and not x["changed"]]
            if lines:
                name = f"{page.script}-{dataset}-{labels}"
                result[name] = mean_sd([x["error"] for x in lines])
    for (dataset, labels, method), lines in by(
        read("baselines"), "dataset", "labels", "method"
    ).items():
        values = [x["error" if labels else "acc"] for x in lines]
        result[f"{slug(method)}-{dataset}-{labels}"] = mean_sd(values)
    full = [x for x in read("acol") if matches(x, acol("usps", full=True))]
    full = [x["acc"] for x in full if not x["changed"]]
    result["acol-usps"] = mean_sd(full)
    parents = [x["acc"] for x in read("acol") if matches(x, acol("mnist", real=True))]
    result["acol-mnist-parents"] = mean_sd(parents)
    for labels in (5, 10):
        means, n_tables = table_means(QUOTED, labels)
        result[f"tables-{labels}"] = str(n_tables)
        for method, accuracy in means.items():
            result[f"tables-{labels}-{slug(method)}"] = f"{accuracy:.3f}"
    for model, runs in read("likelihood")[-1]["figures"].items():
        name = f"cagem-digits-{model.split()[0]}"
        result[name] = mean_sd([run["importance_weighted"] for run in runs])
    return result


def substitutions():
    """Make every figure a substitution of reStructuredText."""
    return "\n".join(
        f".. |{name}| replace:: {text}" for name, text in figures().items()
    )


# rows of README's table: name, key among the figures, method in tables.jsonl
README_ROWS = [
    ("`GMVAEClusterer`, images", "gmvae-conv", ""),
    ("`GMVAEClusterer`, table", "gmvae-mlp", "GMVAEClusterer"),
    ("`CatVAEClusterer`, images", "catvae-conv", ""),
    ("`CatVAEClusterer`, table", "catvae-mlp", "CatVAEClusterer"),
    ('`LabelSpreading(kernel="knn")`', "labelspreading-knn", "LabelSpreading (knn)"),
    ("`SelfTrainingClassifier` on an SVC", "selftraining-svc", "SelfTraining (SVC)"),
    ("`SVC` on the labels alone", "svc", "SVC"),
    ("`LogisticRegression` on them", "logisticregression", "LogisticRegression"),
    ("`KMeans`", "k-means", ""),
]


# methods of tables.jsonl that pages quote
QUOTED = [
    "GMVAEClusterer",
    "CatVAEClusterer",
    "LogisticRegression",
    "SVC",
    "LabelSpreading (knn)",
]


def table_means(methods, labels=10):
    """Mean test accuracy over the confirming tables that all have, and their number."""
    accuracy = by(
        [
            x
            for x in read("tables")
            if x["labels"] == labels
            and x["half"] == "confirming"
            and x["scored_on"] == "test"
            and not x["changed"]
            and "accuracy" in x
        ],
        "method",
        "set",
    )
    sets = {name for _, name in accuracy}
    common = [s for s in sets if all((m, s) in accuracy for m in methods)]
    if not common:
        return {}, 0
    means = {
        m: np.mean([np.mean([x["accuracy"] for x in accuracy[m, s]]) for s in common])
        for m in methods
    }
    return means, len(common)


def readme_table():
    """Table of README, in Markdown, between its two marks."""
    shown = figures()
    on_tables, n_tables = table_means([method for *_, method in README_ROWS if method])
    header = ["", "digits, 50 labels", "digits, no label", "seconds"]
    if n_tables:
        header.insert(3, f"{n_tables} tables, 10 labels a class")
    lines = [header, ["---"] * len(header)]
    for name, key, method in README_ROWS:
        row = [name]
        row += [shown.get(f"{of}-{key}", "") for of in ("digits", "digits-no-labels")]
        if n_tables:
            row.append(f"{on_tables[method]:.3f}" if method else "")
        lines.append([*row, shown.get(f"seconds-{key}", "")])
    return "\n".join(f"| {' | '.join(row)} |".replace("  ", " ") for row in lines)


def pages():
    """Text of every file that is rendered, by path."""
    result = {PAGES / f"{page.script}.rst": paper_page(page) for page in PAPERS}
    result[PAGES / "digits.rst"] = digits_page()
    result[PAGES / "latency.rst"] = latency_page()
    result[PAGES / "growth.rst"] = growth_page()
    result[PAGES / "trials.rst"] = trials_page()
    scaling = PAGES / "scaling.rst"
    tables = {
        "streams": streams_table(),
        "processes": processes_table(),
        "bytes": bytes_table(),
    }
    result[scaling] = filled(scaling.read_text(), tables)
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    result[readme] = f"{before}{BEGIN}\n{readme_table()}\n{END}{after}"
    return result


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(path.relative_to(ROOT))
