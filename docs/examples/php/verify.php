<?php
// Tells genuine postbacks from forged ones. PHP 8.2, no extensions. Copy it as it is.
declare(strict_types=1);

const WEBHOOK_TOLERANCE = 300; // seconds that webhook-timestamp may be away from our clock

/** The keys in the environment. WEBHOOK_SECRET holds one, or while it is rotated several with a space between. */
function postback_keys(): array
{
    $keys = ['access' => (string) getenv('ACCESS_KEY'), 'private' => (string) getenv('POSTBACK_PRIVATE_KEY'), 'webhook' => []];
    foreach (explode(' ', (string) getenv('WEBHOOK_SECRET')) as $secret) {
        $keys['webhook'][] = preg_match('/^whsec_(.+)$/D', $secret, $found) ? base64_decode($found[1], true) : '';
    }
    // Nothing may be checked against a key that is empty: everybody has that one.
    if ($keys['access'] === '' || $keys['private'] === '' || array_filter($keys['webhook']) !== $keys['webhook']) {
        throw new RuntimeException('ACCESS_KEY, POSTBACK_PRIVATE_KEY and WEBHOOK_SECRET (whsec_…) are needed');
    }
    return $keys;
}

/** Returns the members of a postback, or null when it isn't genuine. $body are the bytes as they came. */
function verify_postback(array $keys, string $body, string $id, string $time, string $signatures, int $now): ?array
{
    // The headers: HMAC-SHA256 over id, time and the whole body. While a secret is rotated there are several of it and
    // several signatures: one that fits is enough.
    $genuine = false;
    foreach ($keys['webhook'] as $key) {
        $want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
        foreach (explode(' ', $signatures) as $signature) {
            $genuine = hash_equals($want, $signature) || $genuine;
        }
    }
    if (!$genuine || $id === '' || !preg_match('/^\d{1,12}$/D', $time) || abs($now - (int) $time) > WEBHOOK_TOLERANCE) {
        return null;
    }
    // The signature in the body, over the bytes of its last member. Decoders take the last of members with one name, so
    // what is checked here is what is read below.
    $data = substr(explode(',"additional_data":', $body, 2)[1] ?? '', 0, -1);
    $want = sha1($keys['access'] . $keys['private'] . md5($data));
    if (!hash_equals($want, substr($body, strlen('{"signature":"'), strlen($want)))) {
        return null;
    }
    return json_decode($body, true);
}
