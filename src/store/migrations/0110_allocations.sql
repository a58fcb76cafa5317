-- What pods have asked for, and what became of it.
CREATE TABLE allocation (
  id TEXT NOT NULL PRIMARY KEY,
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  request TEXT NOT NULL,
  team TEXT NOT NULL,
  priority BIGINT NOT NULL,
  waits BIGINT NOT NULL,
  lease BIGINT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  why TEXT NOT NULL,
  who TEXT NOT NULL,
  since BIGINT NOT NULL,
  parts TEXT NOT NULL,
  ready_since BIGINT,
  expires BIGINT,
  pod_uid TEXT NOT NULL,
  decision TEXT NOT NULL
);
-- A slice of a device has one owner, whoever writes. A whole device has all of its slices.
CREATE TABLE promised_slice (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  slice BIGINT NOT NULL,
  allocation TEXT NOT NULL,
  PRIMARY KEY (cluster, device_uuid, slice)
);
-- A pod has one allocation that is not over.
CREATE TABLE allocated_pod (
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  allocation TEXT NOT NULL,
  PRIMARY KEY (cluster, namespace, pod)
);
