"""`report`: what the page says, in its bytes and in a real Chromium."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

import forensics
from forensics.report.page import make_policy
from forensics.sources.fields import EVENT_TYPES, OBSERVATION, read_text

SAMPLE = Path(__file__).parents[2] / "sample_data"
MADE = "2026-01-09T00:00:00Z"
END = "2026-01-08T00:00:00Z"

# Each of these runs, leads away or breaks out where text is not kept text.
PAYLOADS = (
    "</script><script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=2">',
    "'><svg onload=window.pwned=3>",
    "javascript:window.pwned=4//",
    "{{ 7*7 }}{% raw %}",
    "</style><style>body{display:none}</style>",
    "\u202e\x1b[2J\u0000<a href=//evil.example>",
)
# Every field of every event that is kept as text, each always with the same payload: they keep
# telling their owners apart, and what was joined stays joined.
FIELDS = sorted(
    {
        name
        for kind in (OBSERVATION, *EVENT_TYPES.values())
        for name, (_, reader) in kind.fields.items()
        if reader is read_text
    },
    # Ids first, of which all but this one are shown: each payload is seen.
    key=lambda name: (not name.endswith("_id") or name == "event_id", name),
)
PAYLOAD_OF = {name: PAYLOADS[place % (len(PAYLOADS) - 1)] for place, name in enumerate(FIELDS)}


@pytest.fixture(scope="module")
def page(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_page(audited, tmp_path_factory.mktemp("page") / "report.html")


def make_page(case: Path, file: Path) -> str:
    from forensics.cli.main import app

    arguments = ["report", str(case), "--html", str(file), "--now", MADE]
    app(arguments, standalone_mode=False)
    return file.read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Elements, ids and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")


def test_it_says_first_what_cannot_be_trusted(page: str) -> None:

    order = ("trust", "findings", "timeline", "levels", "replays", "verdicts", "gaps", "custody")
    places = [page.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)
    words = re.sub(r"<[^>]+>|\s+", " ", page[places[0] : places[1]])
    words = re.sub(r"\s+", " ", words)
    assert "8 enclaves cannot be trusted, the first since 2026-01-06 17:19:30Z" in words
    assert "5 secrets went there: ledger/master-key , payments/master-key" in words
    assert "4 hosts : node-344502 , node-41c813 , node-91caed , node-bc9549" in words
    assert "enc-3fb80622" in words


def test_every_finding_has_two_sides(run, audited: Path, page: str) -> None:
    found = run("findings", audited, "--format", "json").records
    for finding in found:
        article = page[page.index(f'<article id="finding-{finding["finding_id"]}"') :]
        article = article[: article.index("</article>")]
        assert article.count('class="side"') >= 2, finding["detector"]
        assert finding["subject_id"] in article


def test_links_lead_somewhere_and_nothing_leads_away(page: str) -> None:
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.links
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert not {"img", "iframe", "link", "object", "embed", "base", "form"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name in {"src", "style", "srcset"}]
    assert not [name for name, _ in outline.attributes if name.startswith("on")]


def test_the_policy_names_the_only_script_and_style(page: str) -> None:
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert (len(style), len(script)) == (1, 1)
    policy = make_policy(style[0], script[0])
    assert f'content="{policy}"' in page
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert make_policy(style[0], script[0] + " ") != policy


def test_the_same_case_and_time_give_the_same_bytes(audited: Path, page: str, tmp_path: Path):
    assert make_page(audited, tmp_path / "again.html") == page


def test_charts_have_words_and_numbers_beside_them(page: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 5
    for figure in figures:
        named = re.search(r'role="img" aria-labelledby="([\w-]+)"', figure)
        assert named is not None
        assert f'<p id="{named[1]}">' in figure
        assert "<summary>The same in numbers</summary>" in figure
        assert "<caption>" in figure
    replays = figures[-1]
    assert "3 pairs of original and replay" in replays
    assert len(re.findall(r'class="line (?:replay|disguised)"', replays)) == 2


def test_counts_of_the_three_verdicts_are_those_of_sql(run, audited: Path, page: str) -> None:
    query = (
        "SELECT count(*) AS n FROM observation o JOIN verdict v USING (observation_id) "
        "WHERE v.moment = 'receipt' AND v.outcome = 'accepted' AND o.claimed_ok"
    )
    (row,) = run("sql", audited, query, "--format", "json").records
    place = page.index('<a href="#cell-good-accepted-accepted">')
    assert f">{row['n']}<" in page[place : place + 80]
    assert "the verifier lied or was broken" in page


def test_a_case_that_contradicts_its_ledger_says_so(run, own_audited: Path, tmp_path: Path) -> None:
    victim = next((own_audited / "tables" / "nonce").rglob("*.parquet"))
    parquet.write_table(parquet.read_table(victim, partitioning=None).slice(1), victim)
    file = tmp_path / "broken.html"
    result = run("report", own_audited, "--html", file)
    assert result.code == 4
    assert "custody-broken" in result.err
    text = file.read_text()
    assert "contradicts its ledger in 1 place" in text
    assert "file-changed" in text


def test_a_case_that_cannot_be_read_any_more_is_one_line(run, own_audited: Path, tmp_path: Path):
    for victim in (own_audited / "tables" / "observation").rglob("*.parquet"):
        victim.unlink()
    result = run("report", own_audited, "--html", tmp_path / "no.html")
    assert result.code == 4
    assert result.err.count("\n") == 1
    assert not (tmp_path / "no.html").exists()


def test_an_empty_case_is_not_called_clean(run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "empty").code == 0
    result = run("report", tmp_path / "empty", "--html", tmp_path / "empty.html")
    assert result.code == 0
    text = (tmp_path / "empty.html").read_text()
    assert "Not known: no detector has run." in text
    assert "Nothing in this case has a time." in text


def test_a_place_that_cannot_be_written_is_one_line(run, audited: Path, tmp_path: Path) -> None:
    result = run("report", audited, "--html", tmp_path / "no" / "such" / "folder.html")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "unwritable-path" in result.err


# A real browser.


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium that is installed: CHROMIUM names it, or it is on the PATH."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: install one, or name it in the variable CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any) -> Iterator[Any]:
    """Opens a file; whatever the page complains about, fetches or asks is a failure."""
    tab = chromium.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("dialog", lambda dialog: complaints.append(dialog.message))
    tab.on("request", lambda request: complaints.append(request.url))

    def open_file(path: Path) -> Any:
        tab.goto(path.as_uri())
        return tab

    yield open_file
    assert [text for text in complaints if not text.endswith("/report.html")] == []
    tab.close()


@pytest.fixture(scope="module")
def shown(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shown") / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


def test_charts_zoom_together_by_mouse_and_keyboard(look, shown: Path) -> None:
    tab = look(shown)
    boxes = "[...document.querySelectorAll('svg.plot')].map(p => p.viewBox.baseVal.width)"
    assert set(tab.evaluate(boxes)) == {10_000}
    labels = "document.querySelector('svg.axis').textContent.trim()"
    before = tab.evaluate(labels)
    tab.get_by_role("button", name="Zoom in").first.focus()
    tab.keyboard.press("Enter")
    assert set(tab.evaluate(boxes)) == {5_000}
    assert tab.evaluate(labels) != before
    told = tab.locator(".zoom output").first.text_content()
    assert re.fullmatch(r"2026-01-05 15:59:2\dZ to 2026-01-07 02:35:\d\dZ", told)
    tab.get_by_role("button", name="Whole time").first.click()
    assert set(tab.evaluate(boxes)) == {10_000}
    assert tab.evaluate(labels) == before  # the script marks the axis as the page did
    plot = tab.locator("svg.plot").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    tab.mouse.up()
    (width,) = set(tab.evaluate(boxes))
    assert 2_400 < width < 2_600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(chromium: Any, shown: Path, scheme: str) -> None:
    """Roles, names, table headers, landmarks, contrast, order of headings: axe-core's rules."""
    axe = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    tab = chromium.new_page(color_scheme=scheme)
    tab.goto(shown.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    tab.evaluate(axe)
    check = "axe.run(document, {resultTypes: ['violations']})"
    found = tab.evaluate(check)
    told = [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]]
    assert told == []
    assert len(found["passes"]) > 40
    tab.evaluate("document.querySelector('table th').removeAttribute('scope')")
    tab.evaluate("document.documentElement.removeAttribute('lang')")
    assert [rule["id"] for rule in tab.evaluate(check)["violations"]] == ["html-has-lang"]
    tab.close()


# WCAG 2.2, 1.4.3 and 1.4.11: text 4.5 to 1, what a chart is read by 3 to 1.
CONTRAST = """
() => {
  const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return light(color);
    }
    return 1;
  };
  const worst = {};
  const note = (name, value) => { worst[name] = Math.min(worst[name] ?? 21, value); };
  for (const text of document.querySelectorAll("svg text"))
    note("text", ratio(light(getComputedStyle(text).fill), ground(text)));
  for (const shape of document.querySelectorAll("svg .fill, svg .line, svg path.dot")) {
    const style = getComputedStyle(shape);
    const color = style.fill === "none" ? style.stroke : style.fill;
    note(`shape ${shape.getAttribute("class")}`, ratio(light(color), ground(shape)));
  }
  return worst;
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_stand_out_from_their_ground(chromium: Any, shown: Path, scheme: str) -> None:
    """What axe does not look at: text and shapes within SVG."""
    tab = chromium.new_page(color_scheme=scheme)
    tab.goto(shown.as_uri())
    worst = tab.evaluate(CONTRAST)
    assert len(worst) > 8
    assert worst.pop("text") >= 4.5
    assert {name: ratio for name, ratio in worst.items() if ratio < 3} == {}
    tab.close()


def test_the_keyboard_reaches_everything_in_order(chromium: Any, shown: Path) -> None:
    """First past the menu, then the menu, then the page from top to bottom."""
    tab = chromium.new_page()
    tab.goto(shown.as_uri())
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.locator(".skip").is_visible()
    order = "document.activeElement.getBoundingClientRect().top + scrollY"
    places = []
    for _ in range(30):
        tab.keyboard.press("Tab")
        places.append(tab.evaluate(order))
    assert places == sorted(places)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.evaluate(outline) == "solid"
    tab.locator(".skip").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('section').id") == "trust"
    tab.close()


def test_a_count_opens_its_sightings(look, shown: Path) -> None:
    tab = look(shown)
    table = tab.locator("#cell-good-rejected-rejected table")
    assert not table.is_visible()
    tab.locator('a[href="#cell-good-rejected-rejected"]').click()
    table.wait_for(state="visible")
    assert table.locator("tbody tr").count() == 1


def test_it_can_be_read_without_its_script_in_both_lights_and_on_paper(
    chromium: Any, shown: Path
) -> None:
    context = chromium.new_context(java_script_enabled=False, color_scheme="dark")
    tab = context.new_page()
    tab.goto(shown.as_uri())
    assert tab.get_by_role("main").is_visible()
    assert tab.get_by_role("navigation", name="Contents").is_visible()
    assert tab.get_by_role("heading", level=2).all_text_contents()[0] == "What cannot be trusted"
    assert not tab.get_by_role("button", name="Zoom in").first.is_visible()
    context.close()
    tab = chromium.new_page(color_scheme="dark")
    tab.goto(shown.as_uri())
    ground = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(ground) == "rgb(14, 17, 22)"
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate(ground) == "rgb(255, 255, 255)"
    assert not tab.get_by_role("navigation", name="Contents").is_visible()
    tab.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample in which every name is a payload and then itself."""
    from forensics.cli.main import app

    folder = tmp_path_factory.mktemp("hostile")
    evidence = folder / "evidence"
    shutil.copytree(SAMPLE / "evidence", evidence)
    for file in sorted((evidence / "events").iterdir()):
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8") as stream:
            lines = [json.dumps(spoil(json.loads(line))) for line in stream]
        file.unlink()
        name = PAYLOADS[1].replace("/", "_") + file.name.removesuffix(".gz")
        (evidence / "events" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    manifest = evidence / "manifest.toml"
    text = manifest.read_text()
    for key, pattern, field in (
        ("id", r'^id = "(\w+)"', "workload_id"),
        ("runtime", r'runtime = "(\w+)"', "runtime"),
    ):
        spoiled = PAYLOAD_OF[field]
        text, number = re.subn(
            pattern,
            lambda match, key=key, spoiled=spoiled: f"{key} = {json.dumps(spoiled + match[1])}",
            text,
            flags=re.MULTILINE,
        )
        assert number
    manifest.write_text(text)
    (evidence / "events" / "junk.jsonl").write_text('{"event_type": "' + PAYLOADS[0] + '"\n')
    case = folder / (PAYLOADS[1].replace("/", "_") + "case")
    arguments = ["audit", str(case), str(evidence), "--as-of", END]
    arguments += ["--root-ca", str(SAMPLE / "root_ca.pem")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOGNAME", PAYLOADS[0])  # who commits
        with pytest.raises(SystemExit):
            app(arguments)
        suppressed, told = sorted(find_fingerprints(case))[:2]
        (case / "findings" / "suppressions.toml").write_text(suppress(suppressed))
        with contextlib.suppress(SystemExit):
            app(["triage", str(case), told, "--state", "false-positive", "--note", PAYLOADS[0]])
        with pytest.raises(SystemExit):
            app(["detect", str(case), "--as-of", END])
    make_page(case, folder / "report.html")
    return folder / "report.html"


def find_fingerprints(case: Path) -> list[str]:
    return [finding["fingerprint"] for finding in forensics.open_case(case).findings()]


def suppress(fingerprint: str) -> str:
    words = {"id": PAYLOADS[3], "reason": PAYLOADS[0], "owner": PAYLOADS[1]}
    lines = [f"{name} = {json.dumps(text)}" for name, text in words.items()]
    lines += [f'fingerprint = "{fingerprint}"', "expires = 2026-02-01T00:00:00Z"]
    return "\n".join(["[[suppression]]", *lines]) + "\n"


def spoil(event: dict[str, Any]) -> dict[str, Any]:
    spoiled = {
        name: PAYLOAD_OF[name] + value if name in PAYLOAD_OF and isinstance(value, str) else value
        for name, value in event.items()
    }
    if event.get("event_type") == "enclave_attestation":
        spoiled["quote_status"] = event.get("quote_status")  # or nobody would have claimed anything
        spoiled |= dict.fromkeys(("mrenclave", "mrsigner", "report_data"), PAYLOADS[1])
        spoiled["sgx_extensions"] = list(PAYLOADS)
        spoiled[PAYLOADS[0]] = PAYLOADS[2]
        if str(event.get("timestamp", "")).endswith("1Z"):
            spoiled["quote_status"] = PAYLOADS[6]
    return spoiled


def test_hostile_strings_stay_text(look, hostile: Path) -> None:
    text = hostile.read_text(encoding="utf-8")
    assert "<script>window" not in text
    assert text.count("<script>") == 1
    assert "\u202e" not in text
    assert "\x1b" not in text
    tab = look(hostile)
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("img, iframe, form, base, link, script:not(:last-child)").count() == 0
    assert tab.locator("a:not([href^='#'])").count() == 0
    assert tab.locator("#trust tbody tr").count() >= 5  # its findings are still there
    body = tab.locator("body").text_content()
    assert [payload for payload in PAYLOADS[:6] if payload not in body] == []


def test_a_script_that_slips_in_does_not_run(chromium: Any, shown: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "report.html"
    added = '<b onclick="window.pwned=1">here</b><script>window.pwned=2</script></main>'
    spoiled.write_text(shown.read_text(encoding="utf-8").replace("</main>", added))
    tab = chromium.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.goto(spoiled.as_uri())
    tab.get_by_text("here", exact=True).click()
    assert tab.evaluate("window.pwned") is None
    assert len([text for text in complaints if "Content Security Policy" in text]) == 2
    tab.close()
