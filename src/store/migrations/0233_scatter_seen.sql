-- Models of a cluster of which moves would free devices: since when that has been so at each look, so that a restart goes on with it. Times are
-- milliseconds since the epoch.
CREATE TABLE scatter_seen (
  cluster TEXT NOT NULL,
  model TEXT NOT NULL,
  since BIGINT NOT NULL,           -- the first look of many that have shown it
  looks BIGINT NOT NULL,
  looked BIGINT NOT NULL,          -- last
  PRIMARY KEY (cluster, model)
);
