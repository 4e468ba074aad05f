-- What merchants tell the payment window, and what it asks of an order.

-- name: ListRedirects :many
SELECT * FROM redirect_url WHERE removed_at IS NULL ORDER BY merchant_id, id;

-- name: ListRedirectsOfMerchant :many
SELECT * FROM redirect_url WHERE merchant_id = sqlc.arg(merchant_id) ORDER BY id;

-- name: InsertRedirect :exec
INSERT INTO redirect_url (merchant_id, id, url, created_at)
VALUES (sqlc.arg(merchant_id), sqlc.arg(id), sqlc.arg(url), sqlc.arg(created_at));

-- name: RemoveRedirect :execrows
UPDATE redirect_url SET removed_at = sqlc.arg(removed_at)
WHERE merchant_id = sqlc.arg(merchant_id) AND id = sqlc.arg(id) AND removed_at IS NULL;

-- name: ListOrigins :many
SELECT * FROM merchant_origin ORDER BY merchant_id, origin;

-- name: InsertOrigin :exec
INSERT INTO merchant_origin (merchant_id, origin) VALUES (sqlc.arg(merchant_id), sqlc.arg(origin));

-- name: DeleteOrigin :execrows
DELETE FROM merchant_origin WHERE merchant_id = sqlc.arg(merchant_id) AND origin = sqlc.arg(origin);

-- name: ListBrands :many
SELECT * FROM merchant_brand ORDER BY merchant_id;

-- name: GetBrand :one
SELECT * FROM merchant_brand WHERE merchant_id = sqlc.arg(merchant_id);

-- name: SaveBrand :exec
INSERT INTO merchant_brand (merchant_id, name, logo, logo_type, colour, theme, contact)
VALUES (sqlc.arg(merchant_id), sqlc.arg(name), sqlc.arg(logo), sqlc.arg(logo_type), sqlc.arg(colour), sqlc.arg(theme), sqlc.arg(contact))
ON CONFLICT (merchant_id) DO UPDATE SET name = excluded.name, logo = excluded.logo, logo_type = excluded.logo_type,
  colour = excluded.colour, theme = excluded.theme, contact = excluded.contact;

-- name: DeleteBrand :execrows
DELETE FROM merchant_brand WHERE merchant_id = sqlc.arg(merchant_id);

-- name: GetOrderClaim :one
SELECT c.*, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM claim c LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.merchant_id = sqlc.arg(merchant_id) AND c.order_id = sqlc.arg(order_id) AND c.superseded_by = 0;
