<?php
// Signs a withdrawal as a merchant's PHP does. Reads {"key":…,"body":{…}}, writes the body with its signature.
declare(strict_types=1);

function join_members(array $members): string
{
    ksort($members, SORT_STRING);
    return implode(':', array_map(fn ($value) => is_array($value) ? join_members($value) : (string) $value, $members));
}

$in = json_decode(stream_get_contents(STDIN), true, 16, JSON_THROW_ON_ERROR);
$in['body']['signature'] = sha1($in['key'] . md5(join_members($in['body'])));
echo json_encode($in['body'], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
