-- Nodes with devices that the API of their cluster has shown: one that left while nobody looked is known to have left.
CREATE TABLE cluster_node (
  cluster TEXT NOT NULL,
  node TEXT NOT NULL,
  gone BIGINT,  -- when it had left, ms since the epoch; NULL: it was there
  PRIMARY KEY (cluster, node)
);
