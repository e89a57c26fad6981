<?php
// Holdfast: a backup follows, in the background, since the panel waits for its hooks.
declare(strict_types=1);

$hook = __DIR__ . '/../holdfast/account-hook.php';
$words = [PHP_BINARY, '-r', '(require $argv[1])($argv[2], $argv[3]);', '--', $hook, 'suspend', (string)($argv[1] ?? '')];
$pipes = [];
$quiet = ['file', '/dev/null', 'w'];
proc_open(array_merge(['setsid', '--fork'], $words), [['file', '/dev/null', 'r'], $quiet, $quiet], $pipes, '/');
