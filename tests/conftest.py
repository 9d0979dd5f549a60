"""What the tests share: the bundled scene, the public scenes where they are at hand, and the command line."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
JASPER_RIDGE = ROOT / "scenes" / "jasper_ridge.hdr"


@pytest.fixture(scope="session")
def jasper_ridge():
    """The bundled scene's header."""
    return JASPER_RIDGE


@pytest.fixture(scope="session")
def shared_data():
    """The folder of public scenes; skips where it is not at hand."""
    if not (SHARED / "data" / "load.py").exists():
        pytest.skip("the public scenes (../shared/data) are not here")
    return SHARED / "data"


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(scope="session")
def hypress_command():
    """Run `hypress ARGUMENTS` in a process of its own."""

    def run(*arguments, **options):
        command = [sys.executable, "-c", "from hypress.cli import main; main()", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run `hypress ARGUMENTS` in this process: as the command line does, and quicker."""
    from hypress.cli import main

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hypress", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return Ran(int(stop.value.code or 0), out, err)

    return run
