-- ---
-- id = "revoked-in-hindsight"
-- title = "Accepted before its certificate was revoked"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platforms attested well under a PCK certificate, or a PCK CA, that a later revocation list names, issued by the moment of hindsight?"
-- why = "Revocation usually means that the key was extracted, and it was extracted before it was revoked: what the platform was given until then may have gone elsewhere."
-- inputs = ["certificate", "crl", "observation", "quote", "release", "verdict"]
-- requires = ["quote"]
-- scope = ["pck_id"]
-- suspects = "SELECT pck_id FROM ordered"
-- apart = ["certificate", "crl"]
-- discriminator = ["kind", "serial"]
-- grain = "one row per platform and revoked certificate"
-- nulls = "where neither verifier nor verdict accepted, nothing was exposed; evidence without a time counts as before the revocation, a list without a date as known"
-- clocks = "the verifier's against the issuer's dates of its lists, which nothing ties together; they only say before or after, a revoked certificate is told either way"
-- false_positives = ["a certificate that was revoked because it was superseded or out of use: reason codes are not kept"]
-- blind_spots = ["revocations on lists that nobody archived", "the revocation is dated by the first archived list that has it: it may be older"]
-- attack = ["key extraction (TEE.fail and its kin)"]
-- spec = ["RFC 5280, section 5", "Intel SGX PCK certificate and CRL profile", "detector D36"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.as_of]
-- type = "TIMESTAMPTZ"
-- meaning = "the moment of hindsight: a list that was issued later is not known yet"
-- [details]
-- kind = "pck: the platform's certificate; pck_ca: the CA above it"
-- serial = "serial number of the revoked certificate"
-- issuer = "CA whose list names it"
-- crl_id = "the first archived list that names it"
-- revoked_at = "when that list was issued"
-- acquired_at = "when this tool first read that list"
-- exposed_seconds = "from the first accepted sighting to that list"
-- after = "sightings from then on: see verdict-contradiction where a verifier accepted them"
-- enclaves = "enclave ids that attested before"
-- secrets = "secrets released in sessions of that evidence"
-- sightings = "accepted sightings before"
-- [sides]
-- fact = "PCK certificate"
-- "accepted before, times" = "sightings"
-- "revoked at" = "revoked_at"
-- [[not_evaluable]]
-- reason = "PCK CA without an authentic revocation list in the case"
-- anew = true
-- count = """
-- SELECT count(DISTINCT q.pck_ca) AS unjudged
-- FROM quote AS q
-- LEFT JOIN crl AS c ON c.issuer = q.pck_ca AND c.authentic
-- WHERE q.trusted AND q.pck_ca IS NOT NULL AND c.crl_id IS NULL"""
-- ---
WITH held AS (
    SELECT DISTINCT pck_id, pck_serial, pck_ca, pck_ca_serial
    FROM quote
    WHERE trusted AND pck_id IS NOT NULL
),
ca AS (
    SELECT DISTINCT subject, serial, issuer
    FROM certificate
    WHERE subject IS NOT NULL AND issuer IS NOT NULL
),
-- Hindsight knows what had been issued by its moment, as verdicts do.
known AS (
    SELECT issuer, crl_id, this_update, first_acquired_at, revoked_serials
    FROM crl
    WHERE authentic AND coalesce(this_update <= $as_of, TRUE)
),
listed AS (
    SELECT h.pck_id, 'pck' AS kind, h.pck_serial AS serial, c.issuer, c.crl_id, c.this_update,
        c.first_acquired_at
    FROM held AS h
    JOIN known AS c
        ON c.issuer = h.pck_ca AND list_contains(c.revoked_serials, h.pck_serial)
    UNION ALL
    SELECT h.pck_id, 'pck_ca' AS kind, h.pck_ca_serial AS serial, c.issuer, c.crl_id,
        c.this_update, c.first_acquired_at
    FROM held AS h
    JOIN ca AS a ON a.subject = h.pck_ca AND a.serial = h.pck_ca_serial
    JOIN known AS c
        ON c.issuer = a.issuer AND list_contains(c.revoked_serials, h.pck_ca_serial)
),
ordered AS (
    SELECT
        pck_id, kind, serial, issuer, crl_id, this_update AS revoked_at,
        first_acquired_at AS acquired_at,
        row_number() OVER (PARTITION BY pck_id, kind ORDER BY this_update, crl_id) AS place
    FROM listed
),
-- Few certificates are revoked: their quotes first.
revoked AS (
    SELECT quote_no, pck_id, ppid, attestation_key_id
    FROM quote
    WHERE trusted AND pck_id IN (SELECT pck_id FROM ordered)
),
sighting AS (
    SELECT
        r.kind, r.serial, r.issuer, r.crl_id, r.revoked_at, r.acquired_at,
        o.observation_id, o.observation_no, o.received_at, o.session_id, o.enclave_id,
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END AS subject_type,
        coalesce(q.ppid, q.attestation_key_id) AS subject_id,
        coalesce(o.received_at < r.revoked_at, TRUE) AS before,
        coalesce(o.claimed_ok, FALSE) OR coalesce(v.outcome = 'accepted', FALSE) AS accepted
    FROM revoked AS q
    JOIN ordered AS r ON r.pck_id = q.pck_id
    JOIN observation AS o ON o.quote_no = q.quote_no
    LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE r.place = 1
),
released AS (
    SELECT session_id, count(DISTINCT coalesce(secret_id, '')) AS secrets
    FROM release
    WHERE session_id IN (SELECT session_id FROM sighting)
    GROUP BY session_id
),
session AS (
    SELECT s.subject_type, s.subject_id, s.kind, s.serial, r.session_id, max(r.secrets) AS secrets
    FROM sighting AS s
    JOIN released AS r ON r.session_id = s.session_id
    WHERE s.before AND s.accepted
    GROUP BY s.subject_type, s.subject_id, s.kind, s.serial, r.session_id
),
given AS (
    SELECT subject_type, subject_id, kind, serial, CAST(sum(secrets) AS BIGINT) AS secrets
    FROM session
    GROUP BY subject_type, subject_id, kind, serial
),
told AS (
    SELECT
        subject_type, subject_id, kind, serial,
        min(issuer) AS issuer,
        min(crl_id) AS crl_id,
        min(revoked_at) AS revoked_at,
        min(acquired_at) AS acquired_at,
        min(CASE WHEN before AND accepted THEN received_at END) AS first_seen,
        max(CASE WHEN before AND accepted THEN received_at END) AS last_seen,
        string_split(string_agg(
            CASE WHEN before AND accepted THEN observation_id END, ' '
            ORDER BY received_at, observation_no
        ), ' ') AS observation_ids,
        list_sort(list(DISTINCT enclave_id) FILTER (
            WHERE before AND accepted AND enclave_id IS NOT NULL
        )) AS enclaves,
        CAST(sum(CASE WHEN before THEN 0 ELSE 1 END) AS BIGINT) AS after,
        CAST(sum(CASE WHEN before AND accepted THEN 1 ELSE 0 END) AS BIGINT) AS sightings
    FROM sighting
    GROUP BY subject_type, subject_id, kind, serial
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    'high' AS severity,
    CASE t.kind
        WHEN 'pck' THEN 'Its PCK certificate was revoked later'
        ELSE 'The CA of its PCK certificate was revoked later'
    END
    || coalesce(
        ', ' || CAST(CAST(epoch(t.revoked_at) - epoch(t.last_seen) AS BIGINT) AS VARCHAR)
        || ' s after it was last accepted', ''
    )
    || ': ' || CAST(t.sightings AS VARCHAR) || ' sighting(s), '
    || CAST(coalesce(g.secrets, 0) AS VARCHAR) || ' secret(s) released' AS summary,
    CAST(to_json({
        'kind': t.kind,
        'serial': t.serial,
        'issuer': t.issuer,
        'crl_id': t.crl_id,
        'revoked_at': t.revoked_at,
        'acquired_at': t.acquired_at,
        'exposed_seconds': CAST(epoch(t.revoked_at) - epoch(t.first_seen) AS BIGINT),
        'after': t.after,
        'enclaves': t.enclaves,
        'secrets': coalesce(g.secrets, 0),
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
LEFT JOIN given AS g
    ON g.subject_type = t.subject_type
    AND g.subject_id = t.subject_id
    AND g.kind = t.kind
    AND g.serial = t.serial
WHERE t.sightings > 0
ORDER BY subject_type, subject_id, details
