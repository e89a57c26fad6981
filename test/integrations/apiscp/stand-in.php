<?php
declare(strict_types=1);

/**
 * Stands in for the panel: its documented interface of scopes, and what boot.php registers with. Loads the
 * given boot.php and does what it is told: `get|info|set|list ROOT [SCOPE [JSON]]`, answers in JSON.
 */

namespace Opcenter\Admin\Settings {
	interface SettingsInterface
	{
		public function set($val): bool;
		public function get();
		public function getHelp(): string;
		public function getValues();
		public function getDefault();
	}

	final class Setting
	{
		public static array $classes = [];

		public static function register(string $class): void
		{
			$kebab = static fn(string $s): string => strtolower(preg_replace('/(?<=[a-z])(?=[A-Z])/', '-', $s));
			[$group, $name] = array_slice(explode('\\', $class), -2);
			self::$classes[$kebab($group) . '.' . $kebab($name)] = $class;
		}
	}
}

namespace {
	final class apnscpFunctionInterceptor
	{
		public static array $files = [];

		public static function register(string $class, string $file): void
		{
			self::$files[ltrim($class, '\\')] = $file;
		}
	}

	function error(string $message, ...$arguments): bool
	{
		$GLOBALS['errors'][] = sprintf($message, ...$arguments);
		return false;
	}

	[, $verb, $root] = $argv;
	$errors = [];
	spl_autoload_register(static function (string $class) use ($root): void {
		if (isset(apnscpFunctionInterceptor::$files[$class])) {
			require_once "$root/" . apnscpFunctionInterceptor::$files[$class];
		}
	});
	require "$root/config/custom/boot.php";
	$scopes = \Opcenter\Admin\Settings\Setting::$classes;
	$drive = static function (string $class): array {
		$scope = new $class();
		return [
			'info' => $scope->getHelp(),
			'value' => $scope->get(),
			'default' => $scope->getDefault(),
			'settings' => $scope->getValues(),
		];
	};
	if ($verb === 'list') {
		$answer = array_map($drive, $scopes);
	} else {
		$scope = new $scopes[$argv[3]]();
		$answer = $verb === 'set' ? $scope->set(json_decode($argv[4], true)) : $drive($scopes[$argv[3]]);
	}
	echo json_encode(['answer' => $answer, 'errors' => $errors]), "\n";
}
