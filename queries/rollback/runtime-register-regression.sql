-- ---
-- id = "runtime-register-regression"
-- title = "A run-time register that went back"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which TDs showed a value of a run-time register again after it had been extended, within one boot?"
-- why = "A register can only be extended: each value is a hash over the one before, and none ever comes back. One that does was reset with its TD, or restored from a snapshot, or the evidence is not of that TD."
-- inputs = ["launch", "observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["container_id", "enclave_id", "signature_r"]
-- suspects = "SELECT subject_id AS container_id, subject_id AS enclave_id FROM moved"
-- discriminator = ["part"]
-- grain = "one row per container, else TD, and register"
-- nulls = "evidence without a time, or without container and enclave, is counted"
-- false_positives = ["a reboot inside the container that no launch event tells: all registers that software extends begin anew", "evidence that overtakes other evidence on its way, by more than in_flight"]
-- blind_spots = ["event logs are not replayed: that a value does not follow from the one before is not seen, only that an old one comes back", "a launch event for every reset hides it"]
-- attack = ["rollback of a TD to a snapshot", "evidence of another TD under the same name"]
-- spec = ["Intel TDX module, TDG.MR.RTMR.EXTEND", "detectors D46 and D47"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.in_flight]
-- type = "INTERVAL"
-- default = "1m"
-- meaning = "evidence of the old value may arrive this long after the first evidence of the new one, by order of arrival or by the clocks of two verifiers"
-- [details]
-- part = "rtmr0 to rtmr3"
-- returned = "values that came back"
-- between = "values that had followed them"
-- margin_ms = "how long after the first evidence of the later value the old one was seen last: by that much evidence would have to be late, or clocks apart"
-- skew_ms = "how much of that the verifiers' clocks and the ways to them are, by the host's own clock, which says when both were made; else 0 where one verifier stamped all; null: not known"
-- skew_explains = "by the host's own clock the old value was there last before the later one came; null: not known"
-- enclave_id = "as logged"
-- accepted = "number of sightings of returned values that the verifier called good"
-- sightings = "number of sightings of returned values"
-- [sides]
-- fact = "register"
-- "had gone on to" = "between"
-- "went back to" = "returned"
-- [[not_evaluable]]
-- reason = "TD quote without a time, or without container and enclave"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND q.mrtd IS NOT NULL
--     AND (o.received_at IS NULL OR coalesce(o.container_id, o.enclave_id) IS NULL)"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- Evidence shown again tells an old state: only its first showing counts.
WITH sighting AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, o.claimed_ok,
        o.quote_generated_at AS made_at, o.backend_verifier AS verifier,
        CASE WHEN o.container_id IS NULL THEN 'enclave' ELSE 'container' END AS subject_type,
        coalesce(o.container_id, o.enclave_id) AS subject_id,
        q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted
        AND a.observation_no IS NULL
        AND q.mrtd IS NOT NULL
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NOT NULL
),
-- Few TDs ever extend after their first evidence: only those are looked at further.
moved AS (
    SELECT subject_type, subject_id
    FROM sighting
    GROUP BY subject_type, subject_id
    HAVING min(rtmr0) <> max(rtmr0) OR min(rtmr1) <> max(rtmr1)
        OR min(rtmr2) <> max(rtmr2) OR min(rtmr3) <> max(rtmr3)
),
-- Every launch begins a new life, in which registers begin anew.
started AS (
    SELECT 'container' AS subject_type, container_id AS subject_id, timestamp
    FROM launch
    WHERE container_id IN (SELECT subject_id FROM moved) AND timestamp IS NOT NULL
    UNION
    SELECT 'enclave' AS subject_type, enclave_id AS subject_id, timestamp
    FROM launch
    WHERE enclave_id IN (SELECT subject_id FROM moved) AND timestamp IS NOT NULL
),
-- Launches and sightings in one order of time: a life has the number of the launches before it.
course AS (
    SELECT subject_type, subject_id, timestamp AS happened_at, 1 AS is_launch, NULL AS observation_no
    FROM started
    UNION ALL
    SELECT s.subject_type, s.subject_id, s.received_at, 0, s.observation_no
    FROM sighting AS s
    JOIN moved AS m ON m.subject_type = s.subject_type AND m.subject_id = s.subject_id
),
numbered AS (
    SELECT
        observation_no,
        sum(is_launch) OVER (PARTITION BY subject_type, subject_id ORDER BY happened_at) AS life
    FROM course
),
lived AS (
    SELECT
        s.subject_type, s.subject_id, s.observation_id, s.observation_no, s.received_at,
        s.enclave_id, s.claimed_ok, s.made_at, s.verifier, s.rtmr0, s.rtmr1, s.rtmr2, s.rtmr3,
        n.life
    FROM sighting AS s
    JOIN numbered AS n ON n.observation_no = s.observation_no
),
part AS (
    SELECT 'rtmr0' AS part UNION ALL SELECT 'rtmr1' UNION ALL SELECT 'rtmr2'
    UNION ALL SELECT 'rtmr3'
),
reading AS (
    SELECT
        l.subject_type, l.subject_id, l.life, p.part, l.observation_id, l.observation_no,
        l.received_at, l.enclave_id, l.claimed_ok, l.made_at, l.verifier,
        CASE p.part
            WHEN 'rtmr0' THEN l.rtmr0 WHEN 'rtmr1' THEN l.rtmr1
            WHEN 'rtmr2' THEN l.rtmr2 ELSE l.rtmr3
        END AS state
    FROM lived AS l
    CROSS JOIN part AS p
),
stay AS (
    SELECT
        subject_type, subject_id, life, part, state,
        min(received_at) AS first_at, max(received_at) AS last_at,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE WHEN count(made_at) = count(*) THEN max(made_at) END AS last_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier,
        min_by(observation_id, observation_no) AS observation_id
    FROM reading
    WHERE state IS NOT NULL
    GROUP BY subject_type, subject_id, life, part, state
),
-- The old value was there first, and is seen again when the new one has been there for long.
returned AS (
    SELECT
        old.subject_type, old.subject_id, old.life, old.part, old.state,
        new.state AS new_state, new.first_at AS new_at, new.observation_id AS new_observation,
        epoch(old.last_at) - epoch(new.first_at) AS margin,
        coalesce(
            epoch(old.last_at) - epoch(new.first_at)
            - (epoch(old.last_made) - epoch(new.first_made)),
            CASE WHEN old.verifier = new.verifier THEN 0 END
        ) AS skew
    FROM stay AS old
    JOIN stay AS new
        ON new.subject_type = old.subject_type AND new.subject_id = old.subject_id
        AND new.life = old.life AND new.part = old.part
        AND new.state <> old.state
        AND old.first_at < new.first_at
        AND old.last_at >= new.first_at + $in_flight
),
offence AS (
    SELECT DISTINCT
        r.subject_type, r.subject_id, r.part, r.state, x.observation_id, x.observation_no,
        x.received_at, x.enclave_id, x.claimed_ok
    FROM returned AS r
    JOIN reading AS x
        ON x.subject_type = r.subject_type AND x.subject_id = r.subject_id
        AND x.life = r.life AND x.part = r.part AND x.state = r.state
        AND x.received_at >= r.new_at + $in_flight
),
cause AS (
    SELECT
        subject_type, subject_id, part,
        max(margin) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(coalesce(margin <= skew, FALSE)) END AS explained,
        list_sort(list(DISTINCT new_state)) AS between_states,
        min_by(new_observation, new_at) AS new_observation
    FROM returned
    GROUP BY subject_type, subject_id, part
),
tally AS (
    SELECT
        subject_type, subject_id, part,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        list_sort(list(DISTINCT state)) AS returned_states,
        min(enclave_id) AS enclave_id,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM offence
    GROUP BY subject_type, subject_id, part
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    string_split(c.new_observation || ' ' || t.observations, ' ') AS observation_ids,
    'high' AS severity,
    upper(t.part) || ' went back to an earlier value, up to '
    || CAST(CAST(c.margin AS BIGINT) AS VARCHAR) || ' s after a later one had been seen ('
    || CAST(t.sightings AS VARCHAR) || ' sighting(s))'
    || CASE WHEN c.explained THEN ', by the host''s own clock in order' ELSE '' END AS summary,
    CAST(to_json({
        'part': t.part,
        'returned': t.returned_states,
        'between': c.between_states,
        'margin_ms': CAST(c.margin * 1000 AS BIGINT),
        'skew_ms': CAST(c.skew * 1000 AS BIGINT),
        'skew_explains': c.explained,
        'enclave_id': t.enclave_id,
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN cause AS c
    ON c.subject_type = t.subject_type AND c.subject_id = t.subject_id AND c.part = t.part
ORDER BY subject_type, subject_id, details
