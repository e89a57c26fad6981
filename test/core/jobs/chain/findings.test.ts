/** Accounts that are wiped or encrypted by an attacker, and what the snapshots say of it. */

import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../../src/core/jobs/catalog.ts';
import { type ChainLab, openChainLab } from './chain-lab.ts';

const changesOf = ({ body }: Snapshot) => body.statistics?.changes;

/** 300 files of text in ten directories, and four quiet nights. */
async function quietAccount(chain: ChainLab): Promise<void> {
  for (let i = 0; i < 300; i++) chain.write(`d${i % 10}/f${i}.txt`, `line ${i} of a text\n`.repeat(400));
  await chain.full();
  for (let night = 0; night < 4; night++) {
    chain.write('d0/log', `night ${night}`);
    await chain.incremental();
  }
}

describe('the statistics of a snapshot', () => {
  it('count what was added, changed and removed, content and metadata alike', async () => {
    await using chain = await openChainLab();
    for (const name of ['a', 'b', 'c', 'd']) chain.write(`d/${name}`, `content of ${name}`);
    const full = await chain.full();
    expect(changesOf(full)).toBeNull();
    chain.write('d/a', 'other');
    unlinkSync(chain.at('d/b'));
    chain.write('d/e', 'new');
    chain.write('x/f', 'new');
    const second = await chain.incremental();

    // The root, `d` and `a` changed; `x`, `f` and `e` are new.
    expect(changesOf(second)).toEqual({ added: 3, changed: 3, removed: 1 });
    const { newBytes, newStoredBytes, ratio } = second.body.statistics!;
    expect(newBytes).toBe(second.body.counts.tarBytes);
    expect(ratio).toBeCloseTo(newBytes / newStoredBytes, 3);
    expect(changesOf(await chain.incremental())).toEqual({ added: 0, changed: 0, removed: 0 });
    expect((await chain.incremental()).body.statistics).toMatchObject({ newBytes: 0, ratio: null });
  });

  it('do not count what had to be read again and was the same, nor a rename twice', async () => {
    // A clock that is not ahead: everything counts as just changed.
    await using chain = await openChainLab({ now: Date.now });
    for (const name of ['a', 'b', 'c']) chain.write(`d/${name}`, `content of ${name}`);
    await chain.full();
    expect(changesOf(await chain.incremental())).toEqual({ added: 0, changed: 0, removed: 0 });
    renameSync(chain.at('d/a'), chain.at('d/z'));
    expect(changesOf(await chain.incremental())).toEqual({ added: 1, changed: 1, removed: 1 });
  });

  it('know of exports too', async () => {
    await using chain = await openChainLab();
    chain.write('a', 'content');
    const { cannedEngine, cannedSelector } = await import('../../../support/canned-engine.ts');
    const engines = [cannedEngine({ one: 'INSERT 1;\n'.repeat(1000) })];
    const full = await chain.full({ engines, databases: [cannedSelector] });

    const { newBytes, newStoredBytes } = full.body.statistics!;
    expect(newBytes).toBe(full.body.counts.tarBytes + 10_000 + 'GRANT ALL ON one\n'.length);
    expect(newStoredBytes).toBe(
      full.header.objects.reduce((sum, { kind, size }) => sum + (kind === 'index' ? 0 : size), 0),
    );
  });
});

describe('an account that was encrypted by an attacker', () => {
  it('is found by the unusual change and by content that no longer compresses', async () => {
    await using chain = await openChainLab();
    await quietAccount(chain);
    for (const name of readdirSync(chain.tree, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.txt')) continue;
      const { length } = readFileSync(chain.at(name));
      writeFileSync(chain.at(`${name}.locked`), randomBytes(length));
      rmSync(chain.at(name));
    }
    const { snapshot, exitStatus } = await chain.lab.backUp({ shadow: chain.tree }, { level: 'incremental' });

    expect(exitStatus).toBe(100);
    expect(snapshot.body.findings?.map(({ code }) => code)).toEqual(['unusual-change', 'ratio-collapse']);
    expect(snapshot.body.warningCounts).toMatchObject({ 'unusual-change': 1, 'ratio-collapse': 1 });
    expect(changesOf(snapshot)).toMatchObject({ added: 300, removed: 300 });
  });
});

describe('an account that was wiped', () => {
  it('is found by its size, also where the local state was lost', async () => {
    await using chain = await openChainLab();
    await quietAccount(chain);
    for (let i = 1; i < 10; i++) rmSync(chain.at(`d${i}`), { recursive: true });
    rmSync(join(chain.lab.stateDir, 'lineages'), { recursive: true });
    const snapshot = await chain.incremental();

    expect(snapshot.body.findings?.map(({ code }) => code)).toEqual(['shrunk', 'unusual-change']);
    expect(snapshot.header.parents.length).toBe(1);
  });
});
