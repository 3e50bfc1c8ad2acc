-- ---
-- id = "fail-then-pass"
-- title = "Refused, and soon after accepted elsewhere"
-- version = 7
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
-- grain = "one row per instance and kind; high where another verifier accepts, or the same evidence is accepted; low where the verifier that refused accepts new evidence"
-- nulls = "evidence without an instance is told by its signing event; a verdict that was not logged is neither; evidence without a time is counted"
-- false_positives = ["a verifier that could not reach its collateral: asked again it is low, however often; a client that goes on to another verifier meanwhile is told as any other, since words for such a reason differ from verifier to verifier", "a verifier that was mended in between"]
-- blind_spots = ["refusals that nobody logged", "patience: a second try after the window"]
-- attack = ["verifier shopping"]
-- spec = ["detector D49"]
-- created = 2026-11-23
-- updated = 2026-12-01
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
-- seconds_apart = "the shortest time between an acceptance and the last refusal of that kind before it, by the clocks of the verifiers"
-- margin_ms = "the longest such time: by that much their clocks would have to be apart for every acceptance to have come first"
-- skew_ms = "how much of that the verifiers' clocks and the ways to them are, by the host's own clock, which says when new evidence was made; else 0 where one verifier stamped both; null: not known, as of one signing event before two verifiers"
-- skew_explains = "by the host's own clock all that was accepted had been made before what was refused; null: not known"
-- receipts = "recomputed outcomes of the accepted evidence"
-- pairs = "acceptances that followed a refusal"
-- [sides]
-- fact = "verdict"
-- "refused by" = "refused_by"
-- "accepted by" = "accepted_by"
-- [[not_evaluable]]
-- reason = "verdict logged without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_ok IS NOT NULL AND received_at IS NULL"""
-- ---
-- Few are ever refused: only those are looked at further.
WITH refused AS (
    SELECT o.observation_no, coalesce(o.container_id, o.enclave_id, q.signing_id) AS instance
    FROM observation AS o
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE NOT o.claimed_ok AND o.received_at IS NOT NULL
),
accepted AS (
    SELECT observation_no, coalesce(container_id, enclave_id) AS instance
    FROM observation
    WHERE claimed_ok
        AND received_at IS NOT NULL
        AND coalesce(container_id, enclave_id) IN (SELECT instance FROM refused)
    UNION ALL
    SELECT o.observation_no, q.signing_id AS instance
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE o.claimed_ok
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NULL
        AND q.signing_id IN (SELECT instance FROM refused)
),
told_of AS (
    SELECT observation_no, instance, 0 AS is_accepted FROM refused
    UNION ALL
    SELECT observation_no, instance, 1 FROM accepted
),
-- What was said of each instance, in order; a refusal comes before an acceptance of that moment.
word AS (
    SELECT
        w.instance, w.is_accepted, o.observation_id, o.observation_no, o.received_at,
        coalesce(o.backend_verifier, 'unnamed verifier') AS verifier, o.backend_verifier,
        o.quote_generated_at AS made_at, q.signing_id,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'signing_event'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, q.signing_id) AS subject_id,
        row_number() OVER (
            PARTITION BY w.instance ORDER BY o.received_at, w.is_accepted, o.observation_no
        ) AS place
    FROM told_of AS w
    JOIN (
        SELECT
            observation_id, observation_no, quote_no, received_at, backend_verifier,
            quote_generated_at, enclave_id, container_id
        FROM observation
        WHERE observation_no IN (SELECT observation_no FROM told_of)
    ) AS o ON o.observation_no = w.observation_no
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
),
-- The last refusals before each word: of anything, and of the same evidence.
met AS (
    SELECT
        instance, is_accepted, place, verifier,
        max(CASE WHEN is_accepted = 0 THEN place END) OVER (
            PARTITION BY instance ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_place,
        max(CASE WHEN is_accepted = 0 AND signing_id IS NOT NULL THEN place END) OVER (
            PARTITION BY instance, signing_id ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS same_place
    FROM word
),
-- And the last refusal by another verifier than that of each refusal.
turned AS (
    SELECT
        instance, place, verifier,
        CASE WHEN verifier <> lag(verifier) OVER line THEN lag(place) OVER line END AS turned_place
    FROM word
    WHERE is_accepted = 0
    WINDOW line AS (PARTITION BY instance ORDER BY place)
),
refusal AS (
    SELECT
        instance, place, verifier,
        max(turned_place) OVER (
            PARTITION BY instance ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS other_place
    FROM turned
),
choice AS (
    SELECT instance, place, 1 AS strength, same_place AS refused_place
    FROM met
    WHERE is_accepted = 1
    UNION ALL
    SELECT
        m.instance, m.place, 2,
        CASE WHEN r.verifier <> m.verifier THEN r.place ELSE r.other_place END
    FROM met AS m
    JOIN refusal AS r ON r.instance = m.instance AND r.place = m.last_place
    WHERE m.is_accepted = 1
    UNION ALL
    SELECT instance, place, 3, last_place FROM met WHERE is_accepted = 1
),
-- An acceptance counts by the strongest of its refusals, and is held against the last such.
strongest AS (
    SELECT
        c.instance, c.place, min(c.strength) AS strength,
        min_by(c.refused_place, c.strength) AS refused_place
    FROM choice AS c
    JOIN word AS p ON p.instance = c.instance AND p.place = c.place
    JOIN word AS f ON f.instance = c.instance AND f.place = c.refused_place
    WHERE p.received_at < f.received_at + $window
    GROUP BY c.instance, c.place
),
followed AS (
    SELECT
        p.instance, p.place, s.refused_place, s.strength,
        CASE s.strength
            WHEN 1 THEN 'same_evidence' WHEN 2 THEN 'other_verifier' ELSE 'retry'
        END AS kind,
        p.subject_type, p.subject_id, p.observation_no, p.received_at, p.verifier,
        epoch(p.received_at) - epoch(f.received_at) AS apart,
        coalesce(
            CASE
                WHEN s.strength > 1
                    THEN epoch(p.received_at) - epoch(f.received_at)
                        - (epoch(p.made_at) - epoch(f.made_at))
            END,
            CASE WHEN p.backend_verifier = f.backend_verifier THEN 0 END
        ) AS skew
    FROM strongest AS s
    JOIN word AS p ON p.instance = s.instance AND p.place = s.place
    JOIN word AS f ON f.instance = s.instance AND f.place = s.refused_place
),
-- Earlier refusals within the window count as well: by the next acceptance of each kind.
onward AS (
    SELECT
        w.instance, w.place, w.is_accepted, w.received_at, k.strength,
        min(CASE WHEN f.strength = k.strength THEN w.place END) OVER (
            PARTITION BY w.instance, k.strength ORDER BY w.place
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS next_place
    FROM word AS w
    CROSS JOIN (SELECT 1 AS strength UNION ALL SELECT 2 UNION ALL SELECT 3) AS k
    LEFT JOIN followed AS f ON f.instance = w.instance AND f.place = w.place
),
involved AS (
    SELECT subject_type, subject_id, kind, instance, place, 1 AS is_accepted FROM followed
    UNION
    SELECT subject_type, subject_id, kind, instance, refused_place, 0 FROM followed
    UNION
    SELECT f.subject_type, f.subject_id, f.kind, n.instance, n.place, 0
    FROM onward AS n
    JOIN followed AS f ON f.instance = n.instance AND f.place = n.next_place
    WHERE n.is_accepted = 0 AND f.received_at < n.received_at + $window
),
sightings AS (
    SELECT
        i.subject_type, i.subject_id, i.kind,
        min(w.received_at) AS first_seen,
        max(w.received_at) AS last_seen,
        string_split(string_agg(w.observation_id, ' ' ORDER BY w.received_at, w.observation_no), ' ')
            AS observation_ids,
        count(CASE WHEN i.is_accepted = 0 THEN 1 END) AS refusals,
        list_sort(list(DISTINCT w.verifier) FILTER (WHERE i.is_accepted = 0)) AS refused_by,
        list_sort(list(DISTINCT v.outcome) FILTER (
            WHERE i.is_accepted = 1 AND v.outcome IS NOT NULL
        )) AS receipts
    FROM involved AS i
    JOIN word AS w ON w.instance = i.instance AND w.place = i.place
    LEFT JOIN verdict AS v ON v.observation_no = w.observation_no AND v.moment = 'receipt'
    GROUP BY i.subject_type, i.subject_id, i.kind
),
told AS (
    SELECT
        subject_type, subject_id, kind,
        list_sort(list(DISTINCT verifier)) AS accepted_by,
        CAST(min(apart) AS BIGINT) AS seconds_apart,
        max(apart) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(coalesce(apart <= skew, FALSE)) END AS explained,
        count(*) AS pairs
    FROM followed
    GROUP BY subject_type, subject_id, kind
)
SELECT
    t.subject_type,
    t.subject_id,
    s.first_seen,
    s.last_seen,
    s.observation_ids,
    CASE t.kind WHEN 'retry' THEN 'low' ELSE 'high' END AS severity,
    CASE t.kind
        WHEN 'same_evidence' THEN 'The same evidence was refused by '
        ELSE 'Refused by '
    END
    || array_to_string(s.refused_by, ', ') || ', and '
    || CAST(t.seconds_apart AS VARCHAR) || ' s later '
    || CASE t.kind WHEN 'same_evidence' THEN '' ELSE 'new evidence was ' END
    || 'accepted by ' || array_to_string(t.accepted_by, ', ')
    || CASE WHEN t.explained THEN ', by the host''s own clock the other way round' ELSE '' END AS summary,
    CAST(to_json({
        'kind': t.kind,
        'refused_by': s.refused_by,
        'accepted_by': t.accepted_by,
        'refusals': s.refusals,
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
