"""What is said to a user whose word is none of those allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def not_among(name: str, given: object, allowed: Iterable[str]) -> ValueError:
    """Return the error that names an argument, what was given and what is allowed, and the likeliest word meant.

    Examples
    --------
    >>> from fa_theory.choices import not_among
    >>> print(not_among("loss", "sqared", ("squared", "logistic")))
    loss must be one of squared, logistic, got 'sqared'; did you mean 'squared'?
    """
    words = list(allowed)
    return ValueError(f"{name} must be one of {', '.join(words)}, got {given!r}{likeliest(given, words)}")


def likeliest(given: object, words: Iterable[str]) -> str:
    """Return the end of such a sentence, which asks for the word that is most like what was given, if one is.

    Examples
    --------
    >>> from fa_theory.choices import likeliest
    >>> likeliest("Yield", ["depth", "yield"])
    "; did you mean 'yield'?"
    >>> likeliest("area", ["depth", "yield"])
    ''
    """
    close = get_close_matches(str(given), list(words), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
