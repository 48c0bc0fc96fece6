"""Whether balls contain exact numbers, asked at a precision at which the numbers are balls of no size to speak of."""

from flint import arb, ctx


def contains(ball, number):
    with ctx.workprec(4000):
        return bool(ball.contains(arb(number)))
