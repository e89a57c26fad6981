<?php
// Holdfast: the last snapshot of the account is pinned, so that prune keeps it.
declare(strict_types=1);

(require __DIR__ . '/../holdfast/account-hook.php')('delete', (string)($argv[1] ?? ''));
