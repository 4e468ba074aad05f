-- Bodies of postbacks are packed: they were the largest column of the largest row.
-- +goose Up

-- packed is the exact bytes that every attempt sends, as internal/postback packs them; its first byte names the form. Rows of
-- before keep them in body and stay as they are: to write them anew would take hours and twice the room. A row has one of both.
ALTER TABLE postback ADD COLUMN packed bytea CHECK ((packed IS NULL) = (body <> ''));

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
