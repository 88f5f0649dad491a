"""Fetchers, on tiny files written here; in tests/papers on the real ones."""

import bz2
import gzip
import struct

import numpy as np
import pytest
import scipy.io
from sklearn.datasets import dump_svmlight_file

from sksemi import GMVAEClusterer
from sksemi.datasets import (
    _reading,
    _svhn,
    fetch_fashion_mnist,
    fetch_mnist,
    fetch_omniglot,
    fetch_svhn,
    fetch_usps,
)

FETCHERS = [fetch_mnist, fetch_fashion_mnist, fetch_usps, fetch_svhn, fetch_omniglot]
IDX = [(fetch_mnist, "mnist"), (fetch_fashion_mnist, "fashion-mnist")]


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(**parameters):
        raise OSError("no network in tests")

    monkeypatch.setattr(_reading, "fetch_openml", refuse)
    monkeypatch.delenv("SKSEMI_DATA", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))


def draw(n, shape, n_classes=10, seed=0):
    rng = np.random.RandomState(seed)
    images = rng.randint(256, size=(n, *shape), dtype=np.uint8)
    return images, np.arange(n) % n_classes


def write_idx(path, array, compress=True):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    raw = head + array.astype(np.uint8).tobytes()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(raw) if compress else raw)


def write_mnist(folder, *, suffix=".gz"):
    parts = {"train": draw(12, (28, 28)), "t10k": draw(5, (28, 28), seed=1)}
    for part, (images, labels) in parts.items():
        files = {"images-idx3": images, "labels-idx1": labels}
        for kind, array in files.items():
            path = folder / f"{part}-{kind}-ubyte{suffix}"
            write_idx(path, array, compress=bool(suffix))
    return parts.values()


def write_usps(folder):
    (X, y), (X_test, y_test) = draw(12, (16, 16)), draw(5, (16, 16), seed=1)
    arrays = {"X_train": X, "y_train": y, "X_test": X_test, "y_test": y_test}
    np.savez(folder / "usps.npz", **arrays)
    return (X, y), (X_test, y_test)


def write_svhn(folder, parts=("train", "test")):
    """The official files: images last, the digit 0 as 10."""
    written = []
    for seed, part in enumerate(parts):
        images, labels = draw(12 - 5 * seed, (3, 32, 32), seed=seed)
        X = images.transpose(2, 3, 1, 0)
        y = np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)
        scipy.io.savemat(folder / f"{part}_32x32.mat", {"X": X, "y": y})
        written.append((images, labels))
    return written


def write_omniglot(folder):
    arrays, written = {"alphabet_names": np.array(["Latin", "Greek"])}, []
    for seed, part in enumerate(("train", "test")):
        images, labels = draw(12 - 5 * seed, (28, 28), 6, seed=seed)
        columns = {"X": images, "y": labels, "alphabet": labels // 3, "drawer": labels}
        arrays |= {f"{name}_{part}": array for name, array in columns.items()}
        written.append((images, labels))
    np.savez(folder / "omniglot.npz", **arrays)
    return written


def write(fetch, folder):
    if fetch in dict(IDX):
        return write_mnist(folder / dict(IDX)[fetch])
    writers = {
        fetch_usps: write_usps,
        fetch_svhn: write_svhn,
        fetch_omniglot: write_omniglot,
    }
    return writers[fetch](folder)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_what_was_written_comes_back(fetch, tmp_path, monkeypatch):
    (images, labels), (test_images, test_labels) = write(fetch, tmp_path)
    bunch = fetch(data_home=tmp_path)
    assert bunch.data.dtype == bunch.images.dtype == np.uint8
    assert bunch.target.dtype == np.int64
    np.testing.assert_array_equal(bunch.images[bunch.train], images)
    np.testing.assert_array_equal(bunch.target[bunch.train], labels)
    np.testing.assert_array_equal(bunch.images[bunch.test], test_images)
    np.testing.assert_array_equal(bunch.target[bunch.test], test_labels)
    np.testing.assert_array_equal(
        bunch.data, bunch.images.reshape(len(bunch.target), -1)
    )
    assert np.shares_memory(bunch.data, bunch.images)
    assert f"{len(labels):,} training and {len(test_labels):,} test" in bunch.DESCR
    assert max(map(len, bunch.DESCR.splitlines())) <= 88 + len(str(tmp_path))
    # the variable, a string, subsets and pairs
    for home in (None, str(tmp_path)):
        monkeypatch.setenv("SKSEMI_DATA", str(tmp_path) if home is None else "/none")
        X, y = fetch(data_home=home, subset="test", return_X_y=True)
        np.testing.assert_array_equal(X, test_images.reshape(len(X), -1))
        np.testing.assert_array_equal(y, test_labels)
        train = fetch(data_home=home, subset="train")
        np.testing.assert_array_equal(train.images, images)
        assert len(train.test) == 0
        assert len(train.train) == len(images)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_an_estimator_takes_them(fetch, tmp_path):
    write(fetch, tmp_path)
    bunch = fetch(data_home=tmp_path)
    est = GMVAEClusterer(max_iter=1, hidden_layer_sizes=(8,), random_state=0)
    est.set_params(network="mlp").fit(bunch.images, bunch.target)
    assert est.scale_ == 255
    np.testing.assert_array_equal(est.predict(bunch.data), est.labels_)


@pytest.mark.parametrize(("fetch", "name"), IDX)
def test_uncompressed_idx(fetch, name, tmp_path):
    (images, _), _ = write_mnist(tmp_path / name, suffix="")
    np.testing.assert_array_equal(
        fetch(data_home=tmp_path, subset="train").images, images
    )


def test_usps_in_libsvm_format(tmp_path):
    parts = draw(12, (16, 16)), draw(5, (16, 16), seed=1)
    for (images, labels), name in zip(parts, ("usps", "usps.t"), strict=True):
        values = images.reshape(len(images), -1) / 127.5 - 1
        plain = tmp_path / name
        # values with the digits that the official files have
        dump_svmlight_file(
            np.round(values, 6), labels + 1, str(plain), zero_based=False
        )
        (tmp_path / f"{name}.bz2").write_bytes(bz2.compress(plain.read_bytes()))
        plain.unlink()
    bunch = fetch_usps(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.images[bunch.train], parts[0][0])
    np.testing.assert_array_equal(bunch.images[bunch.test], parts[1][0])
    np.testing.assert_array_equal(bunch.target[bunch.train], parts[0][1])


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (0, 2, 3, 1)])
def test_part_of_svhn_says_so(layout, tmp_path):
    images, labels = draw(12, (3, 32, 32))
    np.savez(tmp_path / "svhn.npz", X_test=images.transpose(layout), y_test=labels)
    bunch = fetch_svhn(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.images, images)
    assert bunch.images.flags.c_contiguous
    assert len(bunch.train) == 0
    assert len(bunch.test) == 12
    text = " ".join(bunch.DESCR.split())
    assert "0 training and 12 test images" in text
    assert "not the whole set" in text
    with pytest.raises(ValueError, match=r'subset="train", but .* has no train rows'):
        fetch_svhn(data_home=tmp_path, subset="train")


def test_omniglot_of_the_likelihood_papers(tmp_path):
    """Images stand in columns, pixels column by column, letters count from 1."""
    images, _ = draw(12, (28, 28))
    alphabets, letters = np.arange(12) // 6, np.arange(12) % 3
    columns = {
        "data": images.transpose(2, 1, 0).reshape(784, 12) / 255,
        "target": np.eye(2)[alphabets].T,
        "targetchar": letters[None] + 1,
    }
    scipy.io.savemat(
        tmp_path / "chardata.mat",
        columns | {f"test{name}": array[:, :4] for name, array in columns.items()},
    )
    bunch = fetch_omniglot(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.images[bunch.train], images)
    np.testing.assert_array_equal(bunch.alphabet[bunch.train], alphabets)
    np.testing.assert_array_equal(bunch.target[bunch.train], 3 * alphabets + letters)
    np.testing.assert_array_equal(bunch.target[bunch.test], letters[:4])
    assert "drawer" not in bunch


def test_more_columns_of_omniglot(tmp_path):
    write_omniglot(tmp_path)
    bunch = fetch_omniglot(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.alphabet, bunch.target // 3)
    np.testing.assert_array_equal(bunch.drawer, bunch.target)
    assert bunch.target_names == ["Latin", "Greek"]


@pytest.mark.parametrize("fetch", FETCHERS)
def test_missing_files(fetch, tmp_path):
    with pytest.raises(OSError, match=r"is not in .*SKSEMI_DATA") as error:
        fetch(data_home=tmp_path)
    if fetch is not fetch_omniglot:
        assert "no network in tests" in str(error.value)
        with pytest.raises(OSError, match="download_if_missing=True"):
            fetch(data_home=tmp_path, download_if_missing=False)


@pytest.mark.parametrize(("fetch", "name"), IDX)
def test_images_without_labels(fetch, name, tmp_path):
    write_mnist(tmp_path / name)
    (tmp_path / name / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(OSError, match="without its labels"):
        fetch(data_home=tmp_path)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def overwrite(path):
    path.write_bytes(b"<html>Not found</html>")


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, overwrite, empty])
@pytest.mark.parametrize("fetch", FETCHERS)
def test_damaged_files(fetch, damage, tmp_path):
    write(fetch, tmp_path)
    paths = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    damage(paths[0])
    with pytest.raises(OSError, match=r"corrupt, truncated or .*fresh copy") as error:
        fetch(data_home=tmp_path)
    assert str(paths[0]) in str(error.value)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((12, 28, 28), np.uint8)[:11],  # eleven images, twelve labels
        np.zeros((12, 28, 14), np.uint8),
        np.zeros((12, 784), np.uint8),
    ],
)
def test_idx_of_the_wrong_shape(array, tmp_path):
    write_mnist(tmp_path / "mnist")
    write_idx(tmp_path / "mnist" / "train-images-idx3-ubyte.gz", array)
    with pytest.raises(OSError, match="corrupt, truncated"):
        fetch_mnist(data_home=tmp_path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"y_train": np.arange(12)},  # a digit above 9
        {"X_train": np.zeros((12, 16, 16))},  # not uint8
        {"X_train": None},
    ],
)
def test_npz_with_something_else(arrays, tmp_path):
    (X, y), _ = write_usps(tmp_path)
    whole = {"X_train": X, "y_train": y, "X_test": X, "y_test": y} | arrays
    whole = {name: array for name, array in whole.items() if array is not None}
    np.savez(tmp_path / "usps.npz", **whole)
    with pytest.raises(OSError, match="corrupt, truncated"):
        fetch_usps(data_home=tmp_path)


@pytest.mark.parametrize(
    ("fetch", "data_id"), [(fetch_mnist, 554), (fetch_fashion_mnist, 40996)]
)
def test_from_openml(fetch, data_id, tmp_path, monkeypatch):
    """As fetch_openml gives it: floats, and labels as strings."""
    images, labels = draw(60_004, (2, 14))
    images = np.repeat(np.repeat(images, 14, 1), 2, 2)
    asked = []

    def openml(**parameters):
        asked.append(parameters)
        return images.reshape(-1, 784).astype(np.int16), labels.astype(str).astype("O")

    monkeypatch.setattr(_reading, "fetch_openml", openml)
    bunch = fetch(data_home=tmp_path)
    assert asked[0]["data_id"] == data_id
    assert asked[0]["data_home"] == tmp_path
    np.testing.assert_array_equal(bunch.images, images)
    np.testing.assert_array_equal(bunch.target, labels)
    assert (len(bunch.train), len(bunch.test)) == (60_000, 4)
    assert f"OpenML, data set {data_id}" in bunch.DESCR


def test_usps_from_openml(tmp_path, monkeypatch):
    images, labels = draw(20, (16, 16))

    def openml(**parameters):
        assert parameters["data_id"] == 41082
        values = images.reshape(20, -1) / 127.5 - 1
        return values, (labels + 1).astype(str).astype("O")

    monkeypatch.setattr(_reading, "fetch_openml", openml)
    bunch = fetch_usps(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.images, images)
    np.testing.assert_array_equal(bunch.target, labels)
    assert len(bunch.test) == 0
    assert "not the whole set with its official split" in " ".join(bunch.DESCR.split())


# Axes of images of (row, channel, height, width) as OpenML may have put them in a row.
ORDERS = [(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 3, 1), (0, 3, 2, 1)]


def draw_streets(n):
    """Colors that change slowly, more from left to right than downwards."""
    phase = np.random.RandomState(0).uniform(0, 6, (n, 3, 1, 1))
    down, right = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    images = 127 + 120 * np.sin(phase + down / 9 + right / 6)
    return images.astype(np.uint8)


@pytest.mark.parametrize("order", ORDERS)
def test_svhn_from_openml(order, tmp_path, monkeypatch):
    """Any order of pixels, and all rows for training where the split is not known."""
    images, labels = draw_streets(20), np.arange(20) % 10

    def openml(**parameters):
        assert parameters["data_id"] == 41081
        rows = images.transpose(order).reshape(20, -1)
        return rows.astype(float), np.where(labels == 0, 10, labels).astype(str)

    monkeypatch.setattr(_reading, "fetch_openml", openml)
    bunch = fetch_svhn(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.images, images)
    np.testing.assert_array_equal(bunch.target, labels)
    assert (len(bunch.train), len(bunch.test)) == (20, 0)
    assert "not the whole set with its official split" in " ".join(bunch.DESCR.split())


@pytest.mark.parametrize("shuffled", [False, True])
def test_split_of_svhn_from_openml(shuffled, tmp_path, monkeypatch):
    """The official training rows are known by how often they show each digit."""
    train = np.repeat(np.arange(10), _svhn.TRAIN_COUNTS)
    labels = np.concatenate([train, np.ones(7, int)])
    if shuffled:
        labels = labels[::-1]
    rows = np.zeros((len(labels), 3072), np.uint8)
    monkeypatch.setattr(_reading, "fetch_openml", lambda **_: (rows, labels))
    X, y = fetch_svhn(data_home=tmp_path, subset="train", return_X_y=True)
    assert len(X) == len(y) == (73_264 if shuffled else 73_257)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_bad_arguments(fetch, tmp_path):
    with pytest.raises(ValueError, match="'subset' parameter of fetch_"):
        fetch(subset="validation")
    with pytest.raises(ValueError, match="'data_home' parameter of fetch_"):
        fetch(data_home=3)
    with pytest.raises(TypeError):
        fetch(tmp_path)
