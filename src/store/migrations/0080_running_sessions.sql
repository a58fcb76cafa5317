-- Sessions that run, as they were last noted: a restart, or the server that leads next, goes on with them. A row is there
-- from when a session is first seen until it is written to `session`, both in one transaction; what it has come to is noted
-- about once a minute. Times are milliseconds since the epoch.
CREATE TABLE running_session (
  id BIGINT PRIMARY KEY,              -- given by the server that leads
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  gpu_instance INTEGER NOT NULL,      -- -1: the whole device
  compute_instance INTEGER NOT NULL,  -- -1: the whole GPU instance, or the whole device
  pid BIGINT NOT NULL,
  node TEXT NOT NULL,
  device_id TEXT NOT NULL,
  command TEXT NOT NULL,
  type TEXT NOT NULL,
  attribution TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  container TEXT NOT NULL,
  pod_uid TEXT NOT NULL,
  process_start BIGINT,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  peak_memory_bytes BIGINT,
  utilization_sum DOUBLE PRECISION NOT NULL,
  utilization_samples BIGINT NOT NULL,
  utilization_until BIGINT NOT NULL   -- the newest sample in the two before: what is read again of the journal is not counted again
)/*sqlite: WITHOUT ROWID*/;
