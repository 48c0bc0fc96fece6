"""The array namespaces that the one test body runs over: what is installed here, GPU libraries marked as such."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import array_api_strict
import numpy as np
import pytest
from array_api_compat import device

Flags = array_api_strict.ArrayAPIStrictFlags


@dataclass(frozen=True)
class Library:
    """How to make an array from a NumPy one, and what must hold while it is used."""

    name: str
    make: Callable[[np.ndarray], Any]
    flags: Callable[[], Any] = nullcontext

    def owns(self, array: Any, like: Any) -> None:
        """Assert that an array is of the class, dtype and device of another."""
        assert type(array) is type(like)
        assert array.dtype == like.dtype
        assert device(array) == device(like)


def read_only(host):
    array = np.array(host)
    array.flags.writeable = False
    return array


def strict(version, where="device1", **flags):
    def make(host):
        return array_api_strict.asarray(np.array(host), device=array_api_strict.Device(where))

    name = f"strict-{version}-{where}" + "".join(f"-no-{each}" for each in flags)
    return Library(name, make, lambda: Flags(api_version=version, **flags))


def torch_library():
    import torch

    return Library("torch", lambda host: torch.asarray(np.array(host)))


def jax_library():
    import jax

    jax.config.update("jax_enable_x64", True)
    return Library("jax", jax.numpy.asarray)


def cupy_library():
    def make(host):
        import cupy

        return cupy.asarray(host)

    return Library("cupy", make)


LIBRARIES = [
    Library("numpy", np.array),
    Library("read-only", read_only),
    strict("2023.12", "CPU_DEVICE"),  # up to 2022.12 a sum of float32 was float64, and there was no maximum
    strict("2023.12"),
    strict("2024.12"),
    strict("2025.12"),
    strict("2025.12", data_dependent_shapes=False, boolean_indexing=False),
]
LIBRARIES += [make() for name, make in (("torch", torch_library), ("jax", jax_library)) if find_spec(name)]
PARAMETERS = [
    *(pytest.param(each, id=each.name) for each in LIBRARIES),
    pytest.param(cupy_library(), id="cupy", marks=pytest.mark.gpu),
]
