"""What the symbols of a derivation stand for: which have a meaning, which were defined, which may move in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from fa_theory.symbolic.facts import Claim
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.rates import TIME, MatrixRate, Rate
from fa_theory.symbolic.scope import free_indices, letters, may_move
from fa_theory.symbolic.substitution import require_fit


@dataclass
class Vocabulary:
    """The symbols of a derivation in progress.

    Attributes
    ----------
    seen : set
        Those that have a meaning.
    introduced : set
        Those that the derivation has defined itself.
    still : set
        Indexed quantities and matrices that are known not to move in time.
    moving : set
        Plain symbols that name something that may move, and so must not be differentiated.
    dynamic : bool
        Whether rates of change occur.
    """

    seen: set[Any] = field(default_factory=set)
    introduced: set[Any] = field(default_factory=set)
    still: set[Any] = field(default_factory=set)
    moving: set[Any] = field(default_factory=set)
    dynamic: bool = False

    def new(self, name: str, symbol: Any, expression: Any) -> Any:
        """Take a symbol into use for an expression, the indices of which it must carry; return its key."""
        indices: set[Any] = set()
        key = symbol
        if isinstance(symbol, sp.Indexed):
            key, indices = symbol.base, set(symbol.indices)
        elif isinstance(symbol, AppliedUndef) and symbol.args == (TIME,):
            key = symbol.func
        elif not isinstance(symbol, sp.Symbol | sp.MatrixSymbol) or symbol == TIME:
            raise StepFailed(f"{name}: {symbol} cannot be given a meaning")
        if key in self.seen or key in letters(expression):
            raise StepFailed(f"{name}: {key} has a meaning already")
        if not free_indices(expression) <= indices:
            raise StepFailed(f"{name}: {symbol} lacks an index of {expression}")
        if not isinstance(symbol, sp.MatrixSymbol):
            try:
                require_fit(symbol, expression)
            except ValueError as wrong:
                raise StepFailed(f"{name}: {wrong}") from wrong
        self.introduced.add(key)
        return key

    def name_moving(self, key: Any, expression: Any) -> None:
        """Note whether a plain symbol names something that may move."""
        if isinstance(key, sp.Symbol) and may_move(expression, self.still, self.moving):
            self.moving.add(key)

    def use(self, name: str, claimed: Claim) -> None:
        """Take note of the symbols of a claim."""
        for side in (claimed.lhs, claimed.rhs):
            self.seen |= letters(side)
            rates = side.atoms(Rate, MatrixRate, sp.Derivative)
            self.dynamic = self.dynamic or bool(rates)
            if any(each.atoms(sp.Symbol) & self.moving for each in rates):
                raise StepFailed(f"{name}: a plain symbol names what may move in time and cannot be differentiated")

    def require_constancy(self, name: str, lemma: Vocabulary, at: Mapping[Any, Any]) -> None:
        """Require that nothing that may move is put in for what a lemma about rates takes for constant."""
        self.dynamic = self.dynamic or lemma.dynamic
        for key, value in at.items():
            if lemma.dynamic and isinstance(key, sp.Symbol) and may_move(value, self.still, self.moving):
                raise StepFailed(f"{name}: {key} is constant in time, {value} may not be")
            if isinstance(key, UndefinedFunction) and not isinstance(value, UndefinedFunction):
                moving = value(TIME).atoms(sp.MatrixSymbol, sp.IndexedBase) - self.still
                if moving or value(TIME).atoms(sp.Symbol) & self.moving:
                    raise StepFailed(f"{name}: {key} is a function of time; name {value(TIME)} by one")

    def adopt(self, name: str, lemma: Vocabulary, used: set[Any], at: Mapping[Any, Any]) -> None:
        """Require that what a lemma has defined itself gets a symbol that has no meaning here yet."""
        for symbol in lemma.introduced & used:
            value = at.get(symbol, symbol)
            if (
                not isinstance(value, sp.Symbol | sp.MatrixSymbol | sp.IndexedBase | UndefinedFunction)
                or value in self.seen
            ):
                raise StepFailed(
                    f"{name}: {symbol} is defined by the lemma; a new symbol must stand for it, got {value}"
                )
            if isinstance(value, sp.Symbol):
                require_fit(value, symbol)
            elif isinstance(value, sp.IndexedBase):
                require_fit(value[0], symbol[0])
            self.introduced.add(value)
            if symbol in lemma.moving:
                self.moving.add(value)
