"""Take the picture of the page that the documents show: ``python scripts/photograph_page.py``, with Chromium installed.

The pictures on it are scikit-image's samples; the file is made smaller by pixlean itself.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from skimage import data as samples

import pixlean

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "images" / "page.png"
sys.path.insert(0, str(ROOT))


def main() -> None:
    from benchmarks.serving import Server

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    server = Server()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        files = []
        for name, pixels, ending in (
            ("cat", samples.chelsea(), "jpg"),
            ("coffee", samples.coffee(), "png"),
            ("astronaut", samples.astronaut(), "png"),
            ("rocket", samples.rocket(), "jpg"),
        ):
            path = Path(folder) / f"{name}.{ending}"
            Image.fromarray(pixels).save(path, **({"quality": 97} if ending == "jpg" else {}))
            files.append(path)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light")
        page.goto(server.url)
        page.get_by_label("Choose pictures", exact=True).set_input_files(files)
        page.get_by_text("4 of 4 done", exact=True).wait_for()
        page.get_by_role("button", name="Compare coffee.png").click()
        page.get_by_alt_text("Result").evaluate("each => each.decode()")
        page.mouse.move(0, 0)
        page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(700)
        shot = page.screenshot()
        browser.close()
    server.stop()
    PAGE.parent.mkdir(exist_ok=True)
    made = pixlean.compress(shot, quality=60)
    PAGE.write_bytes(made.data)
    print(Image.open(io.BytesIO(made.data)).size, len(shot), "->", len(made.data), "bytes")


if __name__ == "__main__":
    main()
