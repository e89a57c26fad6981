/**
 * Lets addins of packages import `holdfast` and what it exports from the Holdfast that runs them, wherever they lie.
 *
 * So a package is installed without a Holdfast of its own, which no registry has to have, and there are never two
 * of them in a process.
 */

import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownCode, ownPackage, runsFromSource } from '../own-files.ts';

let registered = false;

/** Before the first module of a package is imported; again, it does nothing. */
export function serveOwnExports(): void {
  if (registered) return;
  registered = true;
  const urls = ownExports();
  registerHooks({
    resolve: (specifier, context, next) => next(urls.get(specifier) ?? specifier, context),
  });
}

/** URLs by what addins write: `holdfast/conformance`. */
function ownExports(): ReadonlyMap<string, string> {
  const { name, exports } = JSON.parse(readFileSync(join(ownPackage, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, { readonly default: string }>>;
  };
  return new Map(
    Object.entries(exports).map(([path, { default: file }]) => {
      const built = join(ownCode, file.slice('./dist/'.length));
      const module = runsFromSource ? built.replace(/\.js$/, '.ts') : built;
      return [name + path.slice(1), pathToFileURL(module).href];
    }),
  );
}
