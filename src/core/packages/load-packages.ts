/**
 * The addin packages that a configuration lists: what can be used of them, and what is refused and why.
 *
 * Reads manifests alone and runs nothing. Order decides about names: what comes first keeps its name.
 */

import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { printable, quoted } from '../printable.ts';
import type { AddinModule } from './addin-module.ts';
import { type JudgedAddin, judgeManifest } from './check-manifest.ts';
import { type FoundPackage, findPackage } from './find-package.ts';
import type { AddinManifest } from './manifest-schema.ts';
import type { Permissions } from './permissions-schema.ts';
import { type Found, type Refusal, type RefusedAddin, refusal } from './refusal.ts';

export interface LoadOptions {
  readonly configDir: string;
  readonly hostVersion: string;
  /** `<kind> <name>` of what is there already; names of scopes as `scope <name>` too. */
  readonly taken: Iterable<string>;
}

export interface LoadedPackages {
  readonly modules: readonly AddinModule[];
  readonly refused: readonly RefusedAddin[];
}

/** @param sources npm names and absolute paths, as `addins` of config.json has them */
export async function loadPackages(
  sources: readonly string[],
  { configDir, hostVersion, taken }: LoadOptions,
): Promise<LoadedPackages> {
  const modules: AddinModule[] = [];
  const refused: RefusedAddin[] = [];
  const names = new Set(taken);
  for (const source of new Set(sources)) {
    const whole = { source, root: null, version: null, kind: null, name: null, contract: null };
    const located = await findPackage(source, { configDir });
    if ('refusal' in located) {
      refused.push({ ...whole, permissions: null, ...located.refusal });
      continue;
    }
    const { root, version, holdfast } = located.found;
    const judged = judgeManifest(holdfast, hostVersion);
    if ('refusal' in judged) {
      refused.push({ ...whole, root, version, permissions: null, ...judged.refusal });
      continue;
    }
    for (const one of judged.found) {
      const made = await moduleOf(located.found, source, one, names);
      if ('found' in made) modules.push(made.found);
      else refused.push(refusedAddin(located.found, source, one, made.refusal));
    }
  }
  return { modules, refused };
}

async function moduleOf(
  { root, version, unreadable }: FoundPackage,
  source: string,
  { verdict }: JudgedAddin,
  names: Set<string>,
): Promise<Found<AddinModule>> {
  if ('refusal' in verdict) return verdict;
  const manifest = verdict.found;
  const { kind, name, contract } = manifest;
  const wanted = [`${kind} ${name}`, ...scopeNames(manifest)];
  const twice = wanted.find((one) => names.has(one));
  if (twice !== undefined) {
    const hint = 'Take one of the two packages out of "addins" in config.json.';
    return refusal('name-taken', `there is another ${twice}`, hint);
  }
  // Providers and scopes are read by whoever runs Holdfast.
  const apart = (kind === 'store' || kind === 'notifier') && process.getuid?.() === 0;
  if (apart && unreadable !== null) {
    const message = `${printable(unreadable, 4096)} cannot be read by the user that a ${kind} runs as`;
    return refusal('unreadable-files', message, `Run chmod -R go+rX ${printable(root, 4096)}.`);
  }
  const entry = await entryOf(root, manifest.entry);
  if ('refusal' in entry) return entry;
  for (const one of wanted) names.add(one);
  return { found: { kind, name, version, contract, source, root, entry: entry.found, manifest } };
}

const scopeNames = (manifest: AddinManifest): readonly string[] =>
  manifest.kind === 'scope' ? manifest.capabilities.names.map((name) => `scope ${name}`) : [];

async function entryOf(root: string, entry: string): Promise<Found<string>> {
  const hint = 'Build the package, or install another version of it.';
  const path = await realpath(join(root, entry)).catch(() => null);
  if (path === null) return refusal('bad-entry', `there is no file ${printable(entry, 300)} in it`, hint);
  if (path.startsWith(`${root}${sep}`)) return { found: path };
  return refusal('bad-entry', `its entry ${quoted(entry)} lies outside of the package`, hint);
}

function refusedAddin(
  { root, version }: FoundPackage,
  source: string,
  { raw, verdict }: JudgedAddin,
  why: Refusal,
): RefusedAddin {
  const { kind, name, contract } = raw;
  return {
    source,
    root,
    version,
    kind: typeof kind === 'string' ? kind : null,
    name: typeof name === 'string' ? name : null,
    contract: Number.isSafeInteger(contract) ? (contract as number) : null,
    permissions: 'found' in verdict ? (verdict.found.permissions as Permissions) : null,
    ...why,
  };
}
