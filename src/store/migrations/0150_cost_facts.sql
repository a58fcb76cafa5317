-- What costs are worked out by beside usage, as it was over time: it may be gone, or otherwise, when it is reckoned, and
-- another server may do that. Times are milliseconds since the epoch. Each row holds until the next one of the same.
CREATE TABLE cost_place (
  cluster TEXT NOT NULL,
  node TEXT NOT NULL,
  begins BIGINT NOT NULL,
  pool TEXT NOT NULL,
  purchase TEXT NOT NULL,
  PRIMARY KEY (cluster, node, begins)
);

-- Into how many replicas a device or an instance was shared; 1: it was not.
CREATE TABLE cost_shared (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  gpu_instance INTEGER NOT NULL,  -- -1: the whole device
  begins BIGINT NOT NULL,
  replicas BIGINT NOT NULL,
  PRIMARY KEY (cluster, device_uuid, gpu_instance, begins)
);

-- How many of them a pod held, as it was seen last; without a row: one.
CREATE TABLE cost_held (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  gpu_instance INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  pod_uid TEXT NOT NULL,
  replicas BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  PRIMARY KEY (cluster, device_uuid, gpu_instance, namespace, pod, pod_uid)
);

-- No entry of a later bucket (seconds since the epoch) names it: it goes once the ledger has dropped all up to there.
ALTER TABLE cost_subject ADD COLUMN used_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_owner ADD COLUMN used_until BIGINT NOT NULL DEFAULT 0;
UPDATE cost_subject SET used_until = COALESCE((SELECT MAX(bucket) FROM cost_bucket), 0);
UPDATE cost_owner SET used_until = COALESCE((SELECT MAX(bucket) FROM cost_bucket), 0);
CREATE INDEX cost_subject_by_used_until ON cost_subject (used_until);
CREATE INDEX cost_owner_by_used_until ON cost_owner (used_until);
