"""The pages say what is: links lead somewhere, every codec has its page, and the Python page runs."""

import re
from pathlib import Path

import pytest

import hypress

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), ROOT / "scenes" / "README.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_are_named_exist(page):
    for name in re.findall(r"`((?:tests|benchmarks|docs|scenes)/[\w/.]+\.(?:py|md|hdr))`", page.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("name", hypress.codec_names())
def test_every_codec_has_its_page_and_its_fields_are_there(name):
    page = (ROOT / "docs" / "codecs" / f"{name}.md").read_text()
    for field in hypress.find_codec(name).fields():
        assert f"`{field}`" in page


@pytest.mark.filterwarnings("ignore::hypress.errors.ScenePropertyWarning")
def test_the_python_page_runs(tmp_path, monkeypatch, jasper_ridge):
    monkeypatch.chdir(tmp_path)
    hypress.write_scene(hypress.open_scene(jasper_ridge)[:, :70, :80], "scene.hdr")
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL))
    exec(compile(code, "docs/python.md", "exec"), {})
    assert hypress.open_scene("scene.tif").shape == (3, 70, 80)
    assert (hypress.open_scene("through_xarray.zarr") == hypress.open_scene("scene.zarr.zip")).all()
