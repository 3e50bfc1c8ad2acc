-- ---
-- id = "fail-then-pass"
-- title = "Refused, and soon after accepted elsewhere"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which evidence was refused and then accepted, by another verifier or on another try?"
-- why = "Who is refused looks for a verifier with older collateral, a laxer policy or a bug. The same bytes cannot be bad and good within minutes."
-- inputs = ["observation", "quote", "verdict"]
-- scope = ["container_id", "enclave_id", "signature_r"]
-- suspects = "SELECT instance AS container_id, instance AS enclave_id FROM refused"
-- discriminator = ["kind"]
-- grain = "one row per instance and kind"
-- nulls = "evidence without an instance is told by its signing event; a verdict that was not logged is neither; evidence without a time is counted"
-- false_positives = ["a verifier that could not reach its collateral and was asked again (low where the one verifier that refused accepts new evidence)", "a verifier that was mended in between"]
-- blind_spots = ["refusals that nobody logged", "patience: a second try after the window"]
-- attack = ["verifier shopping"]
-- spec = ["detector D49"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.window]
-- type = "INTERVAL"
-- default = "10m"
-- meaning = "a refusal and an acceptance this far apart, or further, have nothing to do with each other"
-- [details]
-- kind = "same_evidence: one signing event; other_verifier: new evidence elsewhere; retry: new evidence at the same verifier"
-- refused_by = "verifiers that refused"
-- accepted_by = "verifiers that accepted"
-- refusals = "refusals before the acceptances"
-- seconds_apart = "the shortest time between refusal and acceptance, by the clocks of the verifiers"
-- margin_ms = "the longest: by that much their clocks would have to be apart for every acceptance to have come first"
-- skew_ms = "how much of that the verifiers' clocks and the ways to them are, by the host's own clock, which says when new evidence was made; else 0 where one verifier stamped both; null: not known, as of one signing event before two verifiers"
-- skew_explains = "by the host's own clock all that was accepted had been made before what was refused; null: not known"
-- receipts = "recomputed outcomes of the accepted evidence"
-- pairs = "acceptances that followed a refusal"
-- [[not_evaluable]]
-- reason = "verdict logged without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_ok IS NOT NULL AND received_at IS NULL"""
-- ---
-- Few are ever refused: only those are looked at further.
WITH refused AS (
    SELECT
        o.observation_no, o.received_at,
        coalesce(o.container_id, o.enclave_id, q.signing_id) AS instance
    FROM observation AS o
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE NOT o.claimed_ok AND o.received_at IS NOT NULL
),
accepted AS (
    SELECT observation_no, received_at, coalesce(container_id, enclave_id) AS instance
    FROM observation
    WHERE claimed_ok
        AND received_at IS NOT NULL
        AND coalesce(container_id, enclave_id) IN (SELECT instance FROM refused)
    UNION ALL
    SELECT o.observation_no, o.received_at, q.signing_id AS instance
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE o.claimed_ok
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NULL
        AND q.signing_id IN (SELECT instance FROM refused)
),
pair AS (
    SELECT p.observation_no, f.observation_no AS refused_no
    FROM refused AS f
    JOIN accepted AS p
        ON p.instance = f.instance
        AND p.received_at >= f.received_at
        AND p.received_at < f.received_at + $window
),
said AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok,
        coalesce(o.backend_verifier, 'unnamed verifier') AS verifier,
        o.backend_verifier, o.quote_generated_at AS made_at, q.signing_id,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'signing_event'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, q.signing_id) AS subject_id
    FROM (
        SELECT
            observation_id, observation_no, quote_no, received_at, claimed_ok, backend_verifier,
            quote_generated_at, enclave_id, container_id
        FROM observation
        WHERE observation_no IN (
            SELECT observation_no FROM pair UNION SELECT refused_no FROM pair
        )
    ) AS o
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
),
followed AS (
    SELECT
        p.subject_type, p.subject_id, p.observation_id, p.observation_no, p.received_at,
        p.verifier,
        f.observation_no AS refused_no, f.verifier AS refused_by,
        epoch(p.received_at) - epoch(f.received_at) AS apart,
        coalesce(
            CASE
                WHEN coalesce(p.signing_id <> f.signing_id, TRUE)
                    THEN epoch(p.received_at) - epoch(f.received_at)
                        - (epoch(p.made_at) - epoch(f.made_at))
            END,
            CASE WHEN p.backend_verifier = f.backend_verifier THEN 0 END
        ) AS skew,
        CASE
            WHEN p.signing_id = f.signing_id THEN 'same_evidence'
            WHEN p.verifier <> f.verifier THEN 'other_verifier'
            ELSE 'retry'
        END AS kind
    FROM pair AS x
    JOIN said AS f ON f.observation_no = x.refused_no
    JOIN said AS p ON p.observation_no = x.observation_no
),
-- An acceptance counts by the strongest of its refusals.
ranked AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, verifier,
        refused_no, refused_by, apart, skew,
        min(CASE kind WHEN 'same_evidence' THEN 1 WHEN 'other_verifier' THEN 2 ELSE 3 END)
            OVER (PARTITION BY observation_no) AS strength
    FROM followed
),
kinds AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, verifier,
        refused_no, refused_by, apart, skew,
        CASE strength
            WHEN 1 THEN 'same_evidence' WHEN 2 THEN 'other_verifier' ELSE 'retry'
        END AS kind
    FROM ranked
),
involved AS (
    SELECT subject_type, subject_id, kind, observation_no FROM kinds
    UNION
    SELECT subject_type, subject_id, kind, refused_no AS observation_no FROM kinds
),
sightings AS (
    SELECT
        i.subject_type, i.subject_id, i.kind,
        min(s.received_at) AS first_seen,
        max(s.received_at) AS last_seen,
        string_split(string_agg(s.observation_id, ' ' ORDER BY s.received_at, s.observation_no), ' ')
            AS observation_ids,
        list_sort(list(DISTINCT v.outcome) FILTER (WHERE s.claimed_ok AND v.outcome IS NOT NULL))
            AS receipts
    FROM involved AS i
    JOIN said AS s ON s.observation_no = i.observation_no
    LEFT JOIN verdict AS v ON v.observation_no = i.observation_no AND v.moment = 'receipt'
    GROUP BY i.subject_type, i.subject_id, i.kind
),
told AS (
    SELECT
        subject_type, subject_id, kind,
        list_sort(list(DISTINCT refused_by)) AS refused_by,
        list_sort(list(DISTINCT verifier)) AS accepted_by,
        count(DISTINCT refused_no) AS refusals,
        CAST(min(apart) AS BIGINT) AS seconds_apart,
        max(apart) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(coalesce(apart <= skew, FALSE)) END AS explained,
        count(DISTINCT observation_no) AS pairs
    FROM kinds
    GROUP BY subject_type, subject_id, kind
)
SELECT
    t.subject_type,
    t.subject_id,
    s.first_seen,
    s.last_seen,
    s.observation_ids,
    CASE t.kind WHEN 'same_evidence' THEN 'high' WHEN 'other_verifier' THEN 'medium' ELSE 'low' END
        AS severity,
    CASE t.kind
        WHEN 'same_evidence' THEN 'The same evidence was refused by '
        ELSE 'Refused by '
    END
    || array_to_string(t.refused_by, ', ') || ', and '
    || CAST(t.seconds_apart AS VARCHAR) || ' s later '
    || CASE t.kind WHEN 'same_evidence' THEN '' ELSE 'new evidence was ' END
    || 'accepted by ' || array_to_string(t.accepted_by, ', ')
    || CASE WHEN t.explained THEN ', by the host''s own clock the other way round' ELSE '' END AS summary,
    CAST(to_json({
        'kind': t.kind,
        'refused_by': t.refused_by,
        'accepted_by': t.accepted_by,
        'refusals': t.refusals,
        'seconds_apart': t.seconds_apart,
        'margin_ms': CAST(t.margin * 1000 AS BIGINT),
        'skew_ms': CAST(t.skew * 1000 AS BIGINT),
        'skew_explains': t.explained,
        'receipts': s.receipts,
        'pairs': t.pairs
    }) AS VARCHAR) AS details
FROM told AS t
JOIN sightings AS s
    ON s.subject_type = t.subject_type AND s.subject_id = t.subject_id AND s.kind = t.kind
ORDER BY subject_type, subject_id, details
