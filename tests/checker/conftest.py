"""The certificates of all cases, written once."""

import pytest

from tests.checker.cases import CASES, write


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: write(folder / "c.json", *case) for name, case in CASES.items()}
