-- What devices have cost. Amounts are whole millionths of one currency; times are milliseconds, buckets seconds since the epoch:
-- begins of quarters of an hour. Entries are added and never changed: see fleet/cost/ledger.h.
CREATE TABLE cost_currency (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  currency TEXT NOT NULL
);

-- A device or an instance as it was when it cost something, and who had it: told apart by all of their columns.
CREATE TABLE cost_subject (
  id BIGINT PRIMARY KEY,
  cluster TEXT NOT NULL,
  node TEXT NOT NULL,
  pool TEXT NOT NULL,
  model TEXT NOT NULL,
  purchase TEXT NOT NULL,
  device_id TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  gpu_instance INTEGER NOT NULL,  -- -1: the whole device
  profile TEXT NOT NULL,
  UNIQUE (cluster, node, pool, model, purchase, device_id, device_uuid, gpu_instance, profile)
);
CREATE TABLE cost_owner (
  id BIGINT PRIMARY KEY,          -- 0 in entries: nobody
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  pod_uid TEXT NOT NULL,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  cost_centre TEXT NOT NULL,
  UNIQUE (cluster, namespace, pod, pod_uid, team, project, cost_centre)
);

-- A bucket that is closed, and how many corrections it has had.
CREATE TABLE cost_bucket (
  bucket BIGINT PRIMARY KEY,
  revision BIGINT NOT NULL,
  closed_at BIGINT NOT NULL
);
CREATE TABLE cost_correction (
  bucket BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  entered_at BIGINT NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (bucket, revision)
);
CREATE TABLE cost_entry (
  bucket BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  owner BIGINT NOT NULL,
  kind TEXT NOT NULL,
  basis TEXT NOT NULL,
  micros BIGINT NOT NULL,
  device_ms BIGINT NOT NULL,
  unpriced_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, revision, subject, owner, kind, basis)
)/*sqlite: WITHOUT ROWID*/;

-- Buckets of which something came to be known after they could have been closed. The version says whether that has
-- happened again since somebody looked.
CREATE TABLE cost_late (
  bucket BIGINT PRIMARY KEY,
  version BIGINT NOT NULL
);
