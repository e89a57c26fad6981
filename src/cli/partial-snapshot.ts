/** What a partial snapshot lacks, said to whoever reads one: it must not pass for the whole account. */

import type { Component } from '../core/archive/manifest.ts';
import { errorCodes } from '../core/errors.ts';
import { listSnapshots, type Snapshot } from '../core/jobs/catalog.ts';
import { printable } from '../core/printable.ts';
import type { FailedComponent } from './documents/snapshot.ts';
import { plural } from './format.ts';
import type { Output } from './output.ts';
import { readEach } from './read-each.ts';
import type { Search } from './search.ts';

/** What of a snapshot is wanted. */
export interface Wanted {
  readonly paths: readonly Buffer[];
  readonly databases: readonly string[];
  readonly everything: boolean;
  /** Databases are no part of it, as in a restore in place. */
  readonly treesOnly?: boolean;
}

/** What a passed over revision is called among what failed: it is no part of the account. */
const manifest = 'manifest';

/** Also the revisions that were passed over: what they said is not what is read. */
export function failedComponents({ body, passedOver }: Snapshot, wanted: Wanted): FailedComponent[] {
  const failed = body.components
    .filter(({ state }) => state === 'failed')
    .map((component) => ({
      component: printable(component.name, 4096),
      code: component.error?.code ?? null,
      message: component.error === undefined ? null : printable(component.error.message, 4096),
      wanted: isWanted(component, wanted),
    }));
  const revisions = (passedOver ?? []).map(({ code, message }) => ({
    ...{ component: manifest, code, message: printable(message, 4096) },
    wanted: true,
  }));
  return [...failed, ...revisions];
}

function isWanted(component: Component, { paths, databases, everything, treesOnly }: Wanted): boolean {
  if (component.type === 'tree') {
    return everything || paths.some((path) => path.toString('latin1').split('/', 1)[0] === component.name);
  }
  if (everything) return treesOnly !== true;
  const names = component.databases.flatMap((name) => [name, `${component.instance}/${name}`]);
  return names.some((name) => databases.includes(name));
}

/** A restore that lacks something of what was asked for is no success without reservation. */
export function statusWith(exitStatus: number, failed: readonly FailedComponent[]): number {
  const lacks = exitStatus === 0 && failed.some(({ wanted }) => wanted);
  return lacks ? errorCodes.FINISHED_WITH_WARNINGS.exit : exitStatus;
}

/** To stderr: which revisions were passed over, what failed, and the newest complete snapshot of the account, where there is one. */
export async function notePartial(
  output: Output,
  search: Search,
  snapshot: Snapshot,
  lacking: readonly FailedComponent[],
): Promise<void> {
  for (const { message } of snapshot.passedOver ?? [])
    output.note(`warning: an earlier revision of ${snapshot.name} is read: ${printable(message, 4096)}`);
  const failed = lacking.filter(({ component }) => component !== manifest);
  if (snapshot.header.state !== 'partial') return;
  const when =
    snapshot.body.lost === undefined ? 'when it was made' : 'when it was made, or lost something since';
  output.note(`warning: ${snapshot.name} is partial: ${plural(failed.length, 'component')} failed ${when}`);
  for (const { component, code, message } of failed) {
    output.note(`  ${component}${code === null ? '' : `: ${code}`}${message === null ? '' : `: ${message}`}`);
  }
  const complete = await newestComplete(search, snapshot);
  const where =
    complete === null ? 'the account has no complete snapshot' : `the newest complete one is ${complete}`;
  output.note(`hint: ${where}`);
}

/** Read, not guessed: an id begins with the site that the account had then. */
async function newestComplete(search: Search, { header }: Snapshot): Promise<string | null> {
  const { server, owner } = header;
  const listed = await listSnapshots(search.store, { server, owner }, search.signal);
  const newest = listed.findLast(({ state }) => state === 'complete');
  if (newest === undefined) return null;
  return (await readEach(search, [newest]))[0]?.snapshot?.name ?? null;
}
