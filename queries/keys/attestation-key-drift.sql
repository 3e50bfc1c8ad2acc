-- ---
-- id = "attestation-key-drift"
-- title = "A platform signs with another attestation key although nothing about it changed"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platforms showed more than one attestation key under one state of their quoting enclave?"
-- why = "Intel's quoting enclaves derive the attestation key from a seal key: one platform, TEE, QE signer, microcode and QE version give one key. A second one was certified by a platform that is not in the state that it reports."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["ppid"]
-- suspects = "SELECT ppid FROM drifted"
-- discriminator = ["tee", "quoting_enclave"]
-- grain = "one row per platform, TEE and state of its quoting enclave"
-- nulls = "a platform without PPID cannot be told and is counted; keys are compared even where sightings have no time, but then none is known to have come back"
-- false_positives = ["the owner epoch was reset in the BIOS: a clean cut, and QE_ID changes with the key (medium)", "a quoting enclave of another vendor, which may draw its keys at random", "CPU packages of one platform that each have a quoting enclave: the keys live side by side from the start"]
-- blind_spots = ["a new key together with a new QE version or microcode is what an update looks like", "clouds that hide the QE_ID: a reset of the owner epoch cannot be told apart"]
-- attack = ["certification of a foreign key by a stolen PCK key", "replaced quoting enclave"]
-- spec = ["Intel SGX DCAP quoting enclave, key derivation", "detector D14"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- tee = "sgx or tdx"
-- quoting_enclave = "signer, product, CPUSVN, ISVSVN and authentication data of the quoting enclave, under which one key was to be expected"
-- keys = "the attestation keys, in the order of their first sighting"
-- qe_ids = "QE_IDs that came with them"
-- interleaved = "an earlier key was seen again after a later one had appeared: no reset does that"
-- margin_ms = "how long after, at most, by the clocks of the verifiers: they would have to be that far apart; null: not interleaved"
-- skew_ms = "how much of that the verifiers' clocks and the ways to them are, by the platform's own clock, which says when the quotes were made; else 0 where one verifier stamped all; null: not known, or not interleaved"
-- skew_explains = "by the platform's own clock none came back; null: not known, or not interleaved"
-- sightings = "number of sightings with any of the keys"
-- [sides]
-- fact = "attestation key"
-- "one quoting enclave" = "quoting_enclave"
-- "signed with" = "keys"
-- [[not_evaluable]]
-- reason = "quote of a platform without PPID"
-- count = """
-- SELECT count(*) AS unjudged FROM quote WHERE trusted AND ppid IS NULL"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- What the key is derived from, as one text.
WITH state AS (
    SELECT
        quote_no, ppid, tee, attestation_key_id, qe_id,
        coalesce(qe_mrsigner, '') || ':' || coalesce(CAST(qe_isv_prodid AS VARCHAR), '')
        || ':' || coalesce(qe_cpu_svn, '') || ':' || coalesce(CAST(qe_isv_svn AS VARCHAR), '')
        || ':' || coalesce(qe_auth_id, '') AS quoting_enclave
    FROM quote
    WHERE trusted AND ppid IS NOT NULL
),
drifted AS (
    SELECT ppid, tee, quoting_enclave
    FROM state
    GROUP BY ppid, tee, quoting_enclave
    HAVING min(attestation_key_id) <> max(attestation_key_id)
),
sighting AS (
    SELECT
        s.ppid, s.tee, s.quoting_enclave, s.attestation_key_id, s.qe_id,
        o.observation_id, o.observation_no, o.received_at, o.quote_generated_at AS made_at,
        o.backend_verifier AS verifier,
        row_number() OVER (
            PARTITION BY s.ppid, s.tee, s.quoting_enclave, s.attestation_key_id
            ORDER BY o.received_at, o.observation_no
        ) AS from_first,
        row_number() OVER (
            PARTITION BY s.ppid, s.tee, s.quoting_enclave, s.attestation_key_id
            ORDER BY o.received_at DESC, o.observation_no DESC
        ) AS from_last
    FROM drifted AS d
    JOIN state AS s
        ON s.ppid = d.ppid AND s.tee = d.tee AND s.quoting_enclave = d.quoting_enclave
    JOIN observation AS o ON o.quote_no = s.quote_no
),
key_life AS (
    SELECT
        ppid, tee, quoting_enclave, attestation_key_id,
        min(received_at) AS first_at,
        max(received_at) AS last_at,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE WHEN count(made_at) = count(*) THEN max(made_at) END AS last_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier,
        min(observation_no) AS first_no,
        count(*) AS sightings,
        min(coalesce(qe_id, '')) AS least_qe_id,
        max(coalesce(qe_id, '')) AS greatest_qe_id
    FROM sighting
    GROUP BY ppid, tee, quoting_enclave, attestation_key_id
),
-- Two keys: does the earlier one come back, and do they share a QE_ID (hidden ones count as one)?
pair AS (
    SELECT
        a.ppid, a.tee, a.quoting_enclave,
        coalesce(a.last_at > b.first_at, FALSE) AS interleaved,
        epoch(a.last_at) - epoch(b.first_at) AS margin,
        coalesce(
            epoch(a.last_at) - epoch(b.first_at) - (epoch(a.last_made) - epoch(b.first_made)),
            CASE WHEN a.verifier = b.verifier THEN 0 END
        ) AS skew,
        a.least_qe_id <= b.greatest_qe_id AND b.least_qe_id <= a.greatest_qe_id AS same_qe_id
    FROM key_life AS a
    JOIN key_life AS b
        ON b.ppid = a.ppid
        AND b.tee = a.tee
        AND b.quoting_enclave = a.quoting_enclave
        AND (
            b.first_at > a.first_at
            OR (
                coalesce(b.first_at = a.first_at, TRUE)
                AND b.attestation_key_id > a.attestation_key_id
            )
        )
),
judged AS (
    SELECT
        ppid, tee, quoting_enclave,
        bool_or(interleaved) AS interleaved,
        max(CASE WHEN interleaved THEN margin END) AS margin,
        max(CASE WHEN interleaved THEN skew END) AS skew,
        bool_and(NOT interleaved OR coalesce(margin <= skew, FALSE)) AS explained,
        bool_or(same_qe_id) AS same_qe_id
    FROM pair
    GROUP BY ppid, tee, quoting_enclave
),
key_list AS (
    SELECT
        ppid, tee, quoting_enclave, count(*) AS key_count,
        CAST(sum(sightings) AS BIGINT) AS sightings,
        string_split(string_agg(attestation_key_id, ' ' ORDER BY first_at, first_no), ' ')
            AS attestation_keys
    FROM key_life
    GROUP BY ppid, tee, quoting_enclave
),
-- The first and the last sighting of each key tell the story.
told AS (
    SELECT
        ppid, tee, quoting_enclave,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM sighting
    WHERE from_first = 1 OR from_last = 1
    GROUP BY ppid, tee, quoting_enclave
),
qe_list AS (
    SELECT
        ppid, tee, quoting_enclave,
        list_sort(list(DISTINCT qe_id) FILTER (WHERE qe_id IS NOT NULL)) AS qe_ids
    FROM sighting
    GROUP BY ppid, tee, quoting_enclave
)
SELECT
    'platform' AS subject_type,
    t.ppid AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN j.interleaved OR j.same_qe_id THEN 'high' ELSE 'medium' END AS severity,
    CAST(k.key_count AS VARCHAR) || ' attestation keys (' || t.tee
    || ') under one state of the quoting enclave'
    || CASE
        WHEN j.interleaved AND j.explained THEN ', by turns, by its own clock one after the other'
        WHEN j.interleaved THEN ', by turns'
        WHEN j.same_qe_id THEN ''
        ELSE '; QE_ID changed with the key: perhaps a reset of the owner epoch'
    END AS summary,
    CAST(to_json({
        'tee': t.tee,
        'quoting_enclave': t.quoting_enclave,
        'keys': k.attestation_keys,
        'qe_ids': q.qe_ids,
        'interleaved': j.interleaved,
        'margin_ms': CAST(j.margin * 1000 AS BIGINT),
        'skew_ms': CAST(j.skew * 1000 AS BIGINT),
        'skew_explains': CASE WHEN j.skew IS NOT NULL THEN j.explained END,
        'sightings': k.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN judged AS j
    ON j.ppid = t.ppid AND j.tee = t.tee AND j.quoting_enclave = t.quoting_enclave
JOIN key_list AS k
    ON k.ppid = t.ppid AND k.tee = t.tee AND k.quoting_enclave = t.quoting_enclave
JOIN qe_list AS q
    ON q.ppid = t.ppid AND q.tee = t.tee AND q.quoting_enclave = t.quoting_enclave
ORDER BY subject_type, subject_id, details
