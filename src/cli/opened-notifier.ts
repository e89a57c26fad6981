/**
 * Opens notifiers of ours in processes of their own: those that speak to other hosts.
 *
 * Mail stays: no program of a mail server works without the new privileges such a process cannot get. The file
 * for metrics stays, because it lies where only root writes.
 */

import type { Notifier, NotifierDefinition, Settings } from '../core/index.ts';
import { ownCode, ownModule } from '../core/own-files.ts';
import { configuredIsolation, packageWorld } from './package-world.ts';
import type { World } from './world.ts';

const apart = new Set(['webhook', 'ping']);
const module = ownModule('core/notify/http-notifiers');

type Opener = (definition: NotifierDefinition, settings: Settings) => Promise<Notifier>;

/** Null where isolation is off. */
export async function notifierOpener(configDir: string, { env }: Pick<World, 'env'>): Promise<Opener | null> {
  if ((await configuredIsolation(configDir)) === 'off') return null;
  return async (definition, settings) => {
    const { name } = definition;
    if (!apart.has(name)) return definition.open(settings);
    const { openNotifierApart } = await import('../core/isolation/isolate.ts');
    const { accounts } = await packageWorld(configDir)();
    const place = {
      name: `the notifier ${name}`,
      opening: { module, exported: `${name}Notifier` },
      root: ownCode,
      whose: 'own' as const,
      needs: {},
      secrets: [String(settings['url'])],
    };
    return openNotifierApart(place, settings, { env, accounts });
  };
}
