from __future__ import annotations

import hashlib
import random
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case import ids as module
from forensics.case.ids import IdIndex


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def test_numbers_follow_first_sight():
    index = IdIndex()
    keys = [digest(n) for n in (1, 2, 1, 3, 2)]
    assert index.assign(keys, 10) == ([10, 11, 10, 12, 11], [0, 1, 3])
    assert index.assign([*keys[:1], digest(4)], 13) == ([10, 13], [1])
    assert index.find([digest(5), digest(4)]) == [None, 13]


# Ids that differ only at one end, and in zero bytes, which numpy's text types treat specially.
NASTY = [bytes(32), b"\1" + bytes(31), bytes(31) + b"\1", b"\xff" * 32, b"\0" + b"\xff" * 31]


@given(st.lists(st.sampled_from(NASTY) | st.binary(min_size=32, max_size=32), max_size=40))
@settings(max_examples=60, deadline=None)
def test_runs_agree_with_a_dict(keys):
    limit, module._RECENT_LIMIT = module._RECENT_LIMIT, 3
    try:
        index, expected = IdIndex(), {}
        for key in keys:
            assert index.add(key, len(expected)) == (key not in expected)
            expected.setdefault(key, len(expected))
        assert index.find(keys + NASTY) == [expected.get(key) for key in keys + NASTY]
        assert len(index) == len(expected)
    finally:
        module._RECENT_LIMIT = limit


def test_many_ids_in_and_out_of_files(tmp_path):
    keys = [digest(n) for n in range(100_000)]
    table = pa.table({"id": pa.array(keys, pa.binary(32)), "no": range(100_000)})
    pq.write_table(table, tmp_path / "ids.parquet", row_group_size=30_000)
    loaded, grown = IdIndex(), IdIndex()
    loaded.load([tmp_path / "ids.parquet"], "id", "no")
    grown.assign(keys, 0)
    places = random.Random(1).sample(range(100_000), 5000)
    for index in (loaded, grown):
        assert index.find([keys[place] for place in places]) == places
        assert index.find([digest(-1)]) == [None]


def test_chosen_rows_are_read_without_pandas(tmp_path):
    """pyarrow loads pandas for an array made from a list, which takes longer than the rows."""
    path = tmp_path / "rows.parquet"
    pq.write_table(
        pa.table({"id": [digest(n) for n in range(3)], "data": [b"a", b"b", b"c"]}), path
    )
    script = (
        "import sys; from pathlib import Path; from forensics.case.ids import *\n"
        "index = IdIndex(); index.add(bytes.fromhex(sys.argv[2]), 7)\n"
        "print(list(read_indexed([Path(sys.argv[1])], ('id', 'data'), index))[0][1][1])\n"
        "print('pandas' in sys.modules)"
    )
    words = [sys.executable, "-c", script, str(path), digest(1).hex()]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["b'b'", "False"]
