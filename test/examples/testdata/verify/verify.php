<?php
// Reads a message per line and prints for each what the example's verifier makes of it: null, or what would be booked.
declare(strict_types=1);

require __DIR__ . '/../../../../docs/examples/php/verify.php';

$keys = postback_keys();
while (($line = fgets(STDIN)) !== false) {
    $m = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
    $postback = verify_postback($keys, base64_decode($m['body']), $m['id'] ?? '', $m['time'] ?? '', $m['signatures'] ?? '', $m['now']);
    $credit = $postback['additional_data'][0] ?? null;
    echo json_encode($postback === null ? null : [
        'id' => (string) $credit['stockpiling_id'], 'label' => $postback['label'], 'order' => (string) $credit['plugin_custom_order_id'],
        'amount' => $credit['amount'], 'direction' => $postback['direction'],
    ], JSON_THROW_ON_ERROR), "\n";
}
