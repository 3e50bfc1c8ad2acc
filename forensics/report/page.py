"""A report as one HTML file: nothing is fetched, nothing but its own script and style applies.

Every value reaches the page through `show`, then through the template's escaping. The policy names
the script and the style by their SHA-256, so that nothing that might slip in would run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from forensics import __version__
from forensics.report.axis import MOST_MARKS, STEPS
from forensics.report.charts import WIDTH
from forensics.report.text import brief, count, show, show_time

if TYPE_CHECKING:
    from forensics.report.document import Report

_GEOMETRY = re.compile(r"[MHVQhvz0-9 .\-]*")
_TEMPLATES = ("report.html", "parts.html")


def make_page(report: Report) -> str:
    """The same report gives the same bytes."""
    style, script = _read("report.css"), _read("report.js")
    environment = Environment(
        loader=DictLoader({name: _read(name) for name in _TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finish,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        WIDTH=WIDTH,
        axis_steps=STEPS,
        most_marks=MOST_MARKS,
        brief=brief,
        count=count,
        time=show_time,
        geometry=_draw,
    )
    page = environment.get_template("report.html").render(
        report=report,
        version=__version__,
        policy=Markup(make_policy(style, script)),  # noqa: S704  ours, as are the next two
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
    )
    return page + "\n"


def make_policy(style: str, script: str) -> str:
    """The Content-Security-Policy of a page with exactly this style and this script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _finish(value: object) -> object:
    """What a template prints: markup of the template itself as it is, all else by way of `show`."""
    return value if isinstance(value, Markup) else show(value)


def _draw(path: object) -> Markup:
    """Path data and sizes: numbers and the letters of SVG paths, and nothing else ever."""
    text = str(path)
    assert _GEOMETRY.fullmatch(text), "not path data"
    return Markup(text)  # noqa: S704


def _read(name: str) -> str:
    return files("forensics.report").joinpath("assets", name).read_text(encoding="utf-8")
