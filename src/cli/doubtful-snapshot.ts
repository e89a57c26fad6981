/**
 * What speaks against a snapshot, said to whoever reads one: what it lacks, and what looks wrong about it. A partial one, or one of
 * an account that was just wiped, must not pass for the account.
 */

import { listSnapshots, type Snapshot } from '../core/jobs/catalog.ts';
import { distrustOf, trustsNobody } from '../core/jobs/trust.ts';
import { printable } from '../core/printable.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { plural } from './format.ts';
import type { Output } from './output.ts';
import { passedOverManifest } from './partial-snapshot.ts';
import { readEach } from './read-each.ts';
import type { Search } from './search.ts';

/** Findings compare with the last seven: of so many one is sound, unless the account has long been as it is. */
const mostLookedAt = 16;
const readsAtOnce = 8;

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
  const findings = body.findings ?? [];
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
    output.note(`hint: ${await betterOne(search, snapshot, findings.length > 0)}`);
}

/** Read, not guessed: an id begins with the site that the account had then. */
async function betterOne(search: Search, { header }: Snapshot, looksWrong: boolean): Promise<string> {
  const { server, owner } = header;
  const listed = await listSnapshots(search.store, { server, owner }, search.signal);
  const complete = listed.filter(({ id, state }) => state === 'complete' && id !== header.id).reverse();
  let passed = looksWrong;
  for (let at = 0; at < Math.min(complete.length, mostLookedAt); at += readsAtOnce) {
    for (const { snapshot } of await readEach(search, complete.slice(at, at + readsAtOnce))) {
      if (snapshot?.body == null || !isTrusted(search, snapshot)) continue;
      if ((snapshot.body.findings ?? []).length > 0) passed = true;
      else return `the newest complete one${passed ? ' that looks right' : ''} is ${snapshot.name}`;
    }
  }
  if (complete.length === 0 && !looksWrong) return 'the account has no complete snapshot';
  const among = complete.length > mostLookedAt ? ` among its ${mostLookedAt} newest complete ones` : '';
  return `the account has no other complete snapshot that looks right${among}`;
}

const isTrusted = ({ trust }: Search, snapshot: Pick<Snapshot, 'header' | 'signedBy' | 'name'>): boolean =>
  trust === undefined || trustsNobody(trust) || distrustOf(snapshot, trust) === null;
