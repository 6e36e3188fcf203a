"""The page of a run in headless Chromium: what is shown, how wide it is, and that it asks nobody for anything."""

import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from report_runs import full_run

from lumicrop.report import write_page
from lumicrop.settings import Setting


@pytest.fixture
def browse(tmp_path):
    """Run Chromium on a page, without a network but for a proxy that only listens; gives its output and who called."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")

    def run(page, *options, size=(1366, 900)):
        calls = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            listening = threading.Thread(target=_note_calls, args=(server, calls), daemon=True)
            listening.start()
            done = subprocess.run(
                [
                    program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-default-apps",
                    "--disable-domain-reliability", "--disable-extensions", "--force-device-scale-factor=1",
                    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints,OptimizationGuideModelDownloading",
                    f"--user-data-dir={tmp_path / 'profile'}", f"--proxy-server=127.0.0.1:{server.getsockname()[1]}",
                    f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=5000", *options, page.as_uri(),
                ],
                capture_output=True, text=True, timeout=120, cwd=tmp_path,
                env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            )  # fmt: skip
            server.shutdown(socket.SHUT_RDWR)
            listening.join(10)
        assert done.returncode == 0, done.stderr
        return done.stdout, calls

    return run


#: Whom Chromium calls by itself, whatever it shows.
BROWSERS_OWN = re.compile(r"\b(google|googleapis|gstatic|gvt1|chromium)\.")


def _note_calls(server, calls):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(5)
            try:
                calls.append(connection.recv(4096).decode(errors="replace").split("\r\n")[0])
            except OSError:
                calls.append("")


def test_a_browser_shows_it_without_a_network(browse, tmp_path):
    page = tmp_path / "page.html"
    write_page(full_run(), page)
    _, calls = browse(page, f"--screenshot={tmp_path / 'page.png'}", size=(1366, 3200))
    assert not BROWSERS_OWN.search(page.read_text())
    assert [call for call in calls if not BROWSERS_OWN.search(call)] == []
    pixels = matplotlib.image.imread(tmp_path / "page.png")[..., :3]
    assert pixels.shape[1] == 1366
    bands = [band.std() for band in np.array_split(pixels[:2800], 7)]  # text, figures, crops, maps: no band is empty
    assert min(bands) > 0.03, bands

    asking = tmp_path / "asking.html"  # what the test would see if a page did ask
    asking.write_text('<img src="http://lumicrop.invalid/picture.png">')
    assert any("lumicrop.invalid" in call for call in browse(asking, "--dump-dom")[1])


_MEASURE = """<script>
const wide = [...document.querySelectorAll("body *")].filter(e => !e.closest("svg svg, svg *") &&
    e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "#" + e.id);
const hidden = [...document.querySelectorAll("main > section")].filter(e => e.getBoundingClientRect().height < 20);
document.title = [innerWidth, document.documentElement.scrollWidth, hidden.length, wide.join(" ")].join("|");
</script>"""


@pytest.mark.parametrize("width", [800, 1366, 1920])
def test_nothing_is_wider_than_the_window(browse, tmp_path, width):
    page = tmp_path / "page.html"
    long = "a_very_long_name_of_a_movie_without_any_place_to_break_" * 6
    write_page(full_run(movie={"path": Path(f"/{long}/{long}.tif")}, said={"gain": Setting(1.0, long, True)}), page)
    html = page.read_text()
    measured = tmp_path / "measured.html"
    measured.write_text(re.sub(r"<meta http-equiv[^>]*>", "", html).replace("</body>", _MEASURE + "</body>"))
    dom, _ = browse(measured, "--dump-dom", size=(width, 900))
    found = re.search(r"<title>(.*?)</title>", dom)[1].split("|")
    assert found == [str(width), str(width), "0", ""]
    assert dom.count("<svg") == html.count("<svg") == 24 and dom.count("<tr") == html.count("<tr")
    scripted = tmp_path / "scripted.html"  # with the policy, the same script is not run
    scripted.write_text(html.replace("</body>", _MEASURE + "</body>"))
    if width == 1366:
        assert "|" not in re.search(r"<title>(.*?)</title>", browse(scripted, "--dump-dom")[0])[1]
