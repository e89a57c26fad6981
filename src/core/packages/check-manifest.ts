/**
 * Judges the manifest of an addin package, each addin by itself: one that is refused costs the others nothing.
 *
 * Pure: looks at data, not at files. Kind and contract are judged before the rest, since a later version of
 * either may have properties of its own.
 */

import satisfies from 'semver/functions/satisfies.js';
import validRange from 'semver/ranges/valid.js';
import type { JsonSchema } from '../contracts/addin.ts';
import { notifierContract } from '../contracts/notifier.ts';
import { providerContract } from '../contracts/provider.ts';
import { scopeContract } from '../contracts/scope.ts';
import { storeContract } from '../contracts/store.ts';
import { printable, quoted } from '../printable.ts';
import { describeErrors } from '../settings/problems.ts';
import { schemaFault, validate } from '../settings/validate.ts';
import { type AddinKind, type AddinManifest, manifestSchemas } from './manifest-schema.ts';
import { type Found, type Refusal, refusal } from './refusal.ts';

/** The newest version of each contract that is served here; every earlier one is served as well. */
export const servedContracts: Readonly<Record<AddinKind, number>> = {
  store: storeContract,
  provider: providerContract,
  notifier: notifierContract,
  scope: scopeContract,
};

/** What a manifest calls its addins, right or wrong, with what became of each. */
export interface JudgedAddin {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly verdict: Found<AddinManifest>;
}

const kinds = Object.keys(manifestSchemas);
const tellAuthor = 'Install another version of the package, or tell its author.';

/** @returns a refusal of the whole package, or a verdict for each of its addins */
export function judgeManifest(holdfast: unknown, hostVersion: string): Found<readonly JudgedAddin[]> {
  const bad = (message: string) => refusal('bad-manifest', message, tellAuthor);
  if (!isObject(holdfast)) return bad('the property "holdfast" is no object');
  const { host, addins, ...unknown } = holdfast;
  if (typeof host !== 'string' || validRange(host) === null) {
    return bad('holdfast.host is no range of versions, such as ">=0.1.0 <1"');
  }
  if (!satisfies(hostVersion, host, { includePrerelease: true })) {
    const message = `it is for Holdfast ${printable(host, 100)}, and this is ${hostVersion}`;
    return refusal('host-version', message, 'Install a version of the package that is for this Holdfast.');
  }
  const [odd] = Object.keys(unknown);
  if (odd !== undefined) return bad(`holdfast has an unknown property ${quoted(odd)}`);
  if (!Array.isArray(addins) || addins.length === 0 || !addins.every(isObject)) {
    return bad('holdfast.addins is no list of addins');
  }
  return { found: addins.map((raw) => ({ raw, verdict: judgeAddin(raw) })) };
}

function judgeAddin(raw: Readonly<Record<string, unknown>>): Found<AddinManifest> {
  const { kind, contract } = raw;
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    const said = typeof kind === 'string' ? quoted(kind) : 'missing';
    return refusal('unknown-kind', `its kind is ${said}; known are ${kinds.join(', ')}`, tellAuthor);
  }
  const served = servedContracts[kind as AddinKind];
  if (typeof contract === 'number' && contract > served) {
    const message = `it needs contract ${contract} of a ${kind}, and this Holdfast has ${served}`;
    return refusal('contract-too-new', message, 'Update Holdfast, or install an earlier version.');
  }
  const manifest = structuredClone(raw);
  const [problem] = describeErrors('', validate(manifest, manifestSchemas[kind as AddinKind]));
  if (problem !== undefined) {
    const { pointer, message } = problem;
    // What a kind cannot do without stands among its capabilities.
    const lacks = pointer.startsWith('/capabilities') || /"capabilities" is missing/.test(message);
    const where = pointer === '' ? '' : `${printable(pointer, 200)}: `;
    return refusal(lacks ? 'capability-missing' : 'bad-manifest', `${where}${message}`, tellAuthor);
  }
  const fault = settingsFault(manifest as AddinManifest);
  return fault === null ? { found: manifest as AddinManifest } : { refusal: fault };
}

function settingsFault({ name, settings }: AddinManifest): Refusal | null {
  const bad = (why: string): Refusal =>
    refusal('bad-settings-schema', `the schema of its settings is not valid: ${why}`, tellAuthor).refusal;
  const fault = schemaFault(settings as JsonSchema);
  if (fault !== null) return bad(printable(fault, 300));
  // `use` is part of every settings; a schema that forbids it would refuse every configuration.
  const use = validate({ use: name }, settings as JsonSchema).find(
    ({ instancePath, keyword, params }) =>
      instancePath === '/use' ||
      (keyword === 'additionalProperties' && params['additionalProperty'] === 'use'),
  );
  return use === undefined ? null : bad(`it does not allow "use": ${quoted(name)}`);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
