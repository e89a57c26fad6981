<?php
declare(strict_types=1);

namespace Opcenter\Admin\Settings\Backups;

use Holdfast\Command;
use Opcenter\Admin\Settings\SettingsInterface;

/**
 * A scope of Holdfast in the panel. Has no rule of its own: holdfast is asked, once for each object.
 */
abstract class HoldfastScope implements SettingsInterface
{
	protected const NAME = '';
	private ?array $info = null;

	public function set($val): bool
	{
		$this->info = null;
		try {
			$json = json_encode($val, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
			Command::run('scope:set', '--input', 'json', '--by', 'panel', '--', static::NAME, $json);
			return true;
		} catch (\Exception $e) {
			return error('%s', $e->getMessage());
		}
	}

	public function get()
	{
		return $this->info()['value'];
	}

	public function getHelp(): string
	{
		return $this->info()['info'];
	}

	public function getValues()
	{
		return $this->info()['settings'];
	}

	public function getDefault()
	{
		return $this->info()['default'];
	}

	private function info(): array
	{
		return $this->info ??= Command::run('scope:info', static::NAME);
	}
}

final class Accounts extends HoldfastScope
{
	protected const NAME = 'backups.accounts';
}

final class AlertAfter extends HoldfastScope
{
	protected const NAME = 'backups.alert-after';
}

final class BandwidthLimit extends HoldfastScope
{
	protected const NAME = 'backups.bandwidth-limit';
}

final class Concurrency extends HoldfastScope
{
	protected const NAME = 'backups.concurrency';
}

final class Destination extends HoldfastScope
{
	protected const NAME = 'backups.destination';
}

final class Enabled extends HoldfastScope
{
	protected const NAME = 'backups.enabled';
}

final class Exclude extends HoldfastScope
{
	protected const NAME = 'backups.exclude';
}

final class LevelCadence extends HoldfastScope
{
	protected const NAME = 'backups.level-cadence';
}

final class Notify extends HoldfastScope
{
	protected const NAME = 'backups.notify';
}

final class Retention extends HoldfastScope
{
	protected const NAME = 'backups.retention';
}

final class Schedule extends HoldfastScope
{
	protected const NAME = 'backups.schedule';
}

final class Window extends HoldfastScope
{
	protected const NAME = 'backups.window';
}
