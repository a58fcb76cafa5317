-- What devices cost an hour, at all times so far (fleet/cost/rate_history.h). Times are milliseconds since the epoch; those of
-- a rate that has no begin or no end are the least and the greatest of 64 bits. Empty texts stand for all.
CREATE TABLE cost_rate (
  model TEXT NOT NULL,
  cluster TEXT NOT NULL,
  node TEXT NOT NULL,
  pool TEXT NOT NULL,
  purchase TEXT NOT NULL,
  begins BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  per_hour BIGINT NOT NULL,
  PRIMARY KEY (model, cluster, node, pool, purchase, begins)
);

-- Whose a pod is, as its labels said when it was seen last: it may be gone when what it had is reckoned. Times are
-- milliseconds.
CREATE TABLE cost_pod (
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  pod_uid TEXT NOT NULL,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  cost_centre TEXT NOT NULL,
  seen BIGINT NOT NULL,
  PRIMARY KEY (cluster, namespace, pod, pod_uid)
);

-- Why a bucket is to be corrected.
ALTER TABLE cost_late ADD COLUMN why TEXT NOT NULL DEFAULT 'late samples';
