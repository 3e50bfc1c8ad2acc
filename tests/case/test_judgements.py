"""Receipts and hindsight of a whole case, and what a run of `verify` counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forensics.case.case import Case, create_case
from forensics.case.connection import connect
from forensics.case.verification import VerifySummary, verify_case
from forensics.formats.pem import split_pem
from forensics.simulate.pki import make_pki
from forensics.simulate.platforms import CURRENT, make_platform
from forensics.simulate.quotes import build_quote, sgx_body
from forensics.sources import ingest_paths

AT = datetime(2026, 1, 8, tzinfo=UTC)
SAMPLE = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The sample, and two quotes that nobody saw at a known time."""
    folder = tmp_path_factory.mktemp("judged")
    certification = make_platform(make_pki(3), "0", server=False).certification("sgx", CURRENT)
    for number in range(2):
        quote = build_quote(certification, sgx_body(report_data=b"%064d" % number))
        (folder / f"{number}.bin").write_bytes(quote.to_bytes())
    [(_, root)] = split_pem((SAMPLE / "root_ca.pem").read_bytes())
    made = create_case(folder / "case", name="sample", at=AT, anchors=[root])
    with made.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [SAMPLE / "evidence", folder / "0.bin", folder / "1.bin"])
    return made


def verify(case: Case, as_of: datetime) -> VerifySummary:
    return verify_case(case, as_of=as_of, at=AT, who="test", threads=1)


@pytest.mark.parametrize("days", [0, 1, 400])
def test_what_is_counted_is_what_the_view_shows(case: Case, days: int) -> None:
    counted = verify(case, AT + timedelta(days=days)).outcomes
    shown = connect(case).execute(
        "SELECT moment, outcome, count(*) FROM verdict GROUP BY ALL ORDER BY ALL"
    )
    assert list(counted.items()) == [((row[0], row[1]), row[2]) for row in shown.fetchall()]
    assert len(counted) > 3


def test_what_has_no_time_is_judged_without_collateral(case: Case) -> None:
    verify(case, AT)
    receipts = connect(case).execute(
        "SELECT outcome, count(tcb_info_id), count(*) FROM verdict "
        "WHERE moment = 'receipt' AND as_of IS NULL GROUP BY 1 ORDER BY 1"
    )
    # The two end in a root that nobody trusts; the sample has one more.
    assert receipts.fetchall() == [("rejected", 0, 2), ("undetermined", 0, 1)]
