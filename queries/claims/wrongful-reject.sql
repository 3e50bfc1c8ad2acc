-- ---
-- id = "wrongful-reject"
-- title = "A good quote that the verifier refused"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which evidence was refused although it verifies, with an accepted status, for an approved measurement and the right REPORT_DATA?"
-- why = "A verifier that refuses good evidence is broken, or is being used to keep somebody out; and people learn to go around it."
-- inputs = ["binding", "observation", "policy", "quote", "reference_value", "verdict"]
-- requires = ["verdict"]
-- scope = ["observation_id"]
-- discriminator = []
-- grain = "one row per instance; low where in all of it a strict check fails that says nothing about the enclave itself"
-- nulls = "what was not approved, not yet approved (by approved_at, or by a later manifest that brought the approval), not bound or not determined, what can be debugged or is otherwise no enclave, TD or guest to trust (A1-A4, N10) may have been refused for that: no finding; where the manifests name no measurements, or no rule, that is not asked"
-- clocks = "the verifier's against the approver's, which nothing ties together: an approval is from a day to a day, and a refusal within the clocks' reach of its ends is told without a margin"
-- false_positives = ["a policy that is stricter than the manifest", "a refusal for freshness: late, replayed or unknown nonces"]
-- blind_spots = ["refusals that were logged without the quote"]
-- attack = ["denial of service through the verifier"]
-- spec = ["RFC 9334, section 8.4 (attestation results)", "detector D34"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.accept]
-- type = "VARCHAR[]"
-- default = "UpToDate, SWHardeningNeeded"
-- meaning = "TCB statuses that are good enough, where the manifest's policy does not say"
-- [params.recording_lag]
-- type = "INTERVAL"
-- default = "2d"
-- meaning = "an approval that a later manifest brought may have been made this long before this tool read it"
-- [details]
-- claimed = "quote_status as logged"
-- statuses = "TCB statuses recomputed"
-- strict_failures = "strict checks of ours that fail: a verifier may refuse for them"
-- verifiers = "verifiers that refused"
-- sightings = "number of sightings"
-- [sides]
-- fact = "verdict"
-- "the verifier's words" = "claimed"
-- recomputed = "statuses"
-- [[not_evaluable]]
-- reason = "refused, and no collateral covers the moment"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- WHERE NOT o.claimed_ok AND q.trusted AND coalesce(v.outcome, 'undetermined') = 'undetermined'"""
-- ---
WITH refused AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.backend_verifier,
        o.claimed_quote_status, v.status,
        coalesce(v.strict_failures, CAST([] AS VARCHAR[])) AS strict_failures,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id) AS subject_id,
        q.mrenclave, q.mrsigner, q.isv_prodid, q.isv_svn, q.mrtd, q.rtmr0, q.rtmr1, q.rtmr2,
        q.rtmr3, q.measurement, q.host_data
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    LEFT JOIN policy AS p ON TRUE
    LEFT JOIN binding AS b ON b.observation_no = o.observation_no
    WHERE NOT o.claimed_ok
        AND q.trusted
        AND v.outcome = 'accepted'
        -- AMD gives its platforms no status.
        AND (q.tee = 'snp' OR list_contains(coalesce(p.accept, $accept), v.status))
        AND coalesce(b.result = 'match', TRUE)
        -- What can be debugged, or moved, is not good, whoever signed it.
        AND NOT (
            list_contains(coalesce(v.strict_failures, CAST([] AS VARCHAR[])), 'A1')
            OR list_contains(coalesce(v.strict_failures, CAST([] AS VARCHAR[])), 'A2')
            OR list_contains(coalesce(v.strict_failures, CAST([] AS VARCHAR[])), 'A3')
            OR list_contains(coalesce(v.strict_failures, CAST([] AS VARCHAR[])), 'A4')
            OR list_contains(coalesce(v.strict_failures, CAST([] AS VARCHAR[])), 'N10')
        )
),
approved AS (
    SELECT DISTINCT x.observation_no
    FROM refused AS x
    JOIN reference_value AS r
        ON (
            r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL OR r.mrtd IS NOT NULL
            OR r.measurement IS NOT NULL
        )
        AND coalesce(r.mrenclave = x.mrenclave, r.mrenclave IS NULL)
        AND coalesce(r.mrsigner = x.mrsigner, r.mrsigner IS NULL)
        AND coalesce(r.isv_prodid = x.isv_prodid, r.isv_prodid IS NULL)
        AND coalesce(x.isv_svn >= r.min_isv_svn, r.min_isv_svn IS NULL)
        AND coalesce(r.mrtd = x.mrtd, r.mrtd IS NULL)
        AND coalesce(r.rtmr0 = x.rtmr0, r.rtmr0 IS NULL)
        AND coalesce(r.rtmr1 = x.rtmr1, r.rtmr1 IS NULL)
        AND coalesce(r.rtmr2 = x.rtmr2, r.rtmr2 IS NULL)
        AND coalesce(r.rtmr3 = x.rtmr3, r.rtmr3 IS NULL)
        AND coalesce(r.measurement = x.measurement, r.measurement IS NULL)
        AND coalesce(r.host_data = x.host_data, r.host_data IS NULL)
        AND coalesce(x.received_at >= r.valid_from, TRUE)
        AND coalesce(x.received_at < r.valid_to, TRUE)
        -- Whoever refused could know of it by then (see backdated-approval).
        AND coalesce(
            x.received_at >= CASE
                WHEN r.approved_at IS NOT NULL THEN r.approved_at
                WHEN r.recorded_at > r.workload_recorded_at THEN r.recorded_at - $recording_lag
            END,
            TRUE
        )
)
SELECT
    x.subject_type,
    x.subject_id,
    min(x.received_at) AS first_seen,
    max(x.received_at) AS last_seen,
    string_split(string_agg(x.observation_id, ' ' ORDER BY x.received_at, x.observation_no), ' ')
        AS observation_ids,
    CASE WHEN bool_and(len(x.strict_failures) > 0) THEN 'low' ELSE 'medium' END AS severity,
    'Refused ' || CAST(count(*) AS VARCHAR) || ' time(s) although everything verifies'
    || CASE
        WHEN bool_or(len(x.strict_failures) > 0)
            THEN ', but for strict checks ('
                || array_to_string(list_sort(list_distinct(flatten(list(x.strict_failures)))), ', ')
                || ')'
        ELSE ''
    END
    || coalesce(' (logged: ' || min(x.claimed_quote_status) || ')', '') AS summary,
    CAST(to_json({
        'claimed': list_sort(
            list(DISTINCT x.claimed_quote_status) FILTER (WHERE x.claimed_quote_status IS NOT NULL)
        ),
        'statuses': list_sort(list(DISTINCT x.status) FILTER (WHERE x.status IS NOT NULL)),
        'strict_failures': list_sort(list_distinct(flatten(list(x.strict_failures)))),
        'verifiers': list_sort(
            list(DISTINCT x.backend_verifier) FILTER (WHERE x.backend_verifier IS NOT NULL)
        ),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM refused AS x
LEFT JOIN approved AS a ON a.observation_no = x.observation_no
WHERE a.observation_no IS NOT NULL OR NOT EXISTS (SELECT 1 FROM reference_value)
GROUP BY x.subject_type, x.subject_id
ORDER BY subject_type, subject_id
