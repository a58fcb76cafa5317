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
