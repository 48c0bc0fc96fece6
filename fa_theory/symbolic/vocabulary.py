"""What the symbols of a derivation stand for: which have a meaning, which were defined, which may move in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from fa_theory.symbolic.facts import Claim, Fact, put_in, substituted
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.premises import stand_in
from fa_theory.symbolic.rates import TIME, MatrixRate, Rate
from fa_theory.symbolic.scope import free_indices, letters, may_move
from fa_theory.symbolic.substitution import require_fit, substitute
from fa_theory.symbolic.sums import is_index


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
        Whether rates of change or the time occur.
    ranks : dict
        How many indices each indexed quantity has.
    established : set of Fact
        What has been established.
    """

    seen: set[Any] = field(default_factory=set)
    introduced: set[Any] = field(default_factory=set)
    still: set[Any] = field(default_factory=set)
    moving: set[Any] = field(default_factory=set)
    dynamic: bool = False
    ranks: dict[sp.IndexedBase, int] = field(default_factory=dict)
    established: set[Fact] = field(default_factory=set)

    def new(self, name: str, symbol: Any, expression: Any) -> Any:
        """Take a symbol into use for an expression, the indices of which it must carry; return its key."""
        indices: set[Any] = set()
        key = symbol
        if isinstance(symbol, sp.Indexed):
            key, indices = symbol.base, set(symbol.indices)
        elif isinstance(symbol, AppliedUndef) and symbol.args == (TIME,):
            key = symbol.func
        elif not isinstance(symbol, sp.Symbol | sp.MatrixSymbol) or symbol == TIME or is_index(symbol):
            raise StepFailed(f"{name}: {symbol} cannot be given a meaning")
        if key in self.seen or key in letters(expression):
            raise StepFailed(f"{name}: {key} has a meaning already")
        if not free_indices(expression) <= indices:
            raise StepFailed(f"{name}: {symbol} lacks an index of {expression}")
        if not all(map(is_index, indices)) or len(indices) < len(getattr(symbol, "indices", ())):
            raise StepFailed(f"{name}: the indices of {symbol} must be letters, all different")
        if not isinstance(symbol, sp.MatrixSymbol):
            try:
                require_fit(symbol, expression)
            except ValueError as wrong:
                raise StepFailed(f"{name}: {wrong}") from wrong
        self.introduced.add(key)
        return key

    def name_moving(self, key: Any, expression: Any) -> None:
        """Note whether a plain symbol names something that may move."""
        if isinstance(key, sp.Symbol) and self.moves(expression):
            self.moving.add(key)

    def use(self, name: str, claimed: Claim) -> None:
        """Take note of the symbols of a claim."""
        for side in (claimed.lhs, claimed.rhs):
            self.seen |= letters(side)
            rates = side.atoms(Rate, MatrixRate, sp.Derivative)
            self.dynamic = self.dynamic or bool(rates) or TIME in side.free_symbols
            for each in side.atoms(sp.Indexed):
                if self.ranks.setdefault(each.base, len(each.indices)) != len(each.indices):
                    raise StepFailed(f"{name}: {each.base} has not always the same number of indices")
            if any(each.atoms(sp.Symbol) & self.moving for each in rates):
                raise StepFailed(f"{name}: a plain symbol names what may move in time and cannot be differentiated")

    def moves(self, expression: Any) -> bool:
        """Tell whether an expression may depend on time."""
        return may_move(expression, self.still, self.moving)

    def moves_beside_time(self, expression: Any) -> bool:
        """Tell whether an expression may depend on time other than through the time and functions of it."""
        expression = sp.sympify(expression)
        found = expression.atoms(sp.MatrixSymbol, sp.IndexedBase) - self.still
        return bool(found or expression.atoms(sp.Symbol) & self.moving)

    def established_here(self, name: str, fact: Fact) -> Fact:
        """List a fact that a checked step of this derivation has established, and return it."""
        if fact.home is not None and fact.home is not self:
            raise StepFailed(f"{name}: another derivation has established what this rests on")
        self.use(name, fact.claim)
        fact = replace(fact, home=self)
        self.established.add(fact)
        return fact

    def require_constancy(self, name: str, lemma: Vocabulary, at: Mapping[Any, Any]) -> None:
        """Require that nothing that may move is put in for what a lemma about time takes for constant."""
        self.dynamic = self.dynamic or lemma.dynamic
        for key, value in at.items():
            if lemma.dynamic and isinstance(key, sp.Symbol) and self.moves(value):
                raise StepFailed(f"{name}: {key} is constant in time, {value} may not be")
            function = isinstance(key, UndefinedFunction) and not isinstance(value, UndefinedFunction)
            if function and self.moves_beside_time(value(TIME)):
                raise StepFailed(f"{name}: {key} is a function of time; name {value(TIME)} by one")

    def adopt(self, name: str, lemma: Vocabulary, claims: Iterable[Claim], at: Mapping[Any, Any]) -> None:
        """Require that each letter that a lemma has defined gets one of its own here, with no meaning yet.

        It stands for one thing, so nothing that is put in for the lemma's other letters may bring an index with it.
        """
        claims = list(claims)
        used = set().union(*(letters(each.lhs) | letters(each.rhs) for each in claims))
        defined = lemma.introduced & used
        if not defined:
            return
        others = {key: value for key, value in at.items() if key not in defined}
        names = {each: at[each] if each in at else _resized(each, others) for each in defined}
        for symbol, value in names.items():
            kinds = sp.Symbol | sp.MatrixSymbol | sp.IndexedBase | UndefinedFunction
            if not isinstance(value, kinds) or value in self.seen or is_index(value) or value == TIME:
                raise StepFailed(
                    f"{name}: {symbol} is defined by the lemma, a new symbol must stand for it: not {value}"
                )
            if not isinstance(value, sp.MatrixSymbol):
                require_fit(_sample(value), _sample(symbol))
        apart = {each: stand_in(each) for each in defined}
        apart |= {each: stand_in(each) for side in _sides(claims) for each in free_indices(side) - at.keys()}
        claims = [substituted(each, apart) for each in claims]
        told = set().union(*(letters(side) for side in _sides(substituted(each, others) for each in claims)))
        if len(set(names.values())) < len(names) or told & set(names.values()):
            raise StepFailed(f"{name}: what the lemma defines must get new symbols, all different, got {names}")
        places = set().union(*(side.atoms(sp.Symbol) for side in _sides(claims)))
        brought = set().union(*(free_indices(value) for value in put_in(claims, others)))
        if brought - places:
            raise StepFailed(f"{name}: what the lemma defines is one thing, not one for every {brought - places}")
        moves = lemma.seen & self.moving or any(
            isinstance(key, sp.Symbol) and self.moves(value) for key, value in others.items()
        )
        for symbol, value in names.items():
            self.introduced.add(value)
            self.seen.add(value)
            if isinstance(value, sp.Symbol) and (symbol in lemma.moving or (moves and symbol not in lemma.still)):
                self.moving.add(value)


def _sides(claims: Iterable[Claim]) -> Iterator[Any]:
    for claimed in claims:
        yield from (claimed.lhs, claimed.rhs)


def _resized(letter: Any, values: Mapping[Any, Any]) -> Any:
    """Return a matrix of which the sizes have their values; other letters as they are."""
    return substitute(letter, values) if isinstance(letter, sp.MatrixSymbol) else letter


def _sample(letter: Any) -> Any:
    """Return a value of a letter, which has all the signs that are declared for it."""
    if isinstance(letter, sp.IndexedBase):
        return letter[0]
    return letter(TIME) if isinstance(letter, UndefinedFunction) else letter
