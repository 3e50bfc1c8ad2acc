-- ---
-- id = "expired-collateral-accepted"
-- title = "OK under collateral or certificates that had expired"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which evidence did a verifier call good although what it judged with was no longer in force?"
-- why = "Whoever can keep new collateral away from a verifier decides which vulnerabilities and revocations it knows. Expiry is what ends that, if it is checked."
-- inputs = ["collateral", "crl", "observation", "quote", "verdict"]
-- requires = ["verdict"]
-- scope = ["observation_id"]
-- dated = ["collateral", "crl"]
-- again = """
-- SELECT o.observation_no
-- FROM observation AS o
-- CROSS JOIN (
--     SELECT min(issued_at) AS first_at
--     FROM (
--         SELECT issued_at FROM fresh_collateral WHERE authentic
--         UNION ALL
--         SELECT this_update AS issued_at FROM fresh_crl WHERE authentic
--     ) AS document
-- ) AS i
-- WHERE o.received_at >= i.first_at OR o.collateral_fetched_at >= i.first_at"""
-- discriminator = ["kind", "item"]
-- grain = "one row per verifier, else instance, and kind and item"
-- nulls = "an OK without a quote, without a time or without any collateral in the case is counted; only the time of its fetch says what a verifier judged with: where that is not logged, or newer may have come since, the finding is unresolved and medium, as verdict-contradiction's is where collateral may have been other; lists that were all issued later are not expired, and counted; so is a fetch before anything that the case has was issued"
-- false_positives = ["unresolved: the verifier had newer collateral than the case", "a grace period that the operator declared", "a verifier whose clock is wrong by margin_ms or more: nothing in the data ties it to the clock of the collateral's issuer"]
-- blind_spots = ["a verifier that logs a fetch that it never made", "a fetch from a cache that itself served expired documents"]
-- attack = ["frozen collateral", "suppressed revocation"]
-- spec = ["Intel SGX DCAP: nextUpdate of TCB info, enclave identity and CRLs", "detector D30"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "fetched: by its own log the verifier had nothing newer; certificate: a certificate of the evidence or of the collateral's signer had expired; unresolved: the newest that the case has had expired"
-- item = "tcb_info, qe_identity, pck_crl, crl, pck_chain or signing_chain"
-- margin_ms = "how long after the expiry, at most, by the verifier's clock; null where only the check is known"
-- skew_ms = "how far the verifier's clock was ahead of the host's, the way included: received_at less quote_generated_at; null: not logged, or no margin"
-- skew_explains = "by the clocks of the hosts that made it, all of the evidence is older than the expiry; null: not known, or no margin"
-- verifiers = "verifiers that said OK"
-- enclaves = "enclave ids that were let in"
-- sightings = "number of sightings"
-- [sides]
-- fact = "collateral"
-- "expired, ms before" = "margin_ms"
-- "OK said by" = "verifiers"
-- [[not_evaluable]]
-- reason = "claimed OK, but the case has no collateral for it at all"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- WHERE o.claimed_ok
--     AND v.outcome = 'undetermined'
--     AND v.tcb_info_id IS NULL"""
-- [[not_evaluable]]
-- reason = "claimed OK with collateral fetched before anything that the case has was issued"
-- count = """
-- SELECT count(DISTINCT o.observation_no) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- JOIN (
--     SELECT tee, fmspc, pck_ca, item, min(held_from) AS first_at
--     FROM owed
--     GROUP BY tee, fmspc, pck_ca, item
-- ) AS f
--     ON f.tee IS NOT DISTINCT FROM q.tee
--     AND f.fmspc IS NOT DISTINCT FROM q.fmspc
--     AND f.pck_ca IS NOT DISTINCT FROM q.pck_ca
--     AND o.collateral_fetched_at < f.first_at
-- WHERE o.claimed_ok"""
-- [[not_evaluable]]
-- reason = "claimed OK, but the quote was not kept"
-- count = "SELECT count(*) AS unjudged FROM observation WHERE claimed_ok AND quote_id IS NULL"
-- [[not_evaluable]]
-- reason = "claimed OK, and the revocation lists in the case were all issued later, or do not say when they end"
-- count = """
-- WITH first_list AS (
--     SELECT issuer, min(this_update) AS first_at FROM crl WHERE authentic GROUP BY issuer
-- ),
-- list AS (
--     SELECT c.crl_id, c.this_update, c.next_update, f.first_at
--     FROM crl AS c
--     LEFT JOIN first_list AS f ON f.issuer = c.issuer
-- )
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- LEFT JOIN list AS p ON p.crl_id = v.pck_crl_id
-- LEFT JOIN list AS r ON r.crl_id = v.root_crl_id
-- WHERE o.claimed_ok AND list_contains(v.failed_checks, 'T2')
--     AND NOT coalesce(o.received_at >= p.next_update + INTERVAL '1' SECOND, FALSE)
--     AND NOT coalesce(o.received_at >= r.next_update + INTERVAL '1' SECOND, FALSE)
--     AND NOT coalesce(p.this_update > o.received_at AND o.received_at >= p.first_at, FALSE)
--     AND NOT coalesce(r.this_update > o.received_at AND o.received_at >= r.first_at, FALSE)"""
-- ---
WITH document AS (
    SELECT 'tcb_info' AS item, id || ' ' || fmspc AS item_key, issued_at, expires_at
    FROM collateral
    WHERE kind = 'tcb_info' AND authentic
    UNION ALL
    SELECT 'qe_identity' AS item, id AS item_key, issued_at, expires_at
    FROM collateral
    WHERE kind = 'qe_identity' AND authentic
    UNION ALL
    SELECT 'pck_crl' AS item, issuer AS item_key, this_update AS issued_at,
        next_update AS expires_at
    FROM crl
    WHERE authentic
),
-- The best that a fetch could bring, from one issue to the next: what was issued by then and lasts
-- longest.
held AS (
    SELECT
        item, item_key, issued_at AS held_from,
        lead(issued_at) OVER issue AS held_to,
        max(expires_at) OVER issue AS expires_at
    FROM (
        SELECT item, item_key, issued_at, max(expires_at) AS expires_at
        FROM document
        WHERE issued_at IS NOT NULL
        GROUP BY item, item_key, issued_at
    ) AS issued
    WINDOW issue AS (PARTITION BY item, item_key ORDER BY issued_at)
),
-- The documents of each kind of platform, of which there are few.
owed AS (
    SELECT k.tee, k.fmspc, k.pck_ca, h.item, h.held_from, h.held_to, h.expires_at
    FROM (SELECT DISTINCT tee, fmspc, pck_ca FROM quote) AS k
    JOIN held AS h
        ON h.item_key = CASE h.item
            WHEN 'tcb_info' THEN upper(k.tee) || ' ' || k.fmspc
            WHEN 'qe_identity' THEN CASE k.tee WHEN 'sgx' THEN 'QE' WHEN 'tdx' THEN 'TD_QE' END
            ELSE k.pck_ca
        END
),
-- As Intel counts, the second of expiry is still in force.
fetched AS (
    SELECT o.observation_no, h.item, h.expires_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    JOIN owed AS h
        ON h.tee IS NOT DISTINCT FROM q.tee
        AND h.fmspc IS NOT DISTINCT FROM q.fmspc
        AND h.pck_ca IS NOT DISTINCT FROM q.pck_ca
        AND o.collateral_fetched_at >= h.held_from
        AND coalesce(o.collateral_fetched_at < h.held_to, TRUE)
        AND o.received_at >= h.expires_at + INTERVAL '1' SECOND
    WHERE o.claimed_ok
),
-- Few sightings fail a check of time.
failed AS (
    SELECT
        o.observation_no, o.received_at, v.failed_checks, v.tcb_info_id, v.qe_identity_id,
        v.pck_crl_id, v.root_crl_id
    FROM verdict AS v
    JOIN observation AS o ON o.observation_no = v.observation_no
    WHERE v.moment = 'receipt'
        AND (
            list_contains(v.failed_checks, 'T1') OR list_contains(v.failed_checks, 'T2')
            OR list_contains(v.failed_checks, 'T3') OR list_contains(v.failed_checks, 'T4')
            OR list_contains(v.failed_checks, 'T5')
        )
        AND o.claimed_ok AND o.quote_no IS NOT NULL
),
-- Lists that were not in force: the newest of the case had expired, or it came later, and then
-- the ones before it count.
listed AS (
    SELECT observation_no, received_at, pck_crl_id AS crl_id
    FROM failed
    WHERE list_contains(failed_checks, 'T2')
    UNION ALL
    SELECT observation_no, received_at, root_crl_id AS crl_id
    FROM failed
    WHERE list_contains(failed_checks, 'T2')
),
lapsed AS (
    SELECT observation_no, max(next_update) AS expires_at
    FROM (
        SELECT l.observation_no, l.received_at, c.next_update
        FROM listed AS l
        JOIN crl AS c ON c.crl_id = l.crl_id
        UNION ALL
        SELECT l.observation_no, l.received_at, b.next_update
        FROM listed AS l
        JOIN crl AS c ON c.crl_id = l.crl_id AND c.this_update > l.received_at
        JOIN crl AS b
            ON b.issuer = c.issuer AND b.authentic AND b.this_update <= l.received_at
    ) AS ended
    WHERE received_at >= next_update + INTERVAL '1' SECOND
    GROUP BY observation_no
),
offence AS (
    SELECT observation_no, 'fetched' AS kind, item, expires_at FROM fetched
    UNION ALL
    SELECT observation_no, 'certificate' AS kind, 'pck_chain' AS item,
        CAST(NULL AS TIMESTAMPTZ) AS expires_at
    FROM failed
    WHERE list_contains(failed_checks, 'T1')
    UNION ALL
    SELECT observation_no, 'certificate' AS kind, 'signing_chain' AS item,
        CAST(NULL AS TIMESTAMPTZ) AS expires_at
    FROM failed
    WHERE list_contains(failed_checks, 'T3')
    UNION ALL
    SELECT j.observation_no, 'unresolved' AS kind, 'tcb_info' AS item, d.expires_at
    FROM failed AS j
    LEFT JOIN collateral AS d ON d.collateral_id = j.tcb_info_id
    LEFT JOIN fetched AS f ON f.observation_no = j.observation_no AND f.item = 'tcb_info'
    WHERE list_contains(j.failed_checks, 'T4') AND f.observation_no IS NULL
    UNION ALL
    SELECT j.observation_no, 'unresolved' AS kind, 'qe_identity' AS item, d.expires_at
    FROM failed AS j
    LEFT JOIN collateral AS d ON d.collateral_id = j.qe_identity_id
    LEFT JOIN fetched AS f ON f.observation_no = j.observation_no AND f.item = 'qe_identity'
    WHERE list_contains(j.failed_checks, 'T5') AND f.observation_no IS NULL
    UNION ALL
    SELECT j.observation_no, 'unresolved' AS kind, 'crl' AS item, d.expires_at
    FROM failed AS j
    JOIN lapsed AS d ON d.observation_no = j.observation_no
    LEFT JOIN fetched AS f ON f.observation_no = j.observation_no AND f.item = 'pck_crl'
    WHERE f.observation_no IS NULL
),
-- Few sightings offend.
sighting AS (
    SELECT
        observation_id, observation_no, quote_id, received_at, quote_generated_at, enclave_id,
        container_id, backend_verifier
    FROM observation
    WHERE observation_no IN (SELECT DISTINCT observation_no FROM offence)
),
judged AS (
    SELECT
        x.kind, x.item, x.expires_at,
        o.observation_id, o.observation_no, o.received_at, o.backend_verifier, o.enclave_id,
        o.quote_generated_at AS made_at,
        CASE
            WHEN o.backend_verifier IS NOT NULL THEN 'verifier'
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.backend_verifier, o.enclave_id, o.container_id, o.quote_id) AS subject_id
    FROM offence AS x
    JOIN sighting AS o ON o.observation_no = x.observation_no
),
told AS (
    SELECT
        subject_type, subject_id, kind, item,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        max(epoch(received_at) - epoch(expires_at)) AS margin,
        max(CASE WHEN expires_at IS NOT NULL THEN epoch(received_at) - epoch(made_at) END)
            AS skew,
        bool_and(coalesce(made_at <= expires_at, FALSE)) AS explained,
        list_sort(list(DISTINCT backend_verifier) FILTER (WHERE backend_verifier IS NOT NULL))
            AS verifiers,
        list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)) AS enclaves,
        count(*) AS sightings
    FROM judged
    GROUP BY subject_type, subject_id, kind, item
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE kind WHEN 'unresolved' THEN 'medium' ELSE 'high' END AS severity,
    'OK under '
    || CASE item
        WHEN 'tcb_info' THEN 'a TCB info'
        WHEN 'qe_identity' THEN 'an enclave identity'
        WHEN 'pck_chain' THEN 'a PCK certificate chain'
        WHEN 'signing_chain' THEN 'a TCB signing chain'
        ELSE 'a revocation list'
    END
    || CASE kind
        WHEN 'fetched' THEN ' that had expired up to ' || CAST(CAST(margin AS BIGINT) AS VARCHAR)
            || ' s before'
        WHEN 'certificate' THEN ' that had expired'
        ELSE ' that had expired, or under one that the case does not have'
    END
    || CASE WHEN explained THEN ', by the hosts'' own clocks not yet' ELSE '' END
    || ', ' || CAST(sightings AS VARCHAR) || ' time(s)' AS summary,
    CAST(to_json({
        'kind': kind,
        'item': item,
        'margin_ms': CAST(margin * 1000 AS BIGINT),
        'skew_ms': CAST(skew * 1000 AS BIGINT),
        'skew_explains': CASE WHEN skew IS NOT NULL THEN explained END,
        'verifiers': verifiers,
        'enclaves': enclaves,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
