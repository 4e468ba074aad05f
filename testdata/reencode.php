<?php
// Reads one postback body per line, checks it as a receiver does, and prints one line for each: "ok", or what differs.
// Keys come from the environment.
$flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;
$access = getenv('ACCESS_KEY');
$private = getenv('PRIVATE_KEY');
while (($line = fgets(STDIN)) !== false) {
    $line = rtrim($line, "\n");
    $body = json_decode($line, true);
    if (!is_array($body)) {
        echo 'does not decode: ', json_last_error_msg(), "\n";
        continue;
    }
    $data = json_encode($body['additional_data'], $flags);
    if (sha1($access . $private . md5($data)) !== $body['signature']) {
        echo 'signature differs over ', $data, "\n";
    } elseif (json_encode($body, $flags) !== $line) {
        echo 're-encoded ', json_encode($body, $flags), "\n";
    } else {
        echo "ok\n";
    }
}
