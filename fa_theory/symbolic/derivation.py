"""Derivations: named steps, each checked by normal forms, from assumptions to a conclusion.

The design is that of small proof kernels: a fact is only made here, by a checked step, and carries the assumptions,
citations and unchecked steps that it rests on. What a derivation concludes cannot rest on anything undeclared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction

from fa_theory.symbolic.equality import (
    equal,
    in_order,
    is_matrix,
    is_nonnegative,
    is_positive,
    partial_terms,
    rules_from,
)
from fa_theory.symbolic.facts import Claim, Fact, Premise, claim, put_in, substituted
from fa_theory.symbolic.premises import establishing, inductive, instance
from fa_theory.symbolic.rates import TIME, MatrixRate, Rate, rate
from fa_theory.symbolic.scope import free_indices, letters, may_move
from fa_theory.symbolic.substitution import require_fit
from fa_theory.symbolic.sums import canonical, require_limits

if TYPE_CHECKING:
    from fa_theory.symbolic.proof import Proof, Theorem

KINDS = (
    "assumption",
    "definition",
    "identity",
    "inequality",
    "sum",
    "lemma",
    "induction",
    "constant",
    "monotone",
    "cited",
    "by hand",
)

CONSTANT = "constancy: an absolutely continuous function with zero derivative almost everywhere is constant"
MONOTONE = (
    "monotonicity: an absolutely continuous function whose derivative is <= 0 almost everywhere does not increase"
)


class StepFailed(Exception):  # noqa: N818 - the name says what happened
    """A step that the machine could not check."""


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    name : str
        What the step establishes, in words.
    kind : str
        One of `KINDS`.
    claim : Claim
        What it establishes, in symbols.
    why : str
        The justification for a reader.
    """

    name: str
    kind: str
    claim: Claim
    why: str


class Derivation:
    """A derivation in progress: each method checks a step, records it and returns the fact it establishes.

    Parameters
    ----------
    assumptions : mapping of str to str
        The keys of the assumptions that may be used, with their text.
    """

    def __init__(self, assumptions: Mapping[str, str]) -> None:
        self.assumptions = dict(assumptions)
        self.steps: list[Step] = []
        self.introduced: set[Any] = set()
        self.dynamic = False
        self._seen: set[Any] = set()
        self._stated: dict[Premise, Fact] = {}
        self._still: set[Any] = set()
        self.moving: set[Any] = set()

    def given(self, key: str, lhs: Any, relation: str, rhs: Any, *, schematic: Sequence[Any] = ()) -> Fact:
        """State what a declared assumption says in symbols.

        Parameters
        ----------
        key : str
            The key of the assumption.
        lhs, relation, rhs
            The claim; relation is ``=``, ``<=`` or ``<``.
        schematic : sequence, optional
            The symbols for every value of which it is assumed (indices always are).

        Raises
        ------
        StepFailed
            If no assumption of that key is declared.
        """
        if key not in self.assumptions:
            raise StepFailed(f"{key!r} is not among the assumptions: {', '.join(self.assumptions) or 'none'}")
        claimed = claim(lhs, relation, rhs)
        if isinstance(claimed.lhs, Rate) and canonical(claimed.lhs) == 0 != claimed.rhs:
            raise StepFailed(f"{key!r}: {claimed.lhs.arg} is constant in time, its rate cannot be {claimed.rhs}")
        premise = Premise(key, claimed, frozenset(schematic))
        if premise in self._stated:
            return self._stated[premise]
        fact = Fact(claimed, frozenset({premise}), schematic=premise.schematic)
        self._stated[premise] = fact
        return self._record(self.assumptions[key], "assumption", fact, "assumed")

    def define(self, name: str, symbol: Any, expression: Any) -> Fact:
        """Name an expression by a symbol (plain, indexed, a matrix or a function of time) that has not occurred before.

        A plain symbol that names something that may move in time cannot be differentiated.

        Raises
        ------
        StepFailed
            If the symbol occurs in an earlier step or in the expression itself, or lacks an index of the expression.
        """
        expression = sp.sympify(expression)
        _require_defined(name, [expression], [])
        key = self._new(name, symbol, expression)
        if isinstance(key, sp.Symbol) and may_move(expression, self._still, self.moving):
            self.moving.add(key)
        return self._record(name, "definition", Fact(claim(symbol, "=", expression)), "definition")

    def equal(
        self, name: str, lhs: Any, rhs: Any, *, because: Sequence[Any] = (), using: Sequence[Fact] = (), why: str = ""
    ) -> Fact:
        """Check lhs = rhs for all sizes.

        Parameters
        ----------
        name, lhs, rhs
            The claim, of scalars or of matrices.
        because : sequence
            Equations a = b, or pairs (multiplier, equation): lhs - rhs must be the sum of the multiples of a - b.
        using : sequence of Fact
            Equations that rewrite products from left to right, wherever they occur.
        why : str
            The justification for a reader.

        Raises
        ------
        StepFailed
            If the normal forms differ.
        """
        claimed = claim(lhs, "=", rhs)
        entries = [entry if isinstance(entry, tuple) else (sp.S.One, entry) for entry in because]
        for _, fact in entries:
            if fact.claim.relation != "=":
                raise StepFailed(f"{name}: only equations show an equation, got {fact.claim}")
        facts = [*using, *(fact for _, fact in entries)]
        _require_defined(name, [claimed.lhs, claimed.rhs, *(multiplier for multiplier, _ in entries)], facts)
        difference = claimed.lhs - sum(
            (multiplier * (fact.claim.lhs - fact.claim.rhs) for multiplier, fact in entries), start=claimed.rhs
        )
        zero = sp.ZeroMatrix(*claimed.lhs.shape) if is_matrix(claimed.lhs) else sp.S.Zero
        _require(equal(difference, zero, _rules(using)), name, claimed)
        fact = _resting_on(claimed, facts)
        return self._record(name, "identity", fact, why or "both sides have the same normal form")

    def at_most(
        self, name: str, lhs: Any, rhs: Any, *, because: Sequence[Any] = (), using: Sequence[Fact] = (), why: str = ""
    ) -> Fact:
        """Check lhs <= rhs: rhs - lhs is shown to equal the sum of the slacks named in `because`.

        Parameters
        ----------
        name, lhs, rhs
            The claim.
        because : sequence
            Each entry is a fact a <= b (its slack b - a), a pair (multiplier, fact) with a multiplier that is
            shown to be >= 0 (of any sign for an equation), or an expression that is shown to be >= 0, such as a square.
            A multiplier may be a fact c <= d itself, which shows that d - c is >= 0.
        using : sequence of Fact
            Equations to rewrite with.
        why : str
            The justification for a reader.

        Raises
        ------
        StepFailed
            If a multiplier or expression is not shown to be >= 0, or the slacks do not add up.
        """
        return self._inequality(name, claim(lhs, "<=", rhs), because, using, why)

    def less(
        self, name: str, lhs: Any, rhs: Any, *, because: Sequence[Any] = (), using: Sequence[Fact] = (), why: str = ""
    ) -> Fact:
        """Check lhs < rhs as in `at_most`; one entry must be strictly positive."""
        return self._inequality(name, claim(lhs, "<", rhs), because, using, why)

    def _inequality(self, name: str, claimed: Claim, because: Sequence[Any], using: Sequence[Fact], why: str) -> Fact:
        slack, facts, strict, multipliers = sp.S.Zero, list(using), False, []
        for entry in because:
            multiplier, fact = entry if isinstance(entry, tuple) else (sp.S.One, entry)
            if isinstance(fact, Fact):
                value, positive = _multiplier(name, multiplier, fact)
                slack += value * (fact.claim.rhs - fact.claim.lhs)
                strict = strict or (fact.claim.relation == "<" and positive)
                facts += [each for each in (multiplier, fact) if isinstance(each, Fact)]
            else:
                value = sp.sympify(multiplier) * sp.sympify(fact)
                if not is_nonnegative(value):
                    raise StepFailed(f"{name}: {fact} is not shown to be >= 0")
                slack += value
                strict = strict or is_positive(value)
            multipliers.append(value)
        if claimed.relation == "<" and not strict:
            raise StepFailed(f"{name}: nothing in it is shown to be strictly positive")
        _require_defined(name, [claimed.lhs, claimed.rhs, *multipliers], facts)
        _require(equal(claimed.rhs - claimed.lhs, slack, _rules(using)), name, claimed)
        fact = _resting_on(claimed, facts)
        return self._record(name, "inequality", fact, why or "the difference is a sum of terms that are not negative")

    def sum_over(self, name: str, fact: Fact, *limits: tuple[Any, Any, Any], why: str = "") -> Fact:
        """Add up a fact that holds for every value of an index: a_i <= b_i gives sum a_i <= sum b_i."""
        lhs, relation, rhs = fact.claim
        ranging = free_indices(lhs) | free_indices(rhs) | fact.schematic
        for index, *_ in limits:
            if index not in ranging and index in lhs.free_symbols | rhs.free_symbols:
                raise StepFailed(f"{name}: {index} stands for one thing and cannot be summed over")
        require_limits(limits)
        if relation != "=" and not all(in_order(limits)):
            raise StepFailed(f"{name}: the limits {limits} are not shown to be in order")
        relation = "=" if relation == "=" else "<="
        summed = claim(sp.Sum(lhs, *limits), relation, sp.Sum(rhs, *limits))
        return self._record(name, "sum", _resting_on(summed, [fact]), why or "summed over the index")

    def times(self, name: str, multiplier: Any, fact: Fact, *, why: str = "") -> Fact:
        """Multiply a fact by what is shown to be >= 0: an expression, or the slack of another fact.

        An equation may be multiplied by any expression.
        """
        lhs, relation, rhs = fact.claim
        value, positive = _multiplier(name, multiplier, fact)
        facts = [each for each in (multiplier, fact) if isinstance(each, Fact)]
        _require_defined(name, [value], facts)
        scaled = claim(value * lhs, relation if relation != "<" or positive else "<=", value * rhs)
        kind = "identity" if relation == "=" else "inequality"
        return self._record(name, kind, _resting_on(scaled, facts), why or "multiplied")

    def reciprocal(self, name: str, fact: Fact, *, why: str = "") -> Fact:
        """From 0 < c conclude 0 < 1/c.

        Raises
        ------
        StepFailed
            If the fact is not of that form.
        """
        lhs, relation, rhs = fact.claim
        if relation != "<" or lhs != 0:
            raise StepFailed(f"{name}: not of the form 0 < c: {fact.claim}")
        inverse = _resting_on(claim(0, "<", 1 / rhs), [fact])
        return self._record(name, "inequality", inverse, why or "the reciprocal of a positive number is positive")

    def constant(self, name: str, fact: Fact, value: Any) -> Fact:
        """From d/dt Q = 0 conclude Q = value at all times, `value` a new symbol for what Q is at the start.

        Raises
        ------
        StepFailed
            If the fact is not of the form rate(Q) = 0, or the symbol has a meaning already or lacks an index of Q.
        """
        lhs, relation, rhs = fact.claim
        zero = isinstance(rhs, sp.ZeroMatrix) or rhs == 0
        if relation != "=" or not zero or not isinstance(lhs, Rate | MatrixRate):
            raise StepFailed(f"{name}: not of the form rate(Q) = 0: {fact.claim}")
        self._still.add(self._new(name, value, lhs.args[0]))
        conserved = _resting_on(claim(lhs.args[0], "=", value), [fact])
        cited = frozenset({*conserved.cites, CONSTANT})
        conserved = replace(conserved, cites=cited, schematic=frozenset())
        return self._record(name, "constant", conserved, "its rate of change is zero")

    def monotone(self, name: str, fact: Fact, value: Any) -> Fact:
        """From d/dt Q <= 0 conclude Q <= value at all times, from 0 <= d/dt Q the opposite; `value` as in `constant`.

        Raises
        ------
        StepFailed
            If the fact is not of that form, or the symbol has a meaning already or lacks an index of Q.
        """
        lhs, relation, rhs = fact.claim
        falls, rises = isinstance(lhs, Rate) and rhs == 0, isinstance(rhs, Rate) and lhs == 0
        if relation == "=" or not (falls or rises):
            raise StepFailed(f"{name}: not of the form rate(Q) <= 0 or 0 <= rate(Q): {fact.claim}")
        quantity = (lhs if falls else rhs).args[0]
        self._still.add(self._new(name, value, quantity))
        bound = _resting_on(claim(quantity, "<=", value) if falls else claim(value, "<=", quantity), [fact])
        bound = replace(bound, cites=bound.cites | {MONOTONE}, schematic=frozenset())
        return self._record(name, "monotone", bound, "its rate of change keeps its sign")

    def differentiated(self, name: str, fact: Fact) -> Fact:
        """From lhs = rhs at all times conclude d/dt lhs = d/dt rhs."""
        if fact.claim.relation != "=":
            raise StepFailed(f"{name}: only equations can be differentiated, got {fact.claim}")
        moved = claim(rate(fact.claim.lhs), "=", rate(fact.claim.rhs))
        return self._record(name, "identity", _resting_on(moved, [fact]), "both sides are equal at all times")

    def apply(
        self,
        lemma: Proof,
        at: Mapping[Any, Any],
        given: Mapping[str, Sequence[Fact] | Fact] | None = None,
        *,
        conclusion: int = 0,
        name: str = "",
        why: str = "",
    ) -> Fact:
        """Use a conclusion of another proof, with values put in for its symbols.

        Parameters
        ----------
        lemma : Proof
            The lemma or statement; it is checked first.
        at : mapping
            What to put in for its symbols; see `fa_theory.symbolic.facts.substitute`.
        given : mapping of str to Fact or sequence of Fact
            For its assumptions, by key, the facts that establish what it says about them, in the order in which it
            says so. An assumption that is left out must be declared here too, under the same key.
        conclusion : int
            Which of its conclusions.
        name, why : str
            For the reader; by default the lemma's title.

        Raises
        ------
        StepFailed
            If the lemma fails, a hypothesis is not what the fact given for it says, an assumption is undeclared, or
            a value moves in time where the lemma needs a constant.
        """
        name = name or lemma.title
        theorem = lemma.theorem()
        self._require_constancy(name, at, theorem.dynamic)
        self.dynamic = self.dynamic or theorem.dynamic
        established = {
            key: (facts,) if isinstance(facts, Fact) else tuple(facts) for key, facts in (given or {}).items()
        }
        unknown = established.keys() - lemma.assumptions.keys()
        if unknown:
            raise StepFailed(f"{name}: {lemma.id} has no assumption {', '.join(sorted(unknown))}")
        source = theorem.conclusions[conclusion]
        claims = [source.claim, *(premise.claim for premise in source.premises)]
        used = set().union(*(letters(each.lhs) | letters(each.rhs) for each in claims))
        try:
            self._introduce(name, theorem, used, at)
            concluded = substituted(source.claim, at)
            needed = [instance(each, at) for each in sorted(source.premises, key=str)]
            premises = [
                establishing(each, established[each.key]) if each.key in established else self._assumed(each)
                for each in needed
            ]
        except (ValueError, TypeError) as wrong:
            raise StepFailed(f"{name}, by {lemma.id}: {wrong}") from wrong
        _require_defined(name, put_in(claims, at), premises)
        fact = _resting_on(concluded, premises)
        fact = replace(fact, by_hand=fact.by_hand | source.by_hand, cites=fact.cites | source.cites)
        return self._record(name, "lemma", fact, why or f"{lemma.id}")

    def induct(
        self,
        step: Proof,
        counter: sp.Symbol,
        base: Sequence[Fact],
        given: Mapping[str, Sequence[Fact]] | None = None,
        *,
        key: str = "induction hypothesis",
        name: str = "",
    ) -> list[Fact]:
        """Conclude for every counter >= 0 what a proof assumes at the counter and concludes at counter + 1.

        Parameters
        ----------
        step : Proof
            The step: whatever it assumes under `key` it concludes with counter + 1 in place of the counter.
        counter : Symbol
            An integer symbol >= 0 about which nothing else is assumed.
        base : sequence of Fact
            What is assumed under `key`, at 0.
        given : mapping of str to sequence of Fact
            As in `apply`, for its other assumptions.
        key : str
            The key of the induction hypothesis.
        name : str
            For the reader; by default the step's title.

        Raises
        ------
        StepFailed
            If the step is none, or the base or another hypothesis is not established.
        """
        name, established = name or step.title, dict(given or {})
        try:
            hypotheses, starts, others, sources = inductive(step.theorem(), key, counter)
            premises = [establishing(each, base) for each in starts]
            premises += [
                establishing(each, established[each.key]) if each.key in established else self._assumed(each)
                for each in others
            ]
        except ValueError as wrong:
            raise StepFailed(f"{name}, by {step.id}: {wrong}") from wrong
        facts = []
        for hypothesis in hypotheses:
            fact = _resting_on(hypothesis.claim, premises)
            fact = replace(
                fact,
                by_hand=fact.by_hand.union(*(each.by_hand for each in sources)),
                cites=fact.cites.union(*(each.cites for each in sources)),
                schematic=frozenset({counter}),
            )
            facts.append(self._record(name, "induction", fact, f"induction over {counter}, with the step {step.id}"))
        return facts

    def _assumed(self, premise: Premise) -> Fact:
        """Assume here what a lemma assumes, under the same key."""
        return self.given(premise.key, *premise.claim, schematic=tuple(premise.schematic))

    def _new(self, name: str, symbol: Any, expression: Any) -> Any:
        """Take a symbol into use for an expression, the indices of which it must carry; return its key."""
        indices: set[Any] = set()
        key = symbol
        if isinstance(symbol, sp.Indexed):
            key, indices = symbol.base, set(symbol.indices)
        elif isinstance(symbol, AppliedUndef) and symbol.args == (TIME,):
            key = symbol.func
        elif not isinstance(symbol, sp.Symbol | sp.MatrixSymbol) or symbol == TIME:
            raise StepFailed(f"{name}: {symbol} cannot be given a meaning")
        if key in self._seen or key in letters(expression):
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

    def _require_constancy(self, name: str, at: Mapping[Any, Any], dynamic: bool) -> None:
        for key, value in at.items():
            if dynamic and isinstance(key, sp.Symbol) and may_move(value, self._still, self.moving):
                raise StepFailed(f"{name}: {key} is constant in time, {value} may not be")
            if isinstance(key, UndefinedFunction) and not isinstance(value, UndefinedFunction):
                letters = value(TIME).atoms(sp.MatrixSymbol, sp.IndexedBase) - self._still
                if letters or value(TIME).atoms(sp.Symbol) & self.moving:
                    raise StepFailed(f"{name}: {key} is a function of time; name {value(TIME)} by one")

    def _introduce(self, name: str, theorem: Theorem, used: set[Any], at: Mapping[Any, Any]) -> None:
        """Require that what a lemma has defined itself gets a symbol that has no meaning here yet."""
        for symbol in theorem.introduced & used:
            value = at.get(symbol, symbol)
            if (
                not isinstance(value, sp.Symbol | sp.MatrixSymbol | sp.IndexedBase | UndefinedFunction)
                or value in self._seen
            ):
                raise StepFailed(
                    f"{name}: {symbol} is defined by the lemma; a new symbol must stand for it, got {value}"
                )
            if isinstance(value, sp.Symbol):
                require_fit(value, symbol)
            elif isinstance(value, sp.IndexedBase):
                require_fit(value[0], symbol[0])
            self.introduced.add(value)
            if symbol in theorem.moving:
                self.moving.add(value)

    def cite(self, name: str, lhs: Any, relation: str, rhs: Any, *, theorem: str, using: Sequence[Fact] = ()) -> Fact:
        """Take a claim from a named textbook theorem; it is listed among the citations."""
        fact = _resting_on(claim(lhs, relation, rhs), using)
        fact = replace(fact, cites=fact.cites | {theorem}, schematic=frozenset())
        return self._record(name, "cited", fact, theorem)

    def by_hand(self, name: str, lhs: Any, relation: str, rhs: Any, *, why: str, using: Sequence[Fact] = ()) -> Fact:
        """Accept a claim that no machine has checked; it is listed as what is left by hand."""
        fact = _resting_on(claim(lhs, relation, rhs), using)
        fact = replace(fact, by_hand=fact.by_hand | {name}, schematic=frozenset())
        return self._record(name, "by hand", fact, why)

    def _record(self, name: str, kind: str, fact: Fact, why: str) -> Fact:
        self._seen |= letters(fact.claim.lhs) | letters(fact.claim.rhs)
        for side in (fact.claim.lhs, fact.claim.rhs):
            rates = side.atoms(Rate, MatrixRate, sp.Derivative)
            self.dynamic = self.dynamic or bool(rates)
            if any(each.atoms(sp.Symbol) & self.moving for each in rates):
                raise StepFailed(f"{name}: a plain symbol names what may move in time and cannot be differentiated")
        self.steps.append(Step(name, kind, fact.claim, why))
        return fact


def _rules(using: Sequence[Fact]) -> Any:
    for fact in using:
        if fact.claim.relation != "=":
            raise StepFailed(f"only equations can rewrite, got {fact.claim}")
    return rules_from((fact.claim.lhs, fact.claim.rhs) for fact in using)


def _multiplier(name: str, multiplier: Any, fact: Fact) -> tuple[Any, bool]:
    """Return what multiplies a fact, shown to be >= 0 unless the fact is an equation, and whether it is shown > 0."""
    if isinstance(multiplier, Fact):
        if multiplier.claim.relation == "=":
            raise StepFailed(f"{name}: an equation has no slack to multiply with: {multiplier.claim}")
        return multiplier.claim.rhs - multiplier.claim.lhs, multiplier.claim.relation == "<"
    multiplier = sp.sympify(multiplier)
    if fact.claim.relation != "=" and not is_nonnegative(multiplier):
        raise StepFailed(f"{name}: the multiplier {multiplier} is not shown to be >= 0")
    return multiplier, fact.claim.relation != "=" and is_positive(multiplier)


def _require_defined(name: str, expressions: Sequence[Any], facts: Sequence[Fact]) -> None:
    """Require that what is divided by is shown to differ from 0, or is so in a fact that is used (roots, logs too)."""
    known = set().union(*(partial_terms(side) for fact in facts for side in (fact.claim.lhs, fact.claim.rhs)))
    doubtful = set().union(*(partial_terms(sp.sympify(each)) for each in expressions)) - known
    if doubtful:
        raise StepFailed(f"{name}: not shown to be defined, for {', '.join(map(str, doubtful))} may vanish")


def _resting_on(claimed: Claim, facts: Sequence[Fact]) -> Fact:
    """Return a fact that inherits all that the facts rest on; what is schematic in one must be so in all to stay so."""
    empty: frozenset[Any] = frozenset()
    symbols = letters(claimed.lhs) | letters(claimed.rhs)
    fixed = set().union(*((letters(each.claim.lhs) | letters(each.claim.rhs)) - each.schematic for each in facts))
    return Fact(
        claimed,
        empty.union(*(fact.premises for fact in facts)),
        empty.union(*(fact.by_hand for fact in facts)),
        empty.union(*(fact.cites for fact in facts)),
        empty.union(*(fact.schematic for fact in facts)) & symbols - fixed,
    )


def _require(shown: bool, name: str, claimed: Claim) -> None:
    if not shown:
        raise StepFailed(f"{name}: not shown that {claimed.lhs} {claimed.relation} {claimed.rhs}")
