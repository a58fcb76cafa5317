-- As 0002_usage.sql, with usage in partitions (partitions.h makes and drops them): of a day for the finest, of a month for the
-- others. What is too old goes with its partition and leaves nothing to clean up.
-- Usage over time. One row says what became of one subject (a device, or a GPU instance of one) in one span of time that
-- begins at `bucket` (seconds since the epoch, a multiple of the span). Rows only ever grow: each commit adds what the
-- journal told since the last one, to all three resolutions alike, so that the coarse are the exact sums of the fine.
--   observed_ms   how long anything was known of it; owned_ms: how long somebody held or used it
--   X_sum         integral of the value over the time that it was known, in ms times the unit below
--   X_gap         how much of observed_ms the value was not known: its mean is X_sum / (observed_ms - X_gap)
--   X_max         largest value in it
-- Units: util, sm, tensor, dram 1/10000; memory MiB; power 0.1 W; temperature 0.1 degrees Celsius.
-- The key begins with the time: rows are written and dropped in its order, and read by points of time.
ALTER TABLE progress ADD COLUMN recall_sequence BIGINT NOT NULL DEFAULT 0;  -- reading again begins behind it
ALTER TABLE progress ADD COLUMN counted_at BIGINT NOT NULL DEFAULT 0;       -- the clock at the last commit
ALTER TABLE progress ADD COLUMN usage_seconds BIGINT NOT NULL DEFAULT 0;    -- span of usage_raw; 0 before the first

CREATE TABLE usage_subject (
  id BIGINT PRIMARY KEY,
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  gpu_instance INTEGER NOT NULL,  -- -1: the whole device
  profile TEXT NOT NULL,          -- of the instance, whose number may come back with another one; '' of a device
  compute_slices INTEGER,         -- what it weighs; NULL where nobody tells
  sm_count INTEGER,
  UNIQUE (cluster, device_uuid, gpu_instance, profile)
);

CREATE TABLE usage_owner (
  id BIGINT PRIMARY KEY,
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,  -- '' with the pod: a process outside of any pod
  pod TEXT NOT NULL,
  pod_uid TEXT NOT NULL,
  UNIQUE (cluster, namespace, pod, pod_uid)
);

CREATE TABLE usage_raw (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  observed_ms BIGINT NOT NULL,
  owned_ms BIGINT NOT NULL,
  util_sum BIGINT NOT NULL,
  util_gap BIGINT NOT NULL,
  util_max BIGINT NOT NULL,
  memory_sum BIGINT NOT NULL,
  memory_gap BIGINT NOT NULL,
  memory_max BIGINT NOT NULL,
  power_sum BIGINT NOT NULL,
  power_gap BIGINT NOT NULL,
  power_max BIGINT NOT NULL,
  temperature_sum BIGINT NOT NULL,
  temperature_gap BIGINT NOT NULL,
  temperature_max BIGINT NOT NULL,
  sm_sum BIGINT NOT NULL,
  sm_gap BIGINT NOT NULL,
  tensor_sum BIGINT NOT NULL,
  tensor_gap BIGINT NOT NULL,
  dram_sum BIGINT NOT NULL,
  dram_gap BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject)
) PARTITION BY RANGE (bucket);
CREATE INDEX usage_raw_by_subject ON usage_raw (subject, bucket);

CREATE TABLE usage_5m (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  observed_ms BIGINT NOT NULL,
  owned_ms BIGINT NOT NULL,
  util_sum BIGINT NOT NULL,
  util_gap BIGINT NOT NULL,
  util_max BIGINT NOT NULL,
  memory_sum BIGINT NOT NULL,
  memory_gap BIGINT NOT NULL,
  memory_max BIGINT NOT NULL,
  power_sum BIGINT NOT NULL,
  power_gap BIGINT NOT NULL,
  power_max BIGINT NOT NULL,
  temperature_sum BIGINT NOT NULL,
  temperature_gap BIGINT NOT NULL,
  temperature_max BIGINT NOT NULL,
  sm_sum BIGINT NOT NULL,
  sm_gap BIGINT NOT NULL,
  tensor_sum BIGINT NOT NULL,
  tensor_gap BIGINT NOT NULL,
  dram_sum BIGINT NOT NULL,
  dram_gap BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject)
) PARTITION BY RANGE (bucket);
CREATE INDEX usage_5m_by_subject ON usage_5m (subject, bucket);

CREATE TABLE usage_1h (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  observed_ms BIGINT NOT NULL,
  owned_ms BIGINT NOT NULL,
  util_sum BIGINT NOT NULL,
  util_gap BIGINT NOT NULL,
  util_max BIGINT NOT NULL,
  memory_sum BIGINT NOT NULL,
  memory_gap BIGINT NOT NULL,
  memory_max BIGINT NOT NULL,
  power_sum BIGINT NOT NULL,
  power_gap BIGINT NOT NULL,
  power_max BIGINT NOT NULL,
  temperature_sum BIGINT NOT NULL,
  temperature_gap BIGINT NOT NULL,
  temperature_max BIGINT NOT NULL,
  sm_sum BIGINT NOT NULL,
  sm_gap BIGINT NOT NULL,
  tensor_sum BIGINT NOT NULL,
  tensor_gap BIGINT NOT NULL,
  dram_sum BIGINT NOT NULL,
  dram_gap BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject)
) PARTITION BY RANGE (bucket);
CREATE INDEX usage_1h_by_subject ON usage_1h (subject, bucket);

-- Who had a subject. owned_ms of the subject is shared out among those who had it at the same time: share_ms.
-- compute_instance: the one that was given away; -1: all of the subject.
CREATE TABLE owned_raw (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  owner BIGINT NOT NULL,
  compute_instance INTEGER NOT NULL,
  held_ms BIGINT NOT NULL,   -- by the kubelet's word, or that of the exporter's pod labels
  used_ms BIGINT NOT NULL,   -- a process of it was there
  share_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject, owner, compute_instance)
) PARTITION BY RANGE (bucket);
CREATE INDEX owned_raw_by_subject ON owned_raw (subject, bucket);
CREATE TABLE owned_5m (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  owner BIGINT NOT NULL,
  compute_instance INTEGER NOT NULL,
  held_ms BIGINT NOT NULL,   -- by the kubelet's word, or that of the exporter's pod labels
  used_ms BIGINT NOT NULL,   -- a process of it was there
  share_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject, owner, compute_instance)
) PARTITION BY RANGE (bucket);
CREATE INDEX owned_5m_by_subject ON owned_5m (subject, bucket);
CREATE TABLE owned_1h (
  bucket BIGINT NOT NULL,
  subject BIGINT NOT NULL,
  owner BIGINT NOT NULL,
  compute_instance INTEGER NOT NULL,
  held_ms BIGINT NOT NULL,   -- by the kubelet's word, or that of the exporter's pod labels
  used_ms BIGINT NOT NULL,   -- a process of it was there
  share_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, subject, owner, compute_instance)
) PARTITION BY RANGE (bucket);
CREATE INDEX owned_1h_by_subject ON owned_1h (subject, bucket);

-- Devices as they were last seen, so that one which has gone while nobody looked is missed and not forgotten.
CREATE TABLE device_seen (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  node TEXT NOT NULL,
  device_index INTEGER NOT NULL,
  name TEXT NOT NULL,
  pci_bus_id TEXT NOT NULL,
  serial TEXT NOT NULL,
  architecture TEXT NOT NULL,
  compute_capability TEXT NOT NULL,
  driver_version TEXT NOT NULL,
  mig_enabled INTEGER,
  compute_slices INTEGER,
  sm_count INTEGER,
  memory_bytes BIGINT,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (cluster, device_uuid)
);

-- Each holds until the next one of its device begins.
CREATE TABLE device_layout (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  began BIGINT NOT NULL,
  layout TEXT NOT NULL,  -- '-' without MIG; else instances separated by '|': '3.0 2g.20gb 0+2', place and profile where known
  PRIMARY KEY (cluster, device_uuid, began)
);
