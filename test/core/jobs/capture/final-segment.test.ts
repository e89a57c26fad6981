/** The final segment of a full is the newest of the snapshot: tar stops at its end. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pageTargetBytes } from '../../../../src/core/archive/pages.ts';
import { systemXattrs } from '../../../../src/core/filesystem/xattrs.ts';
import { AccountCapture } from '../../../../src/core/jobs/capture/account-capture.ts';
import { jobControl, newControl } from '../../../../src/core/jobs/capture/job-control.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-final-segment-'));
  mkdirSync(join(directory, 'tree'));
  writeFileSync(join(directory, 'tree', 'file'), 'a few bytes');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Names in each segment, by its number, where other threads have begun so many meanwhile. */
function namesBySegment(begunByOthers: number): Map<number, string[]> {
  const tars = new Map<number, Buffer[]>();
  const control = newControl(1);
  const trees = [{ name: 't', path: join(directory, 'tree'), device: 0, exclude: [] }];
  const capture = new AccountCapture(
    { job: 1, trees, parent: null },
    control,
    {
      send: () => {},
      sendBytes(_, number, bytes) {
        tars.set(number, [...(tars.get(number) ?? []), Buffer.from(bytes)]);
      },
      wantsHandOver: () => false,
      claimHandOver: () => false,
      checkStop: () => {},
    },
    { xattrs: systemXattrs, now: Date.now, pageBytes: pageTargetBytes },
  );
  capture.task(0, '');
  Atomics.add(control, jobControl.nextNumber, begunByOthers);
  capture.finish({ directories: [], linked: [], keptLinks: new Map(), startedAtMs: Date.now() });
  // The last piece of each is its seek table.
  const tarOf = (pieces: Buffer[]): Buffer =>
    Buffer.concat(pieces.slice(0, -1).map((frame) => zstdDecompressSync(frame)));
  const listed = (tar: Buffer): string[] =>
    execFileSync('tar', ['-t'], { input: tar }).toString().trim().split('\n');
  return new Map([...tars].map(([number, pieces]) => [number, listed(tarOf(pieces))]));
}

it('is the open one where no other thread has begun any later', () => {
  expect(namesBySegment(0)).toEqual(new Map([[0, ['t/file', 't/']]]));
});

it('is begun anew where another thread has begun one, even if none of it is open any more', () => {
  expect(namesBySegment(2)).toEqual(
    new Map([
      [0, ['t/file']],
      [3, ['t/']],
    ]),
  );
});
