#!/usr/bin/env bash
# Rules and networks of PyTorch and JAX, on the CPU: none of their tests may be skipped.
# Usage: libraries.sh VENV CHECKOUT
# Both are added to VENV, where the wheel is installed with its extra for testing.
# PyTorch is taken as a build for the CPU alone (+cpu), where pip finds one: the other takes several GB.
set -euo pipefail

venv=$1 checkout=$2
log=$(mktemp)
trap 'rm "$log"' EXIT
unset PYTHONPATH
pip() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
files=(tests/testing/test_libraries.py tests/backends/test_namespaces.py)

# Where no test of that name is left, pytest exits with status 5.
tests() {
    (cd "$checkout" && "$venv/bin/pytest" -o addopts= -ra --strict-markers -q "${files[@]}" -k "$1") | tee "$log"
    ! grep -E '[0-9]+ (skipped|xfailed)' "$log"
}

pip 'array-api-strict>=2.0' jax
# its hundreds of shapes and steps are compiled one by one, which takes minutes: one namespace test in full is torch's
tests "jax and not same_numbers"
if pip 'torch==2.13.0+cpu'; then
    tests torch
else
    echo "absent: no build of PyTorch for the CPU is within pip's reach"
fi
