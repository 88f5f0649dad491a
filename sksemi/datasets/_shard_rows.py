"""Split rows between the processes that fit together."""

from sklearn.utils import indexable
from torch import distributed


def shard_rows(*arrays):
    """Rows of this process, where several fit together.

    All processes pass the same arrays. Of n processes of torch.distributed, rank r gets
    every n-th row from row r on; without them, a process gets all rows.

    Parameters
    ----------
    *arrays : array-like of shape (n_samples, ...), sparse matrix, DataFrame or None
        X, y and whatever else has a value per row.

    Returns
    -------
    array-like or list of array-like
        This process's rows of each, in order; not in a list if there is only one. Rows
        of arrays and memory maps are views: nothing is read or copied.

    Raises
    ------
    ValueError
        If lengths differ, or there are fewer rows than processes.

    Notes
    -----
    Rows of one process should be like those of another. If their order repeats itself
    after some rows, shuffle them first.

    Examples
    --------
    >>> from sksemi.datasets import shard_rows
    >>> X, y = shard_rows([[0.1], [0.2], [0.3]], [1, -1, 0])
    >>> y  # one process
    [1, -1, 0]
    """
    rank, n_ranks = 0, 1
    if distributed.is_available() and distributed.is_initialized():
        rank, n_ranks = distributed.get_rank(), distributed.get_world_size()
    shards = [_every(array, rank, n_ranks) for array in indexable(*arrays)]
    return shards[0] if len(shards) == 1 else shards


def _every(array, first, step):
    """Rows from the first on, one in so many."""
    if array is None:
        return None
    n_rows = array.shape[0] if hasattr(array, "shape") else len(array)
    if n_rows < step:
        raise ValueError(
            f"There are {n_rows} rows for {step} processes. Start at most as many "
            "processes as there are rows."
        )
    rows = slice(first, None, step)
    return array.iloc[rows] if hasattr(array, "iloc") else array[rows]
