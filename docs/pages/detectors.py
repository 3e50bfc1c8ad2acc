"""reference/detectors.md, and the catalogue in the README."""

from __future__ import annotations

from forensics.detect.catalog import load_catalog
from forensics.detect.detector import ONE_BY_ONE, Detector
from pages.markdown import make_opening, make_page, make_table


def describe_detectors() -> str:
    catalog = load_catalog()
    parts = [
        make_opening(
            "Detectors",
            "From the headers of `queries/*/*.sql`. `quote-forensics detectors ID` prints the SQL. "
            "*Signed* detectors look only at evidence whose own signatures verify.",
        )
    ]
    for detector in catalog.values():
        parts += _describe_detector(detector)
    return make_page(parts)


def summarise_detectors() -> str:
    """The catalogue by its folders: what each is about is the folder's name."""
    by_folder: dict[str, list[str]] = {}
    for d in load_catalog().values():
        link = f"[{d.id}](docs/reference/detectors.md#{d.id})"
        by_folder.setdefault(d.folder, []).append(link)
    rows = [(folder, ", ".join(links)) for folder, links in sorted(by_folder.items())]
    return make_table(("about", "detectors"), rows)


def _describe_detector(detector: Detector) -> list[str]:
    signed = ", signed" if detector.signed else ""
    facts = [
        ("file", f"`queries/{detector.path}`"),
        ("severity", f"at most {detector.severity}{signed}"),
        ("version", f"{detector.version} ({detector.status}, {detector.updated})"),
        ("inputs", ", ".join(f"[{view}](views.md#{view})" for view in detector.inputs)),
        ("waits for", ", ".join(f"the feed of {view}s" for view in detector.waits_for)),
        ("a later run reads", _describe_reading(detector)),
        ("grain", detector.grain),
        ("NULLs", detector.nulls),
        ("clocks", detector.clocks or ""),
        ("benign causes", "; ".join(detector.false_positives)),
        ("blind spots", "; ".join(detector.blind_spots)),
        ("not evaluable", "; ".join(gap.reason for gap in detector.not_evaluable)),
        ("against each other", _describe_sides(detector)),
        ("attack", "; ".join(detector.attack)),
        ("specification", "; ".join(detector.spec)),
    ]
    parts = [
        f"## {detector.id}",
        f"**{detector.title}.** {detector.question} {detector.why}",
        make_table(("", ""), [fact for fact in facts if fact[1]]),
    ]
    if detector.params:
        rows = [(f"`{p.name}`", p.type, p.default or "", p.meaning) for p in detector.params]
        parts.append(make_table(("parameter", "type", "default", "meaning"), rows))
    if detector.details:
        keys = [(f"`{key}`", meaning) for key, meaning in detector.details]
        parts.append(make_table(("key of `details`", "meaning"), keys))
    return parts


def _describe_sides(detector: Detector) -> str:
    if not detector.sides:
        return "the first sighting and the last"
    one, other = (
        f"{side.words} (`{side.key}`)" for side in (detector.sides.one, detector.sides.other)
    )
    return f"{detector.sides.fact}: {one}; {other}"


def _describe_reading(detector: Detector) -> str:
    if not detector.scope:
        return f"everything: {detector.in_full}"
    if detector.scope == (ONE_BY_ONE,):
        reach = "what is new: each sighting offends by itself"
    else:
        keys = ", ".join(f"`{key}`" for key in detector.scope)
        reach = f"what new evidence touches through {keys}"
        if detector.suspects:
            reach += ", where its screen of the first and last sightings leaves a suspect"
        if detector.around:
            reach += f"; with what came within `{detector.around}` of it"
    if detector.dated and detector.again:
        reach += "; and what came in the time that new documents or logs are of"
    elif detector.again:
        reach += "; and what the sums of all history make suspect"
    reasons = ["finds something"] if detector.widens else []
    if detector.widens_when:
        tipped = "finds what it weighs against all history tipped"
        reasons.append(tipped if detector.totals else "looks at what no key leads to")
    if any(blindness.widens for blindness in detector.not_evaluable):
        reasons.append("meets what it could not judge for want of other history")
    return f"{reach}; everything once it {' or '.join(reasons)}" if reasons else reach
