-- ---
-- id = "custody-break"
-- title = "The case is not what its ledger says"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which files of the case, or entries of its ledger, were changed, removed or added?"
-- why = "Every other finding rests on the evidence being what was collected. Where it is not, that comes first."
-- inputs = ["custody_problem"]
-- in_full = "it reads no evidence, but what holding every file against the ledger gave"
-- discriminator = ["code"]
-- grain = "one row per file and code"
-- nulls = "times are not known: a changed file does not say when; a problem without a path is the case's"
-- false_positives = ["note (low): a file that a commit that was cut off left behind, which nothing reads and the next commit deletes", "critical all the same: a file that somebody stored in the case by mistake; nothing reads it either, but nothing tells it from one that was meant to be taken for evidence: move it out"]
-- blind_spots = ["whoever can write the case can rewrite ledger and evidence together: only a signature or a witness of the ledger's head outside the case tells (`custody anchor`)", "`audit` refuses a broken case before it runs detectors: `detect` and `custody verify` show what is broken"]
-- attack = ["evidence tampering"]
-- spec = ["RFC 9162, section 2.1 (hash trees)", "detector D51"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- code = "stable code, as `custody verify` prints it"
-- level = "failure: contradicts the ledger, or is a file that this tool cannot have left; note: contradicts nothing"
-- messages = "what differs"
-- [sides]
-- fact = "file"
-- "the ledger names" = "subject_id"
-- "it differs" = "messages"
-- ---
WITH problem AS (
    SELECT coalesce(path, 'case') AS path, coalesce(code, 'unknown') AS code,
        coalesce(level, 'failure') AS level, coalesce(message, '') AS message
    FROM custody_problem
)
SELECT
    'file' AS subject_type,
    path AS subject_id,
    CAST(NULL AS TIMESTAMPTZ) AS first_seen,
    CAST(NULL AS TIMESTAMPTZ) AS last_seen,
    CAST([] AS VARCHAR[]) AS observation_ids,
    CASE min(level) WHEN 'failure' THEN 'critical' ELSE 'low' END AS severity,
    path || ': ' || min(message) AS summary,
    CAST(to_json({
        'code': code,
        'level': min(level),
        'messages': list_sort(list(DISTINCT message))
    }) AS VARCHAR) AS details
FROM problem
GROUP BY path, code
ORDER BY subject_type, subject_id, details
