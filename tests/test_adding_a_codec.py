"""docs/adding-a-codec.md, run: one new file, no other edit, and everything finds it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hypress
import hypress.codecs
from hypress import codec
from hypress.errors import GoalError
from hypress.testing import check, trials

PAGE = Path(__file__).parents[1] / "docs" / "adding-a-codec.md"


@pytest.fixture
def beside_the_others(tmp_path, monkeypatch):
    """The page's file in a directory that the registry lists."""
    source = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    (tmp_path / "band_delta.py").write_text(source)
    monkeypatch.setattr(hypress.codecs, "__path__", [*hypress.codecs.__path__, str(tmp_path)])
    yield tmp_path
    sys.modules.pop("hypress.codecs.band_delta", None)


@pytest.mark.usefixtures("beside_the_others")
def test_it_is_listed_without_being_imported():
    assert "band_delta" in codec.names()
    assert codec.listing("band_delta").summary.startswith("Differences of neighbouring bands")
    assert "hypress.codecs.band_delta" not in sys.modules


@pytest.mark.usefixtures("beside_the_others")
def test_the_laws_find_it_and_it_keeps_them():
    found = codec.find("band_delta")
    assert len(list(trials(found))) > 100
    check(found)


@pytest.mark.usefixtures("beside_the_others")
def test_a_goal_that_it_cannot_keep_is_refused_with_the_codecs_that_can():
    with pytest.raises(GoalError, match=r"band_delta cannot keep .*these can: .*pca_jpeg2000"):
        hypress.encode(np.zeros((2, 3, 4), np.uint8), "band_delta", hypress.Psnr(db=40))


def test_the_command_line_finds_it(beside_the_others, tmp_path):
    np.save(tmp_path / "scene.npy", np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6))
    program = (
        f"import hypress.codecs; hypress.codecs.__path__.append({str(beside_the_others)!r});"
        "from hypress.cli import main; main()"
    )
    run = [sys.executable, "-c", program, "compress", str(tmp_path / "scene.npy"), str(tmp_path / "out.hyp")]
    done = subprocess.run(
        [*run, "--codec", "band_delta", "--max-error", "2", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["codec"] == "band_delta"
    assert json.loads(done.stdout)["max_error"] <= 2
