"""Pages of docs/results and tables of other pages, from the lines under results/.

    python examples/papers/render.py

writes them; a test renders them again and compares, so that every figure comes from a
line. A line is one run or one benchmark. Runs belong to a cell of a paper's table if
they have its data set, labels and protocol; those with the same recipe, changes and
number of epochs are averaged. "ours" are the defaults: when these change, rename the
recipe of the earlier lines.
"""

import re
import shlex
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import read_lines

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "results"
BEGIN, END = "<!-- rendered: digits -->", "<!-- end -->"
MARKS = re.compile(
    r"(?P<begin>^(?P<indent> *)\.\. rendered: (?P<name>\S+)\n\n)"
    r".*?(?P<end>^ *\.\. end\n)",
    re.M | re.S,
)


def read(name):
    """Lines of a file of results, as dicts."""
    return read_lines(RESULTS / f"{name}.jsonl")


def table(header, rows):
    """Make a simple table of reStructuredText; what a row lacks is left empty."""
    rows = [row + [r"\ "] * (len(header) - len(row)) for row in rows]
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
    # columns beside the figure: title, function of a line; they part the runs, too
    shown: tuple = ()


class Page(NamedTuple):
    """What the page of a paper says beside the figures of its lines."""

    script: str
    heading: str
    about: str
    cells: dict  # by title of a table
    curves: dict  # by key of the history: title, digits
    after: str = ""  # what is open
    command: str = ""  # of runs to come, where there is none
    more: object = None  # function of the lines: further parts


def samples(line):
    """Importance samples of a run, as text."""
    return str(line.get("importance_samples", "not recorded"))


def draws(line):
    """Draws that a run of CaGeM was classified by, as text."""
    return str(line["parameters"]["n_draws"])


def where(dataset, labels, **more):
    return {"dataset": dataset, "labels": labels, **more}


def same_draws(lines):
    """Parts of GMVAE's page: seed by seed, the defaults and the earlier ones."""
    errors = {
        (x["dataset"], x["seed"], x["recipe"]): x["error"]
        for x in lines
        if not x["changed"]
    }
    rows = [
        [dataset, str(seed), f"{before:.2f}", f"{error:.2f}"]
        for (dataset, seed, recipe), error in errors.items()
        if recipe == "ours"
        and (before := errors.get((dataset, seed, "ours, one view"))) is not None
    ]
    if not rows:
        return []
    return [
        title("The same draws, test error, %"),
        table(["data, 100 labels", "seed", "ours, one view", "ours"], rows),
    ]


GMVAE = Page(
    "gmvae",
    "GMVAE",
    """Tables 1, 2 and 3 of Arias Figueroa (2019). The paper trains for 200
epochs and reports means over five seeds; ours train for as many epochs as the tables
say. Recipes: "ours" are the defaults; "ours, one view" were the defaults until labels
of images were assigned in a view of their own, the metric term counted every row once
and batch norm took its statistics from all rows (:doc:`../changelog`); "paper" are the
paper's settings. The paper trains on 80 % of the training images and chooses its
settings on the others; ours train on all of them.""",
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
    more=same_draws,
)

CATVAE = Page(
    "catvae",
    "CatVAE",
    """Tables II and III of Arias Figueroa and Ramírez Rivera (2017), on MNIST.
The paper trains for 100 epochs and reports means over five seeds. Recipes: "ours" are
the defaults from before the separation term counted every row once and batch norm took
its statistics from all rows (:doc:`../changelog`), and will be measured again: with
today's code, ``--recipe ours`` gives other figures. "paper", also from before those
statistics, is the method as printed, but for the 1 of equation 16 (:doc:`../catvae`),
without the separation term; "ours, one view, ..." were the defaults until labels were
assigned in a separate view.""",
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

SAMPLES = (("samples", samples),)


def one_draw_part(lines):
    """Bounds of the test images by one draw, which all rows shared."""
    lines = [x for x in lines if "test_bound" in x]
    longest = max(x["epochs"] for x in lines)
    gaps = [
        x["test_bound"] - x["history"][-1]["bound"]
        for x in lines
        if x["epochs"] == longest
    ]
    rows = [
        [
            f"K = {x['parameters']['n_clusters']}, {setting(x)}",
            str(x["seed"]),
            str(x["epochs"]),
            f"{x['history'][-1]['bound']:.1f}",
            f"{x['test_bound']:.1f}",
            f"{x['importance_weighted_bound']:.1f}"
            if "importance_weighted_bound" in x
            else r"\-",
            samples(x) if "importance_weighted_bound" in x else r"\-",
        ]
        for x in lines
    ]
    names = ["run", "seed", "epochs", "training", "one draw", "weighted", "samples"]
    return [
        title("Noise that the rows share"),
        f"""These lines are from before inference drew its noise per row
(:doc:`../changelog`): all test images were scored by the same draw, or by the same
block of importance samples, and the error of that does not shrink with the number of
images. After {longest} epochs, the test bound by one draw is from {-min(gaps):.1f} nats
below the training bound of the last epoch, whose noise was always drawn per row, to
{max(gaps):.1f} above it, with a standard deviation of {np.std(gaps, ddof=1):.1f}. A
mean of 100 draws would have a tenth of that. Bounds weighted by 100 samples are not
such means, and their error is not measured: differences of a few tenths of a nat in
table 1 may be noise. They will be measured again.""",
        table(names, rows),
    ]


CAGEM = Page(
    "cagem",
    "CaGeM",
    """Tables 1, 2 and 3 of Maaløe, Fraccaro and Winther (2017).
Log-likelihoods are importance-weighted bounds of test images that are binarized
once, by as many samples as the column says; the paper takes 5,000 and does not give its
number of epochs. Errors are those of p(y|x) by as many draws as the column says
(``--draws``; the ``n_draws`` of a recipe is for the points of the curve), on the gray
test images: they are not binarized, and real-valued input is worth much to p(y|x)
(:doc:`notes-cagem`). The paper gives neither its number of draws nor the input of
table 3.

``K = 1`` is a plain VAE of two layers of the same sizes, which takes no labels; its
batches of 100 rows (200 where a recipe does not name them) have as many rows of the
bound per step as CaGeM's 200, half of which are labeled. The nearest figures in the
paper are of other authors' networks: in table 1, IWAE with two layers and one sample in
training, which is a VAE; and in appendix D, the test bound of a VAE by one sample,
-87.49. Of KL(z2), the paper says "about 17" for CaGeM and does not name the number of
labels.

All bounds of test images here are from before inference drew its noise per row; the
last part says what that means.""",
    {
        "Table 1: log-likelihood on MNIST, nats": [
            Cell(
                f"{n} labels, K = {k}",
                paper,
                "importance_weighted_bound",
                where("mnist", n, clusters=k),
                shown=SAMPLES,
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
                "-85.33 (IWAE, L = 2, IW = 1)",
                "importance_weighted_bound",
                where("mnist", 0, clusters=1),
                shown=SAMPLES,
            )
        ],
        "Table 2: log-likelihood on OMNIGLOT, nats": [
            Cell(
                "500 labels, K = 50",
                "-100.86",
                "importance_weighted_bound",
                where("omniglot", 500),
                shown=SAMPLES,
            )
        ],
        "Table 3: test error on MNIST, %": [
            Cell(
                f"{n} labels",
                paper,
                "error_of_draws",
                where("mnist", n, clusters=10),
                shown=(("draws", draws),),
            )
            for n, paper in ((20, "15.86"), (50, "2.42"), (100, "1.16"))
        ],
        "KL(z2) at the end of training, nats": [
            Cell(
                "100 labels, K = 10",
                "about 17 (labels not given)",
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
    more=one_draw_part,
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
accuracy in % under the best one-to-one matching, without labels. The paper reports
means over ten runs; of epochs, it names 400 in figure 3, on MNIST, and none elsewhere.
Its k-means is fitted on the features of the rows that are scored, ours on those of the
training rows unless the table says "fitted on test". On USPS, both score all rows. Ours
are also trained on all: 2,007 rows more than the paper may have used, whose section 4.1
says that only training rows train the network. ``frobenius_of=B`` is the paper's
equation 13 as printed. The experiment with real parents is that of Kilinc and Uysal
(2017a), *Auto-clustering output layer*, arXiv:1702.08648, which we have not compared
with.""",
    {
        "Table 3, and k-means on other features": [
            Cell(
                "USPS, all rows (ours trained on all)",
                "96.51 ± 0.26",
                "acc",
                acol("usps", full=True),
            ),
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
            Cell(
                "ten clusters",
                "not in this paper",
                "acc",
                acol("mnist", real=True),
            )
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
    {
        "Table 1: test error, %": [
            Cell("MNIST, 100 labels", "11.97 ± 1.71", "error", where("mnist", 100))
        ]
    },
    {"error": ("Test error after each epoch, %", 1)},
    command="--dataset mnist --labels 100 --curve",
)
PAPERS = [CATVAE, GMVAE, ACOL, CAGEM, M2]


def matches(line, wanted):
    """Whether a line is a run of a cell, scored on test rows."""
    given = line | {"clusters": line["parameters"]["n_clusters"]}
    return line["scored_on"].startswith(("test", "training and test")) and all(
        given.get(key, "") == value for key, value in wanted.items()
    )


def changes(line):
    """What a run changed in its recipe: papers' recipes once left precision open."""
    changed = line["changed"]
    open_then = line["recipe"] == "paper" and line["parameters"]["precision"] == "auto"
    return f"{changed} precision=auto".strip() if open_then else changed


def setting(line):
    """Recipe of a run and what was changed in it, as text."""
    changed = changes(line)
    return f"{line['recipe']}, ``{changed}``" if changed else line["recipe"]


def data_of(line):
    """Data and labels of a run, as text."""
    protocol = line.get("protocol", "")
    return (
        f"{line['dataset']}, {line['labels']} labels"
        + ", all rows" * ("full=True" in protocol)
        + ", real parents" * ("real_parents=True" in protocol)
    )


def groups(lines, shown=()):
    """Runs that differ in the seed alone, in the order of the lines."""
    result = defaultdict(list)
    for line in lines:
        beside = (of(line) for _, of in shown)
        result[setting(line), line["epochs"], *beside].append(line)
    return result


def command(line):
    """Make the command of a run, without its seed, and what it cannot say."""
    script = line["script"].removesuffix(".py")
    words = [f"python examples/papers/{script}.py --dataset {line['dataset']}"]
    words += [f"--labels {line['labels']} --recipe {line['recipe']}"]
    words += [f"--epochs {line['epochs']}"]
    unknown = ""
    if script == "acol":
        words += protocol_options(line["protocol"])
    elif line["draw"] != line["seed"]:
        words.append(f"--draw {line['draw']}")
    if script == "cagem":
        words.append(f"--clusters {line['parameters']['n_clusters']}")
        if "error_of_draws" in line:
            words.append(f"--draws {draws(line)}")
        if "importance_samples" in line:
            words.append(f"--importance {samples(line)}")
        elif "importance_weighted_bound" in line:
            unknown = "the number after --importance is not recorded"
    noted = [
        k + 1
        for k, row in enumerate(line["history"][:-1])
        if ("acc" if script == "acol" else "error") in row
    ]
    if noted:
        words.append("--curve" + f" --every {noted[0]}" * (noted[0] > 1))
    if changes(line):
        words.append("--set " + " ".join(map(shlex.quote, changes(line).split())))
    return " ".join(words), unknown


def protocol_options(protocol):
    """Options of acol.py that make a protocol, but for those that are defaults."""
    given = dict(re.findall(r"(\w+)=(\[.*?\]|\w+)", protocol))
    options = [
        f"--{name.replace('_', '-')}"
        for name in ("full", "real_parents")
        if given[name] == "True"
    ]
    turns = given["transformations"].strip("[]").replace(",", "")
    if turns != "1 2 3 4 5 6 7 8":
        options.append(f"--transformations {turns}")
    if given["passes"] != "1":
        options.append(f"--passes {given['passes']}")
    return [*options, f"--scaling {given['scaling']}"]


def commands(lines):
    """Say by which commands the runs of a page were made."""
    seeds = defaultdict(list)
    for line in lines:
        if line["recipe"] in ("paper", "ours"):  # others name defaults of earlier code
            seeds[command(line)].append(line["seed"])
    result = []
    for (text, unknown), (first, *others) in seeds.items():
        notes = [unknown] * bool(unknown)
        if others:
            notes.insert(0, f"and --seed {', '.join(map(str, sorted(others)))}")
        notes = f"  # {'; '.join(notes)}" if notes else ""
        result.append(f"    {text} --seed {first}{notes}")
    return "\n".join(result)


def cell_rows(cell, lines, script):
    """Rows of a table: a cell of the paper beside each group of our runs of it."""
    runs = [x for x in lines if matches(x, cell.where) and cell.figure in x]
    if "changed" not in cell.where and script == "gmvae":
        runs = [x for x in runs if "metric_weight=0" not in x["changed"]]
    if not runs:
        return [[cell.name, cell.paper, "not run", *[r"\-"] * (3 + len(cell.shown))]]
    return [
        [
            cell.name if first else r"\ ",
            cell.paper if first else r"\ ",
            mean_sd([x[cell.figure] for x in group], cell.digits),
            str(len(group)),
            str(epochs),
            *beside,
            name,
        ]
        for first, ((name, epochs, *beside), group) in zip(
            [True] + [False] * len(runs),
            groups(runs, cell.shown).items(),
            strict=False,
        )
    ]


def baseline_rows(cells):
    """Rows of baselines.jsonl on the data of a page's cells."""
    wanted = {(x.where["dataset"], x.where.get("labels", 0)) for x in cells}
    rows = []
    for (dataset, labels, scored_on, method), runs in sorted(
        by(read("baselines"), "dataset", "labels", "scored_on", "method").items()
    ):
        if (dataset, labels) in wanted:
            scored = "" if scored_on == "test" else ", all rows"
            figures = [[x[f] for x in runs if f in x] for f in ("error", "acc", "nmi")]
            rows.append(
                [
                    f"{dataset}, {labels} labels{scored}",
                    method,
                    *(mean_sd(values) if values else r"\-" for values in figures),
                    str(len(runs)),
                    seconds([x.get("cpu_seconds", x.get("seconds")) for x in runs]),
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
            f"{data_of(x)}, K = {x['parameters']['n_clusters']}, {setting(x)}",
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
        """"±" is the sample standard deviation (n - 1) over seeds. A seed sets weights,
batches and noise, and the draw of the labels if there are any.""",
        runs_of_paper(page, lines),
    ]
    for name, cells in page.cells.items():
        beside = [name for name, _ in cells[0].shown]
        header = ["cell", "paper", "ours", "seeds", "epochs", *beside, "recipe"]
        rows = [row for cell in cells for row in cell_rows(cell, lines, page.script)]
        parts += [title(name), table(header, rows)]
    cells = [cell for cells in page.cells.values() for cell in cells]
    others = baseline_rows(cells)
    if others:
        header = ["data", "method", "error", "ACC", "NMI", "seeds", "s"]
        parts += [
            title("Other methods that a user would try, %"),
            table(header, others),
            """By ``examples/papers/baselines.py``: the libraries' defaults on pixels,
fitted on training and scored on test images, or on all rows. UMAP sees no label and has
two dimensions, the same for all draws of labels; its first use compiles it. Seconds are
processor time in rows with UMAP or "all rows", else wall time on a shared machine.""",
        ]
    if page.more is not None:
        parts += page.more(lines)
    for figure, (name, digits) in page.curves.items():
        curve = curve_rows(lines, figure, digits)
        if curve:
            parts += [title(name), table(*curve)]
    if lines:
        rows = [
            [
                f"{data}, {name}",
                str(epochs),
                str(len(group)),
                mean_sd([x["seconds_per_epoch"] for x in group], 0),
                "; ".join(sorted({x["machine"] for x in group})),
                "; ".join(sorted({x["note"] for x in group if "note" in x})) or r"\-",
            ]
            for data, subset in by_data(lines).items()
            for (name, epochs), group in groups(subset).items()
        ]
        parts += [
            title("Cost"),
            table(["runs", "epochs", "seeds", "s/epoch", "machine", "notes"], rows),
        ]
    if page.after:
        parts += [title("What is open"), page.after]
    return joined(*parts)


def runs_of_paper(page, lines):
    """Say where the runs of a page are, and by which commands they were made."""
    where = f"Runs: ``examples/papers/results/{page.script}.jsonl``"
    if not lines:
        return (
            f"{where}, by::\n\n    python examples/papers/{page.script}.py "
            f"{page.command}\n\nNo run is on record yet."
        )
    text = f"""{where}, by these commands, which are
made from the lines"""
    if any(x["recipe"] not in ("paper", "ours") for x in lines):
        text += """; recipes of other names were defaults of earlier code, and no
command repeats them"""
    if any("precision=auto" in changes(x) for x in lines):
        text += """. "paper" sets float32 today; with ``precision=auto``, as these runs
had it, bfloat16 is used if the processor has it in hardware"""
    return f"{text}::\n\n{commands(lines)}"


def by_data(lines):
    """Lines by their data and labels."""
    result = defaultdict(list)
    for line in lines:
        result[data_of(line)].append(line)
    return result


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


def machines_of(lines):
    """Processors of the lines, as text."""
    return "; ".join(sorted({line["machine"].split(",")[0] for line in lines}))


def runs_of(name, *options):
    """Say where the lines of a benchmark are, and by which commands."""
    commands = "\n    ".join(
        f"python examples/benchmarks/{name}.py {option}".rstrip() for option in options
    )
    return f"Runs: ``examples/papers/results/{name}.jsonl``, by::\n\n    {commands}"


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
        runs_of("latency", ""),
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
    header = ["rows", "clusters", "labels", "values", "fit, us", "predict, us", "MB"]
    once, per_row, share, widest = linear_in_rows(lines)
    return joined(
        head_of("growth"),
        title("Growth", "="),
        f"""How time and memory of GMVAEClusterer grow: rows of 784 columns, in memory
or in a mapped file, one hidden layer of 128, batches of 200, two epochs, one thread of
a machine that did other work ({machines_of(lines)}); one run each. Microseconds of
processor time are per row, those of fit per row and epoch; memory is that above the
start of fit, without a mapped file's pages.""",
        runs_of(
            "growth",
            "",
            "--compare --rows 60000 1000000",
            "--sparse --rows 50000",
        ),
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
    lines = [line | {"size": line.get("batch_size") or 0} for line in read("streams")]
    rows = [
        [
            "digits" if data == "digits" else "MNIST, 20,000",
            f"{method}, ``batch_size={size}``" if size else method,
            *(mean_sd([x[how] for x in runs], 3) for how in ("fit", "stream")),
            mean_sd([x["stream"] - x["fit"] for x in runs], 3),
            str(len(runs)),
            str(epochs),
            joined_numbers(x["passes"] for x in runs),
            joined_numbers(x["fit_steps"] for x in runs),
            joined_numbers(x["stream_steps"] for x in runs),
        ]
        for (data, method, size, epochs), runs in sorted(
            by(lines, "data", "method", "size", "epochs").items()
        )
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
            ("speed", "rows_per_second"),
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


def generation_page():
    """Page of examples/benchmarks/generation.py."""
    lines = read("generation")
    rows = []
    groups = by(lines, "set", "method", "changed")
    for (name, method, changed), group in sorted(groups.items()):
        mean = {
            key: np.mean([line[key] for line in group])
            for key in group[0]
            if isinstance(group[0][key], int | float)
        }
        rows.append(
            [
                name,
                method,
                changed or r"\-",
                str(len(group)),
                f"{mean['accuracy']:.3f}",
                f"{mean['nats']:.1f}",
                f"{mean['reconstruction']:.2f}",
                f"{mean['pca']:.2f} ({mean['n_components']:.0f})",
                f"{mean['variance']:.2f}",
                f"{100 * mean['right']:.1f}",
            ]
        )
    header = ["set", "class", "changed", "seeds", "accuracy", "nats"]
    header += ["error", "error of PCA", "variance", "right, %"]
    return joined(
        head_of("generation"),
        title("Generation", "="),
        f"""How like the rows what a generator draws is. Defaults, but for what is in
"changed"; 50 labels of 1,400 digits, 100 of 7,291 USPS and 10,000 MNIST images (30
epochs), as tables unless they are named images; one thread of a machine that did other
work ({machines_of(lines)}). Means over seeds:

- accuracy on test rows,
- nats that the latent variables carry,
- squared error of the test rows' reconstructions, a sum over columns, and that of as
  many principal components (their number in parentheses) as half those nats,
- variance within the classes of drawn rows, over that of the data,
- the fraction of drawn rows that a support vector classifier of the real rows puts into
  the class that they were drawn from.

"p(z|y) as trained" are runs from before p(z|y) was fitted after training, with that
``reconstruction_weight``.""",
        runs_of("generation", ""),
        table(header, rows),
    )


# -------------------------------------------------------------- after the fit

CALIBRATION_RUNS = (
    "--sets digits --methods GMVAEClusterer CatVAEClusterer",
    '--sets wine "breast cancer" satimage phoneme splice spambase twonorm '
    "--per-class 10 --rows 600 --methods GMVAEClusterer CatVAEClusterer",
    "--sets mnist --labels 100 --set max_iter=10",
)
NOVELTY_OURS = {
    "k-NN, features": '``criterion="features"``',
    "score_samples": '``criterion="density"``',
    "reconstruction": "squared reconstruction error",
    "largest probability": "largest probability",
    "LocalOutlierFactor, features": "LocalOutlierFactor, features",
}
NOVELTY_OTHERS = {
    "k-NN, rows": "k-NN distance",
    "LocalOutlierFactor": "LocalOutlierFactor",
    "IsolationForest": "IsolationForest",
}
CRITERIA = {
    "wide, silhouette": "silhouette",
    "wide, calinski_harabasz": "Calinski-Harabasz",
    "wide, davies_bouldin": "Davies-Bouldin",
    "own, silhouette": "silhouette, a fit for every number (earlier defaults, a seed)",
    "k-means, silhouette": "*rows:* k-means, silhouette",
    "k-means, calinski_harabasz": "*rows:* k-means, Calinski-Harabasz",
    "GaussianMixture, BIC": "*rows:* GaussianMixture, BIC",
}


def calibration_rows(groups, figure, digits=3):
    """Rows of a table: each figure by column, a set and method by row."""
    whens = ("before", "single", "after", "best")
    rows = []
    for (name, method, changed, labels, n_rows), own in groups.items():
        setting = f"{name}, {labels} labels of {n_rows:,} rows, {method}"
        more = [mean_sd([x["floor"] for x in own], digits)] if figure == "ece" else []
        rose = sum(x["after"][figure] > x["before"][figure] for x in own)
        rows.append(
            [
                setting + (f", ``{changed}``" if changed else ""),
                *(mean_sd([x[when][figure] for x in own], digits) for when in whens),
                *more,
                f"{rose} of {len(own)}",
            ]
        )
    return rows


def calibration_page():
    """Page of examples/benchmarks/calibration.py."""
    lines = read("calibration")
    earlier = [x for x in lines if "masked" in x]
    lines = sorted(
        (x for x in lines if "masked" not in x),
        key=lambda x: (x["set"] != "digits", x["rows"], x["set"], x["method"][::-1]),
    )
    keys = ("set", "method", "changed", "labels", "rows")
    groups = by(lines, *keys)
    header = ["run", "before", "temperature alone", "with the ensemble", "best"]
    settings = [
        [
            f"{name}, {method}",
            mean_sd([x["before"]["accuracy"] for x in own], 3),
            mean_sd([x["after"]["accuracy"] for x in own], 3),
            mean_sd([x["temperatures"]["after"] for x in own], 2),
            mean_sd([x["temperatures"]["best"] for x in own], 2),
            f"{own[0]['test_rows']:,}",
        ]
        for (name, method, *_), own in groups.items()
    ]
    means = [
        {
            (when, figure): np.mean([x[when][figure] for x in own])
            for when in ("before", "after")
            for figure in ("ece", "log_loss")
        }
        for own in groups.values()
    ]
    out_of_reach = sum(
        m["before", "ece"] / 2 < np.mean([x["floor"] for x in own])
        for m, own in zip(means, groups.values(), strict=True)
    )
    halved = sum(2 * m["after", "ece"] <= m["before", "ece"] for m in means)
    not_larger = sum(m["after", "log_loss"] <= m["before", "log_loss"] for m in means)
    trials = by(read("calibration-trials"), "recipe")
    of_earlier = by(earlier, *keys)
    return joined(
        head_of("calibration"),
        title("Calibration", "="),
        f"""Probabilities of ``SemiSupervisedClassifier`` on test rows, before and after
``temperature="auto"``: the expected calibration error (ECE) in 15 bins of the largest
probability, and the log loss in nats. Mean and standard deviation over splits and draws
of labels. "temperature alone" is ``ensemble=False``; "best" is the temperature that is
best on the test rows themselves, which no single temperature can beat; "exact" is the
mean ECE of as many rows whose classes are drawn from the probabilities with the
ensemble: few rows have some, also if all probabilities are right. "rose" is the number
of draws on which the figure with the ensemble is above that before. The digits are
split into 1,400 training and 397 test rows; "mnist" is 10,000 training images as a
table and 2,000 test images; other sets are those of :doc:`tables`, of whose training
rows the first 600 are taken, with 10 labels a class. One thread of a machine that
did other work ({machines_of(lines)}).

The goal was at most half the ECE, and no larger log loss. In the mean over draws, the
ECE with the ensemble is at most half of that before in {halved} of {len(groups)} rows
of the table, and the log loss is not larger in {not_larger}. In {out_of_reach} rows,
half of the ECE before is less than "exact".""",
        runs_of("calibration", *CALIBRATION_RUNS),
        title("Expected calibration error"),
        table([*header, "exact", "rose"], calibration_rows(groups, "ece")),
        title("Log loss, nats"),
        table([*header, "rose"], calibration_rows(groups, "log_loss")),
        title("Accuracy and temperatures"),
        table(
            ["run", "before", "with the ensemble", "temperature", "best", "test rows"],
            settings,
        ),
        title("What was tried"),
        """Recipes, by earlier defaults, on the same fits of other draws (seeds from 10
on): the digits' training rows and test rows, and 1,000 training rows and the validation
rows of development sets, 10 labels a class. Figures are means over the sets, of means
over seeds; the last two columns are the largest rise over a draw. "T, prior p" is a
temperature with a prior of precision p on its logarithm; "smoothing" mixes
probabilities with even ones, by a weight fitted to the folds. Lines:
``examples/papers/results/calibration-trials.jsonl``; the code of the trials is not
kept.""",
        trials_of_calibration(trials),
        """Earlier runs: one temperature from folds whose rows stay in the fit,
unlabeled ("masked"), and from the training labels' own predictions ("own").""",
        table(
            ["run", "figure", "before", "single", "best", "own", "masked"],
            [
                [
                    f"{name}, {labels} labels of {n_rows:,} rows",
                    label,
                    *(
                        mean_sd([x[when][figure] for x in own], 3)
                        for when in ("before", "single", "best", "own", "masked")
                    ),
                ]
                for (name, _, _, labels, n_rows), own in of_earlier.items()
                for figure, label in (("ece", "ECE"), ("log_loss", "log loss"))
            ],
        ),
    )


def trials_of_calibration(recipes):
    """Table of calibration-trials.jsonl: a row for each recipe."""
    sets = sorted({(x["set"], x["method"]) for own in recipes.values() for x in own})
    before = {
        (x["set"], x["method"], x["seed"]): x for x in recipes.get(("before",), [])
    }
    rows = []
    for (recipe,), own in recipes.items():
        means = [
            [
                np.mean([x[f] for x in own if (x["set"], x["method"]) == of])
                for of in sets
            ]
            for f in ("ece", "log_loss", "accuracy")
        ]
        rises = [
            max(x[f] - before[x["set"], x["method"], x["seed"]][f] for x in own)
            for f in ("ece", "log_loss")
        ]
        rows.append(
            [
                recipe,
                *(f"{np.mean(m):.3f}" for m in means),
                *(f"{r:+.3f}" for r in rises),
            ]
        )
    header = ["recipe", "ECE", "log loss", "accuracy", "ECE rises", "log loss rises"]
    draws = by(recipes.get(("before",), []), "set", "method").items()
    n_draws = [f"{' '.join(of)} {len(own)}" for of, own in draws]
    return joined(table(header, rows), f"Draws: {'; '.join(n_draws)}.").rstrip()


def novelty_parts(lines):
    """Areas of every score, by column of the table: a set, or what is told from it."""
    parts = {}
    for line in lines:
        foreign = line["left_out"] == "foreign"
        name = f"{line['set']}, MNIST new" if foreign else line["set"]
        areas = parts.setdefault(name, defaultdict(list))
        for score, area in line["areas"].items():
            areas[score].append(area)
    return parts


def mean_and_least(areas):
    if not areas:
        return r"\-"
    return f"{np.mean(areas):.3f} ({np.min(areas):.3f})"


def novelty_page():
    """Page of examples/benchmarks/novelty.py."""
    lines = read("novelty")
    shown = [x for x in lines if x["method"] == "baselines" or x["labels"]]
    parts = novelty_parts(shown)
    rows = [
        [name, *(mean_and_least(areas.get(score)) for areas in parts.values())]
        for group in (NOVELTY_OURS, {"": r"*on the rows themselves*"}, NOVELTY_OTHERS)
        for score, name in group.items()
    ]
    settings = [
        [
            name if group[0]["left_out"] != "foreign" else f"{name}, MNIST new",
            changed,
            str(labels),
            str(len({x["seed"] for x in group})),
            str(len({x["left_out"] for x in group})),
        ]
        for (name, changed, labels, _), group in by(
            [x | {"trap": x["left_out"] == "foreign"} for x in lines],
            "set",
            "changed",
            "labels",
            "trap",
        ).items()
        if group[0]["method"] != "baselines"
    ]
    unlabeled = novelty_parts([x for x in lines if x not in shown])
    return joined(
        head_of("novelty"),
        title("Novelty detection", "="),
        f"""Each class in turn is left out of the training rows, and a score is to
tell its test rows from the others: the area under the ROC curve, as the mean over
classes and seeds and, in parentheses, the lowest. Scores are those of GMVAEClusterer,
and below them those of scikit-learn's tools on the rows themselves. In columns with
"MNIST new", nothing is left out: MNIST's test images are to be told from those of the
set, a known trap for likelihoods. MNIST and Fashion-MNIST are 10,000 training and 2,000
test images as tables; sets of more than 5,000 rows are samples of them. One thread of a
machine that did other work ({machines_of(lines)}).""",
        runs_of(
            "novelty",
            '--set max_iter=40 --sets digits "breast cancer" wine satimage --seeds 1',
            "--set max_iter=40 --sets digits --labels 0 --seeds 1",
            "--set max_iter=10 --labels 10 --sets mnist --seeds 1",
            "--set max_iter=10 --labels 10 --sets fashion --foreign --seeds 1",
        ),
        table(["score", *parts], rows),
        title("Settings"),
        table(
            ["set", "changed", "labels a class", "seeds", "classes left out"], settings
        ),
        title("Without labels"),
        table(
            ["score", *unlabeled],
            [
                [name, *(mean_and_least(a.get(score)) for a in unlabeled.values())]
                for score, name in NOVELTY_OURS.items()
            ],
        ),
    )


def reached(errors, goal):
    """First number of labels at which the mean error is at most the goal."""
    labels = [n for n in sorted(errors) if np.mean(errors[n]) <= goal]
    return labels[0] if labels else None


def rows_of(n_rows):
    """Number of training rows, as text, if it was cut."""
    return n_rows and f"{n_rows} training rows"


def active_learning_page():
    """Page of examples/benchmarks/active_learning.py."""
    lines = [
        x | {"train_rows": x.get("train_rows") or ""} for x in read("active_learning")
    ]
    parts, goals = [], []
    keys = ("set", "method", "changed", "train_rows")
    for (name, method, changed, n_rows), group in by(lines, *keys).items():
        name = name if changed else f"{name}, all epochs"
        errors = {
            strategy: {
                n: [x["error"] for x in own] for (n,), own in by(g, "labels").items()
            }
            for (strategy,), g in by(group, "strategy").items()
        }
        budgets = sorted({x["labels"] for x in group})
        rows = [
            [
                strategy,
                *(mean_sd(of[n], 1) if n in of else r"\-" for n in budgets),
                "/".join(sorted({str(len(own)) for own in of.values()}, key=int)),
            ]
            for strategy, of in errors.items()
        ]
        parts += [
            title(f"{name[0].upper()}{name[1:]}"),
            ", ".join(
                filter(None, [method, changed and f"``{changed}``", rows_of(n_rows)])
            )
            + ".",
            table(["strategy", *map(str, budgets), "seeds"], rows),
        ]
        random, auto = errors["random"], errors["auto"]
        goal = np.mean(random[40])
        spread = [
            f"{np.std(of[40], ddof=1):.1f}" if len(of[40]) > 1 else r"\-"
            for of in (random, auto)
        ]
        goals.append(
            [
                name,
                f"{goal:.1f}",
                str(reached(auto, goal) or "not reached"),
                *spread,
            ]
        )
    return joined(
        head_of("active_learning"),
        title("Active learning", "="),
        f"""Test error in percent against the number of labels, by which rows were
labeled: mean and standard deviation over splits and draws. Every strategy begins with
the same fit without labels; the estimator is told the number of classes. "(tried)" are
strategies that were not taken, by earlier defaults. "mnist" is 20,000 training images
as a table. One thread of a machine that did other work ({machines_of(lines)}).""",
        runs_of(
            "active_learning",
            '--set max_iter=40 --sets digits "breast cancer" --strategies random auto',
            "--set max_iter=40 --sets digits --strategies typiclust coreset",
            "--set max_iter=40 --sets digits --strategies margin --seeds 2",
            "--set max_iter=40 --sets satimage splice --strategies random auto "
            "--rows 600",
            "--sets splice --strategies random auto --rows 600",
            "--set max_iter=10 --sets mnist --strategies random auto",
        ),
        title("Goal"),
        """Half of the labels that random rows need, at the error of 40 random
labels, and half of the spread: the error of 40 random labels, the first number of
labels at which "auto" is no worse, and the standard deviations at 40 labels.""",
        table(["set", "error", "labels of auto", "spread, random", "auto"], goals),
        *parts,
    )


def n_clusters_page():
    """Page of examples/benchmarks/n_clusters.py."""
    lines = [x for x in read("n_clusters") if x["method"] == "GMVAEClusterer"]
    sets = by(lines, "set")
    gaps = {
        criterion: {
            name: [
                abs(x["found"][criterion] - x["true"])
                for x in own
                if criterion in x["found"]
            ]
            for (name,), own in sets.items()
        }
        for criterion in CRITERIA
    }

    def row(criterion, name):
        of = {s: v for s, v in gaps[criterion].items() if v}
        mean = (
            f"{np.mean([np.mean(v) for v in of.values()]):.1f}"
            if len(of) == len(gaps[criterion])
            else r"\-"
        )
        return [
            name,
            mean,
            *(f"{np.mean(v):.1f}" if v else r"\-" for v in gaps[criterion].values()),
        ]

    header = [
        "criterion",
        "mean",
        *(f"{name} ({own[0]['true']})" for (name,), own in sets.items()),
    ]
    seeds = sorted(
        {sum("wide, silhouette" in x["found"] for x in own) for own in sets.values()}
    )
    changed = sorted({x["changed"] for x in lines})
    return joined(
        head_of("n_clusters"),
        title("Number of clusters", "="),
        f"""Distance of the number found from the true one, in parentheses after the
set's name. GMVAEClusterer with ``{"; ".join(changed)}``, numbers from 2 to 25, seeds:
{", ".join(map(str, seeds))}. "blobs" have 600 rows in 8 columns, USPS a sample of 2,000
rows; columns are standardized. "*rows:*" are scikit-learn's tools on the rows
themselves. One thread of a machine that did other work ({machines_of(lines)}).""",
        runs_of(
            "n_clusters", "--set max_iter=20", "--sets wine --method CatVAEClusterer"
        ),
        table(header, [row(*item) for item in CRITERIA.items()]),
    )


def trials_page():
    """Page of the trials that decided the defaults on tables."""
    lines = [x for x in read("tables-trials") if x["labels"] == "10 labels a class"]
    last = [x for x in lines if x["changed"] in FEW_COLUMNS_TRIALS]
    return joined(
        head_of("trials"),
        title("Trials", "="),
        """Trials that led to the present defaults on tables: accuracy on validation
rows with 10 labels per class, mean over the number of seeds in parentheses, of the
earlier code with the changes named. "all changes" is what the defaults became. "wide"
is digits mixed into 765 columns with noise of 3, 700 rows; "splice" has 285 columns.
Runs: ``examples/papers/results/tables-trials.jsonl``; the code of the trials is not
kept.""",
        trials_table([x for x in lines if x not in last], SETS),
        title("Few columns"),
        """The weight of the label terms in GMVAE, after those changes; the numbers
after the names are the numbers of columns. With weights of 1, iris with every row
labeled ended anywhere, depending on the seed.""",
        trials_table(last, FEW_COLUMNS),
        title("Statistics of batch norm"),
        """Accuracy minus that of the same networks with the running averages of
training, in points, with the number of seeds in parentheses: the statistics are taken
anew from a pass over all training rows, without the noise and shifts of training, or
with them. 10 labels per class, validation rows; digits as images have 50 labels, and
MNIST at 14x14 has 100 of 10,000 rows and 15 epochs. Without noise became the default.
Columns with "test rows", here and below, were scored on these at first, which no choice
of a default should be; the same trials on validation rows of the training rows came
after it and agree. Runs: ``examples/papers/results/default-trials.jsonl``, as of the
next table.""",
        differences_table(of_trial("statistics")),
        title("Weight of the reconstruction"),
        """GMVAE on columns scaled to [0, 1]: accuracy minus that with
``reconstruction_weight=10`` and a fourth of the number of columns, at least 10, for the
terms of labels. "digits, no label" is scored under the best matching on training rows;
there the weight stayed 10. Digits have 10 labels per class, "digits, 50 labels" and the
images 50 in all, and "digits, all labels" 800 rows and 30 epochs.""",
        differences_table(of_trial("weights")),
        title("Clusters that no label names"),
        """Accuracy under the best matching on the training rows, mean over the number
of seeds in parentheses, with as many clusters as groups, or with two too many ("none
new"). Labels name all groups but those that are new: 8 of ten digits (1,200 rows), 6
of 8 blobs, 2 of three wines, 5 of 7 types of simulated cells (1,500 rows, the first
principal components, 3 % of the named cells labeled). GMVAE used to leave rows of
unnamed clusters out of the terms of labels, which then absorbed them. Now, as in
CatVAE, centers of k-means stand for the labeled features of such clusters; surplus
clusters then take rows of a class.""",
        trials_table(of_trial("unnamed"), UNNAMED),
        title("Labels with more rows than others"),
        """Accuracy on validation rows, mean over the number of seeds in parentheses;
"at random" are so many labels of rows drawn at random, uneven where classes are; uneven
digits keep a row of digit d with probability 1 / (1 + .6 d). The label of the
nearest labeled rows was that of the most frequent label wherever features said little,
and rows taught it drew the next ones. With even votes (one over the number of rows of
the label) that ends, but on tables where distances say enough they cost what frequency
tells; so votes are even at first and those of rows from epoch 50. GMVAE's first 25
steps are taught by given labels alone; "more and more", in a row, is a weight of
assigned labels that rises over these steps instead.""",
        trials_table(of_trial("votes"), VOTES),
        title("First steps"),
        """CatVAE: accuracy on validation rows minus that of the same seeds whose
assigned labels teach from the first step, in points, with the number of seeds in
parentheses. 10 labels per class, or as many of rows drawn at random; digits as images
have 50 labels, MNIST at 14x14 has 100 of 10,000 rows and 15 epochs. This became the
default, as in GMVAE.""",
        differences_table(of_trial("first steps")),
        title("The view that labels of images are assigned in"),
        """Accuracy on the unlabeled training rows minus that of the same seeds, in
points, with the number of seeds in parentheses. GMVAE assigned labels in the view that
is trained on, CatVAE in one without a shift, with noise of its own. Sets at 14x14 have
10,000 rows, 100 labels and 4 epochs (396 steps), digits 1,400, 50 and 100. "As it is",
without shift or noise, became the default of both. "Average weights" are an exponential
average over the steps. What a decay of .9 gains beyond that is little more than its
standard error; longer averages gain on Fashion-MNIST and harm on MNIST. Labeled rows,
half of a batch, need not be reconstructed so often: without most of them, a step takes
about a fifth less time, at no loss in these runs: the default of both, for images. A
step on a table would gain little.""",
        differences_table(of_trial("view of images")),
        title("Labels of images from a graph of all rows"),
        """The same for GMVAE, beside its defaults, whose labels of unlabeled images are
votes of the labeled ones in the batch. Instead, from the second epoch on, they come
from a graph of the ten nearest neighbors among the features of all 10,000 rows, made
anew before each epoch, by Laplace or Poisson learning; "even classes" rescales the
classes until they have equally many rows, which these samples do not quite have. A
graph on the features is right a little more often than q(y|x), and what it teaches
ends up little better, so it is not built. Sets with "12 epochs" have 1,188 steps.""",
        differences_table(of_trial("graph")),
        title("Tried, not built"),
        """Accuracy minus that of the defaults with the same seeds, in points, with the
number of seeds in parentheses. Sets that are none of the benchmark's are scored on
validation and test rows together: they took part in no comparison.

"linear start": a penalized logistic regression of the labels, its penalty chosen by
cross-validation, helps to assign labels: its log-probabilities are added to those of
the neighbors' votes, with a weight that falls from 1 to 0 over so many steps. It helps
where classes differ in directions of small variance (vehicle) and harms where neighbors
learn more from the unlabeled rows than a line can say (vowel); the labels alone do not
tell the two apart: by cross-validation on them, both models are about equally good.

"weights averaged": what predicts is the exponential average of the weights over the
steps, with a decay of (1 + n) / (10 + n) after n steps, at most .99.""",
        differences_table(
            [
                x
                for x in read("tables-trials")
                if x["labels"] == "10 labels a class, not built"
            ]
        ),
    )


UNNAMED = {
    name: name
    for name in (
        "digits, 2 new",
        "blobs, 2 new",
        "wine, 1 new",
        "cells, 20 columns",
        "cells, 50 columns",
        "digits, none new",
        "blobs, none new",
    )
}
# Set of a trial: its column.
VOTES = {
    name: name
    for name in (
        "splice, 600 rows, 10 a class",
        "splice, 600 rows, 40 at random",
        "splice, 40 at random",
        "digits, 50 at random",
        "uneven digits, 60 at random",
        "satimage, 60 at random",
        "phoneme, 40 at random",
        "breast cancer, 40 at random",
        "pima, 40 at random",
        "ecoli1, 40 at random",
        "vehicle0, 60 at random",
        "page-blocks0, 80 at random",
    )
}
# What a column of trials says of the rows that were scored.
TEST_ROWS = {"test": ", test rows"}


def of_trial(name):
    """Lines of a trial that decided a default."""
    return [x for x in read("default-trials") if x["trial"] == name]


def differences_table(lines):
    """Table of trials: mean difference from the same seeds without the change."""
    lines = [x | {"set": x["set"] + TEST_ROWS.get(x["scored_on"], "")} for x in lines]
    runs = {(x["method"], x["changed"], x["set"], x["seed"]): x for x in lines}
    sets = sorted({x["set"] for x in lines})
    rows = []
    for (method, changed), group in by(lines, "method", "changed").items():
        if not changed:
            continue
        row = [method, changed]
        for s in sets:
            gains = [
                100 * (x["accuracy"] - runs[method, "", s, x["seed"]]["accuracy"])
                for x in group
                if x["set"] == s and (method, "", s, x["seed"]) in runs
            ]
            row.append(f"{np.mean(gains):+.1f} ({len(gains)})" if gains else r"\-")
        rows.append(row)
    if len(rows) == 1:  # down the page
        pairs = zip(sets, rows[0][2:], strict=True)
        return table(["set", "points"], [list(pair) for pair in pairs])
    return table(["class", "changed", *sets], rows)


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


# -------------------------------------------- tables and figures in other pages


def classes_seen(strategy, labels):
    """Range of the number of classes that have a label on digits, as text."""
    seen = [
        x["classes_seen"]
        for x in read("active_learning")
        if (x["set"], x["strategy"], x["labels"]) == ("digits", strategy, labels)
    ]
    return f"{min(seen)} to {max(seen)}"


def usps_runs():
    """Runs of ACOL's defaults on all images of USPS."""
    runs = [x for x in read("acol") if matches(x, acol("usps", full=True))]
    return [x for x in runs if not x["changed"]]


def consistency_table():
    """What ACOL's figures without labels were in clusterings that went wrong."""
    noted = [row for x in usps_runs() for row in x["history"] if "acc" in row]
    rows = []
    for name, low, high in (("below 90 %", 0, 90), ("90 % and above", 90, 101)):
        some = [row for row in noted if low <= row["acc"] < high]
        cells = [
            f"{min(values):.{digits}f} to {max(values):.{digits}f}"
            for figure, digits in (
                ("acc", 1),
                ("purity", 1),
                ("consistency", 2),
                ("explained", 2),
                ("margin", 2),
            )
            if (values := [row[figure] for row in some])
        ]
        rows.append([name, str(len(some)), *cells])
    names = ["accuracy, %", "purity, %", "consistency", "explained", "margin"]
    return table(["clusterings", "number", *names], rows)


Z2_RUNS = {
    "K = 10, 100 labels": (10, "warm_up=10 categorical_weight=2 n_draws=1"),
    "K = 1": (1, "warm_up=10 n_draws=1 batch_size=100"),
}


def z2_table():
    """CaGeM and a plain VAE seed by seed, after as many epochs as both have."""
    runs = {
        (x["seed"], name): x
        for x in read("cagem")
        for name, (clusters, changed) in Z2_RUNS.items()
        if x["parameters"]["n_clusters"] == clusters and x["changed"] == changed
    }
    rows = []
    for seed in sorted({seed for seed, _ in runs}):
        epochs = min(runs[seed, name]["epochs"] for name in Z2_RUNS)
        for name in Z2_RUNS:
            x = runs[seed, name]
            row = x["history"][epochs - 1]
            figures = [
                f"{row[key]:.1f}"
                for key in ("active_z2", "kl_z2", "kl_z1", "kl_y", "reconstruction")
            ]
            ended = x["epochs"] == epochs
            bound = [f"{x['importance_weighted_bound']:.2f}", samples(x)]
            bound = bound if ended else [r"\-", r"\-"]
            rows.append([str(seed), str(epochs), name, *figures, *bound])
    names = ["active z2", "KL(z2)", "KL(z1)", "KL(y)", "reconstruction"]
    names += ["test images", "samples"]
    return table(["seed", "epochs", "model", *names], rows)


# Names that lines give to a change, where they say too little.
CHANGES_SHOWN = {"the paper's weights": "the paper's settings"}
DRAWN = """"drawn" is the fraction of 500 rows drawn from a class that an SVC of all
1,000 labels puts into it."""


def points(method, change):
    """Points of accuracy that a change of the ablation gains, by seed."""
    runs = [x for x in read("ablation") if x["method"] == method]
    defaults = {x["seed"]: x["accuracy"] for x in runs if not x["change"]}
    return [
        100 * (x["accuracy"] - defaults[x["seed"]])
        for x in runs
        if x["change"] == change
    ]


def ablation_table(method):
    """What one change of a default does to validation rows of digits."""
    runs = by([x for x in read("ablation") if x["method"] == method], "change")
    rows = []
    for (change,), own in runs.items():
        gain = f"{np.mean(points(method, change)):+.1f}"
        row = [CHANGES_SHOWN.get(change, change) or "defaults", str(len(own))]
        row.append(mean_sd([x["accuracy"] for x in own], 3))
        row.append(gain if change else r"\-")
        if "drawn" in own[0]:
            row.append(mean_sd([x["drawn"] for x in own], 3))
        rows.append([*row, f"{np.mean([x['seconds'] for x in own]):.0f}"])
    drawn = "drawn" in own[0]
    names = ["draws", "accuracy", "points", *["drawn"] * drawn, "s"]
    return table(["change", *names], rows) + f"\n\n{DRAWN}" * drawn


TABLES = {
    **{
        f"ablation-{method}": partial(ablation_table, method)
        for method in (
            "GMVAEClusterer",
            "CatVAEClusterer",
            "M2Generator",
            "CaGeMGenerator",
            "ACOLClusterer",
        )
    },
    "consistency": consistency_table,
    "z2": z2_table,
    "streams": streams_table,
    "processes": processes_table,
    "bytes": bytes_table,
}


def filled(text):
    """Text of a page with the tables of the lines between its marks."""

    def between(mark):
        rows = TABLES[mark["name"]]().rstrip("\n").split("\n")
        rows = "\n".join(mark["indent"] + row for row in rows)
        return f"{mark['begin']}{rows}\n\n{mark['end']}"

    return MARKS.sub(between, text)


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
    tests = [x for x in read("baselines") if x["scored_on"] == "test"]
    for (dataset, labels, method), lines in by(
        tests, "dataset", "labels", "method"
    ).items():
        values = [x["error" if labels else "acc"] for x in lines]
        result[f"{slug(method)}-{dataset}-{labels}"] = mean_sd(values)
    result["acol-usps"] = mean_sd([x["acc"] for x in usps_runs()])
    early = [x["history"][199] for x in usps_runs()]
    result["acol-usps-200"] = ", ".join(f"{row['acc']:.1f}" for row in early)
    printed = next(x for x in read("acol") if x["changed"] == "frobenius_of=B")
    result["acol-usps-printed"] = f"{printed['acc']:.1f}"
    for name, row in (("", early[0]), ("-printed", printed["history"][199])):
        result[f"acol-cross-entropy{name}"] = f"{row['cross_entropy']:.2f}"
    parents = [x["acc"] for x in read("acol") if matches(x, acol("mnist", real=True))]
    result["acol-mnist-parents"] = mean_sd(parents)
    for labels, quoted in ((0, QUOTED_WITHOUT_LABELS), (5, QUOTED), (10, QUOTED)):
        means, n_tables = table_means(quoted, labels)
        result[f"tables-{labels}"] = str(n_tables)
        for method, accuracy in means.items():
            result[f"tables-{labels}-{slug(method)}"] = f"{accuracy:.3f}"
    found = sorted(
        x["found"]["wide, silhouette"]
        for x in read("n_clusters")
        if (x["set"], x["method"]) == ("wine", "CatVAEClusterer")
    )
    *others, last = map(str, found)
    result["n-clusters-catvae-wine"] = f"{', '.join(others)} and {last}"
    for (form,), lines in by(read("latency"), "form").items():
        last = {x["method"]: x["p50_ms"]["1"] for x in lines}.values()
        result[f"latency-{form}"] = f"{min(last):.1f} to {max(last):.1f}"
    for strategy in ("random", "auto"):
        result[f"classes-seen-{strategy}"] = classes_seen(strategy, 10)
    result |= figures_after_fits() | effects()
    on_digits = read("likelihood")[-1]["figures"]
    for model, runs in on_digits.items():
        name = f"cagem-digits-{model.split()[0]}"
        result[name] = mean_sd([run["importance_weighted"] for run in runs])
        if model in ("50 labels", "200 labels"):  # what labels are worth
            pairs = list(zip(runs, on_digits["0 labels"], strict=True))
            for end, key, sign in (
                ("gain", "importance_weighted", 1),
                ("loss", "bound", -1),
            ):
                values = [sign * (run[key] - without[key]) for run, without in pairs]
                result[f"{name}-{end}"] = mean_sd(values)
    return result


def least_and_most(values):
    """Range of some differences, as text."""
    return f"{min(values):+.1f} to {max(values):+.1f}"


def effects():
    """What the papers' choices gain, in the tables of differences: points, mostly."""
    result = {}
    for name, method, change in (
        ("gmvae-mean", "GMVAEClusterer", "mean over pixels, not sum"),
        ("gmvae-neighbors", "GMVAEClusterer", "five neighbors"),
        ("gmvae-noise", "GMVAEClusterer", "no noise"),
        ("gmvae-paper", "GMVAEClusterer", "the paper's weights"),
        ("cagem-categorical", "CaGeMGenerator", "categorical weight 1"),
        ("cagem-classifier", "CaGeMGenerator", "p(y|x) predicts"),
    ):
        result[f"effect-{name}"] = f"{np.mean(points(method, change)):+.1f}"
    for dataset in ("mnist", "fashion-mnist"):
        runs = [
            x
            for x in read("gmvae")
            if x["dataset"] == dataset and x["recipe"] == "ours, one view"
        ]
        errors = {x["seed"]: x["error"] for x in runs if not x["changed"]}
        gains = [
            errors[x["seed"]] - x["error"]
            for x in runs
            if x["changed"] == "halving_period=null"
        ]
        result[f"effect-gmvae-rate-{dataset}"] = f"{np.mean(gains):+.1f}"
    once, noise = "metric: every row counts once", "input_noise: {} neighbor distances"
    kept, left = f"own view; {noise}; {once}", f"own view; {noise}"
    (gain,) = trial_gains(kept.format("0.8"), left.format("0.8"))  # breast cancer
    result["effect-gmvae-once"] = f"{gain:+.1f}"
    gains = trial_gains(kept.format("1"), f"{noise}; {once}".format("1"))
    result["effect-gmvae-view"] = least_and_most(gains)
    views = by(of_trial("view of images"), "method", "changed")
    gains = gains_by_set(
        views["GMVAEClusterer", ""], views["GMVAEClusterer", "as it is"]
    )
    result["effect-gmvae-image-view"] = least_and_most(gains)
    statistics = by(
        [x for x in of_trial("statistics") if x["scored_on"] not in TEST_ROWS],
        "method",
        "changed",
    )
    kept = statistics["GMVAEClusterer", "statistics of all rows, without noise"]
    gains = gains_by_set(statistics["GMVAEClusterer", ""], kept)
    result["effect-gmvae-statistics"] = least_and_most(gains)
    generation = by(read("generation"), "set", "method", "changed")
    for name, changed in (("diag", "p(z|y) as trained, weight 100"), ("full", "")):
        runs = generation["digits", "GMVAEClusterer", changed]
        variance = np.mean([x["variance"] for x in runs])
        result[f"effect-gmvae-{name}"] = f"{variance:.2f}"
    result["acol-usps-200-first"] = f"{usps_runs()[0]['history'][199]['acc']:.1f}"
    mnist = [x for x in read("acol") if matches(x, acol("mnist"))]
    gains = [x["acc_fitted_on_test"] - x["acc"] for x in mnist]
    result["effect-acol-fitted"] = f"{np.mean(gains):+.1f}"
    return result


def gains_by_set(runs, defaults):
    """Mean gains of some runs over others of the same seeds, set by set."""
    given = {(x["set"], x["seed"]): x["accuracy"] for x in defaults}
    gains = defaultdict(list)
    for x in runs:
        if (x["set"], x["seed"]) in given:
            gains[x["set"]].append(100 * (x["accuracy"] - given[x["set"], x["seed"]]))
    return [np.mean(values) for values in gains.values()]


def trial_gains(kept, left):
    """Gains of a trial of GMVAE that leaves out what another keeps, set by set."""
    trials = by(
        [x for x in read("tables-trials") if x["labels"] == "10 labels a class"],
        "method",
        "epochs",
        "changed",
    )
    return gains_by_set(*(trials["GMVAEClusterer", 100, c] for c in (left, kept)))


def figures_after_fits():
    """Figures of calibration, novelty, active learning and numbers of clusters."""
    result = {}
    for (method,), lines in by(
        [
            x
            for x in read("calibration")
            if x["set"] == "digits" and not x["changed"] and "floor" in x
        ],
        "method",
    ).items():
        for when in ("before", "single", "after"):
            for figure in ("ece", "log_loss", "accuracy"):
                values = [x[when][figure] for x in lines]
                name = f"calibration-{slug(method)}-{when}-{figure}"
                result[name.replace("_", "-")] = mean_sd(values, 3)
        floors = [x["floor"] for x in lines]
        result[f"calibration-{slug(method)}-floor"] = mean_sd(floors, 3)
    novelty = novelty_parts(
        [x for x in read("novelty") if x["method"] == "baselines" or x["labels"]]
    )
    for name, of in (("digits", "digits"), ("fashion", "fashion, MNIST new")):
        for score, short in (
            ("k-NN, features", "features"),
            ("score_samples", "density"),
            ("k-NN, rows", "rows"),
        ):
            result[f"novelty-{name}-{short}"] = f"{np.mean(novelty[of][score]):.3f}"
    active = by(read("active_learning"), "set", "strategy", "labels")
    for strategy, labels in (("auto", 20), ("random", 40)):
        errors = [x["error"] for x in active["digits", strategy, labels]]
        result[f"active-digits-{strategy}-{labels}"] = mean_sd(errors, 1)
    for criterion, name in (
        ("wide, silhouette", "silhouette"),
        ("k-means, silhouette", "k-means-silhouette"),
        ("GaussianMixture, BIC", "bic"),
    ):
        gaps = [
            np.mean([abs(x["found"][criterion] - x["true"]) for x in own])
            for own in by(
                [
                    x
                    for x in read("n_clusters")
                    if x["method"] == "GMVAEClusterer" and criterion in x["found"]
                ],
                "set",
            ).values()
        ]
        result[f"n-clusters-{name}"] = f"{np.mean(gaps):.1f}"
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
QUOTED_WITHOUT_LABELS = [
    "GMVAEClusterer",
    "CatVAEClusterer",
    "GaussianMixture",
    "k-means",
]


def table_means(methods, labels=10):
    """Mean accuracy over the confirming tables that all have, and their number."""
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
    result[PAGES / "generation.rst"] = generation_page()
    result[PAGES / "calibration.rst"] = calibration_page()
    result[PAGES / "novelty.rst"] = novelty_page()
    result[PAGES / "active_learning.rst"] = active_learning_page()
    result[PAGES / "n_clusters.rst"] = n_clusters_page()
    result[PAGES / "trials.rst"] = trials_page()
    marked = [*ROOT.glob("docs/*.rst"), *PAGES.glob("notes-*.rst")]
    for path in [*marked, PAGES / "scaling.rst"]:
        text = path.read_text()
        if MARKS.search(text):
            result[path] = filled(text)
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    result[readme] = f"{before}{BEGIN}\n{readme_table()}\n{END}{after}"
    return result


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(path.relative_to(ROOT))
