-- ---
-- id = "firmware-drift"
-- title = "Firmware that only one platform has"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "low"
-- sig = true
-- question = "Which TDX module or quoting enclave was seen on a single platform while the others of the fleet had other ones?"
-- why = "Intel ships one module and one quoting enclave to everybody. What one machine alone has is a new release on its first host, or a thing of its own."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["ppid"]
-- suspects = "SELECT ppid FROM alone WHERE others >= $min_platforms"
-- discriminator = ["part", "value"]
-- grain = "one row per platform, part and value"
-- nulls = "a platform without PPID cannot be told and is counted, and so are sightings without a time"
-- clocks = "the verifiers': they only order first sightings of a value among platforms, days apart; one that is seen elsewhere as well is no finding, whichever was first"
-- false_positives = ["a new release: it spreads to the other platforms, and the finding is resolved", "a machine kept on an old release: only values that are newer than what the others had at the time are told"]
-- blind_spots = ["a fleet with fewer than min_platforms other platforms", "firmware that is the same everywhere and wrong: no list of Intel's releases is kept"]
-- attack = ["modified or unreleased firmware", "foreign quoting enclave"]
-- spec = ["Intel TDX module, MRSEAM", "detector D32"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.min_platforms]
-- type = "BIGINT"
-- default = "3"
-- meaning = "at least this many other platforms had attested with other values before"
-- [details]
-- part = "tdx_module: MR_SEAM of TD reports; quoting_enclave: MRENCLAVE of the quoting enclave, per TEE"
-- value = "what this platform alone showed"
-- others = "other platforms that had shown another value before"
-- seen_since = "other platforms that showed evidence of that part afterwards, and still not this value"
-- enclaves = "enclave ids in whose evidence it was"
-- sightings = "number of sightings with it"
-- [sides]
-- fact = "firmware"
-- "this platform alone" = "value"
-- others = "others"
-- [[not_evaluable]]
-- reason = "quote of a platform without PPID"
-- count = """
-- SELECT count(*) AS unjudged FROM quote WHERE trusted AND ppid IS NULL"""
-- [[not_evaluable]]
-- reason = "quote without a time: it has no place in the order"
-- count = """
-- -- Few have no time: whose quotes are trusted is asked of them alone.
-- SELECT count(CASE WHEN q.trusted THEN 1 END) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE o.received_at IS NULL"""
-- ---
WITH part AS (
    SELECT quote_no, ppid, 'tdx_module' AS part, 'tdx' AS series, mr_seam AS value
    FROM quote
    WHERE trusted AND ppid IS NOT NULL AND mr_seam IS NOT NULL
    UNION ALL
    SELECT quote_no, ppid, 'quoting_enclave' AS part, tee AS series, qe_mrenclave AS value
    FROM quote
    WHERE trusted AND ppid IS NOT NULL AND qe_mrenclave IS NOT NULL AND tee IS NOT NULL
),
lonely AS (
    SELECT part, series, value
    FROM part
    GROUP BY part, series, value
    HAVING min(ppid) = max(ppid)
),
stay AS (
    SELECT
        p.part, p.series, p.value, p.ppid,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM part AS p
    JOIN observation AS o ON o.quote_no = p.quote_no
    WHERE o.received_at IS NOT NULL
    GROUP BY p.part, p.series, p.value, p.ppid
),
alone AS (
    SELECT
        s.part, s.series, s.value, s.ppid, s.first_at,
        count(DISTINCT CASE WHEN x.first_at < s.first_at THEN x.ppid END) AS others,
        count(DISTINCT CASE WHEN x.last_at > s.first_at THEN x.ppid END) AS seen_since
    FROM stay AS s
    JOIN lonely AS l ON l.part = s.part AND l.series = s.series AND l.value = s.value
    JOIN stay AS x
        ON x.part = s.part AND x.series = s.series AND x.value <> s.value AND x.ppid <> s.ppid
    GROUP BY s.part, s.series, s.value, s.ppid, s.first_at
),
-- Few parts are alone: their quotes first.
shown AS (
    SELECT quote_no, ppid, part, series, value
    FROM part
    WHERE value IN (SELECT value FROM alone)
)
SELECT
    'platform' AS subject_type,
    a.ppid AS subject_id,
    min(o.received_at) AS first_seen,
    max(o.received_at) AS last_seen,
    string_split(string_agg(o.observation_id, ' ' ORDER BY o.received_at, o.observation_no), ' ')
        AS observation_ids,
    'low' AS severity,
    CASE a.part WHEN 'tdx_module' THEN 'A TDX module' ELSE 'A quoting enclave' END
    || ' that no other platform has, where ' || CAST(a.others AS VARCHAR)
    || ' had another one (' || CAST(count(*) AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'part': a.part,
        'value': a.value,
        'others': a.others,
        'seen_since': a.seen_since,
        'enclaves': list_sort(list(DISTINCT o.enclave_id) FILTER (WHERE o.enclave_id IS NOT NULL)),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM alone AS a
JOIN shown AS p
    ON p.part = a.part AND p.series = a.series AND p.value = a.value AND p.ppid = a.ppid
JOIN observation AS o ON o.quote_no = p.quote_no AND o.received_at IS NOT NULL
WHERE a.others >= $min_platforms
GROUP BY a.part, a.series, a.value, a.ppid, a.others, a.seen_since
ORDER BY subject_type, subject_id, details
