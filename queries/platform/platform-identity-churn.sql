-- ---
-- id = "platform-identity-churn"
-- title = "Platform identities that do not stay together"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which QE_IDs belonged to several platforms by turns, and which platforms to several families?"
-- why = "QE_ID, PPID and FMSPC are all given by one piece of hardware. A repair changes them once; identities that alternate are shared by two machines, or made up."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["qe_id", "ppid"]
-- suspects = """
-- SELECT qe_id, CAST(NULL AS VARCHAR) AS ppid FROM churned_qe
-- UNION ALL
-- SELECT NULL, ppid FROM churned_ppid"""
-- discriminator = ["kind"]
-- grain = "one row per QE_ID or platform"
-- nulls = "a hidden (all-zero) QE_ID identifies nothing; sightings without a time cannot show an alternation and are counted, but a second FMSPC needs none"
-- false_positives = ["a mainboard or CPU swap: one clean cut, silent", "a cloud that fills the QE_ID field with something else, the same on many hosts"]
-- blind_spots = ["a platform that changes all its identities together"]
-- attack = ["platform impersonation", "cloned quoting enclave"]
-- spec = ["Intel PCK certificate profile", "detector D16"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "qe_id: several PPIDs by turns; fmspc: several families under one PPID"
-- identities = "the PPIDs, or the FMSPCs"
-- changes = "how often the identity changed; null for fmspc"
-- returns = "how often one came back that had been there before; null for fmspc"
-- sightings = "number of sightings told: where the identity changed, and those just before"
-- [sides]
-- fact = "identity"
-- "one platform by" = "kind"
-- "showed by turns" = "identities"
-- [[not_evaluable]]
-- reason = "quote without a time: it has no place in the order"
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
WITH churned_qe AS (
    SELECT qe_id
    FROM quote
    WHERE trusted AND qe_id IS NOT NULL
    GROUP BY qe_id
    HAVING min(ppid) <> max(ppid)
),
churned_ppid AS (
    SELECT ppid
    FROM quote
    WHERE trusted AND ppid IS NOT NULL
    GROUP BY ppid
    HAVING min(fmspc) <> max(fmspc)
),
sighting AS (
    SELECT
        q.qe_id, q.ppid, q.quote_id, q.signature_r, o.observation_id, o.observation_no,
        o.received_at
    FROM churned_qe AS c
    JOIN quote AS q ON q.qe_id = c.qe_id AND q.trusted AND q.ppid IS NOT NULL
    JOIN observation AS o ON o.quote_no = q.quote_no
    WHERE o.received_at IS NOT NULL
),
-- Evidence shown again says nothing about who lives now.
fresh AS (
    SELECT qe_id, ppid, observation_id, observation_no, received_at
    FROM (
        SELECT
            qe_id, ppid, observation_id, observation_no, received_at,
            row_number() OVER (
                PARTITION BY qe_id, ppid, signature_r ORDER BY received_at, observation_no
            ) AS showing
        FROM sighting
    ) AS shown
    WHERE showing = 1
),
ordered AS (
    SELECT
        qe_id, ppid, observation_id, observation_no, received_at,
        lag(ppid) OVER identity AS ppid_before,
        lead(ppid) OVER identity AS ppid_after,
        row_number() OVER (
            PARTITION BY qe_id, ppid ORDER BY received_at, observation_no
        ) AS occurrence
    FROM fresh
    WINDOW identity AS (PARTITION BY qe_id ORDER BY received_at, observation_no)
),
alternation AS (
    SELECT
        qe_id,
        CAST(sum(CASE WHEN ppid_before <> ppid THEN 1 ELSE 0 END) AS BIGINT) AS changes,
        CAST(sum(CASE WHEN ppid_before <> ppid AND occurrence > 1 THEN 1 ELSE 0 END) AS BIGINT)
            AS returns
    FROM ordered
    GROUP BY qe_id
),
told AS (
    SELECT
        'qe_id' AS subject_type, o.qe_id AS subject_id, 'qe_id' AS kind, o.ppid AS identity,
        o.observation_id, o.observation_no, o.received_at, a.changes, a.returns
    FROM ordered AS o
    JOIN alternation AS a ON a.qe_id = o.qe_id AND a.returns > 0
    WHERE o.ppid_before <> o.ppid OR o.ppid_after <> o.ppid
    UNION ALL
    SELECT
        'platform' AS subject_type, s.ppid AS subject_id, 'fmspc' AS kind, s.fmspc AS identity,
        s.observation_id, s.observation_no, s.received_at,
        CAST(NULL AS BIGINT) AS changes, CAST(NULL AS BIGINT) AS returns
    FROM (
        SELECT
            q.ppid, q.fmspc, o.observation_id, o.observation_no, o.received_at,
            row_number() OVER (
                PARTITION BY q.ppid, q.fmspc ORDER BY o.received_at, o.observation_no
            ) AS place
        FROM churned_ppid AS c
        JOIN quote AS q ON q.ppid = c.ppid AND q.trusted AND q.fmspc IS NOT NULL
        JOIN observation AS o ON o.quote_no = q.quote_no
    ) AS s
    WHERE s.place = 1
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'medium' AS severity,
    CASE kind
        WHEN 'qe_id' THEN 'One QE_ID alternates between '
            || CAST(count(DISTINCT identity) AS VARCHAR) || ' platforms, '
            || CAST(max(returns) AS VARCHAR) || ' return(s)'
        ELSE 'One PPID in PCK certificates of ' || CAST(count(DISTINCT identity) AS VARCHAR)
            || ' platform families'
    END AS summary,
    CAST(to_json({
        'kind': kind,
        'identities': list_sort(list(DISTINCT identity)),
        'changes': max(changes),
        'returns': max(returns),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM told
GROUP BY subject_type, subject_id, kind
ORDER BY subject_type, subject_id, details
