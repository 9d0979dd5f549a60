"""The report: one page that stands alone, its links and alternative texts, and figures and tables that say the same."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from hypress.bench import rows
from hypress.bench.entrants import find_contender
from hypress.bench.goals import parse_goal
from hypress.bench.measure import Wanted, measure
from hypress.bench.papers import keep
from hypress.bench.report import write_report
from hypress.bench.report.chart import Axis, Series, chart
from hypress.bench.report.colours import heat, stretch
from hypress.bench.report.page import stylesheet
from hypress.bench.report.results import Results
from hypress.bench.report.tables import Table
from hypress.bench.run import plan
from hypress.bench.scenes import find_sources
from hypress.png import encode as png

CONTENDERS = ("jpeg2000", "pca_jpeg2000", "wavelet3d", "xz")
GOALS = ("rate=0.5", "rate=1", "rate=2", "rate=4", "max-error=3", "lossless")
SCENES = """
import numpy as np

def scene(seed, side):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    maps = np.stack([np.sin(3 * x + seed), np.cos(4 * y), (x > 0.5) * 1.0])
    spectra = np.abs(random.normal(size=(10, 3))).cumsum(axis=0)
    values = 500 + 90 * np.einsum("bk,kyx->byx", spectra, maps) + random.normal(0, 5, (10, side, side))
    return np.rint(values).clip(0).astype(np.uint16)

CUBES = {"meadow": lambda: scene(1, 32), "<town> & \\"sea\\"": lambda: scene(2, 30)}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small benchmark, measured in this process."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "scenes.py").write_text(SCENES)
    items = plan(
        [find_contender(name) for name in CONTENDERS],
        find_sources([str(folder / "scenes.py")]),
        [parse_goal(goal) for goal in GOALS],
    )
    for item in items:
        shown = item.goal == parse_goal(GOALS[0])
        row = measure(item, Wanted(exhibits=str(folder / "exhibits") if shown else None))
        if row["status"] == rows.MEASURED and item.goal == parse_goal("lossless"):
            row["times"] |= {"encode_s": 0.5, "decode_s": 0.25, "repetitions": 3}
        rows.append(folder / "rows.jsonl", row)
    keep(folder, Table("paper-x", "A paper", ["method", *"abcdefgh", "differs"], [["INR", *"12345678", "all | of it"]]))
    return folder


@pytest.fixture(scope="module")
def written(folder):
    return write_report(folder, title="A <small> benchmark")


@pytest.fixture(scope="module")
def results(folder):
    return Results(list(rows.read(folder / "rows.jsonl").values()))


class Page(HTMLParser):
    """What a page has."""

    VOID = frozenset({"meta", "img", "br", "path", "rect"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(written):
    with open(written.html, encoding="utf-8") as file:
        return Page(file.read())


def test_every_tag_is_closed_and_ids_are_unique(page):
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_links_lead_somewhere(page):
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = [attrs["href"] for attrs in page.all("a")]
    assert len(links) >= 9
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert {link[1:] for link in links} == ids  # and every section is in the menu


def test_nothing_comes_from_elsewhere(page, written):
    assert not page.all("script")
    assert not page.all("link")
    for tag, attrs in page.tags:
        for name in ("src", "href", "xlink:href", "srcset"):
            assert attrs.get(name, "#")[0] == "#" or attrs[name].startswith("data:image/png;base64,"), (
                tag,
                attrs[name],
            )
    assert "url(" not in stylesheet()
    assert "@import" not in stylesheet()


def test_pictures_say_what_they_show(page):
    images, drawings = page.all("img"), [a for a in page.all("svg") if "aria-hidden" not in a]
    assert len(images) == 2 * (1 + 2 * 3)  # per scene: the original, and three contenders with their errors
    assert all(len(image["alt"]) > 20 for image in images)
    assert len({image["alt"] for image in images}) == len(images)
    assert (
        len(drawings) == 2 * (4 + 4 + 1) + 2 + 2
    )  # per scene: curves, spectra, bands; and means over scenes, and times
    assert all(d["role"] == "img" and len(d["aria-label"]) > 20 for d in drawings)
    assert all("aria-label" in attrs for attrs in page.all("div") if attrs.get("role") == "img")
    assert page.all("html")[0]["lang"] == "en"
    assert "width=device-width" in str(page.all("meta"))


def test_what_it_says_is_what_was_measured(page, results, folder):
    for row in results.measured:
        if row["goal"]["goal"] == "lossless":
            assert f"{row['bpppc']:.3f}" in page.text
    assert "A <small> benchmark" in page.text
    assert '<town> & "sea"' in page.text  # names are text, whatever they hold
    assert "PCHIP" in page.text
    assert "all | of it" in page.text
    refused = [row for row in results.rows if row["status"] == rows.REFUSED]
    assert refused
    assert all(row["reason"] in page.text for row in refused)


def test_figures_and_tables_stand_alone(written, folder):
    inside = folder / "report"
    drawings = sorted(inside.glob("*.svg"))
    assert written.figures == len(drawings) + len(list(inside.glob("*.png")))
    for path in drawings:
        root = ET.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme" not in path.read_text()
    for path in inside.glob("*.png"):
        with Image.open(path) as image:
            assert image.size in ((32, 32), (30, 30))
    assert len(list(inside.glob("*.md"))) == len(list(inside.glob("*.csv"))) == written.tables
    summary = list(csv.reader(io.StringIO((inside / "summary.csv").read_text())))
    assert [line[0] for line in summary[1:]] == list(CONTENDERS)
    assert (inside / "summary.md").read_text().count("\n|") == len(summary) + 1
    assert "all \\| of it" in (inside / "paper-x.md").read_text()


def test_names_of_files_are_plain(folder, written):
    assert all(re.fullmatch(r"[\w.=-]+", path.name) for path in (folder / "report").iterdir())


def test_results_are_asked_for(results):
    assert list(results.goals) == list(GOALS)
    assert list(results.contenders) == ["jpeg2000", "pca_jpeg2000", "wavelet3d", "xz"]
    assert results.against == "pca_jpeg2000"
    assert results.bd_rate("pca_jpeg2000", "pca_jpeg2000").value == 0
    assert set(results.places) == {"jpeg2000", "pca_jpeg2000", "wavelet3d"}
    assert results.shown_goal == "rate=0.5"
    assert results.timed_goals == ["lossless"]
    assert results.row("xz", "meadow", "rate=1") is None
    curve = results.curve("jpeg2000", "meadow")
    assert len(curve) == 4
    assert curve == sorted(curve)


def test_a_report_of_almost_nothing(tmp_path, folder):
    for line in (folder / "rows.jsonl").read_text().splitlines():
        if '"refused"' in line:
            (tmp_path / "rows.jsonl").write_text(line + "\n")
    assert write_report(tmp_path).rows == 1


# --- drawing --------------------------------------------------------------------------------------


def test_a_chart_is_to_scale():
    drawn = chart("t", Axis("x", log=True), Axis("y"), [Series("a", [(1, 0), (10, 5), (100, 10)], 0)])
    marks = [tuple(map(float, m)) for m in re.findall(r"translate\(([\d.]+) ([\d.]+)\)", drawn)]
    (a, b), (c, d), (e, f) = marks
    assert c - a == pytest.approx(e - c, abs=0.2)
    assert b - d == pytest.approx(d - f, abs=0.2)
    assert a < c < e
    assert b > d > f


def test_charts_of_awkward_numbers():
    for points in ([], [(1, 0.0)], [(1, float("inf")), (2, 3)], [(0.5, 1e-9), (0.6, 1e9)], [(1, -5), (2, -5)]):
        for axis in (Axis("y"), Axis("y", log=True)):
            ET.fromstring(chart("t", Axis("x"), axis, [Series("<a>", points, 1)], labels=True))


def test_png_is_what_others_read():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3)).astype(np.uint8)
    with Image.open(io.BytesIO(png(pixels))) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_colours():
    values = np.linspace(0, 1, 50).reshape(1, 50)
    brightness = heat(values, 1.0)[0].astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness) > 0).all()  # readable in grey as well
    bands = np.stack([np.arange(100).reshape(10, 10)] * 3)
    assert stretch(bands, bands).min() == 0
    assert stretch(bands, bands).max() == 255
