/** Opens the scopes of this installation: the built-in ones, and those of the addins that are configured. */

import { resolveSecrets } from '../core/config/secrets.ts';
import type { Settings } from '../core/index.ts';
import { ScopeRegistry } from '../core/scopes/registry.ts';
import type { CliContext } from './command.ts';
import { type Loaded, loadFiles } from './configuration.ts';

export async function openScopes({ configDir, world }: Pick<CliContext, 'configDir' | 'world'>): Promise<{
  readonly registry: ScopeRegistry;
  readonly dir: string;
}> {
  const loaded = await loadFiles(configDir);
  const contributed = (await Promise.all(used(loaded).map((one) => one(world)))).flat();
  const { configuration, definitions } = loaded;
  const registry = new ScopeRegistry({ configuration, definitions, contributed, now: world.now });
  return { registry, dir: configuration.dir };
}

/** Of addins used several times, the first settings count. */
function used({ configuration, definitions }: Loaded) {
  const { panel, addins } = configuration;
  const settingsOf = (kind: string, name: string): Settings | undefined => {
    if (kind === 'panel') return panel.use === name ? panel : undefined;
    const all = addins.map((addin) => (kind === 'store' ? addin.store : addin.provider));
    return all.find(({ use }) => use === name);
  };
  return definitions.flatMap((definition) => {
    const settings = settingsOf(definition.kind, definition.name);
    if (definition.scopes === undefined || settings === undefined) return [];
    return [
      async (world: CliContext['world']) =>
        (await definition.scopes?.(await resolveSecrets(settings, definition.settingsSchema, world))) ?? [],
    ];
  });
}
