"""Charts for notebooks: each takes a case and gives an Altair chart. Needs the extra `notebook`.

Each is one query over the documented views and bounded in what it draws, so a case of any size can
be looked at. The numbers behind a chart are its `data`; the query is there to copy.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import altair as alt

from forensics.case.case import Case

MOST_BINS = 120  # along time
MOST_MARKS = 2000  # single events, pairs or documents in one chart

WIDTH = 640
_OUTCOMES = alt.Scale(
    domain=["accepted", "undetermined", "rejected", "not judged"],
    range=["#2e7d32", "#b8860b", "#c62828", "#757575"],
)
_TIME = alt.Axis(title=None, format="%d %b %H:%M", tickCount=5)
_UTC = alt.Scale(type="utc")


def use_images() -> None:
    """Show all charts as pictures: without JavaScript, and without fetching a library."""
    alt.renderers.enable("png")


def draw_timeline(case: Case) -> alt.Chart:
    """How many launches, challenges, attestations and released secrets there were, over time."""
    values = _read(
        case,
        f"""
        WITH event AS (
            SELECT timestamp AS moment, 'launch' AS what FROM launch
            UNION ALL SELECT timestamp, 'nonce' FROM nonce
            UNION ALL SELECT received_at, 'attestation' FROM observation
            UNION ALL SELECT timestamp, 'secret released' FROM release
            UNION ALL SELECT first_seen, 'finding' FROM finding
        ), span AS (
            SELECT min(moment) AS start, greatest(1, (epoch_us(max(moment)) - epoch_us(min(moment)))
                   // {MOST_BINS} + 1) AS step
            FROM event
        )
        SELECT to_timestamp((epoch_us(start) + (epoch_us(moment) - epoch_us(start)) // step * step)
                            / 1000000)
                   AS moment,
               what, count(*) AS n
        FROM event, span WHERE moment IS NOT NULL GROUP BY ALL ORDER BY ALL
        """,
    )
    chart: alt.Chart = (
        alt.Chart(_data(values), title="What the case saw, over time")
        .mark_circle(opacity=0.7)
        .encode(
            x=alt.X("moment:T", axis=_TIME, scale=_UTC),
            y=alt.Y("what:N", title=None),
            size=alt.Size("n:Q", title="events"),
            color=alt.Color("what:N", legend=None),
            tooltip=["moment:T", "what:N", "n:Q"],
        )
        .properties(width=WIDTH, height=140)
    )
    return chart


def draw_verdicts(case: Case) -> alt.Chart:
    """Claimed against receipt against hindsight: how many sightings of quotes have each triple."""
    values = _read(
        case,
        """
        SELECT coalesce(o.claimed_quote_status, 'said nothing') AS claimed,
               coalesce(r.outcome, 'not judged') AS receipt,
               coalesce(h.outcome, 'not judged') AS hindsight, count(*) AS n
        FROM observation AS o
        LEFT JOIN verdict AS r ON r.observation_id = o.observation_id AND r.moment = 'receipt'
        LEFT JOIN verdict AS h ON h.observation_id = o.observation_id AND h.moment = 'hindsight'
        WHERE o.quote_id IS NOT NULL
        GROUP BY ALL ORDER BY n DESC, claimed, receipt, hindsight LIMIT 100
        """,
    )
    chart: alt.Chart = (
        alt.Chart(_data(values), title="Three verdicts")
        .mark_bar()
        .encode(
            x=alt.X("n:Q", title="sightings", scale=alt.Scale(type="symlog")),
            y=alt.Y("receipt:N", title="receipt"),
            row=alt.Row("claimed:N", title="claimed"),
            color=alt.Color("hindsight:N", title="hindsight", scale=_OUTCOMES),
            tooltip=["claimed:N", "receipt:N", "hindsight:N", "n:Q"],
        )
        .properties(width=WIDTH - 100, height=60)
    )
    return chart


def draw_versions(case: Case) -> alt.Chart:
    """ISVSVN of each workload over time, SGX: a step down is a rollback."""
    values = _read(
        case,
        f"""
        SELECT coalesce(o.workload_id, 'not logged') AS workload, o.received_at AS moment,
               q.isv_svn, o.enclave_id AS enclave
        FROM observation AS o
        JOIN quote AS q ON q.quote_id = o.quote_id
        WHERE q.isv_svn IS NOT NULL AND o.received_at IS NOT NULL
        WINDOW fleet AS (PARTITION BY o.workload_id, q.isv_prodid
                         ORDER BY o.received_at, o.observation_no)
        QUALIFY q.isv_svn IS DISTINCT FROM lag(q.isv_svn) OVER fleet
             OR lead(q.isv_svn) OVER fleet IS NULL
        ORDER BY workload, moment, isv_svn, enclave LIMIT {MOST_MARKS}
        """,
    )
    chart: alt.Chart = (
        alt.Chart(_data(values), title="Security version (ISVSVN) by workload")
        .mark_line(interpolate="step-after", point=True)
        .encode(
            x=alt.X("moment:T", axis=_TIME, scale=_UTC),
            y=alt.Y(
                "isv_svn:Q",
                title="ISVSVN",
                scale=alt.Scale(zero=False),
                axis=alt.Axis(tickMinStep=1, format="d"),
            ),
            color=alt.Color("workload:N"),
            tooltip=["workload:N", "moment:T", "isv_svn:Q", "enclave:N"],
        )
        .properties(width=WIDTH, height=220)
    )
    return chart


def draw_replays(case: Case) -> alt.LayerChart:
    """Sightings of one signing event in more than one session, joined by a line."""
    values = _read(
        case,
        f"""
        SELECT q.signing_id[1:12] AS signing, o.received_at AS moment,
               coalesce(o.session_id, o.observation_id) AS session,
               o.quote_id[1:12] AS quote, o.claimed_quote_status AS claimed
        FROM observation AS o
        JOIN quote AS q ON q.quote_id = o.quote_id
        WHERE o.received_at IS NOT NULL
        QUALIFY count(DISTINCT o.session_id) OVER (PARTITION BY q.signing_id) > 1
        ORDER BY signing, moment, session, quote LIMIT {MOST_MARKS}
        """,
    )
    base = alt.Chart(_data(values), title="One signing event, more than one session").encode(
        x=alt.X("moment:T", axis=_TIME, scale=_UTC), y=alt.Y("signing:N", title="signing event")
    )
    line = base.mark_line(color="#757575").encode(detail="signing:N")
    marks = base.mark_point(filled=True, size=90).encode(
        color=alt.Color("quote:N", title="bytes seen (quote id)"),
        tooltip=["signing:N", "moment:T", "session:N", "quote:N", "claimed:N"],
    )
    return alt.LayerChart(layer=[line, marks]).properties(width=WIDTH)


def draw_collateral(case: Case) -> alt.Chart:
    """When each version of each piece of collateral was in force: the archive, with its gaps."""
    values = _read(
        case,
        f"""
        SELECT concat_ws(' ', kind, id, fmspc) AS series, issued_at AS start, expires_at AS stop,
               coalesce(tcb_evaluation_data_number::VARCHAR, '') AS number, authentic,
               collateral_id[1:12] AS id
        FROM collateral WHERE issued_at IS NOT NULL
        UNION ALL
        SELECT concat('CRL ', issuer), this_update, next_update, coalesce(crl_number, ''),
               authentic, crl_id[1:12]
        FROM crl
        ORDER BY series, start, id LIMIT {MOST_MARKS}
        """,
    )
    chart: alt.Chart = (
        alt.Chart(_data(values), title="Collateral in force")
        .mark_bar(height=8, opacity=0.75)
        .encode(
            x=alt.X("start:T", axis=alt.Axis(title=None, tickCount=8), scale=_UTC),
            x2="stop:T",
            y=alt.Y("series:N", title=None, axis=alt.Axis(labelLimit=320)),
            yOffset="number:N",
            color=alt.Color("number:N", title="evaluation or CRL number"),
            tooltip=["series:N", "number:N", "start:T", "stop:T", "authentic:N", "id:N"],
        )
        .properties(width=WIDTH - 120, height=alt.Step(10))
    )
    return chart


def draw_silences(case: Case) -> alt.Chart:
    """Each launch that has to attest, by how long its first attestation took; silent ones apart."""
    values = _read(
        case,
        f"""
        SELECT l.timestamp AS launched, l.enclave_id AS enclave,
               coalesce(l.workload_id, 'not logged') AS workload,
               count(o.observation_id) = 0 AS silent,
               (epoch_ms(min(o.received_at)) - epoch_ms(l.timestamp)) / 1000 AS seconds
        FROM launch AS l
        LEFT JOIN observation AS o
               ON o.received_at >= l.timestamp
              AND (o.enclave_id = l.enclave_id OR o.container_id = l.container_id)
        WHERE l.expects_attestation
        GROUP BY l.timestamp, l.enclave_id, l.workload_id
        ORDER BY silent DESC, launched, enclave, workload LIMIT {MOST_MARKS}
        """,
    )
    silent = alt.Color(
        "silent:N",
        title="never attested",
        scale=alt.Scale(domain=[False, True], range=["#1565c0", "#c62828"]),
    )
    # The same domain, or there would be a second legend.
    shape = alt.Shape("silent:N", title="never attested", scale=alt.Scale(domain=[False, True]))
    chart: alt.Chart = (
        alt.Chart(_data(values), title="From launch to first attestation")
        .mark_point(filled=True, size=60)
        .transform_calculate(shown="datum.silent ? 0.1 : max(datum.seconds, 0.1)")
        .encode(
            x=alt.X("launched:T", axis=_TIME, scale=_UTC),
            y=alt.Y("shown:Q", title="seconds (log)", scale=alt.Scale(type="log")),
            color=silent,
            shape=shape,
            tooltip=["workload:N", "enclave:N", "launched:T", "seconds:Q", "silent:N"],
        )
        .properties(width=WIDTH, height=220)
    )
    return chart


def _read(case: Case, sql: str) -> list[dict[str, Any]]:
    """Rows with times as text, which is what a chart's JSON holds."""
    from forensics.case.query import run_query

    rows = run_query(case, sql).to_pylist()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _data(values: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=values)
