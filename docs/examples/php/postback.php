<?php
// Receives postbacks. PHP 8.2, no extensions.
//   php -S 127.0.0.1:9000 postback.php
declare(strict_types=1);

require __DIR__ . '/verify.php';

const MAX_BODY = 65536;

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
        throw new RuntimeException('not booked');
    }
    if ($file !== false) {
        fwrite($file, $line);
    }
}

/** Answers one request: the code and the text. */
function receive(): array
{
    $postback = verify_postback(
        postback_keys(),
        file_get_contents('php://input', length: MAX_BODY + 1), // what is longer is no postback, and isn't genuine when cut
        $_SERVER['HTTP_WEBHOOK_ID'] ?? '',
        $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
        $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
        time(),
    );
    if ($postback === null) {
        return [403, '{"status":"fail"}'];
    }
    if ($postback['direction'] === 'ingoing') {
        book($postback);
    }
    return [200, '{"status":"ok"}'];
}

try {
    [$code, $answer] = receive();
} catch (Throwable $error) {
    error_log($error->getMessage());
    [$code, $answer] = [500, '{"status":"error"}']; // the postback comes again
}
http_response_code($code);
header('Content-Type: application/json');
echo $answer;
