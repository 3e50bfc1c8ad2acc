-- ---
-- id = "claim-mismatch"
-- title = "The log misquotes the quote beside it"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Where do the verifier's logged identity claims differ from the quote that it logged with them?"
-- why = "Whoever read the log saw another enclave than the one that attested. Parsers do not err this way: evidence was swapped, or the verifier lied."
-- inputs = ["observation", "quote"]
-- scope = ["observation_id"]
-- discriminator = []
-- grain = "one row per instance"
-- nulls = "an absent claim contradicts nothing; a claim about a field that the quote does not have is counted as not evaluable"
-- false_positives = ["a verifier that logs a digest in reversed byte order"]
-- blind_spots = ["a malformed claim is left to malformed-claim", "events that were kept without their quote"]
-- attack = ["falsified verifier log", "swapped evidence"]
-- spec = ["detector D33"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- fields = "the claims that differ: mrenclave, mrsigner, isv_prodid, isv_svn"
-- claimed = "those claims in the first sighting, as name=value"
-- quoted = "the quote's own values in it, as name=value"
-- verifiers = "verifiers that logged it"
-- sightings = "number of sightings"
-- [sides]
-- fact = "identity"
-- "the verifier's words" = "claimed"
-- "the quote itself" = "quoted"
-- [[not_evaluable]]
-- reason = "SGX claims beside a quote that has no such fields"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.mrenclave IS NULL
--     AND (
--         o.claimed_mrenclave IS NOT NULL OR o.claimed_mrsigner IS NOT NULL
--         OR o.claimed_isv_prodid IS NOT NULL OR o.claimed_isv_svn IS NOT NULL
--     )"""
-- ---
WITH compared AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.backend_verifier,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id) AS subject_id,
        o.claimed_mrenclave, o.claimed_mrsigner, o.claimed_isv_prodid, o.claimed_isv_svn,
        q.mrenclave, q.mrsigner, q.isv_prodid, q.isv_svn,
        coalesce(o.claimed_mrenclave <> q.mrenclave, FALSE)
        AND NOT coalesce(list_contains(o.malformed_claims, 'mrenclave'), FALSE)
            AS mrenclave_differs,
        coalesce(o.claimed_mrsigner <> q.mrsigner, FALSE)
        AND NOT coalesce(list_contains(o.malformed_claims, 'mrsigner'), FALSE)
            AS mrsigner_differs,
        coalesce(o.claimed_isv_prodid <> q.isv_prodid, FALSE)
        AND NOT coalesce(list_contains(o.malformed_claims, 'isv_prodid'), FALSE)
            AS isv_prodid_differs,
        coalesce(o.claimed_isv_svn <> q.isv_svn, FALSE)
        AND NOT coalesce(list_contains(o.malformed_claims, 'isv_svn'), FALSE)
            AS isv_svn_differs
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
),
mismatch AS (
    SELECT
        observation_id, observation_no, received_at, backend_verifier, subject_type, subject_id,
        mrenclave_differs, mrsigner_differs, isv_prodid_differs, isv_svn_differs,
        array_to_string([
            CASE WHEN mrenclave_differs THEN 'mrenclave=' || claimed_mrenclave END,
            CASE WHEN mrsigner_differs THEN 'mrsigner=' || claimed_mrsigner END,
            CASE WHEN isv_prodid_differs
                THEN 'isv_prodid=' || CAST(claimed_isv_prodid AS VARCHAR) END,
            CASE WHEN isv_svn_differs THEN 'isv_svn=' || CAST(claimed_isv_svn AS VARCHAR) END
        ], ', ') AS claimed,
        array_to_string([
            CASE WHEN mrenclave_differs THEN 'mrenclave=' || mrenclave END,
            CASE WHEN mrsigner_differs THEN 'mrsigner=' || mrsigner END,
            CASE WHEN isv_prodid_differs THEN 'isv_prodid=' || CAST(isv_prodid AS VARCHAR) END,
            CASE WHEN isv_svn_differs THEN 'isv_svn=' || CAST(isv_svn AS VARCHAR) END
        ], ', ') AS quoted,
        row_number() OVER (ORDER BY received_at, observation_no) AS place
    FROM compared
    WHERE mrenclave_differs OR mrsigner_differs OR isv_prodid_differs OR isv_svn_differs
),
told AS (
    SELECT
        subject_type, subject_id,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        array_to_string([
            CASE WHEN bool_or(mrenclave_differs) THEN 'mrenclave' END,
            CASE WHEN bool_or(mrsigner_differs) THEN 'mrsigner' END,
            CASE WHEN bool_or(isv_prodid_differs) THEN 'isv_prodid' END,
            CASE WHEN bool_or(isv_svn_differs) THEN 'isv_svn' END
        ], ', ') AS fields,
        min_by(claimed, place) AS claimed,
        min_by(quoted, place) AS quoted,
        list_sort(list(DISTINCT backend_verifier) FILTER (WHERE backend_verifier IS NOT NULL))
            AS verifiers,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM mismatch
    GROUP BY subject_type, subject_id
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    'critical' AS severity,
    'The log claims another ' || fields || ' than the quote beside it ('
    || CAST(sightings AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'fields': fields,
        'claimed': claimed,
        'quoted': quoted,
        'verifiers': verifiers,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id
