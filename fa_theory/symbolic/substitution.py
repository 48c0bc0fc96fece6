"""Putting values in for the letters of a claim: all at once, nothing captured, and only what a letter may stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from fa_theory.symbolic.equality import has_signs_of, is_matrix
from fa_theory.symbolic.rates import TIME
from fa_theory.symbolic.sums import with_fresh_indices
from fa_theory.symbolic.words import ShapeError


def substitute(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Put in values all at once: for symbols and matrices expressions, for indexed quantities and functions callables.

    Parameters
    ----------
    expression : SymPy expression
        Where to put them in. Bound indices are renamed first, so that nothing is captured.
    values : mapping
        Symbol or MatrixSymbol -> expression; IndexedBase or undefined function -> another of its kind, or a callable
        of the indices or arguments.

    Raises
    ------
    TypeError
        If a key is of another kind.
    ValueError
        If a value lacks the sign, kind or shape that its key is declared to have, or would be captured.
    """
    plain: dict[Any, Any] = {}
    callables: dict[Any, Callable[..., Any]] = {}
    for key, value in values.items():
        if key == TIME:
            raise ValueError("nothing can be put in for the time: a claim is about all times")
        if isinstance(key, sp.MatrixSymbol | sp.Symbol):
            plain[key] = sp.sympify(value)
        elif isinstance(key, sp.IndexedBase):
            callables[key] = partial(_entry, value) if isinstance(value, sp.IndexedBase) else value
        elif isinstance(key, UndefinedFunction):
            callables[key] = value
        else:
            raise TypeError(f"nothing can be put in for {key!r}")
    for key, value in plain.items():
        if isinstance(key, sp.MatrixSymbol):
            shape = tuple(_put_in(each, plain, callables) for each in key.shape)
            if not is_matrix(value) or any(sp.expand(a - b) != 0 for a, b in zip(value.shape, shape, strict=True)):
                raise ShapeError(f"{value} does not have the shape {shape} of {key}")
        else:
            require_fit(key, value)
    return _put_in(with_fresh_indices(sp.sympify(expression)), plain, callables)


def _entry(base: sp.IndexedBase, *indices: Any) -> sp.Indexed:
    return base[indices]


def require_fit(declared: Any, value: Any) -> None:
    """Raise ValueError unless a value is shown to have the signs that are declared for a scalar letter."""
    if not has_signs_of(value, declared):
        raise ValueError(f"{value} is not shown to have the signs that are declared for {declared}")


def _put_in(expression: Any, plain: dict[Any, Any], callables: dict[Any, Callable[..., Any]]) -> Any:
    if expression in plain:
        return plain[expression]
    if isinstance(expression, sp.MatrixSymbol):
        rows, cols = (_put_in(each, plain, callables) for each in expression.shape)
        return sp.MatrixSymbol(expression.name, rows, cols)
    if isinstance(expression, sp.Indexed):
        indices = [_put_in(each, plain, callables) for each in expression.indices]
        if expression.base not in callables:
            return expression.base[tuple(indices)]
        places = [sp.Dummy(integer=True) for _ in indices]
        return _filled(expression.base[tuple(places)], callables[expression.base], places, indices)
    if isinstance(expression, AppliedUndef) and expression.func in callables:
        arguments = [_put_in(each, plain, callables) for each in expression.args]
        places = [sp.Dummy(real=True) for _ in arguments]
        return _filled(expression.func(*places), callables[expression.func], places, arguments)
    if isinstance(expression, sp.Derivative):
        return _put_in_derivative(expression, plain, callables)
    if not expression.args or isinstance(expression, sp.Symbol):
        return expression
    if hasattr(expression, "bound_symbols") and expression.bound_symbols and not isinstance(expression, sp.Sum):
        letters = set().union(*(each.free_symbols for each in plain.values()), plain)
        if callables or letters & {*expression.bound_symbols}:
            raise ValueError(f"what is put into {expression} might be captured")
    return expression.func(*(_put_in(each, plain, callables) for each in expression.args))


def _filled(declared: Any, value: Callable[..., Any], places: list[sp.Dummy], arguments: list[Any]) -> Any:
    """Work a callable out at places that stand for anything, so that it cannot treat one argument as special."""
    body = sp.sympify(value(*places))
    require_fit(declared, body)
    if not isinstance(declared, sp.Indexed) and TIME in body.free_symbols:
        raise ValueError(f"{body} depends on time other than through the argument of {declared.func}")
    return with_fresh_indices(body).xreplace(dict(zip(places, arguments, strict=True)))


def _put_in_derivative(expression: Any, plain: dict[Any, Any], callables: dict[Any, Callable[..., Any]]) -> Any:
    """Put in values under d/dx, keeping x apart from what is put in."""
    apart = {variable: sp.Dummy(**variable.assumptions0) for variable in expression.variables}
    inner = _put_in(expression.expr, {**plain, **apart}, callables)
    names = {variable: plain.get(variable, variable) for variable in apart}
    for name in names.values():
        if not isinstance(name, sp.Symbol) or name in inner.free_symbols or len(set(names.values())) < len(names):
            raise ValueError(f"what is put into {expression} depends on what it is differentiated by")
    inner = inner.xreplace({apart[variable]: name for variable, name in names.items()})
    return sp.Derivative(inner, *((names[variable], count) for variable, count in expression.variable_count))
