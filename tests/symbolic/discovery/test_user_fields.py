"""A user's own rule: systems whose integrals are textbook knowledge, and built-in rules given by hand."""

# ruff: noqa: ARG005 - a rule is called with all parameters and data, used or not
import pytest
import sympy

from fa_theory.symbolic import discover
from fa_theory.symbolic.discovery import discover_field, discover_function

x, y, z, a, b, e = sympy.symbols("x y z a b e", real=True)


def test_a_rigid_body_keeps_energy_and_angular_momentum():
    found = discover_field([y * z, -2 * x * z, x * y], [x, y, z])
    assert (found.count, found.complete) == (2, True)
    assert found.polynomial_dimension == 2
    for law in found.laws:
        P = sympy.sympify(law.python)
        assert sympy.expand(P.diff(x) * y * z - 2 * P.diff(y) * x * z + P.diff(z) * x * y) == 0


def test_a_law_that_is_not_polynomial_is_counted_but_not_listed():
    """Lotka-Volterra keeps x - log x + y - log y."""
    found = discover_field([x * (1 - y), y * (x - 1)], [x, y], degree=3)
    assert (found.count, found.proof, found.complete, found.laws) == (1, "closed", False, ())


def test_a_denominator_changes_the_speed_only():
    plain = discover_field([y, -x], [x, y])
    slowed = discover_field([y / (1 + x**2), -x / (1 + x**2)], [x, y])
    assert [law.python for law in slowed.laws] == [law.python for law in plain.laws] == ["x**2 + y**2"]
    assert plain.laws[0].latex == "{x}^{2} + {y}^{2}"
    assert plain.laws[0].evaluate(x=3, y=4) == 25


def test_free_symbols_stand_for_all_data():
    """One neuron of FA: dw = -2 e x, dv = -e w x, for all e and x."""
    w, v = sympy.symbols("w v", real=True)
    found = discover_field([-2 * e * x, -e * w * x], [w, v], [e, x])
    assert [law.python for law in found.laws] == ["w**2 - 4 * v"]
    assert found.complete
    assert discover_field([-2 * e * x, -e * w * x + x], [w, v], [e, x]).count == 0


@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 1, 2)])
def test_backprop_given_by_hand_is_the_built_in_rule(shape):
    n, d, m = shape
    found = discover_function(
        lambda W1, W2, x, e: (-W2.T * e * x.T, -e * (W1 * x).T),
        {"W1": (n, d), "W2": (m, n)},
        {"x": (d, 1), "e": (m, 1)},
    )
    built_in = discover("backprop", shape)
    assert (found.count, found.polynomial_dimension) == (built_in.count, built_in.polynomial_dimension)
    assert found.complete
    assert found.variables == built_in.variables
    assert found.laws[0].latex.startswith("{W_{1}[1,1]}^{2}")


def test_momentum_by_hand_is_the_built_in_system():
    B = sympy.Matrix([1, 3])
    found = discover_function(
        lambda W1, W2, P1, P2, x, e: (P1, P2, -P1 / 2 - B * e * x.T, -P2 / 2 - e * (W1 * x).T),
        {"W1": (2, 1), "W2": (1, 2), "dW1": (2, 1), "dW2": (1, 2)},
        {"x": (1, 1), "e": (1, 1)},
    )
    assert found.count == discover("fa", (2, 1, 1), friction="1/2", degree=0).count == 2


def test_a_field_that_vanishes_keeps_everything():
    found = discover_field([sympy.Integer(0), x], [x, y])
    assert (found.count, found.complete) == (1, True)
    assert [law.python for law in found.laws] == ["x"]


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ([sympy.sin(x), y], "entry 0 of field"),
        ([sympy.sqrt(2) * x, y], "entry 0 of field"),
        ([a * x, y], "entry 0 of field"),
        ([x / sympy.exp(y), y], "field"),
        ([x], "one entry for each of 2 variables"),
    ],
    ids=str,
)
def test_what_is_not_polynomial_is_refused(field, named):
    with pytest.raises(ValueError, match=named):
        discover_field(field, [x, y])


def test_variables_must_have_usable_names():
    for names in (["x", "x"], ["lambda", "y"], ["a b", "y"]):
        with pytest.raises(ValueError, match="variables must have names"):
            discover_field([x, y], [sympy.Symbol(name) for name in names])


def test_denominators_in_the_data_are_refused():
    with pytest.raises(ValueError, match="denominators"):
        discover_field([x / (1 + e), y], [x, y], [e])


def test_a_function_of_a_wrong_shape_is_refused():
    shapes = {"W1": (2, 2), "W2": (1, 2)}
    data = {"x": (2, 1), "e": (1, 1)}
    with pytest.raises(ValueError, match="return 2 matrices"):
        discover_function(lambda W1, W2, x, e: (W1,), shapes, data)
    with pytest.raises(ValueError, match=r"velocity of W2 must have shape \(1, 2\), got \(2, 2\)"):
        discover_function(lambda W1, W2, x, e: (W1, W1), shapes, data)
