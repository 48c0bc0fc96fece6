"""The array namespace: any library that array-api-compat knows goes in, and the same comes out.

NumPy arrays of dtype ``object`` are let through as well, so that the same code runs over exact rationals
(`fractions.Fraction` or python-flint's ``fmpq``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_cupy_array

Array = Any
"""An array of any array-API namespace; a NumPy object array of rationals where exactness is wanted."""


def namespace(*arrays: Array | None) -> Any:
    """Return the array-API namespace that all the given arrays (``None`` is passed over) belong to."""
    return array_namespace(*(array for array in arrays if array is not None))


def is_exact(array: Array) -> bool:
    """Tell whether the entries are Python objects (exact rationals) instead of machine floats."""
    return isinstance(array, np.ndarray) and array.dtype == object


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """Copy an array of any namespace to host memory as a NumPy array."""
    if isinstance(array, np.ndarray):
        return array
    if is_cupy_array(array):
        return np.asarray(array.get())
    return np.from_dlpack(array) if hasattr(array, "__dlpack__") else np.asarray(array)


def machine_epsilon(array: Array) -> float:
    """Spacing of the array's floating-point type at one; 0 for exact rationals."""
    return 0.0 if is_exact(array) else float(namespace(array).finfo(array.dtype).eps)


def floating(name: str, array: Any, ndim: int) -> Array:
    """Validate an array at the door and return it as floating point (or exact) with the given rank.

    Lists and integer arrays become float64; float32 stays float32; object arrays of rationals stay exact.

    Raises
    ------
    TypeError
        If the array is complex, boolean or of text.
    ValueError
        If its rank is not `ndim` or an entry is NaN or infinite; the message names the argument.
    """
    if not hasattr(array, "dtype"):
        array = np.asarray(array)
    if isinstance(array, np.ndarray) and array.dtype.kind in "SUMmVc":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if tuple(array.shape).__len__() != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {tuple(array.shape)}")
    if is_exact(array):
        return array
    xp = namespace(array)
    if xp.isdtype(array.dtype, ("bool", "complex floating")):
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if xp.isdtype(array.dtype, "integral"):
        array = xp.astype(array, xp.float64)
    finite = xp.isfinite(array)
    if not bool(xp.all(finite)):
        index = tuple(int(i[0]) for i in xp.nonzero(~finite))
        raise ValueError(f"{name} must be finite, got {float(array[index])} at index {index}")
    return array
