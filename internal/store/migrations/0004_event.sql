-- The feed of events: every postback, delivered or not, in an order in which a merchant can page without missing one.
-- An id doesn't give that order: of two transactions the one that drew the smaller id may commit last, and who has read
-- past it never sees it. So positions are given afterwards, to what is committed.
-- +goose Up

-- event_new: postbacks that have no position yet. A row is written with its postback and taken by who numbers.
CREATE TABLE event_new (
  merchant_id bigint NOT NULL,
  postback_id bigint NOT NULL,
  PRIMARY KEY (merchant_id, postback_id)
);
INSERT INTO event_new (merchant_id, postback_id) SELECT merchant_id, id FROM postback;

-- event_feed: its row is the lock of who numbers a merchant's events, held until the commit. skipped is how many positions
-- restores have left out: nobody may get a number again that may have been given out after the backup.
CREATE TABLE event_feed (
  merchant_id   bigint PRIMARY KEY REFERENCES merchant (id),
  last_position bigint NOT NULL DEFAULT 0,
  skipped       bigint NOT NULL DEFAULT 0,
  CHECK (skipped >= 0 AND skipped <= last_position)
) WITH (fillfactor = 50);

CREATE TABLE event (
  merchant_id bigint NOT NULL,
  position    bigint NOT NULL CHECK (position > 0),
  postback_id bigint NOT NULL UNIQUE,
  at          bigint NOT NULL,
  PRIMARY KEY (merchant_id, position)
);

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
