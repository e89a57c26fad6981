/** What `addin list` shows of each addin: the built-in ones, those of packages, and those that are refused. */

import type { AddinDefinition } from '../core/index.ts';
import type { Permissions } from '../core/packages/permissions-schema.ts';
import type { Verification } from '../core/state/verifications.ts';
import type { AddinPackages } from './addin-packages.ts';
import type { AddinsDocument } from './documents/addins.ts';

type Listed = AddinsDocument['addins'][number];

/** By kind and name; what is refused comes last. */
export function listedAddins(
  builtin: readonly AddinDefinition[],
  { modules, definitions, refused }: AddinPackages,
  verifications: readonly Verification[],
): Listed[] {
  const theirs = modules.map((module, index): Listed => {
    const { permissions } = module.manifest;
    return {
      ...installed(definitions[index]!, verifications),
      from: module.root,
      permissions: shown(permissions),
    };
  });
  const wrong = refused.map((one): Listed => {
    const { kind, name, version, contract, root, source, permissions, reason, message, hint } = one;
    return {
      kind,
      name,
      version,
      contract,
      summary: null,
      levels: [],
      from: root ?? source,
      permissions: permissions === null ? null : shown(permissions),
      state: 'refused',
      reason,
      message,
      hint,
      verification: null,
    };
  });
  const ours = builtin.map((definition) => installed(definition, verifications));
  return [...[...ours, ...theirs].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)), ...wrong];
}

const keyOf = ({ kind, name }: Listed): string => `${kind} ${name}`;

function installed(definition: AddinDefinition, verifications: readonly Verification[]): Listed {
  const { kind, name, version, contract, settingsSchema } = definition;
  const { description } = settingsSchema;
  const last = verifications.find((one) => one.kind === kind && one.name === name);
  return {
    kind,
    name,
    version,
    contract,
    summary: typeof description === 'string' ? description : null,
    levels: definition.kind === 'provider' ? [...definition.capabilities.levels] : [],
    from: null,
    permissions: null,
    state: 'ok',
    reason: null,
    message: null,
    hint: null,
    verification:
      last === undefined
        ? null
        : {
            at: new Date(last.endedAtMs).toISOString(),
            sound: last.sound,
            checks: last.checks,
            failed: last.failed,
            version: last.version,
            current: last.version === version && last.contract === contract,
            holdfast: last.holdfast,
          },
  };
}

const shown = ({
  network,
  programs,
  paths,
}: NonNullable<Permissions>): NonNullable<Listed['permissions']> => ({
  network: typeof network === 'boolean' ? network : [...network],
  programs: [...programs],
  paths: [...paths],
});
