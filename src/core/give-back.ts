/**
 * Gives memory that is no longer used back to the system: what planning a run over ten thousand accounts has
 * left behind would else stay with the process until its end.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { returnFreed } from './filesystem/native.ts';

type Collect = (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;

/** Takes a tenth of a second or so: to be called once, between two phases. */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', flavor: 'last-resort' });
  returnFreed();
}
