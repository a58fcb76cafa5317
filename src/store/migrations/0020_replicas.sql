-- Several servers on one database. One row: who leads. The database's clock says when the lease ends; whoever takes it over
-- raises the epoch, and what was begun under a lower one is not written any more.
CREATE TABLE leader (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch BIGINT NOT NULL,
  holder TEXT NOT NULL,   -- the id of its journal
  address TEXT NOT NULL,  -- where it serves
  expires BIGINT NOT NULL
);
INSERT INTO leader VALUES (1, 0, '', '', 0);

-- What `progress` was when the journal's server led last: `progress` itself is that of the journal whose server leads now.
CREATE TABLE journal_progress (
  journal TEXT PRIMARY KEY,
  journal_sequence BIGINT NOT NULL,
  recall_sequence BIGINT NOT NULL,
  counted_at BIGINT NOT NULL
);

-- The fleet as the leader sees it, a row for each node, rewritten when the node has changed. Followers read what is newer
-- than what they have. Without a body: the node is gone.
CREATE TABLE live_node (
  cluster TEXT NOT NULL,
  node TEXT NOT NULL,
  version BIGINT NOT NULL,
  body BYTEA,
  PRIMARY KEY (cluster, node)
);
CREATE TABLE live_view (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version BIGINT NOT NULL,
  time BIGINT NOT NULL
);
INSERT INTO live_view VALUES (1, 0, 0);

-- What a server had accepted while it led and could not work off: it hands it to whoever leads now.
CREATE TABLE handed_over (
  journal TEXT NOT NULL,
  sequence BIGINT NOT NULL,
  kind INTEGER NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (journal, sequence)
);
