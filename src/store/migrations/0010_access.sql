-- API keys. A key that has been revoked stays: its id is in the audit log, and its being there says that access is asked
-- for. Times are milliseconds since the epoch.
CREATE TABLE access_key (
  id TEXT PRIMARY KEY,        -- the prefix that its holder sees
  name TEXT NOT NULL,
  digest TEXT NOT NULL,       -- SHA-256 of the whole key, in hex
  scopes TEXT NOT NULL,       -- separated by blanks
  namespaces TEXT,            -- separated by blanks; with teams NULL too: not restricted
  teams TEXT,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires BIGINT,
  revoked BIGINT,
  last_used BIGINT            -- coarse: it is saved once a minute
);

-- Who changed what. Rows are only ever added. Each has the hash of the one before in its own.
CREATE TABLE audit (
  sequence BIGINT PRIMARY KEY,
  time BIGINT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  result TEXT NOT NULL,
  request_id TEXT NOT NULL,
  peer TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash TEXT NOT NULL
);

-- One row: how many audit rows there are and the hash of the last, so that a log cut at its end is seen. Whoever adds a
-- row takes this one first, which puts writers in a line. `changes` tells other programs that keys are to be read again.
CREATE TABLE access_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  audit_rows BIGINT NOT NULL,
  audit_hash TEXT NOT NULL,
  changes BIGINT NOT NULL
);
INSERT INTO access_state VALUES (1, 0, '', 0);

-- What was answered to a POST with an Idempotency-Key.
CREATE TABLE idempotent_reply (
  caller TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  request TEXT NOT NULL,      -- SHA-256 of method, path and body
  time BIGINT NOT NULL,
  status INTEGER NOT NULL,
  location TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (caller, idempotency_key)
);
CREATE INDEX idempotent_reply_by_time ON idempotent_reply (time);
