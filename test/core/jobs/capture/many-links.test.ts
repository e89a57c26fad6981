/** What a thread leaves of an account with more linked files than a call takes arguments. */

import { expect, it } from 'vitest';
import { endPart, newJob } from '../../../../src/core/jobs/capture/job.ts';

it('is taken over whole', () => {
  const job = newJob(1, [], {
    parent: null,
    work: 'little',
    publicKey: null,
    control: new Int32Array(0),
    sink: {} as never,
    resolve: () => {},
    reject: () => {},
    nowMs: 0,
  });
  const keptLinks = new Map(Array.from({ length: 300_000 }, (_, inode) => [`0:${inode}`, ''] as const));
  endPart({} as never, job, {
    type: 'released',
    job: 1,
    directories: [],
    linked: [],
    keptLinks,
    contents: null,
  });

  expect(job.keptLinks.size).toBe(keptLinks.size);
});
