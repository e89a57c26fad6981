/** Puts the panel's own exporter in place of ours, where the configuration says so. */

import { join } from 'node:path';
import type { Configuration } from '../core/config/load-configuration.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Account, DatabaseEngine } from '../core/index.ts';
import type { World } from './world.ts';

/**
 * The engines of a run over these accounts. The exporter runs at the first export, once for all of them.
 *
 * @throws CONFIG_INVALID the panel's exporter is asked for, and nothing says how to run it
 */
export async function withPanelExport(
  { export: way, panelExport, dir }: Configuration,
  engines: readonly DatabaseEngine[],
  accounts: readonly Account[],
  { now }: Pick<World, 'now'>,
): Promise<readonly DatabaseEngine[]> {
  if (way !== 'panel') return engines;
  if (panelExport === null) {
    const file = join(dir, 'config.json');
    throw new HoldfastError('CONFIG_INVALID', `"export" is "panel" and "panelExport" is missing (${file})`, {
      hint: 'Add "panelExport": { "command": [...] }, or set "export" to "direct".',
    });
  }
  const { panelEngine } = await import('../core/jobs/panel-export/panel-engine.ts');
  const { runExporter } = await import('../core/jobs/panel-export/run-exporter.ts');
  const owners = new Map(
    accounts.flatMap((account) => account.databases.map((selector) => [selector, account] as const)),
  );
  const { command, stallMinutes } = panelExport;
  let running: Promise<void> | undefined;
  return engines.map((engine) => {
    if (engine.family === 'postgresql') return engine;
    return panelEngine({
      engine,
      now,
      run(signal) {
        running ??= runExporter({ command, stallMs: stallMinutes * 60_000 }, signal);
        return running;
      },
      rootOf: (selector, { tree }) =>
        owners.get(selector)?.trees.find(({ name }) => name === tree)?.path ?? null,
    });
  });
}
