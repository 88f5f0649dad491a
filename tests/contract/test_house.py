"""How the package is laid out: imports, docstrings, names."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpydoc.docscrape
import pytest

import sksemi
from tests.contract.estimators import ESTIMATORS

PACKAGE = Path(sksemi.__file__).parent
MODULES = [name for _, name, _ in pkgutil.iter_modules([str(PACKAGE)])]
METHOD_FILES = {Estimator.__module__.split(".")[1] for Estimator in ESTIMATORS}
TORCH_ONLY = {"_training", "_networks", "_losses", "_schedules"}


def imports_of(name):
    tree = ast.parse((PACKAGE / f"{name}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_one_way(name):
    imported = set(imports_of(name))
    own = {m.split(".")[1] for m in imported if m.startswith("sksemi.")}
    # nothing imports a method's file but the package itself
    assert not own & METHOD_FILES
    if name in TORCH_ONLY:
        assert not any(m.split(".")[0] == "sklearn" for m in imported)
        assert own <= TORCH_ONLY
    if name != "_validation":
        private = [
            m
            for m in imported
            if re.match(r"sklearn\b", m) and re.search(r"\._(?!_)", m)
        ]
        assert not private


def test_dependencies_are_the_five_named():
    roots = {m.split(".")[0] for name in MODULES for m in imports_of(name)}
    import sys

    third_party = roots - set(sys.stdlib_module_names) - {"sksemi"}
    # matplotlib: in functions of inspection.py alone, see the next test
    five = {"numpy", "scipy", "sklearn", "torch", "joblib"}
    assert third_party <= five | {"matplotlib"}


@pytest.mark.parametrize("name", MODULES)
def test_matplotlib_is_imported_in_functions_of_inspection_alone(name):
    tree = ast.parse((PACKAGE / f"{name}.py").read_text())
    imports = [
        ast.unparse(node)
        for node in (tree.body if name == "inspection" else ast.walk(tree))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not any("matplotlib" in line for line in imports if "check_" not in line)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_docstring_is_the_signature(Estimator):
    doc = numpydoc.docscrape.ClassDoc(Estimator)
    parameters = inspect.signature(Estimator).parameters
    documented = {p.name: p.type for p in doc["Parameters"]}
    assert list(documented) == list(parameters)
    for name, parameter in parameters.items():
        default = documented[name].split("default=")[1].replace('"', "'")
        stated = ast.literal_eval(default)
        assert stated == parameter.default, name
    constraints = Estimator._parameter_constraints
    assert set(constraints) == set(parameters)
    for section in ("Attributes", "References", "Examples", "Notes"):
        assert doc[section], section


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_fitted_attributes_are_documented(Estimator, digits):
    X, _, y_partial = digits
    est = Estimator(max_iter=1, random_state=0).fit(X, y_partial)
    fitted = {
        name for name in vars(est) if name.endswith("_") and not name.startswith("_")
    }
    doc = numpydoc.docscrape.ClassDoc(Estimator)
    documented = {p.name for p in doc["Attributes"]}
    assert fitted <= documented
    # these depend on what fit was given; others may be properties
    optional = {"feature_names_in_", "parents_", "cluster_parents_"}
    assert all(hasattr(est, name) for name in documented - optional)


PUBLIC = [
    (f"{owner.__name__}.{name}", member)
    for owner in [
        *ESTIMATORS,
        *(
            importlib.import_module(f"sksemi.{m}")
            for m in MODULES
            if not m.startswith("_")
        ),
    ]
    for name, member in inspect.getmembers(owner, inspect.isfunction)
    if not name.startswith("_") and member.__module__.startswith("sksemi")
]


@pytest.mark.parametrize(("name", "function"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_public_functions_are_documented(name, function):
    doc = numpydoc.docscrape.FunctionDoc(function)
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    assert [p.name for p in doc["Parameters"]] == parameters
    assert all(p.type for p in doc["Parameters"])
    assert doc["Returns"]


@pytest.mark.parametrize("name", ["sksemi", *(f"sksemi.{m}" for m in MODULES)])
def test_examples_in_docstrings(name):
    if name == "sksemi.inspection":
        pytest.importorskip("matplotlib").use("Agg")
    result = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    if name == "sksemi.inspection":
        importlib.import_module("matplotlib.pyplot").close("all")
    assert result.failed == 0
