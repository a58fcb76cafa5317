-- When XIDs came to devices, in ms since the epoch by the samples that told of them. What is told twice is one row.
CREATE TABLE device_xid (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  seen BIGINT NOT NULL,
  code BIGINT NOT NULL,
  events BIGINT NOT NULL,
  PRIMARY KEY (cluster, device_uuid, seen, code)
);
CREATE INDEX device_xid_by_time ON device_xid (seen);
