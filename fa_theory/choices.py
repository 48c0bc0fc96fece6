"""What is said to a user whose word, or file, is none of those allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def not_among(name: str, given: object, allowed: Iterable[str], why: str = "") -> ValueError:
    """Return the error that names an argument, what was given and what is allowed, and the likeliest word meant.

    Examples
    --------
    >>> from fa_theory.choices import not_among
    >>> print(not_among("loss", "sqared", ("squared", "logistic")))
    loss must be one of squared, logistic, got 'sqared'; did you mean 'squared'?
    """
    words = list(allowed)
    return ValueError(f"{name} must be one of {', '.join(words)}{why}, got {given!r}{likeliest(given, words)}")


def likeliest(given: object, words: Iterable[str]) -> str:
    """Return the end of such a sentence, which asks for the word that is most like what was given, if one is.

    Capitals do not count, nor do the dashes before an option. Where nothing is spelt alike, an abbreviation counts: two
    letters or more of the word, in order, from its first.

    Examples
    --------
    >>> from fa_theory.choices import likeliest
    >>> likeliest("Yield", ["depth", "yield"])
    "; did you mean 'yield'?"
    >>> likeliest("md", ["rich", "markdown"])
    "; did you mean 'markdown'?"
    >>> likeliest("area", ["depth", "yield"])
    ''
    """
    typed = _letters(str(given))
    by_letters = {_letters(word): word for word in words}
    close = get_close_matches(typed, by_letters, n=1) or [word for word in by_letters if _abbreviates(typed, word)]
    return f"; did you mean {by_letters[close[0]]!r}?" if close else ""


def _letters(word: str) -> str:
    return word.lower().lstrip("-")


def _abbreviates(short: str, word: str) -> bool:
    letters = iter(word)
    return len(short) > 1 and word[:1] == short[0] and all(letter in letters for letter in short)


def not_readable(path: object, error: OSError, allowed: str) -> OSError:
    """Return the error, of the same class, that names a file, why it cannot be read and what it must be.

    Examples
    --------
    >>> from fa_theory.choices import not_readable
    >>> try:
    ...     open("nothere.csv")
    ... except OSError as error:
    ...     print(not_readable("nothere.csv", error, "it must be a CSV file"))
    nothere.csv: there is no such file; it must be a CSV file
    """
    known = {FileNotFoundError: "there is no such file", IsADirectoryError: "this is a folder"}
    why = known.get(type(error), f"it cannot be read ({error.strerror})")
    return type(error)(f"{path}: {why}; {allowed}")
