/** What the bar of a backup says of the time left: by what the snapshots before say of each account. */

import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { BackUpPrinter } from '../../../src/cli/backup-printer.ts';
import { Output } from '../../../src/cli/output.ts';
import { AccountProgress } from '../../../src/core/jobs/backup/account-progress.ts';

function shares(
  total: number,
  act: (account: (site: string) => AccountProgress, printer: BackUpPrinter) => void,
) {
  const shown: (number | null)[] = [];
  const output = new Output(
    { stdout: new PassThrough(), stderr: new PassThrough() },
    { json: false, quiet: false },
  );
  const progress = { show: ({ share }: { share: number | null }) => void shown.push(share), close: () => {} };
  const printer = new BackUpPrinter({ output, progress, now: () => 0, total });
  act((site) => {
    printer.event({ type: 'started', site });
    return new AccountProgress((bytes, share) => printer.event({ type: 'bytes', site, bytes, share }));
  }, printer);
  return shown;
}

it('a single account has a share as soon as something is known of it, by bytes in a full', () => {
  const seen = shares(1, (account) => {
    const one = account('anna');
    one.stored(100);
    one.expectFull({ entries: 1, bytes: 2_048 });
    one.exported(924);
    one.passed(1);
    one.stored(1_024_000);
  });
  expect(seen).toEqual([null, null, 0.25, 0.99]);
});

it('an incremental goes by entries, and the accounts of a run by those that are done and how far the others are', () => {
  const seen = shares(4, (account) => {
    const [one, other] = [account('anna'), account('bert')];
    one.expectChanges({ entries: 10, exportBytes: 0 });
    one.stored(1_000_000);
    one.passed(5);
    other.exported(5);
    other.expectChanges({ entries: 5, exportBytes: 5 * 2_048 });
    other.exported(5 * 2_048 - 5);
  });
  expect(seen.slice(2)).toEqual([0, 0.125, 0.125, 0.25]);
});

it('copies go by the snapshots that are still lacking, where there are several', () => {
  const seen = shares(1, (_, printer) => {
    for (const [copy, lacking] of [
      ['far', 4],
      ['far', 1],
      ['near', 1],
      ['far', 6],
    ] as const)
      printer.copyEvent({ type: 'sent', copy, bytes: 1, lacking });
  });
  expect(seen).toEqual([0, 0.75, null, 0]);
});
