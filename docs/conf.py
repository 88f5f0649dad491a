"""Sphinx configuration.

``pip install ".[docs]" && python -m sphinx -W docs docs/_build/html`` builds all, with
the pictures of the gallery, in minutes; ``-D plot_gallery=0`` leaves those out.
"""

import sys
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

import sksemi

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "papers"))
import render

UNBROKEN = "\u00a0±\u00a0"  # figure and deviation stay on one line

project = "sksemi"
author = "the sksemi developers"
copyright = f"2026, {author}"
release = version = sksemi.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
autosummary_generate = True
numpydoc_show_class_members = False
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "**/GALLERY_HEADER.rst"]
# labels and terms of scikit-learn in docstrings that are inherited
suppress_warnings = ["ref.ref", "ref.term"]
# figures of the result lines, as |name|
rst_prolog = render.substitutions().replace(" ± ", UNBROKEN)
# a parameter a line
maximum_signature_line_length = 60
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = f"sksemi {release}"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "logo": {"text": f"sksemi {release}"},
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
# pages that have no others below them have nothing to show there
html_sidebars = {
    name: [] for name in ("index", "install", "contributing", "changelog", "search")
}

ALL_EXAMPLES = "/plot_"
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": ALL_EXAMPLES,
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*$",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sksemi",),
    "thumbnail_size": (480, 220),  # most pictures are two or three panels wide
    "show_memory": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "image_scrapers": ("matplotlib",),
    "abort_on_example_error": False,
}


# fits of the gallery are short, and some say so, with paths of this machine
warnings.filterwarnings("ignore", category=ConvergenceWarning)


def setup(app):
    """Let a build without all pictures pass; keep figures unbroken."""

    def without_pictures(app, config):
        pattern = config.sphinx_gallery_conf["filename_pattern"]
        # the command line gives a string
        if config.plot_gallery in (False, "0") or pattern != ALL_EXAMPLES:
            config.suppress_warnings.append("image.not_readable")

    def without_breaks(app, name, source):
        source[0] = source[0].replace(" ± ", UNBROKEN)

    app.connect("config-inited", without_pictures)
    app.connect("source-read", without_breaks)
