"""How the package is laid out: imports, docstrings, names."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import numpydoc.docscrape
import pytest

import sksemi
from sksemi._engine.estimator import DeepEstimator
from tests.contract.estimators import ESTIMATORS

PACKAGE = Path(sksemi.__file__).parent
MODULES = [
    info.name
    for info in pkgutil.walk_packages([str(PACKAGE)], "sksemi.")
    if not info.ispkg
]
PACKAGES = ["sksemi"] + [
    info.name for info in pkgutil.walk_packages([str(PACKAGE)], "sksemi.") if info.ispkg
]
METHOD_FILES = {Estimator.__module__ for Estimator in ESTIMATORS}
GROUND = ("sksemi._containers", "sksemi._validation", "sksemi.metrics")
# What the modules of a room may import, beside those of the room itself.
MAY_IMPORT = {
    "sksemi._containers": (),
    "sksemi._validation": ("sksemi._containers",),
    "sksemi.metrics": GROUND,
    "sksemi._nn": (),
    "sksemi._engine": ("sksemi._nn", *GROUND),
    "sksemi.methods": ("sksemi._engine", "sksemi._nn", *GROUND),
    "sksemi.active_learning": GROUND,
    "sksemi.callbacks": ("sksemi._engine", *GROUND),
    "sksemi.datasets": GROUND,
    "sksemi.inspection": ("sksemi.datasets", "sksemi.model_selection", *GROUND),
    "sksemi.model_selection": GROUND,
    "sksemi._wrapping": GROUND,
    "sksemi.novelty": ("sksemi._wrapping", *GROUND),
    "sksemi.semi_supervised": (
        "sksemi._wrapping",
        "sksemi.model_selection",
        *GROUND,
    ),
    "sksemi.utils": ("sksemi._engine", "sksemi.datasets", *GROUND),
}


def path_of(name):
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imports_of(name):
    """Everything a module imports, by dotted names."""
    tree = ast.parse(path_of(name).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name):
    return {m for m in imports_of(name) if m in MODULES}


def room_of(name):
    return ".".join(name.split(".")[:2])


def in_rooms(name, rooms):
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_one_way(name):
    room = room_of(name)
    allowed = MAY_IMPORT[room]
    for other in own_imports(name):
        assert in_rooms(other, (room, *allowed)), other
    # nothing imports a method's file but the package itself, methods neither
    assert not own_imports(name) & METHOD_FILES
    imported = set(imports_of(name))
    if room == "sksemi._nn":
        assert not any(m.split(".")[0] == "sklearn" for m in imported)
    if name != "sksemi._validation":
        private = [
            m
            for m in imported
            if re.match(r"sklearn\b", m) and re.search(r"\._(?!_)", m)
        ]
        assert not private


def test_no_imports_in_a_circle():
    graph = {name: own_imports(name) for name in MODULES}
    done = set()

    def visit(name, path):
        assert name not in path, [*path, name]
        if name not in done:
            for other in graph[name]:
                visit(other, [*path, name])
            done.add(name)

    for name in MODULES:
        visit(name, [])


def test_dependencies_are_the_five_named():
    five = {"numpy", "scipy", "sklearn", "torch", "joblib"}
    # in functions of these rooms alone
    more = {
        "sksemi.callbacks": {"skops"},
        "sksemi.inspection": {"matplotlib"},
        "sksemi.utils": {"pytest", "numpydoc"},
    }
    for name in MODULES + PACKAGES:
        roots = {imported.split(".")[0] for imported in imports_of(name)}
        third_party = roots - set(sys.stdlib_module_names) - {"sksemi"}
        assert third_party <= five | more.get(room_of(name), set()), name


@pytest.mark.parametrize("name", [m for m in MODULES if not m.startswith("sksemi._")])
def test_optional_packages_are_imported_in_functions(name):
    tree = ast.parse(path_of(name).read_text())
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    text = " ".join(map(ast.unparse, imports))
    assert not re.search(r"\b(pytest|numpydoc|skops)\b", text)


@pytest.mark.parametrize("name", MODULES)
def test_matplotlib_is_imported_in_functions_of_displays_alone(name):
    tree = ast.parse(path_of(name).read_text())
    display = name.startswith("sksemi.inspection.")
    imports = [
        ast.unparse(node)
        for node in (tree.body if display else ast.walk(tree))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not any("matplotlib" in line for line in imports if "check_" not in line)


LONGEST = {"_gmvae": 650, "_catvae": 650, "_acol": 850, "_cagem": 850, "_m2": 400}


@pytest.mark.parametrize("name", MODULES)
def test_files_are_short(name):
    n_lines = len(path_of(name).read_text().splitlines())
    assert n_lines <= LONGEST.get(name.split(".")[-1], 850)


def places_of_parameters(Estimator):
    """Lines of a method's file, docstrings apart, that name a parameter of it.

    In the estimator's class, or as an attribute of the module's config; local names
    of functions are the functions' own.
    """
    names = set(inspect.signature(Estimator).parameters)
    lines = {name: set() for name in names}
    for node in ast.walk(ast.parse(path_of(Estimator.__module__).read_text())):
        if isinstance(node, ast.Attribute) and node.attr in names:
            if ast.unparse(node.value) in ("config", "self.config"):
                lines[node.attr].add(node.lineno)
        elif isinstance(node, ast.ClassDef) and node.name == Estimator.__name__:
            init = next(f for f in node.body if getattr(f, "name", "") == "__init__")
            for argument in init.args.args[1:] + init.args.kwonlyargs:
                lines[argument.arg].add(argument.lineno)
            for child in ast.walk(node):
                if isinstance(child, ast.Constant) and child.value in names:
                    lines[child.value].add(child.lineno)
                elif (
                    isinstance(child, ast.Attribute)
                    and child.attr in names
                    and ast.unparse(child.value) == "self"
                ):
                    lines[child.attr].add(child.lineno)
    return lines


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_parameter_is_written_in_few_places(Estimator):
    """Documentation, constraint, signature, storing, and one use of its own."""
    shared = set(DeepEstimator._parameter_constraints)
    for name, places in places_of_parameters(Estimator).items():
        if name not in shared:
            assert 1 + len(places) <= 5, (name, sorted(places))


PUBLIC = [
    (f"{owner.__name__}.{name}", member)
    for owner in [
        *ESTIMATORS,
        *(
            importlib.import_module(module)
            for module in MODULES + PACKAGES
            if not re.search(r"\._(?!_)", module)
        ),
    ]
    for name, member in inspect.getmembers(owner, inspect.isfunction)
    if not name.startswith("_") and member.__module__.startswith("sksemi")
]


@pytest.mark.parametrize(("name", "function"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_public_functions_are_documented(name, function):
    doc = numpydoc.docscrape.FunctionDoc(function)
    parameters = [p for p in inspect.signature(function).parameters if p != "self"]
    assert [p.name.lstrip("*") for p in doc["Parameters"]] == parameters
    assert all(p.type for p in doc["Parameters"])
    assert doc["Returns"]


@pytest.mark.parametrize("name", PACKAGES + MODULES)
def test_examples_in_docstrings(name):
    if name.startswith("sksemi.inspection"):
        pytest.importorskip("matplotlib").use("Agg")
    result = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    if name.startswith("sksemi.inspection"):
        importlib.import_module("matplotlib.pyplot").close("all")
    assert result.failed == 0
