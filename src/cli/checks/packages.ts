/** The addin packages that the configuration lists. */

import { printable } from '../../core/printable.ts';
import type { AddinPackages } from '../addin-packages.ts';
import { type Check, fault, ok } from './check.ts';

/** One that is refused is an error even where nothing uses it: somebody listed it because it was wanted. */
export function checkPackages({ modules, refused }: AddinPackages): readonly Check[] {
  return [
    ...modules.map(({ kind, name, version, root }) =>
      ok(`addin ${name}`, `${kind}, version ${version}, in ${printable(root, 4096)}`),
    ),
    ...refused.map(({ source, name, message, hint }) =>
      fault(
        printable(`addin ${name ?? source}`, 100),
        'ADDIN_REFUSED',
        `refused: ${printable(message, 1000)}`,
        printable(hint, 1000),
      ),
    ),
  ];
}
