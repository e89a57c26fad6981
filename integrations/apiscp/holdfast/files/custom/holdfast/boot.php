<?php
declare(strict_types=1);

/**
 * Tells the panel of the scopes. config/custom/boot.php loads this file.
 * The panel's own backups.automatic-database-exports stays the panel's.
 */
(static function (): void {
	$folder = 'config/custom/holdfast';
	\apnscpFunctionInterceptor::register('Holdfast\\Command', "$folder/Command.php");
	$names = [
		'Accounts', 'AlertAfter', 'BandwidthLimit', 'Concurrency', 'Destination', 'Enabled',
		'Exclude', 'LevelCadence', 'Notify', 'Retention', 'Schedule', 'Window',
	];
	foreach ($names as $name) {
		$class = "Opcenter\\Admin\\Settings\\Backups\\$name";
		\apnscpFunctionInterceptor::register($class, "$folder/scopes.php");
		\Opcenter\Admin\Settings\Setting::register($class);
	}
})();
