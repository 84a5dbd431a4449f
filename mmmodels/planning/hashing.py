"""Order out of arithmetic: the same on every machine and under every version of numpy, unlike its generators."""

import numpy as np
from numpy.typing import NDArray

_STEP, _FIRST, _SECOND = (np.uint64(v) for v in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def hashed(key: int, numbers: NDArray[np.integer]) -> NDArray[np.uint64]:
    """64 bits that look random for each number under a key: the output function of splitmix64 (Steele et al. 2014)."""
    bits = numbers.astype(np.uint64) ^ np.uint64(key)
    bits += _STEP  # of arrays, so it wraps
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    bits ^= bits >> np.uint64(31)
    return bits


def derived(key: int, number: int) -> int:
    """A key for the part `number` of what `key` is for."""
    return int(hashed(key, np.array([number], dtype=np.int64))[0])


def shuffled(key: int, size: int) -> NDArray[np.int64]:
    """A permutation of 0 to size - 1."""
    return np.argsort(hashed(key, np.arange(size)), kind="stable")
