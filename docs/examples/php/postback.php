<?php
// Receives postbacks. PHP 8.2, no extensions.
//   php -S 127.0.0.1:9000 postback.php
declare(strict_types=1);

/** Returns the members of a postback, or null when it isn't genuine. */
function verify_postback(string $body, string $id, string $time, string $signatures): ?array
{
    // The headers: HMAC-SHA256 over id, time and the whole body. Several signatures while a secret is rotated.
    $key = base64_decode(substr(getenv('WEBHOOK_SECRET'), strlen('whsec_')));
    $want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    $found = array_filter(explode(' ', $signatures), fn ($signature) => hash_equals($want, $signature));
    if ($found === [] || abs(time() - (int) $time) > 300) {
        return null;
    }
    // The signature in the body, over additional_data. Beside the headers it adds nothing; without them, it is all.
    $postback = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
    $data = json_encode($postback['additional_data'], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    $want = sha1(getenv('ACCESS_KEY') . getenv('POSTBACK_PRIVATE_KEY') . md5($data));
    return hash_equals($want, $postback['signature']) ? $postback : null;
}

/** Books a credit once, however often its postback comes. */
function book(array $postback): void
{
    $credit = $postback['additional_data'][0];
    // A file stands for your database: a row with a UNIQUE stockpiling_id, written with the user's new balance in one
    // transaction. plugin_custom_order_id is your order, label your user, amount what was paid as exact decimal text.
    $path = getenv('CREDITS') . '/' . $credit['stockpiling_id'];
    $line = "{$postback['label']} {$credit['plugin_custom_order_id']} {$credit['amount']} {$credit['currency_code']}\n";
    $file = @fopen($path, 'x');
    if ($file === false && !is_file($path)) {
        throw new RuntimeException('not booked'); // answered 500: the postback comes again
    }
    if ($file !== false) {
        fwrite($file, $line);
    }
}

$postback = verify_postback(
    file_get_contents('php://input'),
    $_SERVER['HTTP_WEBHOOK_ID'] ?? '',
    $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
);
header('Content-Type: application/json');
if ($postback === null) {
    http_response_code(403);
    echo '{"status":"fail"}';
} else {
    if ($postback['direction'] === 'ingoing') {
        book($postback);
    }
    echo '{"status":"ok"}';
}
