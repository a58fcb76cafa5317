-- What devices are to be cut into. A generation is given once: a later wish for any device has a higher one.
CREATE TABLE wanted_layout (
  cluster TEXT NOT NULL,
  device_uuid TEXT NOT NULL,
  node TEXT NOT NULL,
  generation BIGINT NOT NULL,
  instances TEXT NOT NULL,
  planned_from TEXT NOT NULL,
  wanted_by TEXT NOT NULL,
  wanted_since BIGINT NOT NULL,
  PRIMARY KEY (cluster, device_uuid)
);
CREATE TABLE layout_generation (
  id INTEGER NOT NULL PRIMARY KEY,
  last BIGINT NOT NULL
);
INSERT INTO layout_generation VALUES (1, 0);
