-- ---
-- id = "disguised-replay"
-- title = "One signing event in different bytes"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which quotes were changed in bytes that no signature protects, so that a replay cache by hash misses them?"
-- why = "Signature malleability, certificate text and trailing bytes change a file's hash and leave the quote valid. Honest clients change none of them."
-- inputs = ["observation", "quote", "reshown"]
-- scope = ["signature_r"]
-- discriminator = []
-- grain = "one row per signing event"
-- nulls = "a chain that was not read as certificates is compared as text (certification_data); sightings without a time come last"
-- false_positives = ["a cache that serves the certificate chain in other text or renewed: disguise is then certification_data alone"]
-- blind_spots = ["zero padding after the declared end is not a disguise, since transports add it", "trailing bytes that differ in content alone are recognised only when nothing else differs"]
-- attack = ["evidence replay with a malleated signature or envelope"]
-- spec = ["SEC 1, section 4.1 (s and n - s verify alike)", "detector D02"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- disguise = "what differs from the first sighting's bytes: quote_signature_s, qe_signature_s, qe_report, certificate_signature_s, certification_data, slack_bytes, trailing_bytes, other_bytes"
-- original_quote = "quote id as first seen"
-- disguised_quotes = "quote ids of the disguised ones"
-- sightings = "number of sightings of the disguised ones"
-- accepted = "number of those that the verifier called good"
-- ---
WITH variant AS (
    SELECT a.signing_id
    FROM reshown AS a
    JOIN observation AS o ON o.observation_no = a.observation_no
    GROUP BY a.signing_id
    HAVING min(o.quote_no) <> max(o.quote_no)
),
sighting AS (
    SELECT
        a.signing_id, o.quote_no, o.observation_id, o.received_at, o.claimed_ok,
        a.showing AS place
    FROM variant AS v
    JOIN reshown AS a ON a.signing_id = v.signing_id
    JOIN observation AS o ON o.observation_no = a.observation_no
),
original AS (
    SELECT signing_id, quote_no, observation_id FROM sighting WHERE place = 1
),
-- Each other byte string of the signing event beside the one that came first.
compared AS (
    SELECT
        f.signing_id,
        b.quote_id,
        b.quote_no,
        a.quote_id AS original_quote,
        b.signature_s <> a.signature_s AS quote_signature_s,
        b.qe_signature_r = a.qe_signature_r
        AND b.qe_signature_s <> a.qe_signature_s AS qe_signature_s,
        b.qe_signature_r <> a.qe_signature_r AS qe_report,
        b.chain_signed_id = a.chain_signed_id
        AND b.chain_id <> a.chain_id AS certificate_signature_s,
        b.certification_data_id <> a.certification_data_id
        AND NOT coalesce(
            b.chain_signed_id = a.chain_signed_id AND b.chain_id <> a.chain_id, FALSE
        ) AS certification_data,
        b.slack_size <> a.slack_size AS slack_bytes,
        b.trailing_nonzero <> a.trailing_nonzero
        OR (b.trailing_nonzero AND b.trailing_size <> a.trailing_size) AS trailing_bytes,
        b.trailing_nonzero AND a.trailing_nonzero AS both_trailed,
        b.trailing_size <> a.trailing_size AS repadded
    FROM original AS f
    JOIN quote AS a ON a.quote_no = f.quote_no
    JOIN (SELECT DISTINCT signing_id, quote_no FROM sighting) AS s
        ON s.signing_id = f.signing_id AND s.quote_no <> f.quote_no
    JOIN quote AS b ON b.quote_no = s.quote_no AND b.proven
),
marked AS (
    SELECT
        signing_id, quote_id, quote_no, original_quote, both_trailed, repadded,
        array_to_string([
            CASE WHEN certificate_signature_s THEN 'certificate_signature_s' END,
            CASE WHEN certification_data THEN 'certification_data' END,
            CASE WHEN qe_report THEN 'qe_report' END,
            CASE WHEN qe_signature_s THEN 'qe_signature_s' END,
            CASE WHEN quote_signature_s THEN 'quote_signature_s' END,
            CASE WHEN slack_bytes THEN 'slack_bytes' END,
            CASE WHEN trailing_bytes THEN 'trailing_bytes' END
        ], ' ') AS parts
    FROM compared
),
-- Bytes that differ with no part to name: other trailing bytes of one size, or padding alone.
disguised AS (
    SELECT
        signing_id, quote_id, quote_no, original_quote,
        CASE
            WHEN parts <> '' THEN parts
            WHEN both_trailed THEN 'trailing_bytes'
            ELSE 'other_bytes'
        END AS parts
    FROM marked
    WHERE parts <> '' OR both_trailed OR NOT coalesce(repadded, FALSE)
),
described AS (
    SELECT
        signing_id,
        min(original_quote) AS original_quote,
        list_sort(list(quote_id)) AS disguised_quotes,
        list_sort(list_distinct(string_split(string_agg(parts, ' ' ORDER BY quote_id), ' ')))
            AS disguise
    FROM disguised
    GROUP BY signing_id
),
told AS (
    SELECT s.signing_id, s.observation_id, s.received_at, s.claimed_ok, s.place
    FROM sighting AS s
    JOIN disguised AS d ON d.quote_no = s.quote_no
),
tally AS (
    SELECT
        signing_id,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS accepted,
        string_agg(observation_id, ' ' ORDER BY place) AS observations
    FROM told
    GROUP BY signing_id
)
SELECT
    'signing_event' AS subject_type,
    t.signing_id AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(f.observation_id || ' ' || t.observations, ' ') AS observation_ids,
    'critical' AS severity,
    'A quote came back in other bytes (' || array_to_string(d.disguise, ', ') || '), '
    || CAST(t.sightings AS VARCHAR) || ' time(s), accepted by the verifier '
    || CAST(t.accepted AS VARCHAR) || ' time(s)' AS summary,
    CAST(to_json({
        'disguise': d.disguise,
        'original_quote': d.original_quote,
        'disguised_quotes': d.disguised_quotes,
        'sightings': t.sightings,
        'accepted': CAST(t.accepted AS BIGINT)
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN described AS d ON d.signing_id = t.signing_id
JOIN original AS f ON f.signing_id = t.signing_id
ORDER BY subject_type, subject_id
