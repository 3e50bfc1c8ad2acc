"""The Merkle tree of RFC 6962, section 2.1, over SHA-256: roots, inclusion and consistency.

Its leaves here are the bytes of the ledger's entries. A witness who keeps one root can be shown,
in a few hashes, that an entry is below it or that a later tree only extends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_SIZE = 32

_LEAF = b"\x00"
_NODE = b"\x01"


def hash_leaf(data: bytes) -> bytes:
    """The 32-byte leaf hash of an entry."""
    return hashlib.sha256(_LEAF + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf and knows its root at every size, in little memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []  # (leaves below it, hash), largest first

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        size, node = 1, leaf
        while self._peaks and self._peaks[-1][0] == size:
            size, node = 2 * size, hash_node(self._peaks.pop()[1], node)
        self._peaks.append((size, node))
        self.size += 1

    def root(self) -> bytes:
        """The root of all leaves so far."""
        if not self._peaks:
            return hashlib.sha256().digest()
        *rest, (_, node) = self._peaks
        for _, left in reversed(rest):
            node = hash_node(left, node)
        return node

    def preview(self, leaf: bytes) -> bytes:
        """The root as it would be with one more leaf."""
        longer = Tree()
        longer.size, longer._peaks = self.size, list(self._peaks)
        longer.append(leaf)
        return longer.root()


def compute_root(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def prove_inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The audit path of leaf `index` (from 0), lowest hash first."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*prove_inclusion(index, leaves[:split]), compute_root(leaves[split:])]
    return [*prove_inclusion(index - split, leaves[split:]), compute_root(leaves[:split])]


def prove_consistency(size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The proof that the first `size` leaves (1 to all) are the start of all of them."""
    return _prove_subtree(size, leaves, whole=True)


def _prove_subtree(size: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if whole else [compute_root(leaves)]
    split = _split(len(leaves))
    if size <= split:
        path = _prove_subtree(size, leaves[:split], whole=whole)
        return [*path, compute_root(leaves[split:])]
    path = _prove_subtree(size - split, leaves[split:], whole=False)
    return [*path, compute_root(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether `path` leads from leaf `index` to the root of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = hash_node(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = hash_node(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` proves that the old tree is the start of the new (RFC 9162, 2.1.4.2)."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    nodes = list(path)
    if old_size & (old_size - 1) == 0:  # the old root is a node of the new tree
        nodes.insert(0, old_root)
    if not nodes:
        return False
    index, last = old_size - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            new = hash_node(new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old == old_root and new == root
