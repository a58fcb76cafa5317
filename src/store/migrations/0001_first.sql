-- What the server has done with its journal: one row.
CREATE TABLE progress (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  journal_sequence BIGINT NOT NULL
);
INSERT INTO progress VALUES (1, 0);

-- Sessions that have ended. Times are milliseconds since the epoch. A session that is seen again after a silence is the
-- same row: its key is what identifies a process.
CREATE TABLE session (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  gpu_instance INTEGER NOT NULL,      -- -1: the whole device
  compute_instance INTEGER NOT NULL,  -- -1: the whole GPU instance, or the whole device
  pid BIGINT NOT NULL,
  started BIGINT NOT NULL,            -- of the process; of the session where that is not known
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
  ended BIGINT NOT NULL,
  peak_memory_bytes BIGINT,
  utilization_sum DOUBLE PRECISION NOT NULL,
  utilization_samples BIGINT NOT NULL,
  PRIMARY KEY (cluster, device_uuid, gpu_instance, compute_instance, pid, started)
);
CREATE INDEX session_by_end ON session (ended);
CREATE INDEX session_by_pod ON session (namespace, pod, ended);
