/**
 * The addins that come with Holdfast, each loaded when it is named.
 *
 * This is where the built-in ones are registered: core knows none of them, and they know none of each other.
 */

import type { AddinDefinition } from '../core/index.ts';
import { builtinNotifiers } from '../core/notify/builtin.ts';

const builtin: Readonly<Record<string, () => Promise<AddinDefinition>>> = {
  apiscp: async () => (await import('../panels/apiscp/index.ts')).apiscpPanel,
  generic: async () => (await import('../panels/generic/index.ts')).genericPanel,
  local: async () => (await import('../addins/local/index.ts')).localStore,
  s3: async () => (await import('../addins/s3/index.ts')).s3Store,
  rclone: async () => (await import('../addins/rclone/index.ts')).rcloneStore,
  's3-tar': async () => (await import('../addins/s3-tar/index.ts')).s3TarProvider,
  chain: async () => (await import('../addins/chain/index.ts')).chainProvider,
};

/** `<kind> <name>` of each, so that no package takes one. */
export const builtinNames: readonly string[] = [
  ...['apiscp', 'generic'].map((name) => `panel ${name}`),
  ...['local', 's3', 'rclone'].map((name) => `store ${name}`),
  ...['s3-tar', 'chain'].map((name) => `provider ${name}`),
];

export const allAddins = async (): Promise<readonly AddinDefinition[]> => [
  ...builtinNotifiers,
  ...(await load(Object.keys(builtin))),
];

/** Those of the names that are known. */
export const addinsNamed = (names: Iterable<string>): Promise<readonly AddinDefinition[]> =>
  load([...new Set(names)].filter((name) => Object.hasOwn(builtin, name)));

function load(names: readonly string[]): Promise<AddinDefinition[]> {
  return Promise.all(names.map((name) => builtin[name]!()));
}
