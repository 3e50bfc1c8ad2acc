-- ---
-- id = "collateral-equivocation"
-- title = "Two versions of what can only have one"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which collateral exists twice, signed by the same authority, with one number and one date, and different content?"
-- why = "Both are genuine, so somebody who can sign for Intel told different verifiers different things, or a signing key is in other hands."
-- inputs = ["collateral", "crl", "verdict"]
-- scope = ["observation_id"]
-- widens = true
-- sums = ["judged"]
-- apart = ["collateral", "crl"]
-- discriminator = ["kind", "issued_at", "number", "version"]
-- grain = "one row per series, date, evaluation number and document version"
-- nulls = "documents and lists without a date have no version to disagree about; those not verified yet are counted"
-- false_positives = ["none that is known: a body signed anew has other signature bytes but the same text, and is no finding"]
-- blind_spots = ["a version that no source of the case was served"]
-- attack = ["equivocation", "stolen collateral signing key"]
-- spec = ["Intel PCS: TCB info and enclave identity", "RFC 5280, section 5.1.2.4 (thisUpdate)", "detector D28"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "tcb_info, qe_identity or crl"
-- id = "SGX, TDX, QE, TD_QE ...; of a list its issuer"
-- issued_at = "the one date"
-- number = "the one TCB evaluation number; null for lists"
-- version = "document version; null for lists"
-- contents = "number of different contents"
-- first_id = "collateral_id or crl_id of one"
-- first_content = "the signed text; of a list its expiry and the serial numbers that it revokes"
-- second_id = "collateral_id or crl_id of another"
-- second_content = "the same of that one"
-- judged = "sightings whose verdict rests on one of them"
-- [sides]
-- fact = "collateral of one date"
-- says = "first_content"
-- "and says" = "second_content"
-- [[not_evaluable]]
-- reason = "collateral whose signature was not verified yet"
-- anew = true
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT collateral_id FROM collateral WHERE authentic IS NULL
--     UNION ALL
--     SELECT crl_id FROM crl WHERE authentic IS NULL
-- ) AS unverified"""
-- ---
-- Authorities of one name (a service of another root, or for pre-production) are several.
WITH item AS (
    SELECT
        kind, id, coalesce(fmspc, id) AS series, array_to_string(root_ids, ' ') AS authority,
        coalesce(pce_id, '') AS pce_id, version,
        tcb_evaluation_data_number AS number, issued_at, collateral_id AS item_id, body AS content
    FROM collateral
    WHERE authentic AND issued_at IS NOT NULL
    UNION ALL
    SELECT
        'crl' AS kind, issuer AS id, issuer AS series, issuer_key_id AS authority, '' AS pce_id,
        CAST(NULL AS BIGINT) AS version, CAST(NULL AS BIGINT) AS number, this_update AS issued_at,
        crl_id AS item_id,
        'nextUpdate ' || coalesce(CAST(next_update AS VARCHAR), 'missing') || '; revoked '
        || array_to_string(list_sort(revoked_serials), ' ') AS content
    FROM crl
    WHERE authentic AND this_update IS NOT NULL
),
said AS (
    SELECT
        kind, id, series, coalesce(authority, '') AS authority, pce_id, version, number, issued_at,
        content, min(item_id) AS item_id
    FROM item
    GROUP BY
        kind, id, series, coalesce(authority, ''), pce_id, version, number, issued_at, content
),
numbered AS (
    SELECT
        kind, id, series, authority, pce_id, version, number, issued_at, content, item_id,
        row_number() OVER same AS place,
        count(*) OVER (
            PARTITION BY kind, id, series, authority, pce_id, version, number, issued_at
        ) AS contents
    FROM said
    WINDOW same AS (
        PARTITION BY kind, id, series, authority, pce_id, version, number, issued_at
        ORDER BY item_id
    )
),
pair AS (
    SELECT
        a.kind, a.id, a.series, a.version, a.number, a.issued_at, a.contents,
        a.item_id AS first_id, a.content AS first_content,
        b.item_id AS second_id, b.content AS second_content
    FROM numbered AS a
    JOIN numbered AS b
        ON b.kind = a.kind
        AND b.id = a.id
        AND b.series = a.series
        AND b.authority = a.authority
        AND b.pce_id = a.pce_id
        AND coalesce(b.version = a.version, b.version IS NULL AND a.version IS NULL)
        AND coalesce(b.number = a.number, b.number IS NULL AND a.number IS NULL)
        AND b.issued_at = a.issued_at
        AND b.place = 2
    WHERE a.place = 1 AND a.contents > 1 AND b.contents = a.contents
),
relying AS (
    SELECT
        p.first_id,
        count(DISTINCT v.observation_no) AS judged
    FROM pair AS p
    JOIN verdict AS v
        ON v.tcb_info_id IN (p.first_id, p.second_id)
        OR v.qe_identity_id IN (p.first_id, p.second_id)
        OR v.pck_crl_id IN (p.first_id, p.second_id)
        OR v.root_crl_id IN (p.first_id, p.second_id)
    WHERE v.moment = 'receipt'
    GROUP BY p.first_id
)
SELECT
    'collateral' AS subject_type,
    p.series AS subject_id,
    p.issued_at AS first_seen,
    p.issued_at AS last_seen,
    CAST([] AS VARCHAR[]) AS observation_ids,
    'critical' AS severity,
    CAST(p.contents AS VARCHAR) || ' different, genuinely signed '
    || CASE p.kind
        WHEN 'tcb_info' THEN 'TCB infos (' || p.id || ')'
        WHEN 'qe_identity' THEN 'enclave identities'
        ELSE 'revocation lists'
    END
    || ' of one date'
    || coalesce(' and evaluation number ' || CAST(p.number AS VARCHAR), '') AS summary,
    CAST(to_json({
        'kind': p.kind,
        'id': p.id,
        'issued_at': p.issued_at,
        'number': p.number,
        'version': p.version,
        'contents': p.contents,
        'first_id': p.first_id,
        'first_content': p.first_content,
        'second_id': p.second_id,
        'second_content': p.second_content,
        'judged': coalesce(r.judged, 0)
    }) AS VARCHAR) AS details
FROM pair AS p
LEFT JOIN relying AS r ON r.first_id = p.first_id
ORDER BY subject_type, subject_id, details
