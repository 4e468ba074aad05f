<?php
// Asks for a payment to a bank account. PHP 8.2, no extensions.
//   php withdraw.php ID PAYEE AMOUNT ACCOUNT NAME IFSC
declare(strict_types=1);

/** The values without their names, sorted by name at every level: true is "1", false and null are "". */
function signed_text(array $values): string
{
    ksort($values, SORT_STRING);
    return implode(':', array_map(fn ($value) => is_array($value) ? signed_text($value) : (string) $value, $values));
}

/**
 * Asks once. $id is your id of the withdrawal, stored before you ask: sent again with the same id it is a retry and never
 * a second payment. When it throws, nobody knows yet: keep the money set aside, and send the same again later.
 */
function withdraw(string $id, string $payee, int $amount, string $account, string $name, string $ifsc): array
{
    $request = [
        'withdrawal_id' => $id, 'payment_system' => 'imps_ib', 'amount' => $amount, 'currency_code' => 'INR', 'is_test' => false,
        'label' => $payee, 'account_number' => $account, 'account_name' => $name, 'bank_details' => ['branch_code' => $ifsc],
    ];
    $request['signature'] = sha1(getenv('WITHDRAWAL_KEY') . md5(signed_text($request)));
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Content-Type: application/json'],
        'content' => json_encode($request, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR),
        'timeout' => 20,
        'ignore_errors' => true,
        'follow_location' => 0,
    ]]);
    $url = getenv('API_URL') . '/v2/withdrawal/create?merchant=' . rawurlencode(getenv('MERCHANT'));
    $text = @file_get_contents($url, false, $context);
    $answer = is_string($text) ? json_decode($text, true) : null;
    // Only an answer with code 200 decides: a refused signature says nothing of what was sent before.
    if (!preg_match('#^HTTP/\S+ 200 #', $http_response_header[0] ?? '') || !in_array($answer['status'] ?? '', ['ok', 'fail'], true)) {
        throw new RuntimeException('not decided: ' . (is_string($text) ? $text : 'no answer from the gateway'));
    }
    return $answer;
}

$answer = withdraw($argv[1], $argv[2], (int) $argv[3], $argv[4], $argv[5], $argv[6]);
if ($answer['status'] === 'ok') {
    echo "ok\n"; // taken on. How it ends the postback tells
} elseif (is_array($answer['message'])) { // a member is at fault: its name, and texts about it
    $field = array_key_first($answer['message']);
    echo 'fail ', $field, ': ', implode(' ', $answer['message'][$field]), "\n";
} else {
    echo 'fail ', $answer['message'], "\n";
}
