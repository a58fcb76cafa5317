-- What is done about alerts while they fire. Written before it is done, so that whoever goes on after a crash knows what may have been done.
-- Times are milliseconds since the epoch.
CREATE TABLE alert_action (
  id BIGINT PRIMARY KEY,           -- grows, and is given once
  rule TEXT NOT NULL,
  subject TEXT NOT NULL,
  cluster TEXT NOT NULL,
  what TEXT NOT NULL,              -- exclude, cordon, taint, webhook
  target TEXT NOT NULL,            -- UUID of the device, name of the node, or the file with the URL
  dry_run INTEGER NOT NULL,        -- 1: it is noted alone
  fired BIGINT NOT NULL,           -- when the alert did
  labels TEXT NOT NULL,
  summary TEXT NOT NULL,
  sample DOUBLE PRECISION NOT NULL,
  stage TEXT NOT NULL,             -- beginning, standing, ending, ended
  asked BIGINT NOT NULL,
  begun BIGINT,
  ended BIGINT,
  last_error TEXT NOT NULL
);
CREATE INDEX alert_action_by_stage ON alert_action (stage);
