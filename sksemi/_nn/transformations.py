"""Transformations of rows that a network can tell apart: turns, mirrors, signs."""

import math

import torch

# T_1 to T_8 of Kilinc and Uysal (2018): whether an image is mirrored, and quarter
# turns after that.
SYMMETRIES = {
    "identity": (False, 0),
    "rotate_90": (False, 1),
    "rotate_180": (False, 2),
    "rotate_270": (False, 3),
    "flip": (True, 0),
    "flip_rotate_90": (True, 1),
    "flip_rotate_180": (True, 2),
    "flip_rotate_270": (True, 3),
}
# Signs that features get, for tables: see `reflection`.
REFLECTIONS = ["identity", *(f"reflect_{p}" for p in range(1, 8))]


def symmetry(name, image_shape):
    """Rotation or mirror image as a permutation of pixels.

    Parameters
    ----------
    name : str
        A key of ``SYMMETRIES``.
    image_shape : tuple of (channels, height, width)

    Returns
    -------
    Tensor of shape (C * H * W,) of int64
        ``x[:, index]`` are the transformed images.
    """
    mirrored, turns = SYMMETRIES[name]
    index = torch.arange(math.prod(image_shape)).view(image_shape)
    index = index.flip(2) if mirrored else index
    return torch.rot90(index, turns, (1, 2)).flatten()


def reflection(name, n_features):
    """Signs by which a table's centered features are multiplied.

    Parameters
    ----------
    name : str
        An entry of ``REFLECTIONS``; "reflect_p" turns the sign of feature j where the
        binary digits of p and of j + 1 share an odd number of ones.
    n_features : int

    Returns
    -------
    Tensor of shape (n_features,)
    """
    p = REFLECTIONS.index(name)
    return torch.tensor(
        [(-1.0) ** (p & (j + 1)).bit_count() for j in range(n_features)]
    )


def auto_transformations(n_features, image_shape):
    """Names of the transformations that suit the rows.

    Parameters
    ----------
    n_features : int
    image_shape : tuple of (channels, height, width) or None

    Returns
    -------
    tuple of str
        The paper's eight for square images; the four that keep the shape of others;
        up to eight different reflections for tables.
    """
    if image_shape is None:
        return tuple(REFLECTIONS[: min(8, 2 ** n_features.bit_length())])
    if image_shape[1] == image_shape[2]:
        return tuple(SYMMETRIES)
    return tuple(name for name, (_, turns) in SYMMETRIES.items() if turns % 2 == 0)


def check_transformations(transformations, x, image_shape):
    """Names and callables of transformations, the latter tried on some rows.

    Parameters
    ----------
    transformations : "auto" or tuple of (str or callable)
    x : Tensor of shape (n_rows, n_features)
        Some rows, as floats.
    image_shape : tuple of (channels, height, width) or None

    Returns
    -------
    tuple of (str or callable)

    Raises
    ------
    ValueError
        For names that are not known or do not suit, and for callables that change the
        shape of rows, or move them where the identity is due.
    """
    if isinstance(transformations, str):
        return auto_transformations(x.shape[1], image_shape)
    known = REFLECTIONS if image_shape is None else list(SYMMETRIES)
    if len(transformations) < 2:
        raise ValueError(
            f"transformations={list(transformations)!r} must have at least two "
            'entries, the first being "identity".'
        )
    for name in transformations:
        if not (callable(name) or (isinstance(name, str) and name in known)):
            kind = "a table" if image_shape is None else "images"
            raise ValueError(
                f"transformations has the entry {name!r}; for {kind}, use callables "
                f"or names among {known}."
            )
        quarter = isinstance(name, str) and name.endswith(("_90", "_270"))
        if quarter and image_shape[1] != image_shape[2]:
            size = f"{image_shape[1]}x{image_shape[2]}"
            raise ValueError(
                f'transformations has "{name}", but X holds images of {size}, which a '
                f'quarter turn would not leave {size}. Use transformations="auto" '
                "(flips and the half turn), or pad or crop the images to squares."
            )
    with torch.random.fork_rng(devices=[]):  # they may draw
        _try_callables(
            transformations, x if image_shape is None else x.unflatten(1, image_shape)
        )
    return tuple(str(t) if isinstance(t, str) else t for t in transformations)


def _try_callables(transformations, x):
    for i, function in enumerate(transformations):
        if isinstance(function, str):
            continue
        result = function(x.clone())
        shape = getattr(result, "shape", None)
        floats = isinstance(result, torch.Tensor) and result.is_floating_point()
        if shape != x.shape or not floats:
            raise ValueError(
                f"transformations[{i}], {function!r}, returned "
                f"{type(result).__name__} of shape {shape} for a batch of shape "
                f"{tuple(x.shape)}; it must return a float tensor of the shape it was "
                "given."
            )
    first = transformations[0]
    if not (first == "identity" or (callable(first) and first(x).equal(x))):
        raise ValueError(
            "The first of transformations must leave rows as they are: put "
            '"identity" first.'
        )
