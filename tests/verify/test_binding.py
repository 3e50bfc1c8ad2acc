"""REPORT_DATA rules: digests, parts, padding, recipes, and held data that is hostile."""

from __future__ import annotations

import hashlib

import pytest

from forensics.verify.binding import DIGESTS, RECIPES, Rule, make_rule

INPUTS = {"initial_state": b"state", "nonce": b"nonce", "runtime_data": b"data"}


def rule(digest: str | None, *parts: str) -> Rule:
    made = make_rule(digest, list(parts), None)
    assert made is not None
    return made


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_digest_of_parts_in_order_padded_on_the_right(digest: str) -> None:
    bound = rule(digest, "initial_state", "nonce").expect(INPUTS)
    other = rule(digest, "nonce", "initial_state").expect(INPUTS)

    assert bound == hashlib.new(digest, b"statenonce").digest().ljust(64, b"\0")
    assert other == hashlib.new(digest, b"noncestate").digest().ljust(64, b"\0")


@pytest.mark.parametrize("digest", [None, "none"])
def test_no_digest_is_the_bytes_themselves(digest: str | None) -> None:
    assert rule(digest, "nonce").expect(INPUTS) == b"nonce".ljust(64, b"\0")


@pytest.mark.parametrize(("size", "fits"), [(0, True), (63, True), (64, True), (65, False)])
def test_raw_bytes_must_fit(size: int, fits: bool) -> None:
    bound = RECIPES["raw"].expect({"runtime_data": b"x" * size})

    assert bound == ((b"x" * size).ljust(64, b"\0") if fits else None)


@pytest.mark.parametrize("absent", ["initial_state", "nonce"])
def test_an_absent_part_gives_nothing(absent: str) -> None:
    wanted = rule("sha256", "initial_state", "nonce")

    assert wanted.expect(INPUTS | {absent: None}) is None
    assert wanted.expect({k: v for k, v in INPUTS.items() if k != absent}) is None


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_without_held_data_gives_nothing(recipe: str) -> None:
    assert RECIPES[recipe].expect({"runtime_data": None}) is None


def test_what_one_row_lacks_is_its_own_matter() -> None:
    bound = rule("none", "initial_state", "nonce").expect_many([[b"a", None, b"c"], [b"1"] * 3])

    assert bound == [b"a1".ljust(64, b"\0"), None, b"c1".ljust(64, b"\0")]


def test_an_empty_part_is_a_part() -> None:
    assert rule("sha256", "nonce").expect({"nonce": b""}) == hashlib.sha256().digest() + bytes(32)


def test_every_digest_fits() -> None:
    assert {name: len(digest(b"")) for name, digest in DIGESTS.items()} == {
        "none": 0,
        "sha256": 32,
        "sha384": 48,
        "sha512": 64,
    }


# --- recipes --------------------------------------------------------------------------------

JSON = '{"tee-pubkey": {"kty": "RSA", "e": "AQAB"}, "nonce": "ü", "a": [1, 2]}'.encode()
CANONICAL = '{"a":[1,2],"nonce":"ü","tee-pubkey":{"e":"AQAB","kty":"RSA"}}'.encode()


@pytest.mark.parametrize("recipe", ["kbs-rcar-v1", "kbs-rcar-dev"])
def test_trustee_binds_canonical_json(recipe: str) -> None:
    bound = RECIPES[recipe].expect({"runtime_data": JSON})

    assert bound == hashlib.sha384(CANONICAL).digest().ljust(64, b"\0")
    assert bound == RECIPES[recipe].expect({"runtime_data": CANONICAL})


@pytest.mark.parametrize("recipe", ["maa-ehd", "azure-hcl"])
def test_azure_binds_the_exact_bytes_in_the_first_half(recipe: str) -> None:
    assert RECIPES[recipe].expect({"runtime_data": JSON}) == hashlib.sha256(JSON).digest() + bytes(
        32
    )
    assert RECIPES[recipe].compared == 32


def test_rules_carry_what_they_do_as_their_names() -> None:
    assert rule("sha256", "initial_state", "nonce").name == "sha256(initial_state ‖ nonce)"
    assert rule(None, "nonce").name == "none(nonce)"


def test_recipes_carry_their_names() -> None:
    assert {name: rule.name for name, rule in RECIPES.items()} == {name: name for name in RECIPES}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not json", id="not-json"),
        pytest.param(b"\xff\xfe\xfd", id="not-utf8"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep"),
        pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, id="deep-object"),
        pytest.param(b'{"nonce":"\\ud800"}', id="half-a-surrogate-pair"),
        pytest.param(b'{"\\udfff":1}', id="half-a-surrogate-pair-in-a-name"),
        pytest.param(b"9" * 5_000, id="huge-number"),
    ],
)
def test_held_data_that_is_no_json_gives_nothing(data: bytes) -> None:
    assert RECIPES["kbs-rcar-v1"].expect({"runtime_data": data}) is None


@pytest.mark.parametrize(
    ("digest", "parts", "recipe"),
    [(None, None, None), ("sha256", None, None), ("sha256", [], None), (None, None, "unheard-of")],
)
def test_no_rule(digest: str | None, parts: list[str] | None, recipe: str | None) -> None:
    assert make_rule(digest, parts, recipe) is None


def test_a_recipe_goes_before_parts() -> None:
    assert make_rule("sha512", ["nonce"], "maa-ehd") is RECIPES["maa-ehd"]
