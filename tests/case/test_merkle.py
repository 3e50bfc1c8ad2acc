"""The tree against the example of RFC 6962, and every proof against every other claim."""

from __future__ import annotations

import hashlib

import pytest

from forensics.case.merkle import (
    Tree,
    compute_root,
    hash_leaf,
    hash_node,
    prove_consistency,
    prove_inclusion,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 20
LEAVES = [hash_leaf(bytes([number]) * number) for number in range(LARGEST + 1)]
ROOTS = [compute_root(LEAVES[:size]) for size in range(LARGEST + 1)]


def test_the_shape_is_that_of_the_rfc():
    """Section 2.1.3's example: seven leaves, written out by hand."""
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = hash_node(a, b), hash_node(c, d), hash_node(e, f)
    k, m = hash_node(g, h), hash_node(i, j)
    assert ROOTS[7] == hash_node(k, m)
    assert prove_inclusion(0, LEAVES[:7]) == [b, h, m]
    assert prove_inclusion(3, LEAVES[:7]) == [c, g, m]
    assert prove_inclusion(4, LEAVES[:7]) == [f, j, k]
    assert prove_inclusion(6, LEAVES[:7]) == [i, k]
    assert prove_consistency(3, LEAVES[:7]) == [c, d, g, m]
    assert prove_consistency(4, LEAVES[:7]) == [m]
    assert prove_consistency(6, LEAVES[:7]) == [i, j, k]


def test_leaves_and_nodes_are_hashed_apart():
    assert ROOTS[0] == hashlib.sha256(b"").digest()
    assert ROOTS[1] == hashlib.sha256(b"\0").digest()
    assert hash_leaf(LEAVES[0] + LEAVES[1]) != hash_node(LEAVES[0], LEAVES[1])


def test_a_preview_is_the_next_root():
    tree = Tree()
    for size, leaf in enumerate(LEAVES[:LARGEST]):
        assert tree.root() == ROOTS[size]
        assert tree.preview(leaf) == ROOTS[size + 1]
        tree.append(leaf)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_inclusion_proof_holds_for_its_leaf_alone(size: int):
    for index in range(size):
        path = prove_inclusion(index, LEAVES[:size])
        assert verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])
        for other in range(-1, size + 1):
            if other != index:
                assert not verify_inclusion(LEAVES[index], other, size, path, ROOTS[size])
        assert not verify_inclusion(LEAVES[size], index, size, path, ROOTS[size])
        assert not verify_inclusion(LEAVES[index], index, size, path, ROOTS[size - 1])
        assert not verify_inclusion(LEAVES[index], index, size, [*path, ROOTS[1]], ROOTS[size])
        if path:
            assert not verify_inclusion(LEAVES[index], index, size, path[:-1], ROOTS[size])


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_consistency_proof_holds_for_its_sizes_alone(size: int):
    for old in range(1, size + 1):
        path = prove_consistency(old, LEAVES[:size])
        assert verify_consistency(old, ROOTS[old], size, ROOTS[size], path)
        assert not verify_consistency(old, ROOTS[old - 1], size, ROOTS[size], path)
        assert not verify_consistency(old, ROOTS[old], size, ROOTS[size - 1], path)
        if path:
            assert not verify_consistency(old, ROOTS[old], size, ROOTS[size], path[:-1])
            assert not verify_consistency(old, ROOTS[old], size, ROOTS[size], path + path[:1])
    assert not verify_consistency(0, ROOTS[0], size, ROOTS[size], [])
    assert not verify_consistency(size + 1, ROOTS[size], size, ROOTS[size], [])
