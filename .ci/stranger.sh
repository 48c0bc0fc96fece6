#!/usr/bin/env bash
# A project of somebody else's: the README's rule and its tests, in an empty environment with fa_theory[testing] alone.
# Usage: stranger.sh PYTHON WHEEL README VENV
# The environment is made at VENV, which must be absolute, and left there.
set -euo pipefail

python=$1 wheel=$(realpath "$2") readme=$(realpath "$3") venv=$4
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
cd "$project"
unset PYTHONPATH

"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[testing]"
"$venv/bin/python" - "$readme" <<'PY'
import re
import sys
from pathlib import Path

blocks = re.findall(r"```python\n(# (\w+\.py)\n.*?)```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.DOTALL)
for code, name in blocks:
    Path(name).write_text(code, encoding="utf-8")
assert {name for _, name in blocks} == {"my_rule.py", "test_my_rule.py"}, blocks
PY
"$venv/bin/python" -m pytest -q -W error test_my_rule.py
sed -i 's/ \* gate$//' my_rule.py
if "$venv/bin/python" -m pytest -q -k law test_my_rule.py >failure.txt; then
    echo "a wrong rule passed"
    exit 1
fi
grep -q "my_rule does not conserve neuron-law: at t = 0," failure.txt || { cat failure.txt; exit 1; }
grep -q "updates = my_rule(weights, X, e, feedback=feedback)" failure.txt
echo "the README's rule passes, the wrong one fails"
