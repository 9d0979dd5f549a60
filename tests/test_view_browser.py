"""The explorer's page in headless Chromium, by keyboard, mouse and touch.

Skips where Playwright (`pip install playwright`) or a Chromium to drive is missing. With the environment variable
HYPRESS_SCREENSHOTS naming a folder, each stage is kept there as a picture, for people to look at.
"""

import csv
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import hypress
from hypress.jobs import compress, overview
from hypress.view.server import serving

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: no browser to drive")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60_000


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory, jasper_ridge):
    folder = tmp_path_factory.mktemp("page")
    scene = hypress.open_scene(jasper_ridge)
    hypress.compress(scene, folder / "decoded.zarr.zip", "jpeg2000", hypress.Psnr(db=38), tile=(50, 50))
    with serving([jasper_ridge, folder / "decoded.zarr.zip"]) as server:
        yield server.url


@pytest.fixture
def opened(browser, url):
    """Open the page as some device; afterwards, nothing has gone wrong in it and nothing came from elsewhere."""
    contexts, faults = [], []

    def open_page(width=1280, height=800, **device):
        context = browser.new_context(viewport={"width": width, "height": height}, **device)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("request", lambda r: r.url.startswith((url, "data:", "blob:")) or faults.append(r.url))
        page.goto(url)
        page.wait_for_selector("body[data-ready=true]")
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def settled(page):
    page.wait_for_timeout(100)
    page.wait_for_selector("#canvas[data-busy=false]")


def keep(page, name, **options):
    if folder := os.environ.get("HYPRESS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", **options)


def painted(page):
    """The picture as the canvas has it."""
    return page.locator("#canvas").evaluate("c => c.toDataURL()")


def click_scene(page, across, down):
    """Click the picture at a share of its width and height."""
    box = page.locator("#canvas").bounding_box()
    page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


def test_it_loads_and_bands_change_by_preset_wavelength_and_click(opened):
    page = opened()
    keep(page, "1-loaded")
    assert page.title().startswith("jasper_ridge.hdr")
    first = painted(page)
    page.select_option("#preset", label="Colour infrared (vegetation is red)")
    settled(page)
    infrared = painted(page)
    assert infrared != first
    page.fill("#band-nm-0", "2200")
    page.press("#band-nm-0", "Enter")
    settled(page)
    assert "2196" in page.locator(".channel small").first.inner_text()
    assert painted(page) != infrared
    click_scene(page, 0.35, 0.5)
    page.wait_for_selector("#spectra svg.plot")
    plot = page.locator("#spectra svg.plot").first.bounding_box()
    page.mouse.click(plot["x"] + plot["width"] * 0.5, plot["y"] + plot["height"] * 0.4)
    page.click("#tab-picture")
    assert "2196" not in page.locator(".channel small").first.inner_text()
    page.check("#grey")
    page.select_option("#colour-map", "cividis")
    settled(page)
    keep(page, "2-one-band")
    assert page.locator(".channel").count() == 1


def test_it_swipes_by_mouse_and_keyboard(opened):
    page = opened()
    bar = page.get_by_role("slider", name="Swipe bar")
    box = bar.bounding_box()
    before = painted(page)
    page.mouse.move(box["x"] + 18, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] - 200, box["y"] + 300, steps=4)
    page.mouse.up()
    assert int(bar.get_attribute("aria-valuenow")) < 45
    settled(page)
    assert painted(page) != before
    bar.focus()
    at = int(bar.get_attribute("aria-valuenow"))
    page.keyboard.press("ArrowRight")
    assert int(bar.get_attribute("aria-valuenow")) == at + 2
    page.keyboard.press("End")
    assert bar.get_attribute("aria-valuenow") == "100"
    page.keyboard.press("Home")
    assert bar.get_attribute("aria-valuenow") == "0"


def test_a_pixel_and_a_region_show_their_spectra_and_are_saved(opened, tmp_path):
    page = opened()
    click_scene(page, 0.35, 0.5)
    page.wait_for_selector("#spectra-table")
    row, column = int(page.input_value("#region-top")), int(page.input_value("#region-left"))
    with page.expect_download() as download:
        page.click("#csv")
    download.value.save_as(tmp_path / "spectra.csv")
    rows = list(csv.DictReader((tmp_path / "spectra.csv").read_text().splitlines()))
    scene = hypress.open_scene(Path(hypress.__file__).parents[2] / "scenes" / "jasper_ridge.hdr")
    assert [float(r["jasper_ridge.hdr"]) for r in rows] == scene[:, row, column].to_numpy().tolist()
    with page.expect_download() as download:
        page.click("#png")
    download.value.save_as(tmp_path / "spectra.png")
    assert (tmp_path / "spectra.png").read_bytes().startswith(b"\x89PNG")
    keep(page, "3-pixel")
    box = page.locator("#canvas").bounding_box()
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.6, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_selector("text=/Region of .* pixels/")
    assert int(page.input_value("#region-bottom")) > int(page.input_value("#region-top")) + 1
    keep(page, "4-region")


def test_everything_is_reached_by_keyboard(opened):
    page = opened()
    canvas = page.locator("#canvas")
    canvas.focus()
    before = painted(page)
    for key in ("+", "+", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    settled(page)
    assert painted(page) != before
    page.keyboard.press("Enter")
    page.wait_for_selector("#spectra-table")
    column = int(page.input_value("#region-left"))
    canvas.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert int(page.input_value("#region-left")) == column + 1
    for key, mode in (("d", "map"), ("b", "side"), ("o", "single"), ("s", "swipe")):
        page.keyboard.press(key)
        assert page.locator(f"input[name=mode][value={mode}]").is_checked()
    page.locator("#tab-spectra").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-file").get_attribute("aria-selected") == "true"
    assert page.locator("#file").is_visible()
    page.wait_for_selector("#facts")
    seen = set()
    page.locator("#help-button").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("() => document.activeElement.id || document.activeElement.name || ''"))
    assert {"theme", "mode", "layer-a", "canvas", "swipe", "zoom-in", "fit", "region-tool", "tab-file"} <= seen


def test_every_control_has_a_name(opened):
    page = opened()
    for tab in ("picture", "spectra", "file", "compress"):
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(300)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, a, [role=slider], [role=tab], canvas')]
                .filter((e) => e.offsetParent && !(e.getAttribute('aria-label') || e.labels?.length
                    && e.labels[0].innerText.trim() || e.innerText?.trim() || e.textContent.trim()))
                .map((e) => e.outerHTML)"""
        )
        assert nameless == []


def test_differences_are_mapped(opened):
    page = opened()
    page.locator("#canvas").focus()
    page.keyboard.press("d")
    page.wait_for_selector("#legend >> text=mean")
    settled(page)
    first = painted(page)
    keep(page, "5-map")
    for kind in ("angle", "max", "band"):
        page.select_option("#map-kind", kind)
        page.wait_for_selector("#legend >> text=mean")
        settled(page)
        assert painted(page) != first
    keep(page, "6-signed-map")


def test_it_says_what_the_file_is(opened):
    page = opened()
    page.click("#tab-file")
    page.select_option("#file-layer", label="decoded.zarr.zip")
    page.wait_for_selector("#tile-map")
    text = page.locator("#file").inner_text()
    for word in ("jpeg2000", "PSNR 38 dB", "codestream", "header", "times smaller", "2 × 2 tiles"):
        assert word in text
    page.hover("#tile-map", position={"x": 20, "y": 20})
    assert "Tile 0, 0" in page.locator("#file").inner_text()
    keep(page, "7-file")


def test_it_compresses_shows_and_saves(opened, tmp_path):
    page = opened()
    page.click("#tab-compress")
    page.select_option("#codec", "rls")
    assert page.locator("#goal option[value=rate]").is_disabled()
    page.select_option("#codec", "jpeg2000")
    page.select_option("#scope", "all")
    page.select_option("#goal", "rate")
    page.fill("#goal-value", "1")
    page.click("#run")
    page.wait_for_selector(".trial progress")
    page.wait_for_selector(".trial:first-child >> text=Save")
    assert page.locator("#rd svg path").count()
    with page.expect_download() as download:
        page.locator(".trial").first.get_by_text("Save").click()
    download.value.save_as(tmp_path / "saved.zarr.zip")
    assert hypress.verify(tmp_path / "saved.zarr.zip").ok
    assert hypress.open_scene(tmp_path / "saved.zarr.zip").attrs["compression_codec"] == "jpeg2000"
    page.locator(".trial").first.get_by_role("button", name="Compare").click()
    settled(page)
    assert "jpeg2000, rate 1" in page.locator("#label-b").inner_text()
    keep(page, "8-compressed")


def test_it_cancels(opened):
    page = opened()
    page.click("#tab-compress")
    page.select_option("#codec", "pca_jpeg2000")
    page.select_option("#goal", "psnr")
    page.fill("#goal-value", "60")
    page.click("#run")
    page.locator(".trial").first.get_by_role("button", name="Cancel").click()
    page.wait_for_selector(".trial:first-child >> text=cancelled")


def test_two_windows_at_once(opened):
    one, other = opened(), opened()
    one.select_option("#preset", label="Colour infrared (vegetation is red)")
    settled(one)
    settled(other)
    assert painted(one) != painted(other)
    one.click("#tab-compress")
    one.select_option("#codec", "jpeg2000")
    one.select_option("#goal", "rate")
    one.fill("#goal-value", "0.7")
    one.click("#run")
    other.click("#tab-compress")
    other.wait_for_selector(".trial >> text=rate 0.7")
    other.wait_for_selector(".trial:first-child >> text=Save")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(opened, scheme):
    page = opened(390, 844, device_scale_factor=2, is_mobile=True, has_touch=True, color_scheme=scheme)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    keep(page, f"9-phone-{scheme}")
    box = page.locator("#canvas").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.6)
    page.wait_for_selector("#spectra-table")
    keep(page, f"9-phone-{scheme}-spectra", full_page=True)
    background, ink = page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color].map("
        "(c) => c.match(/[\\d.]+/g).slice(0, 3).reduce((sum, v) => sum + Number(v), 0)); }"
    )
    assert (background > ink) == (scheme == "light")


def test_it_says_that_it_shows_an_overview(browser, jasper_ridge, tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "LARGE", 1000)
    monkeypatch.setattr(overview, "FINEST", 2)
    monkeypatch.setattr(compress, "SHARE", 1.0)  # of so little, the usual share would be nothing
    samples = np.tile(hypress.open_scene(jasper_ridge)[5:60:10].to_numpy(), (1, 6, 6))
    hypress.compress(samples, tmp_path / "large.zarr", "jpeg2000", hypress.Psnr(db=60), tile=(200, 200))
    with serving([tmp_path / "large.zarr"]) as server:
        page = browser.new_page(viewport={"width": 500, "height": 330})
        page.goto(server.url)
        page.wait_for_selector("body[data-ready=true]")
        for _ in range(3):
            page.click("#zoom-out")
        settled(page)
        assert page.locator("#busy").inner_text() == "overview"
        keep(page, "10-overview")
        for _ in range(5):
            page.click("#zoom-in")
        settled(page)
        assert page.locator("#busy").inner_text() == ""
        page.close()


def test_a_server_that_is_gone_is_said(browser, jasper_ridge):
    with serving([jasper_ridge]) as server:
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("body[data-ready=true]")
        settled(page)
    page.select_option("#preset", index=2)
    page.wait_for_selector("#problems >> text=does not answer", timeout=PATIENCE)
    page.close()
