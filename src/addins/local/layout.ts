/**
 * Where an object lies: `<root>/<key>`, component by component, nothing encoded.
 *
 * Unfinished files lie in `<root>/.tmp~`. The tilde can be in no key, so the directory can collide with
 * none, and a walk that skips what no key can have skips it, `lost+found` and the like by one rule.
 */

import { join } from 'node:path';
import { assertKey } from '../../core/index.ts';

export const temporaryName = '.tmp~';

/** @throws TypeError the key is not legal, e.g. because it climbs out with `..` */
export function pathOf(root: string, key: string): string {
  assertKey(key);
  return join(root, key);
}
