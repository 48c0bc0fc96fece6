"""The array namespace: any library that array-api-compat knows goes in, and the same comes out.

NumPy arrays of dtype ``object`` are let through as well, so that the same code runs over exact rationals
(`fractions.Fraction` or python-flint's ``fmpq``).
"""

from __future__ import annotations

from fractions import Fraction
from numbers import Integral, Rational
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_cupy_array, is_torch_array

_NUMPY = array_namespace(np.zeros(0))

Array = Any
"""An array of any array-API namespace; a NumPy object array of rationals where exactness is wanted."""


def namespace(*arrays: Array | None) -> Any:
    """Return the array-API namespace that all the given arrays (``None`` is passed over) belong to."""
    if all(type(array) is np.ndarray for array in arrays):
        return _NUMPY  # looked up this often, the general way costs a tenth of a flow
    return array_namespace(*(array for array in arrays if array is not None))


def is_exact(array: Array) -> bool:
    """Tell whether the entries are Python objects (exact rationals) instead of machine floats."""
    return isinstance(array, np.ndarray) and array.dtype == object


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """Return an array of any namespace as a NumPy array in host memory (a NumPy array itself, not a copy).

    Of a PyTorch tensor that requires gradients, the values.
    """
    if isinstance(array, np.ndarray):
        return array
    if is_cupy_array(array):
        return np.asarray(array.get())
    if is_torch_array(array):
        return np.asarray(array.detach().cpu())
    try:
        return np.from_dlpack(array)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return np.asarray(array)  # no DLPack, an old one, or one that cannot be read in place


def from_numpy(host: np.ndarray[Any, Any], like: Array) -> Array:
    """Return a NumPy array as one of the library and on the device of `like`, with its own dtype."""
    if isinstance(like, np.ndarray):
        return host
    return namespace(like).asarray(host, device=device(like))


def to_namespace(array: Array, xp: Any) -> Array:
    """Return an array of any namespace as one of `xp` on its default device, with its own dtype."""
    return to_numpy(array) if xp is _NUMPY else xp.asarray(to_numpy(array))


def machine_epsilon(array: Array) -> float:
    """Spacing of the array's floating-point type at one; 0 for exact rationals."""
    return 0.0 if is_exact(array) else float(namespace(array).finfo(array.dtype).eps)


def least_resolved(array: Array) -> float:
    """Return the least size at which sums of products keep the type's relative accuracy; smaller ones may underflow."""
    if is_exact(array):
        return 0.0
    info = namespace(array).finfo(array.dtype)
    return float(info.smallest_normal) / float(info.eps)


def number_like(number: Any, array: Array) -> Any:
    """Return a number that leaves the kind of an array alone when it multiplies it.

    A Python float beside machine floats (a NumPy scalar would turn float32 into float64); beside exact rationals the
    rational that the number is, of the array's own type.
    """
    numerator, denominator = _integer_ratio(number)
    if not is_exact(array):
        return numerator / denominator
    kind = type(array.flat[0])
    return (Fraction if issubclass(kind, int) else kind)(numerator, denominator)


def nearest_float(number: Any) -> float:
    """Return the float64 nearest to a float or an exact rational; infinity where it is too large."""
    try:
        # Python divides integers with one rounding; fmpq itself converts to float only in newer python-flint
        return int(number.p) / int(number.q) if type(number).__name__ == "fmpq" else float(number)
    except OverflowError:
        return float("inf") if number > 0 else -float("inf")


def floating(name: str, array: Any, ndim: int | tuple[int, ...], like: Array | None = None) -> Array:
    """Validate an array at the door and return it as floating point (or exact) with the given rank.

    float32 and float64 arrays stay as they are, lists and integer arrays become float64; object arrays of rationals
    stay exact, of type `fractions.Fraction`, or fmpq if an entry is one.

    Parameters
    ----------
    name : str
        What errors call the array.
    array : array or nested sequence of numbers
        What was given.
    ndim : int or tuple of int
        The allowed rank, or ranks.
    like : array, optional
        Lists and integer arrays become what this array is, in place of float64.

    Raises
    ------
    TypeError
        If the entries are not float32, float64, integers or exact rationals.
    ValueError
        If the rank is not allowed or an entry is NaN or infinite; the message names the argument.
    """
    array = _as_array(name, array, like)
    xp, exact = namespace(array), is_exact(array)
    integral = not exact and xp.isdtype(array.dtype, "integral")
    if not exact and not integral and array.dtype not in (xp.float32, xp.float64):
        raise TypeError(
            f"{name} must hold real numbers (float32, float64, integers or exact rationals), got dtype {array.dtype}"
        )
    ranks = (ndim,) if isinstance(ndim, int) else ndim
    if len(array.shape) not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise ValueError(f"{name} must have {wanted} dimension(s), got shape {tuple(array.shape)}")
    if exact:
        return _rationals(name, array)
    if integral:
        return _integers_like(array, like)
    finite = xp.isfinite(array)
    if not bool(xp.all(finite)):
        index = tuple(int(i[0]) for i in np.nonzero(~to_numpy(finite)))
        raise ValueError(f"{name} must be finite, got {float(array[index])} at index {index}")
    return array


def require_same_kind(name: str, array: Array, like_name: str, like: Array) -> None:
    """Raise ValueError unless both arrays are of one library, device, dtype and, where exact, type of rational."""
    for what, of in (
        ("library", lambda each: namespace(each).__name__.rpartition("array_api_compat.")[2]),
        ("device", device),
        ("dtype", lambda each: each.dtype),
        ("type of rational", lambda each: type(each.flat[0]).__name__ if is_exact(each) and each.size else None),
    ):
        got, wanted = of(array), of(like)
        if got != wanted:
            raise ValueError(f"{name} must have the {what} of {like_name}, {wanted}, got {got}")


def _as_array(name: str, array: Any, like: Array | None) -> Array:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array; leave the masked samples out")
    if isinstance(array, np.ndarray):
        plain = np.asarray(array)  # np.matrix multiplies in its own way
        return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))
    if is_array_api_obj(array):
        return array
    try:
        host = np.asarray(array)
    except ValueError:
        raise ValueError(f"{name} must be a rectangular array, got rows of different lengths") from None
    if like is None or is_exact(like) or host.dtype.kind != "f":
        return host
    return namespace(like).asarray(host.tolist(), dtype=like.dtype, device=device(like))


def _integers_like(array: Array, like: Array | None) -> Array:
    if like is None:
        xp = namespace(array)
        return xp.astype(array, xp.float64)
    if is_exact(like):
        host = to_numpy(array)
        return _objects([number_like(entry, like) for entry in host.ravel().tolist()], host.shape)
    if isinstance(array, np.ndarray):
        return namespace(like).asarray(array.tolist(), dtype=like.dtype, device=device(like))
    return namespace(array).astype(array, like.dtype)


def _rationals(name: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    entries = array.ravel().tolist()
    for position, entry in enumerate(entries):
        if not is_rational(entry):
            index = tuple(int(i) for i in np.unravel_index(position, array.shape))
            raise TypeError(
                f"{name} is an array of objects, which must be exact rationals (fractions.Fraction, int or fmpq), "
                f"got {entry!r} at index {index}"
            )
    rational = next((type(entry) for entry in entries if type(entry).__name__ == "fmpq"), Fraction)
    return _objects([rational(*_integer_ratio(entry)) for entry in entries], array.shape)


def _objects(entries: list[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    array = np.empty(shape, dtype=object)
    array.ravel()[:] = entries
    return array


def is_rational(entry: Any) -> bool:
    """Tell whether a number is an exact rational: int, `fractions.Fraction`, or python-flint's fmpq or fmpz."""
    # python-flint is recognised by name, as importing it takes a tenth of a second
    return type(entry) is not bool and (isinstance(entry, Rational) or type(entry).__name__ in ("fmpq", "fmpz"))


def _integer_ratio(number: Any) -> tuple[int, int]:
    if type(number).__name__ == "fmpq":
        return int(number.p), int(number.q)
    if isinstance(number, Integral) or type(number).__name__ == "fmpz":
        return int(number), 1
    if isinstance(number, Rational):
        return int(number.numerator), int(number.denominator)
    numerator, denominator = float(number).as_integer_ratio()
    return numerator, denominator
