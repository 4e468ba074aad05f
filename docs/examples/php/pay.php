<?php
// Asks for a wallet and reports payments. PHP 8.2, no extensions.
//   php pay.php create PAYER
//   php pay.php activate PAYER ORDER NUMBER AMOUNT
declare(strict_types=1);

/** Sends one request. When it throws, nothing is known to be decided: repeat it later with the same ids. */
function galla_post(string $path, array $request): array
{
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['Authorization: Bearer ' . getenv('API_SECRET'), 'Content-Type: application/json'],
        'content' => json_encode($request, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR),
        'timeout' => 20,
        'ignore_errors' => true, // answers with codes like 422 are answers, too
        'follow_location' => 0,
    ]]);
    $text = @file_get_contents(getenv('API_URL') . $path, false, $context);
    $answer = is_string($text) ? json_decode($text, true) : null;
    if (!is_array($answer) || !isset($answer['status']) || $answer['status'] === 'error') {
        throw new RuntimeException($answer['message'] ?? 'no answer from the gateway');
    }
    return $answer;
}

/** Returns the wallet that the payer should pay to. $payer is your id of the user. */
function create(string $payer): string
{
    $answer = galla_post('/api/v1/transaction/create/phone_pe', ['currency' => 'INR', 'label' => $payer]);
    if ($answer['status'] !== 'ok') {
        throw new RuntimeException($answer['message']);
    }
    return $answer['params']['identifier'];
}

/** Reports the transaction number that the payer typed. $order is your id of this payment, $amount decimal text. */
function activate(string $payer, string $order, string $number, string $amount): array
{
    return galla_post('/api/v1/transaction/activate', [
        'currency_code' => 'INR', 'wallet_type' => 'phone_pe', 'label' => $payer,
        'key1' => $number, 'amount' => $amount, 'custom_transaction_id' => $order,
    ]);
}

if ($argv[1] === 'create') {
    echo create($argv[2]), "\n";
} else {
    $answer = activate($argv[2], $argv[3], $argv[4], $argv[5]);
    echo $answer['status'], ' ', match ($answer['status']) {
        'ok' => $answer['deposit_amount'], // credited. The postback tells the same: book there, once
        'pending', 'possible_transaction_created' => 'is being checked', // show that; the postback tells when it is credited
        default => $answer['message'], // fail: show it, let the payer correct the number or the amount
    }, "\n";
}
