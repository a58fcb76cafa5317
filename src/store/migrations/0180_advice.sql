-- Advice: what was said last, and what somebody has made of it. Times are milliseconds since the epoch, money whole
-- millionths of the ledger's currency.
CREATE TABLE advice_said (
  id TEXT PRIMARY KEY,             -- of kind and subject: the same from run to run
  kind TEXT NOT NULL,
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,         -- '' where it is about no workload
  name TEXT NOT NULL,              -- of the workload, the device or the model
  aim TEXT NOT NULL,
  per_month BIGINT,                -- NULL: nobody can say
  first_said BIGINT NOT NULL,
  last_said BIGINT NOT NULL,
  standing INTEGER NOT NULL,       -- 0: the last run did not say it again
  body TEXT NOT NULL               -- all of it, as JSON
);

-- What somebody has made of one that was said; what nobody has is open. It outlives what was said.
CREATE TABLE advice_answer (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,             -- accepted, snoozed, dismissed
  at BIGINT NOT NULL,
  by_whom TEXT NOT NULL,
  until BIGINT,                    -- of what is snoozed
  reason TEXT NOT NULL,
  aim TEXT NOT NULL,               -- as it was said then
  per_month BIGINT,
  body TEXT NOT NULL               -- likewise
);

-- What serving engines did in five minutes, all ranks and engines of a pod together.
CREATE TABLE serving_seen (
  bucket BIGINT NOT NULL,          -- seconds since the epoch
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  observed_ms BIGINT NOT NULL,
  tokens BIGINT NOT NULL,          -- prompt and generated, in thousandths
  finished BIGINT NOT NULL,        -- requests, in thousandths
  running_most BIGINT NOT NULL,
  waiting_most BIGINT NOT NULL,
  kv_tokens_most BIGINT,           -- NULL: not told
  preemptions BIGINT NOT NULL,     -- in thousandths
  PRIMARY KEY (bucket, cluster, namespace, pod)
)/*sqlite: WITHOUT ROWID*/;
