/** What an account refers to is looked up while those before it are read, and no more are read at once than were asked for. */

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as settled, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import type { Account } from '../../../../src/core/contracts/panel.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { backUp } from '../../../../src/core/jobs/backup/back-up.ts';
import { Turns } from '../../../../src/core/jobs/turns.ts';
import { type Lab, openLab } from '../../../support/backup.ts';

describe('turns', () => {
  it('are taken by so many at a time, in the order they were asked for, and end once', async () => {
    const turns = new Turns(2);
    const order: number[] = [];
    const taken = [1, 2, 3, 4].map(async (n) => {
      const end = await turns.take();
      order.push(n);
      return end;
    });
    const [first, second] = await Promise.all(taken.slice(0, 2));
    expect(order).toEqual([1, 2]);
    first!();
    first!();
    await taken[2];
    await settled();
    expect(order).toEqual([1, 2, 3]);
    second!();
    await taken[3];

    expect(order).toEqual([1, 2, 3, 4]);
  });
});

describe('a run over several accounts', () => {
  let directory: string;
  let lab: Lab;
  const listed = new Set<string>();
  const sites = ['site1', 'site2', 'site3', 'site4'];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-turns-'));
    for (const site of sites) {
      mkdirSync(join(directory, site));
      writeFileSync(join(directory, site, 'file'), randomBytes(1000));
    }
    const local = await localStore.open({ use: 'local', path: join(directory, 'store') });
    const list: Store['list'] = async (request) => {
      listed.add(request.prefix.split('/')[2] ?? '');
      return local.list(request);
    };
    const store = new Proxy(local, {
      get(target, name) {
        const value: unknown = name === 'list' ? list : Reflect.get(target, name, target);
        return typeof value === 'function' && name !== 'list' ? value.bind(target) : value;
      },
    });
    lab = await openLab(directory, { store, chain: {} });
  });
  afterAll(async () => {
    await lab.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('reads as many as it may, and has looked one more up', async () => {
    const lookedUp = (): number => [...listed].filter((owner) => owner !== '').length;
    let reading = 0;
    let most = 0;
    let firstReadAtMs = 0;
    const startedAtMs: number[] = [];
    const accounts: Account[] = sites.map((site) => ({
      site,
      home: null,
      domain: null,
      aliases: [],
      plan: null,
      state: 'active',
      problem: null,
      owner: null,
      trees: [{ name: 'shadow', path: join(directory, site), exclude: [] }],
      databases: [],
      metadata: {},
    }));
    const report = await backUp({
      addin: lab.addin,
      panelRef: lab.addin.storeRef,
      accounts,
      engines: [],
      state: lab.state,
      stateDir: lab.stateDir,
      level: 'auto',
      concurrency: 1,
      pool: lab.pool,
      world: { now: Date.now, newObjectId: () => randomBytes(16).toString('hex'), newUuid: randomUUID },
      signal: new AbortController().signal,
      onEvent: (event) => {
        if (event.type === 'ended' && event.outcome.snapshot !== null)
          startedAtMs.push(Date.parse(event.outcome.snapshot.header.startedAt));
      },
      steps: {
        budget: null,
        async before(step) {
          if (step === 'export') {
            most = Math.max(most, ++reading);
            // That of the next one ends while the first is read.
            await vi.waitFor(() => expect(lookedUp()).toBeGreaterThanOrEqual(2), 20_000);
            await sleep(50); // apart by more than clocks are coarse
            firstReadAtMs ||= Date.now();
          }
          if (step === 'upload') reading--;
        },
        after: async () => {},
        ended: async () => {},
      },
    });

    expect(report.exitStatus).toBe(0);
    expect(most).toBe(1);
    const [first, second] = startedAtMs.sort((a, b) => a - b);
    expect(first).toBeLessThan(firstReadAtMs);
    expect(second).toBeGreaterThanOrEqual(firstReadAtMs);
  });
});
