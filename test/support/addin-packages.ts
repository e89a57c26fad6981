/** Writes addin packages for tests: a manifest, and modules in plain JavaScript. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AddinManifest } from '../../src/core/packages/manifest-schema.ts';

export interface PackageFiles {
  readonly host?: unknown;
  readonly addins?: unknown;
  /** By path below the package. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Where the package lies, which must be below a directory that only its owner can write. */
export function writePackage(
  root: string,
  { host = '>=0.1.0 <1', addins, files = {} }: PackageFiles,
): string {
  const manifest = { name: 'some-addin', version: '1.2.3', type: 'module', holdfast: { host, addins } };
  write(join(root, 'package.json'), JSON.stringify(manifest));
  for (const [path, text] of Object.entries(files)) write(join(root, path), text);
  return root;
}

/** A manifest entry that is in order, but for what is given otherwise. */
export const manifestOf = (
  kind: AddinManifest['kind'],
  name: string,
  change: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  kind,
  name,
  contract: 1,
  entry: './index.js',
  capabilities: {
    store: {},
    provider: { levels: ['full'] },
    notifier: {},
    scope: { names: ['relay.host'] },
  }[kind],
  settings: {
    type: 'object',
    additionalProperties: false,
    required: ['use'],
    properties: { use: { const: name }, file: { type: 'string' } },
  },
  ...change,
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, text, { mode: 0o644 });
}
