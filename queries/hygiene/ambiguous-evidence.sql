-- ---
-- id = "ambiguous-evidence"
-- title = "A quote that two parsers may read as two"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which genuine quotes carry bytes that no field accounts for, or that should be zero and are not?"
-- why = "What one parser skips, another may read. Whoever can add bytes to a quote without breaking it can give the verifier and the log two different things, and a cache by hash a new one."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["signature_r"]
-- discriminator = []
-- grain = "one row per instance, else quote"
-- nulls = "quotes that are not verified yet are counted; unsigned noise is invalid-evidence"
-- false_positives = ["senders with a buffer of fixed size: zeros after the declared end are no finding, other left-overs info", "hardware or firmware that fills a field which was reserved: all of its kind then; AMD did so within one version of its report, so on SNP it is info"]
-- blind_spots = ["ambiguity inside certificates", "reserved bits of attributes and policies"]
-- attack = ["parser confusion", "disguised replay"]
-- spec = ["Intel SGX DCAP quote format, lengths", "detector D53"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kinds = "trailing_bytes: after the declared end, not all zero; slack: inside the declared lengths, read by nothing (medium); several_forms: the same signing event in other bytes as well (medium, see disguised-replay); reserved: signed fields that are zero in all known evidence are not (medium, SNP info)"
-- largest = "most bytes in one quote that no field accounts for"
-- reserved = "the reserved fields that are not zero, by quote; null: none"
-- quotes = "number of distinct quotes"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "evidence"
-- "beyond all fields" = "kinds"
-- "accepted, times" = "accepted"
-- [[not_evaluable]]
-- reason = "quote that is not verified yet"
-- count = """
-- SELECT count(*) AS unjudged FROM quote WHERE proven IS NULL"""
-- ---
WITH odd AS (
    SELECT
        quote_id, quote_no, signing_id, trailing_size, slack_size,
        coalesce(trailing_nonzero, FALSE) AS has_trailing,
        coalesce(slack_size > 0, FALSE) AS has_slack,
        reserved_nonzero, coalesce(tee <> 'snp', TRUE) AS is_fixed
    FROM quote
    WHERE proven AND (trailing_nonzero OR slack_size > 0 OR reserved_nonzero IS NOT NULL)
),
form AS (
    SELECT o.signing_id
    FROM (SELECT DISTINCT signing_id FROM odd) AS o
    JOIN quote AS q ON q.signing_id = o.signing_id AND q.proven
    GROUP BY o.signing_id
    HAVING min(q.quote_id) <> max(q.quote_id)
),
sighting AS (
    SELECT
        CASE
            WHEN s.enclave_id IS NOT NULL THEN 'enclave'
            WHEN s.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(s.enclave_id, s.container_id, o.quote_id) AS subject_id,
        o.quote_id, o.has_trailing, o.has_slack, f.signing_id IS NOT NULL AS has_forms,
        o.reserved_nonzero, o.reserved_nonzero IS NOT NULL AS has_reserved, o.is_fixed,
        CASE WHEN o.has_trailing THEN coalesce(o.trailing_size, 0) ELSE 0 END
        + coalesce(o.slack_size, 0) AS bytes,
        s.observation_id, s.observation_no, s.received_at, s.claimed_ok
    FROM odd AS o
    JOIN observation AS s ON s.quote_no = o.quote_no
    LEFT JOIN form AS f ON f.signing_id = o.signing_id
),
told AS (
    SELECT
        subject_type, subject_id,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        bool_or(has_slack) AS has_slack,
        bool_or(has_forms) AS has_forms,
        bool_or(has_reserved AND is_fixed) AS has_wrong,
        bool_or(has_reserved) AS has_reserved,
        list_sort(list(DISTINCT reserved_nonzero) FILTER (WHERE reserved_nonzero IS NOT NULL))
            AS reserved,
        CASE WHEN bool_or(has_trailing) THEN 'trailing_bytes ' ELSE '' END
        || CASE WHEN bool_or(has_slack) THEN 'slack ' ELSE '' END
        || CASE WHEN bool_or(has_forms) THEN 'several_forms ' ELSE '' END
        || CASE WHEN bool_or(has_reserved) THEN 'reserved ' ELSE '' END AS kinds,
        max(bytes) AS largest,
        count(DISTINCT quote_id) AS quotes,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM sighting
    GROUP BY subject_type, subject_id
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE WHEN has_slack OR has_forms OR has_wrong THEN 'medium' ELSE 'info' END AS severity,
    CAST(quotes AS VARCHAR) || ' quote(s) with '
    || CASE
        WHEN largest > 0
            THEN 'up to ' || CAST(largest AS VARCHAR) || ' byte(s) that no field accounts for'
        ELSE 'reserved fields that are not zero'
    END
    || CASE WHEN largest > 0 AND has_reserved THEN ', reserved fields that are not zero' ELSE '' END
    || CASE WHEN has_slack THEN ', inside the declared lengths' ELSE '' END
    || CASE WHEN has_forms THEN '; the same signature came in other bytes as well' ELSE '' END
        AS summary,
    CAST(to_json({
        'kinds': list_sort(string_split(substr(kinds, 1, length(kinds) - 1), ' ')),
        'largest': largest,
        'reserved': reserved,
        'quotes': quotes,
        'accepted': accepted,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id
