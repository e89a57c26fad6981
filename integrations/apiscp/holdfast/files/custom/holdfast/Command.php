<?php
declare(strict_types=1);

namespace Holdfast;

/**
 * Runs holdfast and reads its JSON. Arguments go as an array: no shell ever sees them.
 */
final class Command
{
	/** Done, or done with warnings. */
	private const GOOD = [0, 100];

	/**
	 * The document that was printed.
	 *
	 * @throws \RuntimeException it failed; the message is what holdfast says is wrong
	 */
	public static function run(string ...$arguments): array
	{
		$words = json_decode((string)file_get_contents(__DIR__ . '/command.json'), true, 4, JSON_THROW_ON_ERROR);
		$pipes = [];
		$process = proc_open(
			array_merge($words, ['--json'], $arguments),
			[['file', '/dev/null', 'r'], ['pipe', 'w'], ['file', '/dev/null', 'w']],
			$pipes,
			'/'
		);
		if (!is_resource($process)) {
			throw new \RuntimeException('holdfast cannot be started');
		}
		$text = (string)stream_get_contents($pipes[1]);
		fclose($pipes[1]);
		$status = proc_close($process);
		$document = json_decode($text, true);
		if (isset($document['error'])) {
			$hint = $document['error']['hint'] ?? '';
			throw new \RuntimeException(trim($document['error']['message'] . '. ' . $hint));
		}
		if (!is_array($document)) {
			throw new \RuntimeException("holdfast ended with status $status and printed no JSON");
		}
		if (!in_array($status, self::GOOD, true)) {
			throw new \RuntimeException(implode('; ', ["it ended with status $status", ...self::problems($document)]));
		}
		return $document;
	}

	/** What a backup says of accounts, components and copies that failed. */
	private static function problems(array $document): array
	{
		$components = array_merge([], ...array_column($document['snapshots'] ?? [], 'components'));
		$errors = [
			...array_column($document['failed'] ?? [], 'error'),
			...array_filter(array_column($components, 'error')),
			...array_filter(array_column($document['copies'] ?? [], 'error')),
		];
		$messages = array_map(static fn(array $one): string => $one['code'] . ': ' . $one['message'], $errors);
		return [...$messages, ...($document['hookProblems'] ?? [])];
	}
}
