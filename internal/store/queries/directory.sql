-- What a running server keeps in memory: the installation, merchants, keys, wallets, sources.

-- name: GetInstallation :one
SELECT * FROM installation WHERE id = 1;

-- name: InsertInstallation :exec
INSERT INTO installation (id, key_check, simulated, created_at) VALUES (1, sqlc.arg(key_check), sqlc.arg(simulated), sqlc.arg(created_at))
ON CONFLICT (id) DO NOTHING;

-- name: SetKeyCheck :exec
UPDATE installation SET key_check = sqlc.arg(key_check) WHERE id = 1;

-- name: SetRecovery :exec
UPDATE installation SET recovery_at = sqlc.arg(recovery_at), revision = revision + 1 WHERE id = 1;

-- name: StopMoney :execrows
-- The first who stops it says why.
UPDATE installation SET stopped_at = CAST(sqlc.arg(stopped_at) AS bigint), stopped_why = CAST(sqlc.arg(stopped_why) AS text), revision = revision + 1
WHERE id = 1 AND stopped_at IS NULL;

-- name: ResumeMoney :execrows
-- Whoever resumes has seen what it was stopped for: what was stopped again since stays so.
UPDATE installation SET stopped_at = NULL, stopped_why = '', accepted = CAST(sqlc.arg(accepted) AS text), revision = revision + 1 WHERE id = 1 AND stopped_at = CAST(sqlc.arg(stopped_at) AS bigint);

-- name: TakeJudging :execrows
-- It is taken by who has it already, or when its last lease has ended.
UPDATE installation SET judge = CAST(sqlc.arg(lease) AS bigint), judge_until = CAST(sqlc.arg(until) AS bigint)
WHERE id = 1 AND (judge = CAST(sqlc.arg(lease) AS bigint) OR judge_until <= CAST(sqlc.arg(now) AS bigint));

-- name: LeaveJudging :exec
UPDATE installation SET judge = 0, judge_until = 0 WHERE id = 1 AND judge = CAST(sqlc.arg(lease) AS bigint);

-- name: GetRevision :one
SELECT revision FROM installation WHERE id = 1;

-- name: BumpRevision :exec
UPDATE installation SET revision = revision + 1 WHERE id = 1;

-- name: ReserveIDs :one
UPDATE id_counter SET next_id = next_id + sqlc.arg(size) WHERE kind = sqlc.arg(kind) RETURNING next_id;

-- name: AdvanceIDs :exec
UPDATE id_counter SET next_id = next_id + sqlc.arg(size);

-- name: ListMerchants :many
SELECT * FROM merchant ORDER BY id;

-- name: ListMerchantKeys :many
SELECT * FROM merchant_key ORDER BY id;

-- name: ListMerchantDomains :many
SELECT * FROM merchant_domain ORDER BY host;

-- name: ListReceivingAccounts :many
SELECT * FROM receiving_account ORDER BY id;

-- name: ListWallets :many
SELECT * FROM wallet ORDER BY id;

-- name: ListWalletMerchants :many
SELECT wallet_id, merchant_id FROM wallet_merchant ORDER BY wallet_id, merchant_id;

-- name: ListSources :many
SELECT * FROM source ORDER BY id;

-- name: ListLedgerAccounts :many
SELECT id, kind, owner_id, currency FROM ledger_account ORDER BY id;

-- name: ListSenderHeaders :many
SELECT * FROM sender_header ORDER BY header;

-- name: ListRates :many
SELECT * FROM conversion_rate ORDER BY base, quote;

-- name: InsertMerchant :exec
INSERT INTO merchant (id, slug, name, sandbox, currency, time_zone, postback_url, withdrawal_postback_url, state, policy, created_at)
VALUES (sqlc.arg(id), sqlc.arg(slug), sqlc.arg(name), sqlc.arg(sandbox), sqlc.arg(currency), sqlc.arg(time_zone), sqlc.arg(postback_url), sqlc.arg(withdrawal_postback_url), 'active', sqlc.arg(policy), sqlc.arg(created_at));

-- name: UpdateMerchant :execrows
UPDATE merchant SET name = sqlc.arg(name), time_zone = sqlc.arg(time_zone), postback_url = sqlc.arg(postback_url), withdrawal_postback_url = sqlc.arg(withdrawal_postback_url), state = sqlc.arg(state), policy = sqlc.arg(policy)
WHERE id = sqlc.arg(id);

-- name: InsertMerchantKey :exec
INSERT INTO merchant_key (id, merchant_id, kind, public, hash, sealed, created_at)
VALUES (sqlc.arg(id), sqlc.arg(merchant_id), sqlc.arg(kind), sqlc.arg(public), sqlc.arg(hash), sqlc.arg(sealed), sqlc.arg(created_at));

-- name: ExpireMerchantKey :execrows
UPDATE merchant_key SET expires_at = sqlc.arg(expires_at) WHERE id = sqlc.arg(id);

-- name: ResealMerchantKey :exec
UPDATE merchant_key SET sealed = sqlc.arg(sealed) WHERE id = sqlc.arg(id);

-- name: RehashMerchantKey :exec
UPDATE merchant_key SET hash = sqlc.arg(hash) WHERE id = sqlc.arg(id);

-- name: InsertMerchantDomain :exec
INSERT INTO merchant_domain (host, merchant_id) VALUES (sqlc.arg(host), sqlc.arg(merchant_id));

-- name: DeleteMerchantDomain :execrows
DELETE FROM merchant_domain WHERE host = sqlc.arg(host) AND merchant_id = sqlc.arg(merchant_id);

-- name: InsertReceivingAccount :exec
INSERT INTO receiving_account (id, sandbox, currency, rail, holder, tails, created_at)
VALUES (sqlc.arg(id), sqlc.arg(sandbox), sqlc.arg(currency), sqlc.arg(rail), sqlc.arg(holder), sqlc.arg(tails), sqlc.arg(created_at));

-- name: SetAccountTails :exec
UPDATE receiving_account SET tails = sqlc.arg(tails) WHERE id = sqlc.arg(id);

-- name: InsertWallet :exec
INSERT INTO wallet (id, account_id, sandbox, method, identifier, account_type, currency, holder, state, daily_amount_limit, daily_count_limit, created_at)
VALUES (sqlc.arg(id), sqlc.arg(account_id), sqlc.arg(sandbox), sqlc.arg(method), sqlc.arg(identifier), sqlc.arg(account_type), sqlc.arg(currency), sqlc.arg(holder), 'active', sqlc.arg(daily_amount_limit), sqlc.arg(daily_count_limit), sqlc.arg(created_at));

-- name: UpdateWallet :execrows
UPDATE wallet SET state = sqlc.arg(state), daily_amount_limit = sqlc.arg(daily_amount_limit), daily_count_limit = sqlc.arg(daily_count_limit), holder = sqlc.arg(holder)
WHERE id = sqlc.arg(id);

-- name: InsertWalletMerchant :exec
INSERT INTO wallet_merchant (wallet_id, merchant_id, sandbox) VALUES (sqlc.arg(wallet_id), sqlc.arg(merchant_id), sqlc.arg(sandbox));

-- name: InsertSource :exec
INSERT INTO source (id, wallet_id, account_id, sandbox, simulated, kind, token_hash, token_sealed, state, created_at)
VALUES (sqlc.arg(id), sqlc.arg(wallet_id), sqlc.arg(account_id), sqlc.arg(sandbox), sqlc.arg(simulated), sqlc.arg(kind), sqlc.arg(token_hash), sqlc.arg(token_sealed), 'active', sqlc.arg(created_at));

-- name: UpdateSource :execrows
UPDATE source SET state = sqlc.arg(state), token_hash = sqlc.arg(token_hash), token_sealed = sqlc.arg(token_sealed) WHERE id = sqlc.arg(id);

-- name: EnsureLedgerAccount :exec
INSERT INTO ledger_account (id, kind, owner_id, currency) VALUES (sqlc.arg(id), sqlc.arg(kind), sqlc.arg(owner_id), sqlc.arg(currency))
ON CONFLICT (kind, owner_id, currency) DO NOTHING;

-- name: InsertSenderHeader :exec
INSERT INTO sender_header (header, bank, created_at) VALUES (sqlc.arg(header), sqlc.arg(bank), sqlc.arg(created_at))
ON CONFLICT (header) DO UPDATE SET bank = excluded.bank;

-- name: DeleteSenderHeader :execrows
DELETE FROM sender_header WHERE header = sqlc.arg(header);

-- name: SetRate :exec
INSERT INTO conversion_rate (base, quote, rate, created_at) VALUES (sqlc.arg(base), sqlc.arg(quote), sqlc.arg(rate), sqlc.arg(created_at))
ON CONFLICT (base, quote) DO UPDATE SET rate = excluded.rate, created_at = excluded.created_at;

-- name: LoadAssignments :many
SELECT * FROM assignment
WHERE merchant_id = sqlc.arg(merchant_id) AND payer = sqlc.arg(payer) AND method = sqlc.arg(method) AND currency = sqlc.arg(currency);

-- name: SaveAssignment :exec
INSERT INTO assignment (merchant_id, payer, method, currency, wallet_id, account_id, first_shown_at, assigned_at, reason)
VALUES (sqlc.arg(merchant_id), sqlc.arg(payer), sqlc.arg(method), sqlc.arg(currency), sqlc.arg(wallet_id), sqlc.arg(account_id), sqlc.arg(now), sqlc.arg(now), sqlc.arg(reason))
ON CONFLICT (merchant_id, payer, method, currency, wallet_id) DO UPDATE SET assigned_at = excluded.assigned_at, reason = excluded.reason;

-- name: CountAssignments :many
SELECT wallet_id, count(*) AS payers FROM assignment WHERE merchant_id = sqlc.arg(merchant_id) GROUP BY wallet_id;
