"""Every quarantine reason: permanent code -> what it means. The reference page is made from it."""

from __future__ import annotations

REASONS = {
    # Files and archives
    "empty": "The file has no bytes.",
    "unreadable": "The operating system would not let the file be read.",
    "not-a-regular-file": "A link, device, fifo or socket; named, never followed or opened.",
    "unrecognised-content": "Nothing that this tool knows: no quote, event, collateral, manifest.",
    "bad-archive": "An archive is damaged or cut off; what came before the damage was read.",
    "unsupported-archive": "A compression or encryption that is not opened.",
    "expansion-limit": "An archive holds too much for its size (a bomb), or too many members.",
    "nesting-limit": "Archives are nested too deeply in each other.",
    "too-large": "Larger than anything of its kind can sensibly be.",
    # Text and JSON
    "not-utf8": "The text is not UTF-8.",
    "bad-json": "The text is not JSON, or the array around it is broken.",
    "not-an-object": "A JSON value that is not an object stands where a record should be.",
    "nesting-too-deep": "JSON, TOML or YAML is nested deeper than the limit.",
    "line-too-long": "A line or array member is over the size limit; its beginning is kept.",
    "duplicate-key": "A key stands twice in a signed document or an event: two readers would see "
    "two texts. The event is kept with the last value.",
    # Events
    "missing-timestamp": "An event without a timestamp; nothing could place it.",
    "bad-timestamp": "A time that is not RFC 3339 with a zone. When it is not the event's own "
    "timestamp, the event is kept without that time.",
    "timestamp-out-of-range": "A time before 1970 or after 2199.",
    "wrong-type": "A field holds another type of value than it should; the rest is kept.",
    "bad-encoding": "A binary field is neither hex nor base64; the rest is kept.",
    # Quotes
    "too-short": "Fewer bytes than any quote has.",
    "truncated": "A part of a quote declares more bytes than there are, or a report is cut off.",
    "length-mismatch": "Two lengths in a quote contradict each other.",
    "unsupported-version": "A quote version other than 3, 4 and 5; a report's other than 2 to 5.",
    "unsupported-key-type": "An attestation key that is not ECDSA P-256.",
    "unsupported-tee": "Evidence of a TEE that this version does not read.",
    "unsupported-body": "A version 5 quote with a body type that is not known.",
    "unsupported-wrapper": "A hardware report in a wrapper that is not opened: Azure's HCL report.",
    # Collateral
    "bad-collateral": "Intel collateral of the wrong shape, or a wrong signature field.",
    "bad-pem": "Text that should hold PEM blocks does not.",
    "unsupported-pem": "A PEM block that is no certificate and no CRL.",
    "bad-der": "DER that is neither a certificate nor a CRL, or damaged.",
    "bad-certificate": "A certificate that cannot be read.",
    "bad-crl": "A certificate revocation list that cannot be read.",
    # Manifests
    "bad-manifest": "A manifest, or the named entries of it, cannot be understood; the understood "
    "entries are in force.",
}
