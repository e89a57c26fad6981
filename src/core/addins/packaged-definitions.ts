/**
 * Definitions of addins that come from packages: their data from the manifest, their code run when they are
 * opened and not before.
 */

import type { AddinDefinition, JsonSchema, Settings } from '../contracts/addin.ts';
import type { AddinModule } from '../packages/addin-module.ts';
import {
  openAddinNotifier,
  openAddinProvider,
  openAddinScopes,
  openAddinSetup,
  openAddinStore,
  type PackageWorld,
} from './open-addin.ts';
import { directoriesIn } from './setting-directories.ts';

export function packagedDefinition(module: AddinModule, world: PackageWorld): AddinDefinition {
  const { manifest, name, version, contract } = module;
  const common = { name, version, contract, settingsSchema: manifest.settings as JsonSchema };
  switch (manifest.kind) {
    case 'store': {
      const store = { ...module, kind: 'store' } as const;
      const open = (settings: Parameters<typeof openAddinStore>[1]) => openAddinStore(store, settings, world);
      const { setup } = manifest.capabilities;
      const directories = (settings: Settings) => directoriesIn(settings, common.settingsSchema);
      const definition = { kind: 'store', ...common, open, directories } as const;
      if (setup !== true) return definition;
      return { ...definition, setup: (settings) => openAddinSetup(store, settings, world) };
    }
    case 'provider': {
      const { levels, needsFull, needs } = manifest.capabilities;
      const capabilities = { levels, needsFull, needs };
      const open = (input: Parameters<typeof openAddinProvider>[1]) =>
        openAddinProvider({ ...module, kind: 'provider' }, input);
      return { kind: 'provider', ...common, capabilities, open };
    }
    case 'notifier': {
      const { events } = manifest.capabilities;
      const open = (settings: Parameters<typeof openAddinNotifier>[1]) =>
        openAddinNotifier({ ...module, kind: 'notifier' }, settings, world);
      return { kind: 'notifier', ...common, ...(events === undefined ? {} : { events }), open };
    }
    case 'scope':
      return {
        kind: 'scope',
        ...common,
        open: (settings) => openAddinScopes({ ...module, kind: 'scope' }, settings),
      };
  }
}
