<?php
// Checks one postback as a merchant's PHP would: decode, encode again, compare the signature; then the Standard Webhooks
// signature over the bytes that came. Reads a JSON object of base64 texts, writes a JSON object.
declare(strict_types=1);

$in = array_map('base64_decode', json_decode(stream_get_contents(STDIN), true, 4, JSON_THROW_ON_ERROR));
$postback = json_decode($in['body'], true, 16, JSON_THROW_ON_ERROR);
$again = json_encode($postback['additional_data'], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
$legacy = sha1($in['access_key'] . $in['private_key'] . md5($again));

$key = base64_decode(substr($in['webhook_secret'], strlen('whsec_')), true);
$signed = $in['id'] . '.' . $in['timestamp'] . '.' . $in['body'];
$mac = base64_encode(hash_hmac('sha256', $signed, $key, true));
$webhook = false;
foreach (explode(' ', $in['signature']) as $candidate) {
    [$version, $given] = explode(',', $candidate, 2);
    $webhook = $webhook || ($version === 'v1' && hash_equals($mac, $given));
}

echo json_encode([
    'same_bytes' => strpos($in['body'], '"additional_data":' . $again . '}') !== false,
    'legacy' => hash_equals($legacy, $postback['signature']),
    'webhook' => $webhook,
    'access_key' => $postback['access_key'] === $in['access_key'],
    'members' => implode(' ', array_keys($postback)),
    'data_members' => implode(' ', array_keys($postback['additional_data'][0])),
    'types' => implode(' ', array_map('gettype', array_values($postback))),
    'data_types' => implode(' ', array_map('gettype', array_values($postback['additional_data'][0]))),
], JSON_THROW_ON_ERROR);
