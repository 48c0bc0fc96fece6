"""Assumptions decided over the rationals, or by comparisons of balls that are certain."""

from __future__ import annotations

from collections.abc import Callable

from fa_theory.bounds import Assumption
from fa_theory.rigour.balls import Ball, Rational, certain_sign, float_of_sign
from fa_theory.rigour.start import ExactStart


def exactly(name: str, margin: Rational, detail: str, *, strict: bool = True) -> Assumption:
    """Judge a rational margin that must be positive (`strict`) or not negative."""
    holds = bool(margin > 0 if strict else margin >= 0)
    return Assumption(name, float_of_sign(margin), holds, detail)


def certainly(name: str, margin: Callable[[], Ball], detail: str) -> Assumption:
    """Judge a margin that must be positive, in balls; undecided where the limit of precision leaves it open."""
    found: list[float] = []

    def kept() -> Ball:
        value = margin()
        found.append(float(value.mid()))
        return value

    sign = certain_sign(kept)
    return Assumption(name, found[-1] if found else 0.0, None if sign is None else sign > 0, detail)


def yes_or_no(name: str, holds: bool, detail: str) -> Assumption:
    """Judge something that holds or fails without degrees."""
    return Assumption(name, 1.0 if holds else -1.0, holds, detail)


def nonzero_data(start: ExactStart) -> Assumption:
    """Judge whether X is not zero."""
    return yes_or_no("data are not all zero", start.rank > 0, f"rank {start.rank}, exactly")


def independent_samples(start: ExactStart) -> Assumption:
    """Judge whether the samples are linearly independent; the margin is 1, or the rank that lacks, negative."""
    lacking = start.n_samples - start.rank
    detail = f"rank {start.rank} of {start.n_samples} samples, exactly"
    return Assumption("linearly independent samples", float(-lacking) or 1.0, lacking == 0, detail)


def constants_in_span(start: ExactStart) -> Assumption:
    """Judge whether an output bias, if there is one, moves the outputs within the column space of the data."""
    name = "no output bias, or constants in the span of the data"
    if start.network.biases[-1] is None:
        return yes_or_no(name, True, "no output bias")
    return yes_or_no(name, start.constants_in_span, "rank of the data with a column of ones, exactly")


def no_output_bias(start: ExactStart) -> Assumption:
    """Judge whether there is no output bias."""
    none = start.network.biases[-1] is None
    return yes_or_no("no output bias", none, "none" if none else "an output bias is trained")


def some_feedback(start: ExactStart) -> Assumption:
    """Judge whether some b_i is not zero; the margin is the largest |b_i|."""
    return exactly("some feedback b_i is not zero", max(start.feedback_sizes), "largest |b_i|, exactly")


def all_feedback(start: ExactStart) -> Assumption:
    """Judge whether no b_i is zero; the margin is the least |b_i|."""
    return exactly("no feedback b_i is zero", min(start.feedback_sizes), "least |b_i|, exactly")


def aligned_start(start: ExactStart, *, strict: bool) -> Assumption:
    """Judge an aligned start: all c_i >= 0, with s = sum c_i > 0 where `strict`; for linear networks only s counts."""
    s = start.s
    if start.network.activation.is_linear:
        return exactly("aligned start: sum of -C_i", s, f"s = {float_of_sign(s):.6g}, exactly", strict=strict)
    worst = min(range(len(start.c)), key=lambda i: start.c[i])
    least = start.c[worst]
    found = f"smallest -C_i = {float_of_sign(least):.6g} at neuron {worst}, s = {float_of_sign(s):.6g}, exactly"
    name = "aligned start: all -C_i >= 0" + (", one positive" if strict else "")
    if strict and least >= 0:
        return exactly(name, s, found)
    return exactly(name, least, found, strict=False)
