/**
 * A module of an addin package, and the definition it exports.
 *
 * Importing runs the package's code with all the rights of the process that imports: the process that reads
 * accounts as root imports providers and scopes alone, never stores and notifiers.
 */

import { pathToFileURL } from 'node:url';
import type { AddinDefinition, DefinitionOf } from '../contracts/addin.ts';
import { HoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { serveOwnExports } from './host-package.ts';
import type { AddinKind, AddinManifest } from './manifest-schema.ts';

/** Found by its manifest and not yet run. Plain data, so that another process can be told of it. */
export interface AddinModule {
  readonly kind: AddinKind;
  readonly name: string;
  /** Of the package. */
  readonly version: string;
  readonly contract: number;
  /** As the configuration names the package: an npm name or an absolute path. */
  readonly source: string;
  /** Real path of the package's directory. */
  readonly root: string;
  /** Real path of the module, below `root`. */
  readonly entry: string;
  readonly manifest: AddinManifest;
}

/**
 * Imports the module in this process.
 *
 * @throws ADDIN_REFUSED it cannot be imported, or exports something else than its manifest says
 */
export async function importDefinition<K extends AddinKind>(
  module: AddinModule & { readonly kind: K },
): Promise<DefinitionOf<K>> {
  const { kind, name, contract, entry } = module;
  const what = `the ${kind} ${name}`;
  let exported: unknown;
  serveOwnExports();
  try {
    ({ default: exported } = (await import(pathToFileURL(entry).href)) as { default?: unknown });
  } catch (cause) {
    const why = printable(cause instanceof Error ? cause.message : String(cause), 500);
    throw refused(`${what} cannot be loaded: ${why}`, cause);
  }
  const found = exported as Partial<AddinDefinition> | null | undefined;
  if (typeof found !== 'object' || found === null || typeof found.open !== 'function') {
    throw refused(`${what} has no definition as its default export`);
  }
  if (found.kind !== kind || found.name !== name || found.contract !== contract) {
    const { kind: otherKind, name: otherName, contract: otherContract } = found;
    const says = printable(`${otherKind} ${otherName} of contract ${otherContract}`, 200);
    throw refused(`${what} of contract ${contract} exports the definition of a ${says}`);
  }
  return found as DefinitionOf<K>;
}

const refused = (message: string, cause?: unknown): HoldfastError =>
  new HoldfastError('ADDIN_REFUSED', message, {
    cause,
    hint: 'Install another version of its package, or tell its author.',
  });
