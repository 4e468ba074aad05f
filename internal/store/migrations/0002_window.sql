-- What a merchant tells the payment window: where its payers go afterwards, how its pages look, who may frame them.
-- +goose Up

-- redirect_url: links name these by id. An id is never given again, so a removed address keeps its row.
CREATE TABLE redirect_url (
  merchant_id bigint NOT NULL REFERENCES merchant (id),
  id          bigint NOT NULL CHECK (id > 0),
  url         text NOT NULL,
  created_at  bigint NOT NULL,
  removed_at  bigint,
  PRIMARY KEY (merchant_id, id)
);

-- merchant_brand: '' is what wasn't set. logo is as internal/logo wrote it, never as it was uploaded.
CREATE TABLE merchant_brand (
  merchant_id bigint PRIMARY KEY REFERENCES merchant (id),
  name        text NOT NULL DEFAULT '',
  logo        bytea,
  logo_type   text NOT NULL DEFAULT '' CHECK (logo_type IN ('', 'image/png', 'image/svg+xml')),
  colour      text NOT NULL DEFAULT '' CHECK (length(colour) IN (0, 7)),
  theme       text NOT NULL DEFAULT '' CHECK (theme IN ('', 'light', 'dark')),
  contact     text NOT NULL DEFAULT '',
  CHECK ((logo IS NULL) = (logo_type = ''))
);

-- merchant_origin names the pages that may hold the window in a frame.
CREATE TABLE merchant_origin (
  merchant_id bigint NOT NULL REFERENCES merchant (id),
  origin      text NOT NULL,
  PRIMARY KEY (merchant_id, origin)
);

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
