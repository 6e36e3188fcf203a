"""The page of a run: complete in itself, true to the run, and fit to be looked at."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from report_runs import PLACEMENT, full_run, made_run

import lumicrop
from lumicrop.movie_integration import REASONS
from lumicrop.report import write_page
from lumicrop.report.crops import contact_sheet
from lumicrop.report.numbers import amount, compare, share
from lumicrop.settings import Setting

#: Elements without an end.
VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """A page's elements, its tables as rows of words, and its visible words."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.tables, self.words = [], {}, []
        self._open, self._table, self._cell = [], None, None
        self.feed(html)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._table = []
            self.tables[attributes.get("id") or f"table {len(self.tables)}"] = self._table
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._table[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open and self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.words.append(data)
        if self._open and {"td", "th"} & set(self._open):
            self._table[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture
def page_of(tmp_path):
    def write(run):
        write_page(run, tmp_path / "page.html")
        return Page((tmp_path / "page.html").read_text(encoding="utf-8"))

    return write


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    """The page of `full_run`, as it is written."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(full_run(), path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


# ------------------------------------------------------------------------------------------------------- its making


def test_every_part_is_there_with_headings_and_alternatives(page):
    assert ("html", {"lang": "en"}) in page.elements
    assert len(page.all("h1")) == 1 and "locs.hdf5 in movie.raw" in page.text
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections == ["warnings", "read", "rows", "figures", "crops", "judge", "placement", "repeat"]
    assert all(attributes["aria-labelledby"] in page.ids() for attributes in page.all("section"))
    drawings = page.all("svg")
    assert len(drawings) == 4 + 20
    assert all(each["role"] == "img" and len(each["aria-label"]) > 20 and each["viewbox"] for each in drawings)
    assert len(page.all("figure")) == len(page.all("figcaption")) == 24
    assert len(page.all("caption")) == len(page.all("table"))


def test_nothing_outside_the_file_is_referred_to(page, html):
    assert "//" not in re.sub(r"data:image/png;base64,[\w+/=\s]*", "", html) and "@import" not in html
    names = [name for name, _ in page.elements]
    assert not {"script", "iframe", "object", "embed", "form", "base", "audio", "video", "img"} & set(names)
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "xlink:href", "srcset"):
            assert re.match(r"data:|#", attributes.get(name, "#")), attributes
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    (policy,) = [each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "http" not in policy


def test_names_within_the_page_are_unique_and_known(page, html):
    ids = Counter(page.ids())
    assert max(ids.values()) == 1
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', html)) <= set(ids)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    written = []
    for name, seconds in (("one.html", 1.5), ("two.html", 99.0)):
        run = full_run()
        run.summary["speed"]["seconds"] = seconds
        write_page(run, tmp_path / name)
        write_page(made_run(n=3), tmp_path / "another.html")
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert not re.search(rb"\d{4}-\d\d-\d\d", written[0])


def test_a_large_table_makes_no_large_page(tmp_path):
    run = made_run(n=200_000, shape=(500, 64, 64))
    write_page(run, tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert len(html) < 1_500_000
    assert max(len(drawing) for drawing in re.findall(r"<svg.*?</svg>", html, re.DOTALL)) < 300_000
    assert "20,000 of 200,000 detections" in html


def test_few_frames_are_read_and_each_once(page_of):
    run = made_run(n=5000, shape=(900, 48, 64))
    page_of(run)
    assert 0 < len(run.movie.reads) <= 24 and len(set(run.movie.reads)) == len(run.movie.reads)
    assert all(last == first + 1 for first, last in run.movie.reads)


def test_what_people_named_is_shown_as_they_named_it(page_of, tmp_path):
    name = "<b>\"bold\" & 'co' $x^$ {{ 7 * 7 }}.tif"
    nasty = "</pre><script>alert(1)</script>"
    run = made_run(
        movie={"path": Path(name), "details": nasty}, table={"path": Path("表" * 80 + ".csv"), "format": nasty},
        said={"gain": Setting(1.0, nasty, True)}, warnings=[nasty], settings_text=nasty, summary={nasty: nasty},
    )  # fmt: skip
    page = page_of(run)
    assert name in page.text and "表" * 80 in page.text and page.text.count(nasty) == 7
    assert not page.all("script") and not page.all("b")[1:]


def test_a_name_that_is_no_text_is_shown_by_its_bytes(page_of):
    assert r"caf\udce9.raw" in page_of(made_run(movie={"path": Path("caf\udce9.raw")})).text


# ------------------------------------------------------------------------------------------------------- what it says


def test_warnings_come_first(page, page_of):
    text = page.text
    assert text.index("something looks wrong") < text.index("so does this") < text.index("What was read")
    assert "Nobody said: gain ." in text
    assert "Warnings None." in page_of(made_run()).text


def test_settings_show_their_source_and_what_is_assumed(page):
    rows = page.tables["settings"]
    assert rows[0] == ["setting", "value", "from"]
    assert ["camera offset", "100 ADU", "said of offset"] in rows
    assert ["gain", "1 e-/ADU", "assumed nobody says"] in rows
    assert [each.get("class") for each in page.all("tr")].count("assumed") == 1
    assert "PSF sigma" in [row[0] for row in rows] and "spline" not in [row[0] for row in rows]


def test_files_are_described(page_of):
    page = page_of(full_run(said={"origin": "pixel_corner", "first_frame": 1}))
    rows = [row for table in page.tables.values() for row in table]
    assert ["shape", "40 frames of 64 x 48 px"] in rows and ["pixels", "uint16"] in rows
    assert ["format", "Picasso raw: little endian"] in rows and ["read with it", "movie.yaml"] in rows
    assert ["origin", "0 is the outer corner of the first pixel"] in rows
    assert ["first frame", "1 in the table is the movie's first"] in rows


def test_rows_are_accounted_for(page):
    assert page.tables["reasons"] == [["counted", "298", "99.3 %"], [REASONS[1], "2", "0.7 %"]]
    assert page.tables["neighbours"] == [["none", "296", "98.7 %"], ["1", "3", "1.0 %"], ["3 or more", "1", "0.3 %"]]
    flags = page.tables["flags"]
    assert [row[0] for row in flags[1:]] == ["1 TRUNCATED", "512 BAD_INDEX"] and [row[2] for row in flags[1:]] == [
        "4",
        "2",
    ]
    assert all(len(row[1]) > 20 for row in flags[1:])


def test_every_flag_has_a_meaning(page_of):
    flags = np.zeros(300, "u4")
    flags[: len(lumicrop.Flag)] = list(lumicrop.Flag)
    flags[100] = 1 << 30
    rows = page_of(made_run(result={"flags": flags})).tables["flags"][1:]
    assert len(rows) == len(lumicrop.Flag) + 1
    assert [row[1] for row in rows if "unknown" in row[1]] == ["unknown to this version"]


def test_the_headline_has_the_main_numbers(page):
    text = page.text
    median = np.nanmedian(full_run().result.photons)
    for part in ("detections 300", "counted 298", f"photons, median {median:,.0f}", "photons over the table's 1.250"):
        assert part in text
    assert f"lumicrop {lumicrop.__version__}" in text and "filter with gauss, crops of 7 x 7 px" in text


def test_the_placement_check_is_shown_with_its_errors(page, page_of):
    text = page.text
    assert "+0.012 ± 0.010, −0.500 ± 0.011" in text and "812 in 64 frames" in text
    assert "half a pixel above" in text and "light 1 exchanged no, correlation 0.8" in text
    assert "This was not checked." in page_of(made_run()).text
    unknown = SimpleNamespace(**vars(PLACEMENT) | {"shift_px": None, "shift_error_px": None, "evidence": {}})
    assert "not known" in page_of(made_run(placement=unknown)).text


def test_how_to_repeat_it_is_told_without_times(page):
    assert "size: 7" in page.text and "backend.name cpu" in page.text and "seconds" not in page.text
    assert "cpu (2 threads, avx2): no GPU was found" in page.text


# ------------------------------------------------------------------------------------------------------- its numbers


def test_photons_are_compared_robustly():
    random = np.random.default_rng(2)
    photons = random.lognormal(7, 0.5, 4000)
    own = np.round(photons / 1.1 * random.normal(1, 0.05, 4000), -1)  # with ties
    photons[:20] *= 1000
    own[30], own[31], photons[32], own[33] = np.nan, 0, np.nan, -5
    both = np.isfinite(photons) & (own > 0)
    found = compare(made_run(n=4000, result={"photons": photons}, own=own))
    assert found.own.size == both.sum() == 3996
    assert found.ratio == pytest.approx(1.1, abs=0.005) and found.scatter == pytest.approx(0.055, rel=0.08)
    spearman = scipy.stats.spearmanr(photons[both], own[both]).statistic
    assert found.rank_correlation == pytest.approx(spearman, abs=1e-12)


def test_another_quantum_efficiency_is_pointed_out(page_of):
    assert "a ratio of 1.25 is to be expected" in page_of(made_run(said={"qe": 0.8})).text
    assert "to be expected" not in page_of(made_run(table={"qe": None}, said={"qe": 0.8})).text


@pytest.mark.parametrize(
    "value, text",
    [(0.0, "0"), (1234.5, "1,234"), (-0.5, "−0.5"), (np.nan, "–"), (3e12, "3e+12"), (1e-7, "1e−07")],
)
def test_numbers_are_short(value, text):
    assert amount(value) == text


def test_few_are_not_none_and_most_are_not_all():
    assert [share(*each) for each in ((0, 9), (9, 9), (1, 10**6), (10**6 - 1, 10**6), (0, 0))] == [
        "0 %", "100 %", "< 0.1 %", "> 99.9 %", "0 %",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------- its crops


def test_groups_are_what_they_are_called():
    run = made_run(n=1000)
    photons = {
        group.title: [float(crop.photons.replace(",", "")) for crop in group.crops] for group in contact_sheet(run)
    }
    ordered = np.sort(run.result.photons).round()
    assert photons["Brightest"] == list(ordered[:-6:-1]) and photons["Dimmest"] == list(ordered[:5])
    assert ordered[497] <= min(photons["About the median"]) <= max(photons["About the median"]) <= ordered[503]
    assert len(photons["By chance"]) == 5
    (only,) = contact_sheet(made_run(n=7))
    assert len(only.crops) == 7 and only.title.startswith("All")


def test_positions_and_widths_lie_where_the_model_has_them():
    detections = SimpleNamespace(
        frame=np.zeros(1, int), x_px=np.array([20.25]), y_px=np.array([11.5]), sigma_x_px=np.array([1.5]),
        sigma_y_px=np.array([0.75]), columns={"sigma_angle": np.array([30.0])},
    )  # fmt: skip
    result = {"detections": detections, "X0": np.array([17]), "Y0": np.array([8])}

    def drawn(**said):
        (group,) = contact_sheet(made_run(n=1, result=result, said=said))
        return str(group.crops[0].svg)

    svg = drawn(psf_angle_deg="table")
    assert '<ellipse rx="1.500" ry="0.750" transform="translate(3.250 3.500) rotate(-30.00)"/>' in svg
    assert re.search(r'd="M2\.760 3\.500h0\.980M3\.250 3\.010v0\.980"', svg)
    assert 'rx="1.061" ry="1.061"' in drawn(model="isogauss")
    assert "<ellipse" not in drawn(model="spline")


def test_the_ellipse_leans_as_the_filter_does():
    """Of a spot along the drawn ellipse's long axis, the filter finds all light; of its mirror image, less."""
    y, x = np.mgrid[-5:6, -5:6]
    angle = np.deg2rad(-30.0)  # as it is drawn for 30 degrees: SVG turns from x to y, as these axes do
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    spot = np.exp(-((along / 2.0) ** 2 + across**2) / 2).astype("f4")
    photons = lumicrop.integrate(
        lumicrop.Channel(
            np.stack([spot, spot[::-1]]), method="filter", model="gauss", pixel_nm=100.0, psf_sigma_x_nm=200.0,
            psf_sigma_y_nm=100.0, psf_theta_deg=30.0, gain=1.0, qe=1.0,
        ),
        x_fit=np.full(2, 500.0), y_fit=np.full(2, 500.0), os_fit=np.zeros(2), X0=np.zeros(2, int), Y0=np.zeros(2, int),
    ).photons  # fmt: skip
    assert photons[0] > 1.1 * photons[1]


def test_a_crop_beyond_the_frame_is_blank_there(page_of):
    detections = SimpleNamespace(
        frame=np.zeros(2, int), x_px=np.array([0.0, 63.0]), y_px=np.array([0.0, 47.0]),
        sigma_x_px=None, sigma_y_px=None, columns={},
    )  # fmt: skip
    run = made_run(n=2, result={"detections": detections, "X0": np.array([-3, 60]), "Y0": np.array([-3, 44])})
    assert page_of(run).text.count("grey") == 3  # two crops and the explanation


# ------------------------------------------------------------------------------------------------------- odd runs

NAN, ONE, SPAN = np.full(300, np.nan), np.ones(300), np.geomspace(1e-12, 1e30, 300)
SUM = {"method": "sum", "model": None, "sigma": None, "psf_angle_deg": None, "pixel_nm": None}
ODD = {
    "one detection": {"n": 1},
    "two detections": {"n": 2},
    "nothing counted": {"result": {"photons": NAN, "background": NAN, "reason": np.full(300, 2, "u1")}},
    "nothing counted and nobody says why": {"result": {"photons": NAN}},
    "constant photons": {"result": {"photons": 1000 * ONE}, "own": 1000 * ONE},
    "zero photons": {"result": {"photons": 0 * ONE}, "own": ONE},
    "negative photons": {"result": {"photons": -1000 * ONE}, "own": 1000 * ONE},
    "some negative photons": {"result": {"photons": np.linspace(-500, 500, 300)}, "own": 500 * ONE},
    "huge and tiny photons": {"result": {"photons": SPAN}, "own": SPAN},
    "infinite photons of the table's": {"own": np.where(np.arange(300) % 2, np.inf, -np.inf)},
    "no photons of the table's": {"own": False},
    "none but NaN of the table's": {"own": NAN},
    "constant background": {"result": {"background": 5 * ONE}},
    "no background": {"result": {"background": NAN}},
    "a sum without widths": {"said": SUM},
    "one width for all": {"said": {"model": "isogauss", "sigma": 130.0}},
    "one frame": {"shape": (1, 48, 64)},
    "one pixel": {"shape": (3, 1, 1)},
    "crops larger than frames": {"shape": (4, 5, 6), "said": {"size": (9, 14)}},
    "a wide field": {"shape": (2, 8, 1000)},
    "many detections": {"n": 4000},
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_odd_runs_have_a_page_too(odd, page_of):
    page = page_of(made_run(**odd))
    assert len(page.all("h2")) == 8 and "nan" not in page.text.lower().replace("nanometre", "")


def test_pixels_that_are_no_numbers_are_left_blank(page_of):
    run = made_run()
    run.movie.frames = run.movie.frames.astype("f4")
    run.movie.frames[:, ::2], run.movie.frames[:, 1::2, ::3] = np.nan, np.inf
    assert "grey –" not in page_of(run).text
