"""The report in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shop import many_orders
from tests.cli.test_html import PICTURES, html_of, months

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (390, 768, 1280)
SCHEMES = {"light": "1", "dark": "0"}

pytestmark = [
    pytest.mark.no_cover,
    pytest.mark.services,
    pytest.mark.skipif(
        CHROMIUM is None and os.environ.get("CI") != "true",
        reason="Chromium is not installed (apt-get install chromium)",
    ),
]

MEASURE = r"""<!doctype html><body><pre id=out></pre><script>
const widths = %s, found = {};
const light = colour => {
  const parts = colour.match(/[\d.]+/g).slice(0, 3).map(one => one / 255);
  const [red, green, blue] = parts.map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ground = (one, view) => {
  for (; one; one = one.parentElement) {
    const colour = view.getComputedStyle(one).backgroundColor;
    if (!/, 0\)$/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
const pale = frame => [...frame.contentDocument.body.querySelectorAll("*:not(svg *):not(svg)")].filter(one =>
  [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim())
).filter(one => {
  const view = frame.contentWindow;
  const pair = [view.getComputedStyle(one).color, ground(one, view)].map(light).sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05) < 4.5;
}).map(one => one.tagName);
for (const width of widths) {
  const frame = document.createElement("iframe");
  frame.style = `border:0;height:900px;width:${width}px`;
  frame.src = "report.html";
  frame.onload = () => {
    const page = frame.contentDocument, marks = "path,rect,circle,line,text";
    const sections = [...page.querySelectorAll("section")].map(one => {
      const svg = [...one.querySelectorAll("figure svg")].find(svg => svg.getBoundingClientRect().width);
      const box = svg && svg.getBoundingClientRect();
      return [one.id, svg ? [box.width, box.height, svg.querySelectorAll(marks).length] : null];
    });
    const regions = [...page.querySelectorAll(".scroll, figure")];
    found[width] = {
      overflow: page.documentElement.scrollWidth - width,
      pictures: Object.fromEntries(sections.filter(one => one[1])),
      cut: [...page.querySelectorAll("figure")].filter(one => one.scrollWidth > one.clientWidth).length,
      small: [...page.querySelectorAll("figure svg text")].map(one => one.getBoundingClientRect().height)
        .filter(high => high > 0 && high < 8).length,
      unreachable: regions.filter(one => one.tabIndex < 0 || !one.getAttribute("aria-label")).length,
      links: [...page.querySelectorAll("nav a")].filter(one => !page.querySelector(one.hash)).length,
      stops: page.querySelectorAll("a, [tabindex]").length,
      reached: [...page.querySelectorAll("a, [tabindex]")].filter(one => (one.focus(), page.activeElement === one))
        .length,
      pale: pale(frame),
    };
    if (Object.keys(found).length === widths.length) out.textContent = JSON.stringify(found);
  };
  document.body.append(frame);
}
</script>"""


def browse(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the browser without a window."""
    assert CHROMIUM is not None, "apt-get install chromium"
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("id", "dark")])
def test_the_page_reads_well_in_a_browser(tmp_path: Path, root: Path, language: str, scheme: str) -> None:
    """No error in the console and no overflow; every part has the focus of the keyboard, contrast, and its picture."""
    orders = "\n".join([many_orders(), *months(before=4, after=30).splitlines()[1:]])
    html_of(tmp_path, "--language", language, orders=orders)
    page = tmp_path / "measure.html"
    page.write_text(MEASURE % json.dumps(WIDTHS), encoding="utf-8")
    dumped = browse(
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        "--virtual-time-budget=10000",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        "--dump-dom",
        page.as_uri(),
    )
    match = re.search(r'<pre id="out">(.+?)</pre>', dumped.stdout)
    assert match is not None, dumped.stderr
    result: dict[str, Any] = json.loads(unescape(match[1]))

    assert "CONSOLE" not in dumped.stderr
    assert set(map(int, result)) == set(WIDTHS)
    for at_width in result.values():
        assert at_width["overflow"] <= 0
        assert at_width["cut"] == at_width["small"] == 0
        assert at_width["unreachable"] == at_width["links"] == 0
        assert at_width["reached"] == at_width["stops"]
        assert at_width["pale"] == []
        assert set(at_width["pictures"]) == {*PICTURES, "expected"}
        assert all(wide > 300 and high > 60 and count > 10 for wide, high, count in at_width["pictures"].values())
    _keep_screenshots(tmp_path / "report.html", root / "build" / "screenshots", f"report-{language}-{scheme}", scheme)


def _keep_screenshots(page: Path, folder: Path, name: str, scheme: str) -> None:
    """Write a screenshot of each width, for a person to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        picture = folder / f"{name}-{width}.png"
        browse(
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            f"--window-size={width},6200",
            f"--screenshot={picture}",
            page.as_uri(),
        )
        assert picture.stat().st_size > 20_000
