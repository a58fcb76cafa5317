-- The engines that serve models, as the leader sees them: as live_node has the nodes.
CREATE TABLE live_engine (
  cluster TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  body BYTEA,
  PRIMARY KEY (cluster, name)
);
