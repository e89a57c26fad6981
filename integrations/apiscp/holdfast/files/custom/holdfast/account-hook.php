<?php
declare(strict_types=1);

/**
 * What follows when the panel creates, edits, suspends or deletes an account. Never stops the panel: what
 * goes wrong is a line in the system log.
 */

require_once __DIR__ . '/Command.php';

use Holdfast\Command;

return static function (string $event, string $site): void {
	$log = static function (string $message) use ($event, $site): void {
		$line = preg_replace('/[^\x20-\x7e]/', '?', "holdfast: $event $site: $message");
		syslog(LOG_WARNING, $line);
		fwrite(STDERR, "$line\n");
	};
	if (!preg_match('/^[A-Za-z0-9][A-Za-z0-9._-]*$/D', $site)) {
		$log('this is no site');
		return;
	}
	try {
		['configurations' => $configurations, 'problems' => $problems] = Command::run('addin', 'list');
	} catch (\Exception $e) {
		$log($e->getMessage());
		return;
	}
	foreach ($problems as $problem) {
		$log("{$problem['file']} {$problem['pointer']}: {$problem['message']}. {$problem['hint']}");
	}
	if ($configurations === []) {
		$log('nothing is backed up or pinned: there is no valid configuration; run holdfast doctor');
	}
	foreach (array_column($configurations, 'name') as $name) {
		try {
			if ($event === 'delete') {
				$reason = 'the account was deleted in the panel';
				Command::run('pin', 'latest', '--account', $site, '--addin', $name, '--reason', $reason);
			} else {
				Command::run('backup', '--account', $site, '--selected', '--addin', $name);
			}
		} catch (\Exception $e) {
			$log("$name: " . $e->getMessage());
		}
	}
};
