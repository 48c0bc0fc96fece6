"""An array library that counts what crosses between host and device: NumPy behind a class that gives nothing away.

A GPU library waits wherever the host asks for a value; `counts` tells how often that was, and how often data were sent.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

counts: Counter[str] = Counter()


class Counted:
    """An array on a device that is none."""

    def __init__(self, array):
        self._array = np.asarray(array)

    def __array_namespace__(self, *, api_version=None):
        return xp

    dtype = property(lambda self: self._array.dtype)
    shape = property(lambda self: self._array.shape)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    T = property(lambda self: Counted(self._array.T))
    device = "counted"

    def __len__(self):
        return len(self._array)

    def __getitem__(self, key):
        return Counted(self._array[_inside(key)])


def _inside(value):
    """Return arguments as NumPy has them; what is a NumPy array already is sent from the host."""
    if isinstance(value, Counted):
        return value._array
    if isinstance(value, np.ndarray):
        counts["sent"] += 1
        return value
    if isinstance(value, tuple | list):
        return type(value)(_inside(each) for each in value)
    return value


def _outside(value):
    return Counted(value) if isinstance(value, np.ndarray | np.generic) else value


def _operator(name):
    def method(self, *others):
        return _outside(getattr(self._array, name)(*map(_inside, others)))

    return method


def _reading(name):
    def method(self, *arguments, **options):
        counts["read"] += 1
        if name == "__array__":
            return np.array(self._array)
        return getattr(self._array, name)(*arguments)

    return method


for _name in ("add", "sub", "mul", "truediv", "matmul", "pow"):
    for _side in ("", "r"):
        setattr(Counted, f"__{_side}{_name}__", _operator(f"__{_side}{_name}__"))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "abs", "invert", "and", "or"):
    setattr(Counted, f"__{_name}__", _operator(f"__{_name}__"))
for _name in ("__float__", "__bool__", "__int__", "__index__", "__complex__", "__array__", "item", "tolist"):
    setattr(Counted, _name, _reading(_name))
Counted.__hash__ = None


class _Namespace:
    __name__ = "counted"

    def asarray(self, data, *, dtype=None, **_):
        if not isinstance(data, Counted):
            counts["sent"] += 1
        return Counted(np.asarray(data._array if isinstance(data, Counted) else data, dtype=dtype))

    def __getattr__(self, name):
        function = getattr(np, name)
        if isinstance(function, type) or name in ("finfo", "isdtype", "result_type"):
            return function

        def called(*arguments, **options):
            options.pop("device", None)
            return _outside(function(*map(_inside, arguments), **{key: _inside(v) for key, v in options.items()}))

        return called


xp = _Namespace()
