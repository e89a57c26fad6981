/** Opens the scopes of this installation: the built-in ones, and those of the addins that are configured. */

import type { Scope, Settings } from '../core/index.ts';
import { ScopeRegistry } from '../core/scopes/registry.ts';
import { resolveSecrets } from '../core/settings/secrets.ts';
import type { CliContext } from './command.ts';
import { type Loaded, loadFiles } from './configuration.ts';

export async function openScopes({ configDir, world }: Pick<CliContext, 'configDir' | 'world'>): Promise<{
  readonly registry: ScopeRegistry;
  readonly dir: string;
}> {
  const loaded = await loadFiles(configDir);
  const [ours, theirs] = await Promise.all([
    Promise.all(used(loaded).map((one) => one(world))),
    Promise.all(packaged(loaded, world)),
  ]);
  const contributed = [...ours, ...theirs].flat();
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
    if (definition.scopes === undefined) return [];
    const settings = settingsOf(definition.kind, definition.name);
    if (settings === undefined) return [];
    return [
      async (world: CliContext['world']) =>
        (await definition.scopes?.(await resolveSecrets(settings, definition.settingsSchema, world))) ?? [],
    ];
  });
}

/** Addin packages contribute where `scopes` of config.json has settings for them. */
function packaged(
  { configuration, definitions, packages }: Loaded,
  world: CliContext['world'],
): Promise<readonly Scope[]>[] {
  return packages.modules.flatMap((module) => {
    const settings = configuration.scopes.find(({ use }) => use === module.name);
    if (module.kind !== 'scope' || settings === undefined) return [];
    const schema = definitions.find(
      (one) => one.kind === 'scope' && one.name === module.name,
    )?.settingsSchema;
    return [
      import('../core/addins/contributed-scopes.ts').then(({ contributedScopes }) =>
        contributedScopes(module, () => resolveSecrets(settings, schema ?? {}, world)),
      ),
    ];
  });
}
