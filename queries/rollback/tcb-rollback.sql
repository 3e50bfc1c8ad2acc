-- ---
-- id = "tcb-rollback"
-- title = "A platform's TCB went backwards"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platforms showed a lower TCB than they had shown before?"
-- why = "Microcode, PCE, quoting enclave, TDX module and AMD's committed TCB only move forward in honest operation. A lower one reopens what was closed, or the evidence is old, or it was made elsewhere with stolen keys."
-- inputs = ["observation", "quote", "reshown", "tcb_component"]
-- requires = ["quote"]
-- scope = ["ppid", "chip_id", "attestation_key_id", "signature_r"]
-- suspects = """
-- SELECT platform_id AS ppid, platform_id AS chip_id, platform_id AS attestation_key_id
-- FROM fallen"""
-- discriminator = ["part"]
-- grain = "one row per platform and part of its TCB"
-- nulls = "a platform without TCB info in the case is compared by PCE and QE SVN alone and counted; sightings without a time are counted"
-- false_positives = ["a firmware downgrade by the operator: all guests of the platform fall together", "a cache that still serves an older PCK certificate", "quotes in flight while the platform was updated"]
-- blind_spots = ["the raw CPUSVN of a report is not comparable with the components and is not used", "a platform without PPID is followed by its attestation key, which an update may renew"]
-- attack = ["TCB rollback", "quote forged with extracted keys"]
-- spec = ["Intel PCK certificate profile, SGX TCB extension", "Intel TDX module, TEE_TCB_SVN", "AMD 56860, COMMITTED_TCB", "detector D25"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- part = "pck_tcb, pce_svn, qe_isv_svn, tee_tcb_svn or committed_tcb"
-- lowered = "what fell, each as name[position]:from>to; bytes in hex"
-- sightings = "number of sightings with the lower value after the higher one"
-- replayed = "every one of them repeats evidence seen before: see replayed-quote"
-- higher_since = "when the higher value was first seen"
-- fmspc = "the platform's FMSPC"
-- [sides]
-- fact = "platform's TCB"
-- "higher since" = "higher_since"
-- fell = "lowered"
-- [[not_evaluable]]
-- reason = "component bytes not compared: no TCB info for the FMSPC names them"
-- count = """
-- WITH named AS (SELECT DISTINCT fmspc FROM tcb_component WHERE named)
-- SELECT count(DISTINCT coalesce(q.ppid, q.attestation_key_id)) AS unjudged
-- FROM quote AS q
-- LEFT JOIN named AS n ON n.fmspc = q.fmspc
-- WHERE q.trusted AND n.fmspc IS NULL AND coalesce(q.tee <> 'snp', TRUE)"""
-- [[not_evaluable]]
-- reason = "SNP report without a chip id: its platform is not known"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM quote
-- WHERE trusted AND tee = 'snp' AND chip_id IS NULL"""
-- [[not_evaluable]]
-- reason = "quote without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND o.received_at IS NULL"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH shown AS (
    SELECT
        min(o.observation_no) AS shown_no, q.ppid, q.chip_id,
        CASE
            WHEN coalesce(q.ppid, q.chip_id) IS NULL AND coalesce(q.tee <> 'snp', TRUE)
                THEN q.attestation_key_id
        END AS key_id,
        q.fmspc, q.tcb_components, q.pce_svn, q.qe_mrsigner, q.qe_isv_prodid, q.qe_isv_svn,
        q.tee_tcb_svn, q.tee_tcb_svn_2, q.committed_tcb,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND o.received_at IS NOT NULL
    GROUP BY
        q.ppid, q.chip_id,
        CASE
            WHEN coalesce(q.ppid, q.chip_id) IS NULL AND coalesce(q.tee <> 'snp', TRUE)
                THEN q.attestation_key_id
        END,
        q.fmspc, q.tcb_components, q.pce_svn, q.qe_mrsigner, q.qe_isv_prodid, q.qe_isv_svn,
        q.tee_tcb_svn, q.tee_tcb_svn_2, q.committed_tcb
),
platform AS (
    SELECT
        shown_no,
        CASE WHEN coalesce(ppid, chip_id) IS NULL THEN 'attestation_key' ELSE 'platform' END
            AS platform_type,
        coalesce(ppid, chip_id, key_id) AS platform_id,
        fmspc, tcb_components, pce_svn, qe_mrsigner, qe_isv_prodid, qe_isv_svn, tee_tcb_svn,
        tee_tcb_svn_2, committed_tcb, first_at, last_at
    FROM shown
    WHERE coalesce(ppid, chip_id, key_id) IS NOT NULL
),
-- Every reading of every part, and in which series its values may be compared: one QE with
-- itself, launch-time TEE SVNs apart from current ones.
reading AS (
    SELECT
        shown_no, first_at, last_at, platform_type, platform_id, fmspc,
        'pck_tcb' AS part, 'components' AS series, tcb_components AS level
    FROM platform
    WHERE tcb_components IS NOT NULL
    UNION ALL
    SELECT
        shown_no, first_at, last_at, platform_type, platform_id, fmspc,
        'pce_svn', 'pce', lpad(CAST(pce_svn AS VARCHAR), 5, '0')
    FROM platform
    WHERE pce_svn IS NOT NULL
    UNION ALL
    SELECT
        shown_no, first_at, last_at, platform_type, platform_id, fmspc, 'qe_isv_svn',
        qe_mrsigner || ':' || CAST(qe_isv_prodid AS VARCHAR),
        lpad(CAST(qe_isv_svn AS VARCHAR), 5, '0')
    FROM platform
    WHERE qe_isv_svn IS NOT NULL AND qe_mrsigner IS NOT NULL AND qe_isv_prodid IS NOT NULL
    UNION ALL
    SELECT
        shown_no, first_at, last_at, platform_type, platform_id, fmspc, 'tee_tcb_svn',
        CASE WHEN tee_tcb_svn_2 IS NULL THEN 'at_launch' ELSE 'current' END,
        coalesce(tee_tcb_svn_2, tee_tcb_svn)
    FROM platform
    WHERE tee_tcb_svn IS NOT NULL
    UNION ALL
    SELECT
        shown_no, first_at, last_at, platform_type, platform_id, fmspc, 'committed_tcb', 'snp',
        committed_tcb
    FROM platform
    WHERE committed_tcb IS NOT NULL
),
-- The bytes of AMD's TCB_VERSION: each is one component, or reserved and zero.
snp_byte AS (
    SELECT 0 AS position UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
    UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7
),
-- A platform shows few distinct levels: comparing those is enough, whatever the fleet's age.
level AS (
    SELECT
        platform_type, platform_id, part, series, level,
        max(fmspc) AS fmspc,
        min(first_at) AS first_at,
        max(last_at) AS last_at
    FROM reading
    GROUP BY platform_type, platform_id, part, series, level
),
pair AS (
    SELECT
        low.platform_type, low.platform_id, low.fmspc, low.part, low.series,
        low.level AS low_level, high.level AS high_level, high.first_at AS high_since
    FROM level AS low
    JOIN level AS high
        ON high.platform_type = low.platform_type
        AND high.platform_id = low.platform_id
        AND high.part = low.part
        AND high.series = low.series
        AND high.level <> low.level
        AND high.first_at < low.last_at
),
-- Byte by byte, only where TCB info names the byte. The TDX module's minor SVN (byte 0) counts
-- within one major version (byte 1). Two lower-case hex digits compare as the byte does.
fallen AS (
    SELECT
        p.platform_type, p.platform_id, p.fmspc, p.part, p.series, p.low_level, p.high_level,
        p.high_since,
        p.part || '[' || CAST(c.position AS VARCHAR) || ']:'
        || substr(p.high_level, 2 * c.position + 1, 2) || '>'
        || substr(p.low_level, 2 * c.position + 1, 2) AS lowered
    FROM pair AS p
    JOIN tcb_component AS c ON c.fmspc = p.fmspc AND c.named
    WHERE (
            (p.part = 'pck_tcb' AND c.family = 'sgx')
            OR (
                p.part = 'tee_tcb_svn' AND c.family = 'tdx'
                AND (c.position > 0 OR substr(p.low_level, 3, 2) = substr(p.high_level, 3, 2))
            )
        )
        AND substr(p.low_level, 2 * c.position + 1, 2)
        < substr(p.high_level, 2 * c.position + 1, 2)
    UNION ALL
    SELECT
        platform_type, platform_id, fmspc, part, series, low_level, high_level, high_since,
        part || ':' || CAST(CAST(high_level AS BIGINT) AS VARCHAR) || '>'
        || CAST(CAST(low_level AS BIGINT) AS VARCHAR) AS lowered
    FROM pair
    WHERE part IN ('pce_svn', 'qe_isv_svn') AND low_level < high_level
    UNION ALL
    SELECT
        p.platform_type, p.platform_id, p.fmspc, p.part, p.series, p.low_level, p.high_level,
        p.high_since,
        p.part || '[' || CAST(b.position AS VARCHAR) || ']:'
        || substr(p.high_level, 2 * b.position + 1, 2) || '>'
        || substr(p.low_level, 2 * b.position + 1, 2) AS lowered
    FROM pair AS p
    JOIN snp_byte AS b
        ON p.part = 'committed_tcb'
        AND substr(p.low_level, 2 * b.position + 1, 2)
        < substr(p.high_level, 2 * b.position + 1, 2)
),
-- Few platforms ever fall: only their sightings are looked at.
suspect AS (
    SELECT r.shown_no, r.platform_type, r.platform_id, r.part, r.series, r.level
    FROM reading AS r
    JOIN (SELECT DISTINCT platform_type, platform_id, part FROM fallen) AS f
        ON f.platform_type = r.platform_type AND f.platform_id = r.platform_id AND f.part = r.part
),
sighting AS (
    SELECT l.shown_no, o.observation_no, o.received_at, o.enclave_id
    FROM (
        SELECT
            shown_no, ppid, chip_id, key_id, fmspc, tcb_components, pce_svn, qe_mrsigner,
            qe_isv_prodid, qe_isv_svn, tee_tcb_svn, tee_tcb_svn_2, committed_tcb
        FROM shown
        WHERE shown_no IN (SELECT shown_no FROM suspect)
    ) AS l
    JOIN quote AS q
        ON q.ppid IS NOT DISTINCT FROM l.ppid
        AND q.chip_id IS NOT DISTINCT FROM l.chip_id
        AND coalesce(q.ppid, q.chip_id, q.attestation_key_id)
        = coalesce(l.ppid, l.chip_id, l.key_id)
        AND q.fmspc IS NOT DISTINCT FROM l.fmspc
        AND q.tcb_components IS NOT DISTINCT FROM l.tcb_components
        AND q.pce_svn IS NOT DISTINCT FROM l.pce_svn
        AND q.qe_mrsigner IS NOT DISTINCT FROM l.qe_mrsigner
        AND q.qe_isv_prodid IS NOT DISTINCT FROM l.qe_isv_prodid
        AND q.qe_isv_svn IS NOT DISTINCT FROM l.qe_isv_svn
        AND q.tee_tcb_svn IS NOT DISTINCT FROM l.tee_tcb_svn
        AND q.tee_tcb_svn_2 IS NOT DISTINCT FROM l.tee_tcb_svn_2
        AND q.committed_tcb IS NOT DISTINCT FROM l.committed_tcb
    JOIN observation AS o ON o.quote_no = q.quote_no
    WHERE q.trusted AND o.received_at IS NOT NULL
        AND (coalesce(q.ppid, q.chip_id) IS NOT NULL OR coalesce(q.tee <> 'snp', TRUE))
),
seen AS (
    SELECT
        s.observation_no, s.received_at, s.enclave_id, r.platform_type, r.platform_id, r.part,
        r.series, r.level
    FROM sighting AS s
    JOIN suspect AS r ON r.shown_no = s.shown_no
),
-- A TD keeps the TEE SVN of its launch: one that was running before the higher value appeared,
-- and never showed that value itself, has not gone back.
first_shown AS (
    SELECT platform_type, platform_id, enclave_id, part, series, level, min(received_at) AS first_at
    FROM seen
    WHERE series = 'at_launch' AND enclave_id IS NOT NULL
    GROUP BY platform_type, platform_id, enclave_id, part, series, level
),
offence AS (
    SELECT DISTINCT
        f.platform_type, f.platform_id, f.fmspc, f.part, f.lowered, f.high_since,
        r.observation_no, r.received_at
    FROM fallen AS f
    JOIN seen AS r
        ON r.platform_type = f.platform_type
        AND r.platform_id = f.platform_id
        AND r.part = f.part
        AND r.series = f.series
        AND r.level = f.low_level
        AND r.received_at > f.high_since
    LEFT JOIN first_shown AS own_low
        ON own_low.platform_type = f.platform_type
        AND own_low.platform_id = f.platform_id
        AND own_low.series = f.series
        AND own_low.level = f.low_level
        AND own_low.enclave_id = r.enclave_id
    LEFT JOIN first_shown AS own_high
        ON own_high.platform_type = f.platform_type
        AND own_high.platform_id = f.platform_id
        AND own_high.series = f.series
        AND own_high.level = f.high_level
        AND own_high.enclave_id = r.enclave_id
    WHERE NOT coalesce(own_low.first_at < f.high_since AND own_high.first_at IS NULL, FALSE)
),
told AS (
    SELECT DISTINCT
        f.platform_type, f.platform_id, f.part, f.observation_no, f.received_at,
        o.observation_id, a.observation_no IS NOT NULL AS replayed
    FROM offence AS f
    JOIN observation AS o ON o.observation_no = f.observation_no
    LEFT JOIN reshown AS a ON a.observation_no = f.observation_no AND a.trusted_showing > 1
),
tally AS (
    SELECT
        platform_type, platform_id, part,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        bool_and(replayed) AS replayed,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations
    FROM told
    GROUP BY platform_type, platform_id, part
),
cause AS (
    SELECT
        platform_type, platform_id, part,
        list_sort(list(DISTINCT lowered)) AS lowered,
        min(high_since) AS high_since,
        max(fmspc) AS fmspc
    FROM offence
    GROUP BY platform_type, platform_id, part
),
-- The sighting that first showed a higher value stands first in the list.
witnessed AS (
    SELECT
        c.platform_type, c.platform_id, c.part,
        min_by(o.observation_id, o.observation_no) AS observation_id
    FROM cause AS c
    JOIN seen AS r
        ON r.platform_type = c.platform_type
        AND r.platform_id = c.platform_id
        AND r.part = c.part
        AND r.received_at = c.high_since
    JOIN observation AS o ON o.observation_no = r.observation_no
    GROUP BY c.platform_type, c.platform_id, c.part
)
SELECT
    t.platform_type AS subject_type,
    t.platform_id AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(w.observation_id || ' ' || t.observations, ' ') AS observation_ids,
    'high' AS severity,
    'The platform''s ' || t.part || ' fell: ' || array_to_string(c.lowered, ', ')
    || ' (' || CAST(t.sightings AS VARCHAR) || ' sighting(s)'
    || CASE WHEN t.replayed THEN ', all of it repeated evidence)' ELSE ')' END AS summary,
    CAST(to_json({
        'part': t.part,
        'lowered': c.lowered,
        'sightings': t.sightings,
        'replayed': t.replayed,
        'higher_since': c.high_since,
        'fmspc': c.fmspc
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN cause AS c
    ON c.platform_type = t.platform_type
    AND c.platform_id = t.platform_id
    AND c.part = t.part
JOIN witnessed AS w
    ON w.platform_type = t.platform_type
    AND w.platform_id = t.platform_id
    AND w.part = t.part
ORDER BY subject_type, subject_id, details
