-- When nodes were not there, of those that have come back: what was not there cost nothing, also when its time is worked out again. In
-- milliseconds since the epoch.
CREATE TABLE cluster_absence (
  cluster TEXT NOT NULL,
  node TEXT NOT NULL,
  begins BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  PRIMARY KEY (cluster, node, begins)
);
