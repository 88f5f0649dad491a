"""Sphinx configuration.

``pip install ".[docs]" && python -m sphinx -W docs docs/_build/html``
"""

import sksemi

project = "sksemi"
author = "the sksemi developers"
release = sksemi.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = "sksemi"
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
# labels and terms of scikit-learn in docstrings that are inherited
suppress_warnings = ["ref.ref", "ref.term"]
