/**
 * What speaks against a snapshot, said to whoever reads one: what it lacks, and what looks wrong about it. A partial one, or one of
 * an account that was just wiped, must not pass for the account.
 */

import type { Finding } from '../core/archive/statistics.ts';
import type { Snapshot } from '../core/jobs/catalog.ts';
import { printable } from '../core/printable.ts';
import { otherComplete, saidOfOthers } from './better-snapshots.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { plural } from './format.ts';
import type { Output } from './output.ts';
import { passedOverManifest } from './partial-snapshot.ts';
import type { Search } from './search.ts';

/** To stderr: revisions passed over, what failed, what looks wrong, and the newest snapshot that none of it is said of. */
export async function noteDoubts(
  output: Output,
  search: Search,
  snapshot: Snapshot,
  lacking: readonly FailedComponent[],
): Promise<void> {
  const { name, header, body, passedOver = [] } = snapshot;
  for (const { message } of passedOver)
    output.note(`warning: an earlier revision of ${name} is read: ${printable(message, 4096)}`);
  const findings = wrongIn(body);
  const partial = header.state === 'partial';
  if (partial) {
    const failed = lacking.filter(({ component }) => component !== passedOverManifest);
    const when = body.lost === undefined ? 'when it was made' : 'when it was made, or lost something since';
    output.note(`warning: ${name} is partial: ${plural(failed.length, 'component')} failed ${when}`);
    for (const { component, code, message } of failed)
      output.note(
        `  ${component}${code === null ? '' : `: ${code}`}${message === null ? '' : `: ${message}`}`,
      );
  }
  for (const { code, message } of findings)
    output.note(`warning: ${name} looks wrong: ${code}: ${printable(message, 4096)}`);
  if (partial || findings.length > 0)
    output.note(`hint: ${await saidOfOthers(() => betterOne(search, snapshot, findings.length > 0))}`);
}

/** What exclusions let in or leave out was asked for, and is told of the paths it is about. */
const wrongIn = ({ findings = [] }: Snapshot['body']): readonly Finding[] =>
  findings.filter(({ code }) => code !== 'exclusions-changed');

async function betterOne(search: Search, snapshot: Snapshot, looksWrong: boolean): Promise<string> {
  let passed = 0;
  for await (const { name, body } of otherComplete(search, snapshot)) {
    if (wrongIn(body).length > 0) passed++;
    else return `the newest complete one${passed > 0 || looksWrong ? ' that looks right' : ''} is ${name}`;
  }
  if (passed > 0) return `the ${plural(passed, 'other complete one')} looked at look wrong as well`;
  return `the account has no ${looksWrong ? 'other ' : ''}complete snapshot`;
}
