-- When usage of a subject or an owner was told of last, by the time of its samples, in ms since the epoch; to within some days, so
-- that it is seldom written. Once nothing that is kept can name one, it goes. NULL: from before this was noted.
ALTER TABLE usage_subject ADD COLUMN last_told BIGINT;
ALTER TABLE usage_owner ADD COLUMN last_told BIGINT;
CREATE INDEX usage_subject_by_last_told ON usage_subject (last_told);
CREATE INDEX usage_owner_by_last_told ON usage_owner (last_told);
